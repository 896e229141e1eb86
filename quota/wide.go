package quota

import (
	"cmp"
	"math"
	"math/bits"
	"time"
)

// wide is a non-negative number of 128 bits. Those here stay below 2^126: products of two int64, and sums of two of them.
type wide struct{ hi, lo uint64 }

// mul multiplies two numbers that are not negative.
func mul(a, b int64) wide {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	return wide{hi, lo}
}

func (w wide) add(n int64) wide { return w.plus(wide{0, uint64(n)}) }

func (w wide) plus(o wide) wide {
	lo, carry := bits.Add64(w.lo, o.lo, 0)
	hi, _ := bits.Add64(w.hi, o.hi, carry)
	return wide{hi, lo}
}

// minus returns w - o; none reports that it is not positive.
func (w wide) minus(o wide) (diff wide, none bool) {
	if w.cmp(o) <= 0 {
		return wide{}, true
	}
	lo, borrow := bits.Sub64(w.lo, o.lo, 0)
	hi, _ := bits.Sub64(w.hi, o.hi, borrow)
	return wide{hi, lo}, false
}

func (w wide) cmp(o wide) int { return cmp.Or(cmp.Compare(w.hi, o.hi), cmp.Compare(w.lo, o.lo)) }

// div returns w / by and what remains. A quotient that does not fit is the greatest int64.
func (w wide) div(by int64) (quo, rem int64) {
	if w.hi >= uint64(by) {
		return never, 0
	}
	q, r := bits.Div64(w.hi, w.lo, uint64(by))
	return int64(min(q, never)), int64(r)
}

// ceilDiv returns w / by, rounded up. A quotient that does not fit is the greatest int64.
func (w wide) ceilDiv(by int64) int64 {
	q, r := w.div(by)
	if r > 0 && q < never {
		q++
	}
	return q
}

// ceilMillis rounds nanoseconds up.
func ceilMillis(nanos int64) int64 {
	ms := nanos / int64(time.Millisecond)
	if nanos%int64(time.Millisecond) > 0 {
		ms++
	}
	return ms
}

// addUnits adds amounts that are not negative; a sum that does not fit is the greatest int64. Totals may be as large as an
// int64 each, and the sum of used, reserved and cost must not wrap around to something small.
func addUnits(a, b int64) int64 {
	if sum := a + b; sum >= a {
		return sum
	}
	return math.MaxInt64
}
