package engine

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// An override of a slug that no plan has gives the slug its number in stored outcomes. A checkpoint keeps the number, so that after a
// restart a duplicate names the quota that bound the first time, and no other slug gets the number.
func TestOverrideOfItsOwnKeepsItsNumber(t *testing.T) {
	fs, clock, ctx := vfs.NewMem(), newTestClock(), context.Background()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	require.NoError(t, e.Close()) // a checkpoint has the configuration
	for _, slug := range []string{"own", "other"} {
		e = openMem(t, fs, clock, nil)
		fields := `{"meter":"api_calls","period":"day","limit":10}`
		require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: slug, Fields: json.RawMessage(fields)}))
		require.NoError(t, e.Verify(ctx), "after the override %q", slug)
		if slug == "own" {
			require.Equal(t, "own", *consume(t, e, ask("a", 9)).BindingQuota)
		}
		require.NoError(t, e.Close())
	}
	e = openMem(t, fs, clock, nil)
	a := consume(t, e, ask("a", 9))
	require.Equal(t, usage.StatusDuplicate, a.Status)
	require.NotNil(t, a.BindingQuota)
	require.Equal(t, "own", *a.BindingQuota)
	require.NoError(t, e.Verify(ctx))
}
