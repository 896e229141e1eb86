package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A lease that has expired is charged before anybody is ranked by what was used, as before usage is told.
func TestTopAfterAnExpiry(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putTenant(t, e, "acme", "")
	_, err := e.GrantLease(ctx, usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(7), TTLSeconds: 60})
	require.NoError(t, err)
	clock.advance(time.Minute)
	top, err := e.Top(ctx, usage.TopQuery{Meter: "api_calls"})
	require.NoError(t, err)
	require.Len(t, top.Data, 1)
	require.Equal(t, "7", top.Data[0].Value.String())
	rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme"})
	require.NoError(t, err)
	require.Equal(t, top.AsOf, rows.AsOf)
}
