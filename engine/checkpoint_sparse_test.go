package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// TestSparseHistoryIsSaved takes in a month of events that have a minute each: what waits for a checkpoint is bounded by its
// buckets, long before there are items enough.
func TestSparseHistoryIsSaved(t *testing.T) {
	const events, heavy = 4_000, 500
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	e.state.mu.Lock()
	e.state.ckpt.heavy = heavy
	e.state.mu.Unlock()
	for n := range events {
		ev := event(fmt.Sprint(n))
		ev.TenantID, ev.Timestamp = fmt.Sprintf("t-%d", n%7), clock.Now().AddDate(0, 0, -30).Add(time.Duration(n)*10*time.Minute)
		_, err := e.Record(context.Background(), ev)
		require.NoError(t, err)
		waiting := 0
		e.state.mu.Lock()
		for _, sh := range e.state.shards {
			sh.mu.Lock() // a checkpoint that is being written moves what waits
			for _, s := range sh.dirty {
				if s.pending != nil {
					waiting += s.pending.delta.Len()
				}
			}
			sh.mu.Unlock()
		}
		e.state.mu.Unlock()
		require.Less(t, waiting, 2*heavy+2, "buckets that wait after %d events", n+1)
	}
	e.state.mu.Lock()
	gen := e.state.ckpt.gen
	e.state.mu.Unlock()
	require.GreaterOrEqual(t, gen, uint64(events*2/(2*heavy)), "checkpoints begun")
}
