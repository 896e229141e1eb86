package quota

import "github.com/weirhq/weir/usage"

// BucketRate is a token bucket: Limit tokens for each Per nanoseconds, at most Burst at once. All are positive.
type BucketRate struct{ Limit, Per, Burst int64 }

// Bucket is the state of a token bucket; the zero value is full. It is the generic cell rate algorithm (ITU-T I.371, as a
// virtual schedule): a token that is taken moves the moment at which the bucket is full by Per / Limit nanoseconds.
//
// That is seldom a whole number, and a rounded one drifts: 3 a second would be 3.000000003, or refuse a caller who
// keeps to the rate. So the moment has a fraction, and nothing is ever rounded:
//
//	full again at  At + Debt / Limit  nanoseconds,  0 <= Debt < Limit
//	debt           (At - now) x Limit + Debt,       a token is Per of it
//
// The debt itself may need 128 bits (a million tokens a day already do), the moment does not: see [fillMax].
type Bucket struct {
	Debt int64 // what At leaves out, in 1/Limit of a nanosecond
	At   int64 // unix nanoseconds at which the bucket is full again, rounded down
}

// fillMax bounds how long an empty bucket takes to fill, so that the moment at which it is full fits an int64 until
// the year 2250. A bucket that needs ten years has a period, not a rate.
const fillMax = int64(usage.PeriodLengthMax)

// check refuses rates that no Bucket can hold.
func (r *BucketRate) check() error {
	if size := r.size(); size.hi >= uint64(r.Limit) || size.ceilDiv(r.Limit) > fillMax {
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/rate/burst",
			Detail: "burst takes more than " + usage.Duration(fillMax).String() + " to come back at this rate; use a smaller burst or a higher rate"}
	}
	return nil
}

// size is the debt of an empty bucket.
func (r *BucketRate) size() wide { return mul(r.Burst, r.Per) }

// debt is what is missing to full at now; at most the size.
func (b Bucket) debt(r *BucketRate, now int64) wide {
	if now > b.At {
		return wide{}
	}
	return mul(b.At-now, r.Limit).add(b.Debt)
}

// Tokens returns the whole tokens that are there at now.
func (b Bucket) Tokens(r *BucketRate, now int64) int64 {
	return r.Burst - b.debt(r, now).ceilDiv(r.Per)
}

// Wait returns the nanoseconds, rounded up, until cost tokens are there; 0 when they are. cost is 0 to the burst.
func (b Bucket) Wait(r *BucketRate, cost, now int64) int64 {
	missing, enough := b.debt(r, now).plus(mul(cost, r.Per)).minus(r.size())
	if enough {
		return 0
	}
	return missing.ceilDiv(r.Limit)
}

// Full reports that nothing is missing at now.
func (b Bucket) Full(now int64) bool { return now > b.At }

// Take removes cost tokens, which are there.
func (b Bucket) Take(r *BucketRate, cost, now int64) Bucket {
	if now > b.At {
		b = Bucket{At: now}
	}
	more := mul(cost, r.Per).add(b.Debt)
	nanos, rest := more.div(r.Limit)
	return Bucket{Debt: rest, At: b.At + nanos}
}

// FullAt returns when the bucket is full again, unix nanoseconds, rounded up; now when it is.
func (b Bucket) FullAt(r *BucketRate, now int64) int64 {
	return now + b.debt(r, now).ceilDiv(r.Limit)
}

// Rebase carries the bucket over to another rate at now. What was spent stays spent, in whole tokens rounded up:
// max(0, burst' - (burst - tokens)) are left.
func (b Bucket) Rebase(from, to *BucketRate, now int64) Bucket {
	spent := from.Burst - b.Tokens(from, now)
	return Bucket{}.Take(to, min(spent, to.Burst), now)
}
