package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Allowed says of a latest meter what Check does: n is the value that would be set, not more of it.
func TestAllowedOfALatestMeter(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"q","meter":"seats","period":"lifetime","limit":10,"overage":2}]`)
	putTenant(t, e, "acme", "p")
	seats := func(n int64) usage.Request {
		return usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "seats", Quantity: usage.Int(n)}}}
	}
	for i, now := range []int64{0, 4, 10, 12} {
		r := seats(now)
		r.ID = string(rune('a' + i))
		require.True(t, consume(t, e, r).Allowed)
		for n := int64(0); n < 16; n++ {
			want, err := e.Check(seats(n))
			require.NoError(t, err)
			got := e.Allowed("acme", "seats", n)
			require.Equal(t, []any{want.Allowed, want.Decision, want.Reason}, []any{got.Allowed, got.Decision, got.Reason}, "%d seats after %d", n, now)
		}
	}
}
