package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// What is too old to count in a first_use quota does not begin its period: history that is recorded late would spend the time of a trial
// in which nothing was used.
func TestOldEventBeginsNoFirstUse(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"trial","meter":"api_calls","period":{"first_use":"7d"},"limit":10},
		{"slug":"each","meter":"api_calls","scope":"user","period":{"first_use":"7d"},"limit":10}]`)
	putTenant(t, e, "acme", "p")
	for id, age := range map[string]time.Duration{"old": 10 * 24 * time.Hour, "edge": 7 * 24 * time.Hour} {
		_, err := e.Record(ctx, usage.Event{ID: id, TenantID: "acme", UserID: "alice", FeatureType: "api_calls", Timestamp: clock.Now().Add(-age)})
		require.NoError(t, err)
	}
	quotas := func() []usage.QuotaStatus {
		qs, err := e.Quotas("acme", "alice")
		require.NoError(t, err)
		require.Len(t, qs, 2)
		return qs
	}
	for _, q := range quotas() {
		require.Equal(t, "0", q.Used.String(), q.Quota)
		require.Nil(t, q.PeriodStart, q.Quota)
		require.Nil(t, q.ResetAt, q.Quota)
	}
	clock.advance(24 * time.Hour)
	require.True(t, consume(t, e, ask("first", 3)).Allowed)
	for _, q := range quotas() {
		require.Equal(t, "3", q.Used.String(), q.Quota)
		require.True(t, clock.Now().Equal(*q.PeriodStart), q.Quota)
		require.True(t, clock.Now().Add(7*24*time.Hour).Equal(*q.ResetAt), q.Quota)
	}
	require.NoError(t, e.Verify(ctx))
}
