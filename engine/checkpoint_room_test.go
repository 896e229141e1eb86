package engine

import (
	"runtime"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A checkpoint that finds space in the very moment in which apply hears that it is short of it is no failure of apply: the next block cuts.
func TestSpaceIsFoundWhileApplyHearsOfNone(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	c := e.state.ckpt
	e.state.mu.Lock()
	defer e.state.mu.Unlock()
	found := 0
	for i := range 50_000 {
		w := &writing{done: make(chan struct{}), full: make(chan struct{}), why: usage.ErrDiskFull}
		close(w.full)
		c.running = w
		go func() {
			for range i % 64 {
				runtime.Gosched()
			}
			close(w.done)
		}()
		ready, err := w.ready()
		require.NoError(t, err)
		if !ready {
			found++
		}
		<-w.done
	}
	require.Positive(t, found)
	c.running = nil
}
