package engine

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// An adjustment counts for the user it names also when nothing else was ever counted for that user.
func TestAdjustANewUser(t *testing.T) {
	clock, fs, ctx := newTestClock(), vfs.NewMem(), context.Background()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", `[{"slug":"each","meter":"api_calls","scope":"user","period":"month","limit":5}]`)
	putTenant(t, e, "acme", "p")
	_, err := e.Adjust(ctx, usage.Adjustment{ID: "a", TenantID: "acme", UserID: "alice", Meter: "api_calls", Quantity: usage.Int(4), Reason: "forgotten"})
	require.NoError(t, err)
	used := func() string {
		q, err := e.Quotas("acme", "alice")
		require.NoError(t, err)
		require.Len(t, q, 1)
		return q[0].Used.String()
	}
	require.Equal(t, "4", used())
	r := ask("1", 2)
	require.False(t, consume(t, e, r).Allowed)
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	require.Equal(t, "4", used())
	require.NoError(t, e.Close())
}

// An adjustment that makes a tenant, for the first time or after it was deleted, makes it on the default plan, as events do.
func TestAdjustMakesTheTenant(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"all","meter":"api_calls","period":"month","limit":5}]`)
	plan := "p"
	require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: &plan}, usage.Condition{}))
	for _, id := range []string{"a", "b"} {
		_, err := e.Adjust(ctx, usage.Adjustment{ID: id, TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(1), Reason: "x"})
		require.NoError(t, err)
		q, err := e.Quotas("acme", "")
		require.NoError(t, err)
		require.Len(t, q, 1, id)
		require.NoError(t, e.Verify(ctx))
		if id == "a" {
			require.NoError(t, e.DeleteTenant(ctx, "acme", usage.Condition{}))
		}
	}
	require.NoError(t, e.Close())
}
