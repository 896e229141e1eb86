package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// The period of a quota that is open when the tenant's zone changes ends when it was to end, though nothing was counted in it yet: what
// reads told of it before the change they tell afterwards. The next one begins there.
func TestZoneWaitsForPeriodsThatNothingTouched(t *testing.T) {
	clock, ctx := newTestClock(), context.Background() // noon, UTC, of March 15
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"day","meter":"api_calls","period":"day","limit":10},
		{"slug":"each","meter":"api_calls","scope":"user","period":"day","limit":10}]`)
	putTenant(t, e, "acme", "p")
	require.True(t, consume(t, e, ask("1", 4)).Allowed)
	periods := func() (out []string) {
		qs, err := e.Quotas("acme", "alice")
		require.NoError(t, err)
		for _, q := range qs {
			out = append(out, q.PeriodStart.Format(time.RFC3339), q.ResetAt.Format(time.RFC3339))
		}
		return out
	}
	clock.advance(72 * time.Hour)
	before := periods()
	require.Equal(t, []string{"2026-03-18T00:00:00Z", "2026-03-19T00:00:00Z", "2026-03-18T00:00:00Z", "2026-03-19T00:00:00Z"}, before)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "p", TimeZone: "Asia/Kathmandu"}))
	require.Equal(t, before, periods())
	require.True(t, consume(t, e, ask("2", 10)).Allowed)

	clock.advance(11 * time.Hour) // 23:00 UTC; in Kathmandu the 19th began at 18:15
	require.False(t, consume(t, e, ask("3", 1)).Allowed, "the open day has not ended")
	clock.advance(2 * time.Hour)
	require.True(t, consume(t, e, ask("4", 1)).Allowed)
	first := []string{"2026-03-19T00:00:00Z", "2026-03-19T18:15:00Z"}
	require.Equal(t, append(first, first...), periods())
	require.NoError(t, e.Verify(ctx))
}
