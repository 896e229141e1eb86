package usage

import (
	"fmt"
	"math"
	"math/bits"
	"strconv"
)

// Decimal is an exact decimal number, or no number at all: the zero value is absent, which is
// not the number zero. It is coefficient / 10^scale with an int64 coefficient and a scale of 0
// to [DecimalScaleMax], and is always kept with the smallest scale, so that two Decimals are
// the same number exactly when they are equal by ==. There are no NaN, no infinities, no
// rounding: what does not fit is an error.
//
// A Decimal is a 16-byte value; its methods do not allocate unless they return a string.
type Decimal struct {
	coef  int64
	scale uint8
	set   bool
}

// pow10 holds the powers of ten that fit an int64; its last index is [DecimalScaleMax].
var pow10 = [DecimalScaleMax + 1]uint64{
	1, 10, 100, 1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000,
	10_000_000_000, 100_000_000_000, 1_000_000_000_000, 10_000_000_000_000,
	100_000_000_000_000, 1_000_000_000_000_000, 10_000_000_000_000_000,
	100_000_000_000_000_000, 1_000_000_000_000_000_000,
}

// Int returns the whole number n. Int(0) is zero, which is not absent.
func Int(n int64) Decimal { return Decimal{coef: n, set: true} }

// FromUnits returns units / 10^scale: a count of the smallest units of a meter as the number it
// stands for. It panics when scale is not between 0 and [DecimalScaleMax].
func FromUnits(units int64, scale int) Decimal {
	if uint(scale) > DecimalScaleMax {
		panic("BUG: usage.FromUnits: scale " + strconv.Itoa(scale) + " is not between 0 and 18")
	}
	for scale > 0 && units%10 == 0 {
		if units == 0 {
			scale = 0
			break
		}
		units /= 10
		scale--
	}
	return Decimal{coef: units, scale: uint8(scale), set: true}
}

// IsSet reports whether d is a number.
func (d Decimal) IsSet() bool { return d.set }

// IsZero reports whether d is absent. It is what encoding/json asks for `omitzero`, so it means
// "the zero value", not "the number zero"; ask [Decimal.Sign] for that.
func (d Decimal) IsZero() bool { return !d.set }

// Sign returns -1, 0 or 1 as d is negative, zero (or absent) or positive.
func (d Decimal) Sign() int {
	switch {
	case d.coef < 0:
		return -1
	case d.coef > 0:
		return 1
	}
	return 0
}

// Parts returns the coefficient and the scale: d is coef / 10^scale. Both are 0 when d is absent.
func (d Decimal) Parts() (coef int64, scale uint8) { return d.coef, d.scale }

// Whole returns d without its decimals, cut off towards zero; 0 when it is absent.
func (d Decimal) Whole() int64 {
	whole := d.coef
	for range d.scale {
		whole /= 10
	}
	return whole
}

// Units returns d as a whole number of units of 10^-scale, exactly. It is never rounded: a d
// with more decimals than scale is a [CodeTooManyDecimals] error, one beyond an int64 a
// [CodeOverflow] error, an absent one a [CodeMissingField] error. It panics when scale is not
// between 0 and [DecimalScaleMax]. No allocation unless it fails.
func (d Decimal) Units(scale int) (int64, error) {
	if uint(scale) > DecimalScaleMax {
		panic("BUG: usage.Decimal.Units: scale " + strconv.Itoa(scale) + " is not between 0 and 18")
	}
	if int(d.scale) == scale && d.set {
		return d.coef, nil
	}
	if !d.set {
		return 0, &Error{Code: CodeMissingField, Detail: "there is no number; give one"}
	}
	if int(d.scale) > scale {
		return 0, &Error{Code: CodeTooManyDecimals, Detail: fmt.Sprintf(
			"%s has %d decimals and only %d are kept; round it before sending it", d, d.scale, scale)}
	}
	hi, lo := bits.Mul64(magnitude(d.coef), pow10[scale-int(d.scale)])
	units, ok := signed(d.coef < 0, hi, lo)
	if !ok {
		return 0, &Error{Code: CodeOverflow, Detail: fmt.Sprintf(
			"%s is out of range; with %d decimals the greatest number is %s",
			d, scale, FromUnits(math.MaxInt64, scale))}
	}
	return units, nil
}

// Cmp returns -1, 0 or 1 as d is less than, equal to or greater than o. An absent Decimal is
// less than every number.
func (d Decimal) Cmp(o Decimal) int {
	switch {
	case d == o:
		return 0
	case !d.set:
		return -1
	case !o.set:
		return 1
	case d.Sign() != o.Sign():
		if d.Sign() < o.Sign() {
			return -1
		}
		return 1
	}
	// Same sign: compare magnitudes at the greater scale, in 128 bits: 2^63 * 10^18 < 2^123.
	scale := max(d.scale, o.scale)
	dhi, dlo := bits.Mul64(magnitude(d.coef), pow10[scale-d.scale])
	ohi, olo := bits.Mul64(magnitude(o.coef), pow10[scale-o.scale])
	if dhi < ohi || dhi == ohi && dlo < olo {
		return -d.Sign()
	}
	return d.Sign()
}

// Add returns d + o exactly. An absent operand adds nothing, so absent + absent is absent. A sum
// that does not fit is a [CodeOverflow] error.
func (d Decimal) Add(o Decimal) (Decimal, error) {
	if !d.set {
		return o, nil
	}
	if !o.set {
		return d, nil
	}
	// Both operands at the greater scale, in 128-bit two's complement: 2^124 at most. The sum of
	// two that fit may pass an int64 and fit again after its trailing zeros are stripped.
	scale := max(d.scale, o.scale)
	dhi, dlo := wide(d.coef, pow10[scale-d.scale])
	ohi, olo := wide(o.coef, pow10[scale-o.scale])
	lo, carry := bits.Add64(dlo, olo, 0)
	hi, _ := bits.Add64(dhi, ohi, carry)
	negative := int64(hi) < 0
	if negative {
		hi, lo = negate(hi, lo)
	}
	for scale > 0 {
		quoHi, rem := hi/10, hi%10
		quoLo, rem := bits.Div64(rem, lo, 10)
		if rem != 0 {
			break
		}
		hi, lo = quoHi, quoLo
		scale--
	}
	coef, ok := signed(negative, hi, lo)
	if !ok {
		return Decimal{}, &Error{Code: CodeOverflow, Detail: fmt.Sprintf(
			"%s + %s is out of range: a number has at most 18 digits, a few have 19", d, o)}
	}
	return Decimal{coef: coef, scale: scale, set: true}, nil
}

// magnitude returns |n|, which fits a uint64 even for the least int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// signed turns a 128-bit magnitude and a sign into an int64, when it fits.
func signed(negative bool, hi, lo uint64) (int64, bool) {
	if negative {
		return int64(-lo), hi == 0 && lo <= 1<<63
	}
	return int64(lo), hi == 0 && lo < 1<<63
}

// wide returns n * by in 128-bit two's complement.
func wide(n int64, by uint64) (hi, lo uint64) {
	hi, lo = bits.Mul64(magnitude(n), by)
	if n < 0 {
		return negate(hi, lo)
	}
	return hi, lo
}

// negate returns -(hi, lo) in 128-bit two's complement.
func negate(hi, lo uint64) (uint64, uint64) {
	lo, borrow := bits.Sub64(0, lo, 0)
	hi, _ = bits.Sub64(0, hi, borrow)
	return hi, lo
}
