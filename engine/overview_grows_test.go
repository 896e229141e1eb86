package engine

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A meter that is made, and counts, while an overview walks over the tenants is no part of it. It was a panic that kept the lock of
// the shard: every write waited for ever.
func TestOverviewWhileMetersAreMade(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := t.Context()
	_, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	scan := newOverviewScan(e.state.cfg.Load(), e.clock.now(), 0, 20)
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "late", EventType: "api_calls", Aggregation: usage.Sum}))
	_, err = e.Record(ctx, event("b"))
	require.NoError(t, err)
	require.NotPanics(t, func() { require.NoError(t, scan.run(ctx, e)) })
	require.Equal(t, 1, scan.tenants)
	require.Len(t, scan.meters, len(presetMeters()))
	written := make(chan error, 1)
	go func() {
		_, err := e.Record(ctx, event("c"))
		written <- err
	}()
	select {
	case err := <-written:
		require.NoError(t, err)
	case <-time.After(10 * time.Second):
		t.Fatal("the shard stays locked")
	}
}
