package engine

import (
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestCloseEndsLeases: units of a lease that is open at Close cannot be counted any more, so none are given out; and nothing of a closed
// engine is kept until its leases would have expired.
func TestCloseEndsLeases(t *testing.T) {
	clock, mem := newTestClock(), vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	lease := func(id string) *Lease {
		l, err := e.Lease(t.Context(), usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(10), OnExpiry: usage.ExpiryRelease})
		require.NoError(t, err)
		return l
	}
	spent, half := lease("l1"), lease("l2")
	require.True(t, spent.Take(7))
	require.NoError(t, spent.Settle(t.Context(), true))
	require.True(t, half.Take(3))
	require.NoError(t, half.Settle(t.Context(), false))
	require.NoError(t, e.Close())
	require.False(t, half.Take(1), "a unit that nobody counts")
	require.ErrorIs(t, half.Settle(t.Context(), true), usage.ErrClosed)
	require.False(t, half.timer.Stop(), "its timer runs on")
	_, err := e.Lease(t.Context(), usage.LeaseRequest{ID: "l3", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(10)})
	require.ErrorIs(t, err, usage.ErrClosed)

	e = openMem(t, mem, clock, nil)
	clock.advance(time.Hour)
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, "10 0", fmt.Sprint(q[0].Used, " ", q[0].Reserved))
}
