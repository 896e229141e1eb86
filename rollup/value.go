package rollup

import (
	"math"
	"math/bits"

	"github.com/weirhq/weir/usage"
)

// avgDecimals is the number of decimals of an average.
const avgDecimals = 6

var pow10 = [...]uint64{
	1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9,
	1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
}

// ValueOf returns what a bucket says, in the meter's unit, for every aggregation. scale is the
// number of decimals of the meter's values, 0 to 18.
//
// A percentile is the middle of the range that holds the exact nearest-rank value, rounded down to
// a unit of 10^-scale, and at most 1/[PercentileErrorDen] of that value away from it; without
// events it is absent. A weighted sum is that of an answer of [Range], in unit-hours (see
// [UnitHours]), and absent when a Decimal cannot hold it. Everything else is as in [Value].
func ValueOf(aggregation usage.Aggregation, scale int, a *Agg) usage.Decimal {
	k, r, ok := FoldOf(aggregation)
	if !ok {
		panic("BUG: rollup: value of an unknown aggregation")
	}
	if k != KindPercentile {
		return Value(k, scale, a)
	}
	low, high, ok := Percentile(a, r.Num, r.Den)
	if !ok {
		return usage.Decimal{}
	}
	return usage.FromUnits(Midpoint(low, high), scale)
}

// Value returns what a bucket says, in the meter's unit. scale is the number of decimals of the
// meter's values, 0 to 18. It panics for kind percentile, which needs a rank: see [ValueOf].
//
// Without events it is 0 for sum, count and unique, and absent for min, max, avg and latest. (A sum
// may be left of adjustments alone, and is shown.)
// An average has 6 decimals, rounded half to even; when it is so great that a Decimal cannot hold
// 6, it has as many as fit. Counts and unique counts are whole whatever the scale.
func Value(k Kind, scale int, a *Agg) usage.Decimal {
	switch k {
	case KindSum:
		return usage.FromUnits(a.Value, scale)
	case KindCount:
		return usage.FromUnits(a.Count, 0)
	case KindUnique:
		return usage.FromUnits(CardinalityOf(a), 0)
	case KindWeighted:
		d, _ := UnitHours(scale, a)
		return d
	}
	if a.Count <= 0 {
		return usage.Decimal{}
	}
	switch k {
	case KindMin:
		return usage.FromUnits(a.Value, scale)
	case KindMax:
		return usage.FromUnits(a.Value, scale)
	case KindAvg:
		return usage.FromUnits(average(a.Value, a.Count, scale))
	case KindLatest:
		return usage.FromUnits(a.Latest.Value(), scale)
	}
	panic("BUG: rollup: value of an unknown kind")
}

// average returns sum/count in units of 10^-decimals. The sum is in units of 10^-scale.
//
// With decimals = scale the quotient is at most |sum|, so the loop ends there at the latest (or at
// once, when scale is above avgDecimals). Each round starts again from the sum: nothing is rounded
// twice.
func average(sum, count int64, scale int) (units int64, decimals int) {
	magnitude, limit := uint64(sum), uint64(math.MaxInt64)
	if sum < 0 {
		magnitude, limit = -magnitude, limit+1
	}
	for decimals = avgDecimals; ; decimals-- {
		num, den := pow10[max(decimals-scale, 0)], pow10[max(scale-decimals, 0)]
		q, ok := mulDivHalfEven(magnitude, num, den, uint64(count))
		if !ok || q > limit {
			continue
		}
		if sum < 0 {
			q = -q
		}
		return int64(q), decimals
	}
}

// mulDivHalfEven returns a*num/(den*count), rounded half to even, with 128 bits in between, and
// false when it does not fit 63 bits and a bit. a is at most 2^63; one of num and den is 1.
func mulDivHalfEven(a, num, den, count uint64) (uint64, bool) {
	hi, lo := bits.Mul64(a, num)
	dhi, dlo := bits.Mul64(den, count)
	if dhi != 0 { // den*count >= 2^64 >= 2a, and num is 1: at most one half, which rounds to 0
		return 0, true
	}
	if hi >= dlo {
		return 0, false
	}
	q, r := bits.Div64(hi, lo, dlo)
	if q > 1<<63 {
		return 0, false
	}
	if half := dlo - r; r > half || r == half && q&1 == 1 {
		q++
	}
	return q, true
}

// CardinalityOf returns the number of distinct members of a bucket of kind unique.
func CardinalityOf(a *Agg) int64 {
	if a.Members == nil {
		return 0
	}
	return a.Members.Len()
}
