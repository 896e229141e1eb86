package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A base that cannot be written is a failure of its own: the engine has not failed and does not say so, and the next try makes
// it. Found by the simulator (seed 106): Expire answered failed, "the engine must be restarted", and everything went on.
func TestFailedBaseIsNoFailedEngine(t *testing.T) {
	mem, clock, ctx := vfs.NewMem(), newTestClock(), context.Background()
	var broken atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if broken.Load() && op.Kind == errorfs.OpFileWrite && strings.Contains(op.Path, "/base/") && strings.Contains(op.Path, "MANIFEST-") {
			return syscall.EIO
		}
		return nil
	}))
	e := openMem(t, fs, clock, nil)
	require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
	_, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	clock.advance(40 * day)
	_, err = e.Record(ctx, event("b"))
	require.NoError(t, err)
	base, err := e.store.OpenBase()
	require.NoError(t, err)
	require.NoError(t, base.Close())

	broken.Store(true)
	err = e.Expire(ctx)
	require.Error(t, err)
	require.NotEqual(t, usage.CodeFailed, usage.Code(err), "%v", err)
	_, err = e.Record(ctx, event("c"))
	require.NoError(t, err)

	broken.Store(false)
	require.NoError(t, e.Expire(ctx))
	require.NotZero(t, e.state.cfg.Load().kept.archived())
	require.NoError(t, e.Verify(ctx))

	broken.Store(true) // who reads the base opens it, too
	index, _ := e.Digest()
	_, err = e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", AsOfIndex: index})
	require.Error(t, err)
	require.NotEqual(t, usage.CodeFailed, usage.Code(err), "%v", err)
	broken.Store(false)
	_, err = e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", AsOfIndex: index})
	require.NoError(t, err)
}
