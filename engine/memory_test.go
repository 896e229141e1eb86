package engine

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Beyond its memory an engine takes nothing that makes it grow, says so, and goes on reading; below it again all is well.
func TestMemoryLimit(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.LiveBytesMax = 1 << 30 })
	ctx := context.Background()
	_, err := e.Record(ctx, event("1"))
	require.NoError(t, err)
	held := uint64(2 << 30)
	e.memory.live = func() uint64 { return held }
	e.memory.looked.Store(0)
	_, err = e.Record(ctx, event("2"))
	require.Equal(t, usage.CodeMemoryLimit, usage.Code(err))
	_, err = e.Consume(ctx, usage.Request{ID: "3", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
	require.Equal(t, usage.CodeMemoryLimit, usage.Code(err))
	_, err = e.Reserve(ctx, usage.Reservation{ID: "4", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(1)})
	require.Equal(t, usage.CodeMemoryLimit, usage.Code(err))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme"}), "an operator can act")
	units, ok := e.Current("acme", "api_calls")
	require.True(t, ok)
	require.EqualValues(t, 2, units)
	found := false
	for _, c := range e.Health() {
		if c.Name == "memory" {
			found = true
			require.False(t, c.OK || c.Fatal)
		}
	}
	require.True(t, found)
	held = 1 << 20
	e.memory.looked.Store(0)
	_, err = e.Record(ctx, event("2"))
	require.NoError(t, err)
	require.Positive(t, liveHeap())
}
