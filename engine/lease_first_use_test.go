package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A lease that begins a first_use period ends with it, as one that finds it open does.
func TestLeaseEndsWithTheFirstUseThatItBegins(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"q","meter":"api_calls","period":{"first_use":"10m"},"limit":10}]`)
	putTenant(t, e, "acme", "p")
	end := clock.Now().Add(10 * time.Minute)
	for _, id := range []string{"first", "second"} {
		a, err := e.GrantLease(ctx, usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(5), TTLSeconds: 7200})
		require.NoError(t, err)
		require.True(t, a.Allowed)
		require.True(t, end.Equal(a.ExpiresAt), "%s expires at %v", id, a.ExpiresAt)
		require.True(t, end.Equal(*a.Quotas[0].ResetAt), "%s: reset at %v", id, a.Quotas[0].ResetAt)
		clock.advance(time.Minute)
	}
	clock.advance(8 * time.Minute)
	rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme"})
	require.NoError(t, err)
	require.Equal(t, "10", rows.Data[0].Value.String(), "charged when they ended")
	require.NoError(t, e.Verify(ctx))
}
