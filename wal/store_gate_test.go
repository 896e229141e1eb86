package wal

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// However many close the gate at once, one of them did, and it hears of the last call that leaves.
func TestGateClosedByMany(t *testing.T) {
	for range 100 {
		var g gate
		require.NoError(t, g.enter())
		var closers sync.WaitGroup
		var ready atomic.Int32
		var shut [2]bool
		for i := range shut {
			closers.Go(func() {
				for ready.Add(1); ready.Load() < int32(len(shut)); { // both at once
				}
				shut[i] = g.close()
			})
		}
		for g.state.Load()&gateClosed == 0 { // until one of them has shut it
			runtime.Gosched()
		}
		g.leave()
		done := make(chan struct{})
		go func() { closers.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatal("whoever shut the gate waits for ever")
		}
		n := 0
		for _, s := range shut {
			if s {
				n++
			}
		}
		require.Equal(t, 1, n)
		require.ErrorIs(t, g.enter(), usage.ErrClosed)
	}
}
