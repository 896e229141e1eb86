package engine

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A disk that fills up in the moment of a checkpoint keeps nobody waiting: who needs the checkpoint is told so, reads go on, writes are
// refused, and Close lets go of the directory. Found by the simulator (a disk that stays full): all of these waited for space, with the
// lock of the state held.
func TestCheckpointOnFullDiskKeepsNobodyWaiting(t *testing.T) {
	for _, tc := range []struct {
		name string
		call func(*Engine) error
		want usage.ErrorCode
	}{
		{"close", (*Engine).Close, ""}, // the log has everything: the next Open folds it
		{"verify", func(e *Engine) error { return e.Verify(context.Background()) }, usage.CodeDiskFull},
		{"backup", func(e *Engine) error { _, err := e.Backup(context.Background(), discard{}, nil); return err }, usage.CodeDiskFull},
		{"digest", func(e *Engine) error { e.Digest(); return nil }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			fs, clock := vfs.NewMem(), newTestClock()
			var full atomic.Bool
			e := openMem(t, fs, clock, func(o *Options) {
				o.FreeBytesMin = 64 << 20
				o.FreeBytes = func(string) (uint64, error) {
					if full.Load() {
						return 1 << 20, nil
					}
					return 1 << 40, nil
				}
			})
			_, err := e.Record(context.Background(), event("a"))
			require.NoError(t, err)
			full.Store(true)
			done := make(chan error, 1)
			go func() { done <- tc.call(e) }()
			select {
			case err := <-done:
				require.Equal(t, tc.want, usage.Code(err), "%v", err)
			case <-time.After(time.Minute):
				full.Store(false) // so that the test ends
				t.Fatal("it waits for space")
			}
			if tc.name != "close" {
				units, _ := e.Current("acme", "api_calls")
				require.EqualValues(t, 2, units)
				_, err = e.Record(context.Background(), event("b"))
				require.ErrorIs(t, err, usage.ErrDiskFull)
				full.Store(false)
			}
			require.NoError(t, e.Close())
			full.Store(false)
			e = openMem(t, fs, clock, nil)
			units, _ := e.Current("acme", "api_calls")
			require.EqualValues(t, 2, units)
			require.NoError(t, e.Verify(context.Background()))
		})
	}
}

// discard is a writer that keeps nothing.
type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// Writing a checkpoint may find no space although the disk promised some: a quota of the file system, or somebody else. That is no
// failure of the store: writes and reads go on, and the checkpoint is written when there is room. Found by the simulator (seed 106).
func TestCheckpointWithoutSpaceIsWrittenLater(t *testing.T) {
	mem := vfs.NewMem()
	var full atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if full.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && strings.HasSuffix(op.Path, ".sst") {
			return syscall.ENOSPC
		}
		return nil
	}))
	e := openMem(t, fs, newTestClock(), func(o *Options) { o.CheckpointItems = 10 })
	ctx := context.Background()
	full.Store(true)
	for i := range 40 {
		_, err := e.Record(ctx, event(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	require.ErrorIs(t, e.Verify(ctx), usage.ErrDiskFull)
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 80, units)
	full.Store(false)
	require.Eventually(t, func() bool { return e.Verify(ctx) == nil }, time.Minute, 10*time.Millisecond)
	require.NoError(t, e.Close())
	e = openMem(t, mem, newTestClock(), nil)
	require.NoError(t, e.Verify(ctx))
}
