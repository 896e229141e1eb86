package rollup

import "math/bits"

// Int128 is a signed integer of 128 bits in two's complement: Hi x 2^64 + Lo.
type Int128 struct {
	Hi int64
	Lo uint64
}

// add returns x + y; ok is false when that passes 127 bits and a sign.
func (x Int128) add(y Int128) (sum Int128, ok bool) {
	lo, carry := bits.Add64(x.Lo, y.Lo, 0)
	hi, _ := bits.Add64(uint64(x.Hi), uint64(y.Hi), carry)
	sum = Int128{int64(hi), lo}
	return sum, (x.Hi < 0) != (y.Hi < 0) || (sum.Hi < 0) == (x.Hi < 0)
}

// Plus returns x + y modulo 2^128. It wraps only beyond what 2^64 int64s can add up to.
func (x Int128) Plus(y Int128) Int128 {
	sum, _ := x.add(y)
	return sum
}

// Wide returns v in 128 bits.
func Wide(v int64) Int128 { return Int128{v >> 63, uint64(v)} }

// Int64 returns x, if it fits.
func (x Int128) Int64() (v int64, ok bool) { return int64(x.Lo), x.Hi == int64(x.Lo)>>63 }

// product returns value x duration. The magnitude of the one is at most 2^63 and of the other
// below 2^64, so it always fits.
func product(value int64, duration uint64) Int128 {
	magnitude := uint64(value)
	if value < 0 {
		magnitude = -magnitude
	}
	hi, lo := bits.Mul64(magnitude, duration)
	p := Int128{int64(hi), lo}
	if value < 0 {
		p = p.negated()
	}
	return p
}

func (x Int128) negated() Int128 {
	lo, borrow := bits.Sub64(0, x.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(x.Hi), borrow)
	return Int128{int64(hi), lo}
}

// abs returns the magnitude, at most 2^127.
func (x Int128) abs() (hi, lo uint64) {
	if x.Hi < 0 {
		x = x.negated()
	}
	return uint64(x.Hi), x.Lo
}
