package quota

import (
	"math/bits"

	"github.com/weirhq/weir/usage"
)

// BucketRate is a token bucket: Limit tokens for each Per nanoseconds, at most Burst at once.
type BucketRate struct{ Limit, Per, Burst int64 }

// Bucket is the state of a token bucket, full when zero. It is the generic cell rate algorithm (ITU-T I.371, as a virtual
// schedule) in exact integers: the debt is what is missing to full, in parts of Limit x nanosecond / Per of a token, so that
// nothing is ever rounded:
//
//	debt falls by Limit for every nanosecond; a token is Per of debt; full is debt 0
type Bucket struct {
	Debt int64 // in 1/Per of a token, as of At
	At   int64 // unix nanoseconds
}

// check refuses rates whose debt would not fit.
func (r *BucketRate) check() error {
	if hi, lo := bits.Mul64(uint64(r.Burst), uint64(r.Per)); hi != 0 || lo > debtMax {
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/rate/burst",
			Detail: "burst times per is too large to be exact; use a shorter per, or a meter with a smaller scale"}
	}
	return nil
}

// debtMax keeps the sum of two debts in an int64.
const debtMax = 1 << 61

// at is the debt at now.
func (b Bucket) at(r *BucketRate, now int64) int64 {
	if now <= b.At || b.Debt == 0 {
		return b.Debt
	}
	hi, paid := bits.Mul64(uint64(now-b.At), uint64(r.Limit))
	if hi != 0 || paid >= uint64(b.Debt) {
		return 0
	}
	return b.Debt - int64(paid)
}

// Tokens returns the whole tokens that are there at now.
func (b Bucket) Tokens(r *BucketRate, now int64) int64 {
	return (r.Burst*r.Per - b.at(r, now)) / r.Per
}

// Wait returns the nanoseconds until cost tokens are there; 0 when they are. cost is at most the burst.
func (b Bucket) Wait(r *BucketRate, cost, now int64) int64 {
	excess := b.at(r, now) + cost*r.Per - r.Burst*r.Per
	if excess <= 0 {
		return 0
	}
	return (excess + r.Limit - 1) / r.Limit
}

// Take removes cost tokens, which are there.
func (b Bucket) Take(r *BucketRate, cost, now int64) Bucket {
	return Bucket{Debt: b.at(r, now) + cost*r.Per, At: max(now, b.At)}
}

// FullAt returns when the bucket is full again, unix nanoseconds; now when it is.
func (b Bucket) FullAt(r *BucketRate, now int64) int64 {
	d := b.at(r, now)
	return now + (d+r.Limit-1)/r.Limit
}

// Rebase carries the bucket over to another rate at now. What was spent stays spent, in whole tokens rounded up:
// max(0, burst' - (burst - tokens)) are left.
func (b Bucket) Rebase(from, to *BucketRate, now int64) Bucket {
	spent := from.Burst - b.Tokens(from, now)
	return Bucket{Debt: min(spent, to.Burst) * to.Per, At: now}
}
