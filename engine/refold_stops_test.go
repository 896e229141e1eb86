package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Whoever needs the beginning of the log waits for those who have it no longer than its context: they may be folding it for minutes.
func TestBaseIsWaitedForAsLongAsAsked(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	_, err := e.Record(t.Context(), event("a"))
	require.NoError(t, err)
	index, _ := e.Digest()
	calls := map[string]func(context.Context) error{
		"as of": func(ctx context.Context) error {
			_, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", AsOfIndex: index})
			return err
		},
		"explain": func(ctx context.Context) error {
			_, err := e.Explain(ctx, usage.Query{Meter: "api_calls", TenantID: "acme"}, 0, "")
			return err
		},
		"verify": e.Verify,
		"backup": func(ctx context.Context) error { _, err := e.Backup(ctx, discard{}, nil); return err },
		"expire": e.Expire,
	}
	e.retention.base.Lock()
	e.retention.Lock()
	for name, call := range calls {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		ended := make(chan error, 1)
		go func() { ended <- call(ctx) }()
		select {
		case err := <-ended:
			require.ErrorIs(t, err, context.DeadlineExceeded, name)
		case <-time.After(10 * time.Second):
			t.Errorf("%s waits though nobody waits for it", name)
		}
		cancel()
	}
	e.retention.Unlock()
	e.retention.base.Unlock()
	for name, call := range calls {
		require.NoError(t, call(t.Context()), name)
	}
}

// Close does not wait for the log to be folded again to its end.
func TestCloseStopsFolds(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	for i := range 300 {
		_, err := e.Record(t.Context(), event(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	var closing sync.WaitGroup
	told := 0
	err := e.VerifyProgress(t.Context(), func(_, _ uint64) {
		if told++; told == 1 {
			closing.Go(func() { assert.NoError(t, e.Close()) }) // assert: this is not the goroutine of the test
			for !e.closed.Load() {
				time.Sleep(time.Millisecond)
			}
		}
	})
	require.ErrorIs(t, err, usage.ErrClosed)
	require.Equal(t, 1, told, "it folded on")
	closing.Wait()
}
