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

	KindPercentile Kind = 8 // value at a rank, by log-linear bins; one kind for every rank
	KindWeighted   Kind = 9 // integral over time of a level

	kindMax = KindWeighted
)

// Rank names a percentile: the smallest value that at least Num/Den of all values do not exceed.
type Rank struct{ Num, Den int64 }

// FoldOf returns the kind that folds an aggregation and, for percentiles, the rank to ask
// [Percentile] for; false for what is no aggregation. A caller that takes kinds from here writes
// kind weighted by [Ladder.Rewrite], reads it by [RangeUntil], and shows answers by [ValueOf].
func FoldOf(a usage.Aggregation) (k Kind, r Rank, ok bool) {
	switch a {
	case usage.P50:
		return KindPercentile, Rank{50, 100}, true
	case usage.P90:
		return KindPercentile, Rank{90, 100}, true
	case usage.P99:
		return KindPercentile, Rank{99, 100}, true
	case usage.WeightedSum:
		return KindWeighted, Rank{}, true
	}
	k, ok = KindOf(a)
	return k, Rank{}, ok
}

// KindOf returns the kind that folds an aggregation, and false for weighted_sum and percentiles: a
// caller that knows only [Ladder.Pages] and [Value] cannot serve them. [FoldOf] has them all.
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
	case KindPercentile:
		return "percentile"
	case KindWeighted:
		return "weighted"
	}
	return "unknown kind"
}

func (k Kind) valid() bool { return k >= KindSum && k <= kindMax }

// heavy reports whether buckets of the kind hold more than numbers.
func (k Kind) heavy() bool {
	return k == KindLatest || k == KindUnique || k == KindPercentile || k == KindWeighted
}

// Additive reports whether an event can be taken out of a bucket again.
func (k Kind) Additive() bool {
	return k == KindSum || k == KindCount || k == KindAvg || k == KindPercentile
}
