package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestClosedHoldsStandApart: holds that are over, of which there may be half a million until the next checkpoint, are not walked over for the
// row of their account and for a new counter, with the lock of the shard in hand; and they are found as long as the store has them not.
func TestClosedHoldsStandApart(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := t.Context()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	n := freezeChunk + 20 // more than are dropped at once
	for i := range n {
		id := fmt.Sprint(i)
		a, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(int64(i % 2 * 2)), TTLSeconds: 60})
		require.NoError(t, err)
		require.True(t, a.Allowed)
		switch i % 4 {
		case 0:
			_, err = e.Commit(ctx, "acme", id, usage.Int(0))
		case 1:
			_, err = e.Release(ctx, "acme", id)
		case 3:
			_, err = e.Release(ctx, "acme", id)
		}
		require.NoError(t, err)
	}
	a := e.state.dir.tenant("acme").account.Load()
	settled := func(stage string) {
		for i := range n {
			id := fmt.Sprint(i)
			var err error
			switch i % 4 {
			case 0:
				_, err = e.Commit(ctx, "acme", id, usage.Int(1))
				require.Equal(t, usage.CodeConflict, usage.Code(err), stage)
			case 1, 3:
				_, err = e.Commit(ctx, "acme", id, usage.Int(0))
				require.Error(t, err, stage)
			}
		}
	}
	require.Equal(t, n/4, len(a.holds), "only those that are open")
	require.Equal(t, n-n/4, len(a.closed))
	settled("in memory")
	clock.advance(2 * time.Minute)
	_, err := e.Quotas("acme", "") // lets time pass
	require.NoError(t, err)
	require.Empty(t, a.holds)
	require.Equal(t, n, len(a.closed))
	late, err := e.Commit(ctx, "acme", "2", usage.Int(0)) // over twice in one generation
	require.NoError(t, err)
	require.True(t, late.Late)
	require.NoError(t, e.checkpoint(ctx))
	require.Empty(t, a.closed)
	settled("in the store")
	late, err = e.Commit(ctx, "acme", "6", usage.Int(0)) // its row is read, and changed
	require.NoError(t, err)
	require.True(t, late.Late)
	require.Len(t, a.closed, 1)
	require.NoError(t, e.Verify(ctx))
	require.Empty(t, a.closed)
}
