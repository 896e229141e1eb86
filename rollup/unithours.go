package rollup

import (
	"math"
	"math/bits"

	"github.com/weirhq/weir/usage"
)

// nanosPerHour is 3.6 x 10^12, which 10^avgDecimals divides: the decimals of an answer are taken out
// of the divisor, and never multiply the integral.
const nanosPerHour = 60 * nanosPerMinute

// UnitHours returns the integral of an answer of [Range] of kind weighted, in the meter's unit times
// hours: 6 decimals, rounded half to even, or as many as fit a Decimal when it is so great. A level
// of 2 GB that holds for 90 minutes is 3 GB-hours.
//
// It is 0 before the first event. A [usage.CodeOverflow] error says that it passes 2^63 unit-hours
// (an exabyte, in bytes, does in ten hours); the Decimal is absent then.
func UnitHours(scale int, a *Agg) (usage.Decimal, error) {
	if a.Extra == nil {
		return usage.FromUnits(0, 0), nil
	}
	integral := a.Extra.Area.Integral
	limit := uint64(math.MaxInt64)
	if integral.Hi < 0 {
		limit++
	}
	hi, lo := integral.abs()
	for decimals := avgDecimals; decimals >= 0; decimals-- {
		// integral / nanosPerHour / 10^scale * 10^decimals, as one quotient.
		q, ok := divHalfEven(hi, lo,
			nanosPerHour/pow10[max(decimals-scale, 0)], pow10[max(scale-decimals, 0)])
		if !ok || q > limit {
			continue
		}
		if integral.Hi < 0 {
			q = -q
		}
		return usage.FromUnits(int64(q), decimals), nil
	}
	return usage.Decimal{}, &usage.Error{Code: usage.CodeOverflow, Pointer: "/value",
		Detail: "the unit-hours pass 9223372036854775807; ask for shorter windows, or meter in a greater unit"}
}

// divHalfEven returns (hi, lo) / (a x b), rounded half to even, and false when it passes 64 bits.
// a x b is below 2^127.
//
// Floors nest: dividing by a, then by b, is dividing by a x b, and the remainder of the whole is
// r2 x a + r1.
func divHalfEven(hi, lo, a, b uint64) (uint64, bool) {
	q1hi, r := bits.Div64(0, hi, a)
	q1lo, r1 := bits.Div64(r, lo, a)
	if q1hi >= b {
		return 0, false
	}
	q, r2 := bits.Div64(q1hi, q1lo, b)
	rhi, rlo := bits.Mul64(r2, a)
	rlo, carry := bits.Add64(rlo, r1, 0)
	rhi += carry
	dhi, dlo := bits.Mul64(a, b)
	// Twice the remainder, which is below twice the divisor, against the divisor.
	over, borrow := bits.Sub64(rlo<<1, dlo, 0)
	overHi, borrow := bits.Sub64(rhi<<1|rlo>>63, dhi, borrow)
	switch {
	case borrow == 1 || over|overHi == 0 && q&1 == 0: // below the half, or even at it
		return q, true
	case q == math.MaxUint64:
		return 0, false
	}
	return q + 1, true
}

// AddAnswer adds to a, an answer of [Range] or the zero Agg, the answer of another series for the
// same window: for kinds whose answers add up over tenants. Latest values and unique members of
// another series mean nothing beside one's own, so those kinds panic; add up their values.
//
// For kind weighted it returns false, and leaves a alone, when the integral passes 127 bits.
func (a *Agg) AddAnswer(k Kind, b *Agg) bool {
	switch k {
	case KindLatest, KindUnique:
		panic("BUG: rollup: answers of kind " + k.String() + " do not add up")
	case KindWeighted:
		if b.Extra == nil {
			a.Count += b.Count
			return true
		}
		sum, ok := a.extra().Area.Integral.add(b.Extra.Area.Integral)
		if !ok {
			return false
		}
		a.Extra.Area = Area{Integral: sum} // the sum of two levels has no last event of its own
		a.Count += b.Count
		return true
	}
	a.Merge(k, b)
	return true
}
