package quota

import "github.com/weirhq/weir/usage"

// Row is the row of the decision table (see [Policy.Judge]) that decides about cost more units at now: "1" to "8", and "6b". Judge
// does not say it, as nearly nobody asks.
func (p *Policy) Row(l Level, cost, now int64) string {
	v := p.Judge(l, cost, now)
	if p.Kind == KindRate {
		switch {
		case v.Allowed:
			return "8"
		case cost > p.Rate.Burst:
			return "1"
		default:
			return "4"
		}
	}
	u := addUnits(addUnits(l.Used, l.Reserved), max(cost, 0))
	switch {
	case p.Latest && cost <= 0 && v.Decision == usage.DecisionOverage:
		return "5"
	case p.Latest && cost <= 0:
		return rowOfAllowed(v.Decision)
	case cost > p.Cap:
		return "1"
	case u > p.Cap:
		return "2"
	case u > p.Limit && !v.Allowed:
		return "3"
	case u > p.Limit:
		return "5"
	case u > p.slowAt && !v.Allowed:
		return "6b"
	default:
		return rowOfAllowed(v.Decision)
	}
}

func rowOfAllowed(d usage.Decision) string {
	switch d {
	case usage.DecisionThrottle:
		return "6"
	case usage.DecisionWarn:
		return "7"
	default:
		return "8"
	}
}

// RowText says a row of the table in words; L is the limit, H limit and overage, W and T the warning and throttling levels, u used,
// reserved and cost together.
func RowText(row string) string {
	return map[string]string{
		"1": "cost > H: block, it could never be allowed", "2": "u > H: block", "3": "u > L and the grace period is over: block",
		"4": "cost > tokens: block until they are there", "5": "u > L: overage", "6": "u > T: throttle", "6b": "u > T and the delay is too long: block",
		"7": "u > W: warn", "8": "else: allow",
	}[row]
}
