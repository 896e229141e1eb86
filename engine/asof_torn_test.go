package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// The index and the time of an answer are those of one block.
func TestAsOfIsOfOneBlock(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			last, was := e.state.asOf()
			for !done.Load() {
				index, at := e.state.asOf()
				if index == last && !was.Equal(at) {
					t.Errorf("block %d is of %s and of %s", index, was, at)
					return
				}
				last, was = index, at
			}
		})
	}
	for i := range 2000 {
		clock.advance(time.Second)
		_, err := e.Record(t.Context(), event(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	done.Store(true)
	readers.Wait()
	index, at := e.state.asOf()
	nanos, err := e.blockTime(index)
	require.NoError(t, err)
	require.Equal(t, nanos, at.UnixNano())
}
