package quota

import (
	"cmp"
	"strings"

	"github.com/weirhq/weir/usage"
)

// Level is how a quota stands before a call. Amounts are scaled units, times unix nanoseconds.
type Level struct {
	Used      int64 // >= 0; of a rate quota: burst - tokens
	Reserved  int64
	OverSince int64 // since when used + reserved is over the limit; 0: it is not
	End       int64 // of the period; 0: it has none, or (first_use) has not begun
	Bucket    Bucket
	Window    *Sliding // of a sliding quota, to say when a blocked call fits; nil: that is not said
}

// Verdict is what one quota says of a call.
type Verdict struct {
	Decision   usage.Decision
	Reason     usage.Reason
	Allowed    bool
	DelayNanos int64 // of throttle
	RetryNanos int64 // of a block that time alone lifts; 0: unknown or never
}

// Plainly reports that a call of cost units, on top of used and reserved ones, is allowed by row 8 of the table, without looking
// at anything else: nearly every call is. False means that [Policy.Judge] has to say. Not for rates.
func (p *Policy) Plainly(used, reserved, cost int64) bool {
	return cost >= 0 && cost <= p.plain-used-reserved
}

// Judge says what the quota makes of cost more units at now, by the decision table; L is the limit, H the cap, W and T the
// warning and throttling levels, u the sum of used, reserved and cost:
//
//	1  cost > H (rate: cost > burst)   block cost_exceeds_limit
//	2  u > H                           block quota_exceeded
//	3  u > L, grace over               block grace_expired
//	4  rate: cost > tokens             block throttled, retry when they are there
//	5  u > L                           overage
//	6  u > T, delay <= max             throttle
//	6b u > T, delay > max              block throttled, retry after the delay
//	7  u > W                           warn
//	8  else                            allow
//
// Comparisons are strict: a limit of 100 admits exactly 100. Cost 0 asks how things stand. For a meter with a value now, cost
// is what it raises; one that does not raise it is always allowed. A grace period of 0 is over before it begins.
//
// Everything is compared exactly, whatever the amounts: sums that pass an int64 are taken as its greatest, which no cap but
// that of an unlimited quota reaches. No allocation.
func (p *Policy) Judge(l Level, cost, now int64) Verdict {
	if p.Kind == KindRate {
		return p.judgeRate(l, cost, now)
	}
	held := addUnits(l.Used, l.Reserved)
	u := held
	if cost > 0 {
		u = addUnits(held, cost)
	}
	switch {
	case p.Latest && cost <= 0:
		if u += cost; u > p.Limit {
			return Verdict{Decision: usage.DecisionOverage, Allowed: true}
		}
	case cost > p.Cap:
		return block(usage.ReasonCostTooHigh, 0)
	case u > p.Cap:
		return block(usage.ReasonExceeded, p.retry(&l, u-p.Cap, now))
	case u > p.Limit && p.graceOver(&l, now):
		return block(usage.ReasonGrace, p.retry(&l, u-p.Limit, now))
	case u > p.Limit:
		return Verdict{Decision: usage.DecisionOverage, Allowed: true}
	case u > p.slowAt:
		d := delay(cost, p.rest(&l, now), p.Limit-held)
		if d > p.maxDelay {
			return block(usage.ReasonThrottled, d)
		}
		return Verdict{Decision: usage.DecisionThrottle, Allowed: true, DelayNanos: d}
	}
	if u > p.warnAt {
		return Verdict{Decision: usage.DecisionWarn, Allowed: true}
	}
	return Verdict{Decision: usage.DecisionAllow, Allowed: true}
}

func (p *Policy) judgeRate(l Level, cost, now int64) Verdict {
	if cost > p.Rate.Burst {
		return block(usage.ReasonCostTooHigh, 0)
	}
	if wait := l.Bucket.Wait(p.Rate, cost, now); wait > 0 {
		return block(usage.ReasonThrottled, wait)
	}
	return Verdict{Decision: usage.DecisionAllow, Allowed: true}
}

// graceOver reports whether the time for which overage is allowed has passed.
func (p *Policy) graceOver(l *Level, now int64) bool {
	return p.grace == 0 || p.grace > 0 && l.OverSince != 0 && now-l.OverSince >= p.grace
}

// rest is how long the period still lasts; one that begins with its first use begins now.
func (p *Policy) rest(l *Level, now int64) int64 {
	if p.Kind == KindFirstUse && l.End == 0 {
		return p.Length
	}
	return max(0, l.End-now)
}

// retry is how long it takes until excess units have left by themselves: those of a sliding window one by one, all others
// at the end of the period.
func (p *Policy) retry(l *Level, excess, now int64) int64 {
	if p.Kind == KindSliding && l.Window != nil {
		return l.Window.FreeAt(p.Length, excess, now) - now
	}
	return max(0, l.End-now)
}

func block(reason usage.Reason, retry int64) Verdict {
	return Verdict{Decision: usage.DecisionBlock, Reason: reason, RetryNanos: retry}
}

// delay is cost x rest / left, rounded up: what spreads what is left evenly over the rest of the period. left is what remains of
// the limit before the call, at least cost. Rounded up it is at most the longest delay exactly when the quotient is.
func delay(cost, rest, left int64) int64 {
	if cost <= 0 {
		return 0
	}
	return mul(cost, rest).ceilDiv(left)
}

// severity orders decisions.
func severity(d usage.Decision) int {
	switch d {
	case usage.DecisionWarn:
		return 1
	case usage.DecisionThrottle:
		return 2
	case usage.DecisionOverage:
		return 3
	case usage.DecisionBlock:
		return 4
	default:
		return 0
	}
}

// Severer compares two decisions: positive when a is more severe than b.
func Severer(a, b usage.Decision) int { return cmp.Compare(severity(a), severity(b)) }

// Standing is a quota after its verdict, for finding the one that binds.
type Standing struct {
	Decision  usage.Decision
	Remaining int64 // max(0, limit - used - reserved)
	Limit     int64 // Unlimited: none
	Slug      string
}

// Binds reports whether a, rather than b, is the quota that decides the answer: the worse decision, then the least
// remaining of its limit, then the first slug.
func (a Standing) Binds(b Standing) bool {
	if c := Severer(a.Decision, b.Decision); c != 0 {
		return c > 0
	}
	if c := compareRatio(a, b); c != 0 {
		return c < 0
	}
	return strings.Compare(a.Slug, b.Slug) < 0
}

// compareRatio compares remaining / limit of two, exactly. Without a limit everything remains.
func compareRatio(a, b Standing) int {
	if a.Limit == Unlimited || b.Limit == Unlimited {
		return cmp.Compare(boolInt(a.Limit == Unlimited), boolInt(b.Limit == Unlimited))
	}
	if a.Limit == 0 || b.Limit == 0 { // nothing remains of nothing
		return cmp.Compare(boolInt(a.Limit != 0 && a.Remaining > 0), boolInt(b.Limit != 0 && b.Remaining > 0))
	}
	return mul(a.Remaining, b.Limit).cmp(mul(b.Remaining, a.Limit))
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
