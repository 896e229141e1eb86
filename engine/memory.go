package engine

import (
	"fmt"
	"math"
	"runtime/metrics"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// memoryGuard refuses what makes the state grow while the process holds more live memory than it may: usage, decisions, holds.
// Reads, configuration and whatever is due go on, so that an operator can look and act. The refusal comes before the log: apply knows
// nothing of it.
type memoryGuard struct {
	bytesMax int64 // 0: no bound
	live     func() uint64
	looked   atomic.Int64  // unix nanoseconds; any caller looks when it is time
	held     atomic.Uint64 // live bytes then
}

// memoryLookEvery is how often the live heap is asked for: it changes with a collection only, and asking takes a microsecond.
const memoryLookEvery = 100 * time.Millisecond

func newMemoryGuard(bytesMax int64) *memoryGuard {
	return &memoryGuard{bytesMax: bytesMax, live: liveHeap}
}

// liveHeap is what the last collection left, in bytes. Garbage does not count: it is no reason to refuse anything.
func liveHeap() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(sample)
	if sample[0].Value.Kind() != metrics.KindUint64 {
		return 0
	}
	return sample[0].Value.Uint64()
}

// err is the refusal, or nil.
func (g *memoryGuard) err() error {
	if g.bytesMax == 0 {
		return nil
	}
	now := time.Now().UnixNano()
	if last := g.looked.Load(); now-last >= int64(memoryLookEvery) && g.looked.CompareAndSwap(last, now) {
		g.held.Store(g.live())
	}
	if held := g.held.Load(); held > uint64(g.bytesMax) && held < math.MaxInt64 {
		return &usage.Error{Code: usage.CodeMemoryLimit, Detail: fmt.Sprintf(
			"the process holds %d MiB of live memory, more than the %d MiB it may; nothing was written", held>>20, g.bytesMax>>20)}
	}
	return nil
}

// growable tells whether what makes the state grow is taken.
func (e *Engine) growable() error {
	if err := e.writable(); err != nil {
		return err
	}
	return e.memory.err()
}
