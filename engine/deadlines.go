package engine

import (
	"cmp"
	"container/heap"
	"math"

	"github.com/weirhq/weir/wal"
)

// Deadlines are the moments at which something changes by itself: a reservation or lease expires, a planned change of
// plan or an override begins or ends. Apply processes those that are due before the items of a block, each as of
// its own moment; between blocks of an idle engine a ticker submits an empty entry when one is due (ticker.go).
//
// Periods that end and grace that runs out need none: counters roll when they are next touched, and reads
// project.

// deadline is one such moment of one tenant.
type deadline struct {
	nanos  int64
	tenant *tenant
	hold   wal.Hash // zero: the tenant's account
}

// compare orders deadlines of one tenant as they take effect: by time, the account before holds.
func (d *deadline) compare(o *deadline) int {
	return cmp.Or(cmp.Compare(d.nanos, o.nanos), cmp.Compare(d.tenant.num, o.tenant.num), d.hold.Compare(o.hold))
}

// deadlineHeap is a shard's deadlines, the earliest first. An entry that no longer holds (the reservation was
// extended or is over) is dropped when it comes up.
type deadlineHeap []deadline

func (h deadlineHeap) Len() int           { return len(h) }
func (h deadlineHeap) Less(i, j int) bool { return h[i].compare(&h[j]) < 0 }
func (h deadlineHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *deadlineHeap) Push(x any) { *h = append(*h, x.(deadline)) }

// Pop implements heap.Interface.
func (h *deadlineHeap) Pop() any {
	last := len(*h) - 1
	d := (*h)[last]
	(*h)[last] = deadline{}
	*h = (*h)[:last]
	return d
}

// noDeadline is later than every moment.
const noDeadline = math.MaxInt64

// schedule adds a deadline. The caller holds sh.mu.
func (sh *shard) schedule(d deadline) {
	heap.Push(&sh.deadlines, d)
	sh.due.Store(sh.deadlines[0].nanos)
}

// expire processes everything that is due at or before b's log time. The caller is apply.
func (sh *shard) expire(b *block) (err error) {
	if sh.due.Load() > b.nanos {
		return nil
	}
	sh.mu.Lock()
	defer sh.leave(&err)
	for len(sh.deadlines) > 0 && sh.deadlines[0].nanos <= b.nanos {
		d := heap.Pop(&sh.deadlines).(deadline)
		sh.setTime(floorDiv(d.nanos, 1e9))
		var err error
		if d.hold == (wal.Hash{}) {
			err = sh.accountDue(d.tenant, d.nanos)
		} else {
			err = sh.holdDue(b, d.tenant, d.hold, d.nanos)
		}
		if err != nil {
			return err
		}
	}
	if len(sh.deadlines) == 0 {
		sh.due.Store(noDeadline)
	} else {
		sh.due.Store(sh.deadlines[0].nanos)
	}
	sh.publish()
	return nil
}
