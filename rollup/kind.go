package rollup

import "github.com/weirhq/weir/usage"

// Kind is how the events of a bucket become one value. It decides which fields of an [Agg] are
// used. Its numbers are stored in pages: never renumber them.
type Kind uint8

// The kinds. Zero is no kind, so that a forgotten one is found at once.
const (
	KindSum    Kind = 1 // sum of the values
	KindCount  Kind = 2 // number of events
	KindMin    Kind = 3 // smallest value
	KindMax    Kind = 4 // greatest value
	KindAvg    Kind = 5 // sum of the values over their number
	KindLatest Kind = 6 // value at the greatest event time
	KindUnique Kind = 7 // number of distinct members

	kindMax = KindUnique
)

// KindOf returns the kind that folds an aggregation, and false for an aggregation that this
// package cannot fold (weighted_sum and percentiles).
func KindOf(a usage.Aggregation) (Kind, bool) {
	switch a {
	case usage.Sum:
		return KindSum, true
	case usage.Count:
		return KindCount, true
	case usage.Min:
		return KindMin, true
	case usage.Max:
		return KindMax, true
	case usage.Avg:
		return KindAvg, true
	case usage.Latest:
		return KindLatest, true
	case usage.UniqueCount:
		return KindUnique, true
	}
	return 0, false
}

// String returns the name of the kind.
func (k Kind) String() string {
	switch k {
	case KindSum:
		return "sum"
	case KindCount:
		return "count"
	case KindMin:
		return "min"
	case KindMax:
		return "max"
	case KindAvg:
		return "avg"
	case KindLatest:
		return "latest"
	case KindUnique:
		return "unique"
	}
	return "unknown kind"
}

func (k Kind) valid() bool { return k >= KindSum && k <= kindMax }
