package engine

import (
	"bytes"
	"log/slog"
	"runtime/pprof"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/wal"
)

// An Open that fails leaves nobody behind: not the checkpoint that its fold began, which may be trying to find space.
func TestFailedOpenEndsItsCheckpoint(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, fs, clock, nil)
	for i := range 60 {
		_, err := e.Record(t.Context(), event(string(rune('A'+i))))
		require.NoError(t, err)
	}
	require.NoError(t, e.log.Close()) // and no checkpoint: all of it is folded again
	require.NoError(t, e.store.Close())

	store, err := wal.Open("store", &wal.Options{FS: fs})
	require.NoError(t, err)
	sync, err := store.Append(store.LastIndex()+1, []byte("no block at all"))
	require.NoError(t, err)
	require.NoError(t, sync.Wait())
	require.NoError(t, store.Close())

	var logged bytes.Buffer
	_, err = Open("store", memOptions(fs, clock, func(o *Options) {
		o.CheckpointItems, o.FreeBytesMin = 10, 64<<20
		o.FreeBytes = func(string) (uint64, error) { return 1 << 20, nil } // the log can be read, and no checkpoint written
		o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	}))
	require.ErrorContains(t, err, "unknown block version")
	require.Contains(t, logged.String(), "checkpoint waits for disk space", "else this tests nothing")
	var stacks strings.Builder
	require.NoError(t, pprof.Lookup("goroutine").WriteTo(&stacks, 1))
	require.NotContains(t, stacks.String(), "checkpointer).write")
}
