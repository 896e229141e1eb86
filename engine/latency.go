package engine

import (
	"math/bits"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// latencies is a histogram of how long something took. Bucket i holds what took less than latencyFirst << i, and at least half
// of that; the last one everything longer. Any goroutine adds, any reads; a reader may see an addition in part, which is one
// count in many.
type latencies struct {
	buckets [latencyBuckets]atomic.Uint64
	nanos   atomic.Int64 // the sum
}

// The bounds double from 64 us, half of a fast fsync, to 2.1 s, where the watchdog calls the disk stalled.
const (
	latencyFirst   = 64 * time.Microsecond
	latencyBuckets = 17 // 16 bounds, and what is beyond the last
)

func (l *latencies) add(d time.Duration) {
	d = max(d, 0)
	i := min(bits.Len64(uint64(d/latencyFirst)), latencyBuckets-1)
	l.buckets[i].Add(1)
	l.nanos.Add(int64(d))
}

func (l *latencies) histogram() usage.Histogram {
	h := usage.Histogram{SumNanos: l.nanos.Load(), BoundsNanos: make([]int64, latencyBuckets-1), Counts: make([]uint64, latencyBuckets)}
	for i := range l.buckets {
		h.Counts[i] = l.buckets[i].Load()
		if i < len(h.BoundsNanos) {
			h.BoundsNanos[i] = int64(latencyFirst << i)
		}
	}
	return h
}
