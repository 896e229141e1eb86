package engine

import (
	"sync/atomic"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// face is what readers without the lock see of a tenant's own ledger: the book, and a copy of the counters. The shard writes it at
// the end of a block.
//
// It is laid out for Allowed: it stands in the tenant, so that a read of three quotas waits for two misses of the caches, one after the
// other: the slot of the directory, and these lines, which are next to each other. A face behind a pointer was one miss more; following
// the ledger to its counters, seven more.
type face struct {
	seq   atomic.Uint64        // odd while the shard writes
	book  atomic.Pointer[book] // nil: the tenant has no quotas
	first [faceInline]faceCounter
	more  atomic.Pointer[[]faceCounter] // of the slots after those
}

// faceInline is how many counters stand in the face itself: a plan has one to three quotas on a feature.
const faceInline = 3

// faceCounter is the copy of one counter: of a rate, used and reserved are its bucket's Debt and At.
type faceCounter struct {
	end, used, reserved, overSince atomic.Int64
}

// counter returns the copy of slot i. It is nil when a reader has met a book whose counters are not there yet: seq will tell.
func (f *face) counter(i int) *faceCounter {
	if i < faceInline {
		return &f.first[i]
	}
	if more := f.more.Load(); more != nil && i-faceInline < len(*more) {
		return &(*more)[i-faceInline]
	}
	return nil
}

// show publishes a ledger to readers. Only the tenant's own has any: those who ask for a user take the lock.
func (l *ledger) show() {
	if l.user != 0 {
		return
	}
	f := &l.acct.tenant.face
	f.seq.Add(1)
	if n := len(l.book.slots) - faceInline; n > 0 {
		if more := f.more.Load(); more == nil || len(*more) < n {
			f.more.Store(new(make([]faceCounter, n)))
		}
	}
	for i, c := range l.counters {
		if c != nil {
			f.counter(i).show(&l.book.slots[i], c)
		}
	}
	f.book.Store(l.book)
	f.seq.Add(1)
}

func (f *faceCounter) show(s *slot, c *counter) {
	if s.policy.Kind == quota.KindRate {
		f.used.Store(c.bucket.Debt)
		f.reserved.Store(c.bucket.At)
		return
	}
	f.end.Store(c.end)
	f.used.Store(usedOf(s.kind, &c.agg))
	f.reserved.Store(c.reserved)
	f.overSince.Store(c.overSince)
}

// judge asks the quotas that a book has on a feature. ok is false when a counter cannot be read without the lock; known when a quota names
// the feature, so that some meter counts it.
func (f *face) judge(b *book, feature string, n, now int64) (v usage.Verdict, known, ok bool) {
	v = usage.Verdict{Allowed: true, Decision: usage.DecisionAllow}
	slots, known := b.features[feature]
	if !known {
		slots = b.any
	}
	for _, i := range slots {
		s := &b.slots[i]
		p := s.policy
		if p.UserScope || s.kind == rollup.KindUnique {
			continue
		}
		c := f.counter(int(i))
		if c == nil {
			return v, known, false
		}
		var l quota.Level
		cost := n
		if p.Kind == quota.KindRate {
			l.Bucket = quota.Bucket{Debt: c.used.Load(), At: c.reserved.Load()}
			if cost = s.unitsOf(n, 0); l.Bucket.Full(now) && cost <= p.Limit {
				continue
			}
		} else {
			l.End, l.Used, l.Reserved = c.end.Load(), c.used.Load(), c.reserved.Load()
			if p.Kind == quota.KindSliding || l.End != 0 && now >= l.End {
				return v, known, false
			}
			if cost = s.unitsOf(n, l.Used); p.Plainly(l.Used, l.Reserved, cost) {
				continue
			}
			l.OverSince = c.overSince.Load()
		}
		if !p.Shadow {
			v = worse(v, short(p.Judge(l, cost, now)))
		}
	}
	return v, known, true
}
