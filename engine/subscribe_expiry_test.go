package engine

import (
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// What a lease is charged when it expires is told like all usage, though no item of the log has counted it.
func TestSubscribersHearOfCharges(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	a, err := e.GrantLease(t.Context(), usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(60), TTLSeconds: 1})
	require.NoError(t, err)
	require.True(t, a.Allowed)
	all := subscribe(t, e, SubscribeOptions{Usage: true, Crossings: true})
	clock.advance(2 * time.Second)
	got := next(t, all, func(got []Update) bool { return lastCounters(got)["acme api_calls"] == "60" })
	crossed := false
	for _, u := range got {
		crossed = crossed || u.Crossing != nil && u.Crossing.Threshold == 50
	}
	require.True(t, crossed)
}
