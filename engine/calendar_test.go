package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// A new billing anchor, or zone, waits for the end of the open billing period: in the answers of events, in usage by billing period, in
// quotas that were counting and in those that begin later, and for plan changes. One period ends where the next begins.
func TestAnchorChangesAtPeriodEnd(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock() // 15 March 2026, noon
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	on := func(day int) time.Time { return time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC) }
	anchored := func(day int, zone, plan string) {
		require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: plan, TimeZone: zone, BillingAnchor: on(day)}))
	}
	id := 0
	period := func(at time.Time) []string {
		id++
		out, err := e.Record(ctx, usage.Event{ID: string(rune('a' + id)), TenantID: "acme", FeatureType: "api_calls", Timestamp: at})
		require.NoError(t, err)
		return []string{out.BillingPeriod.Start.Format(time.DateOnly), out.BillingPeriod.End.Format(time.DateOnly)}
	}
	resets := func() string {
		qs, err := e.Quotas("acme", "")
		require.NoError(t, err)
		return qs[0].ResetAt.Format(time.DateOnly)
	}
	putPlan(t, e, "old", `[{"slug":"b","meter":"api_calls","period":"billing","limit":10}]`)
	putPlan(t, e, "new", `[{"slug":"c","meter":"seats","period":"lifetime","limit":10},{"slug":"b","meter":"llm_tokens","period":"billing","limit":10}]`)

	anchored(10, "", "old")
	require.Equal(t, []string{"2026-03-10", "2026-04-10"}, period(time.Time{}))
	anchored(20, "", "old")
	require.Equal(t, []string{"2026-03-10", "2026-04-10"}, period(time.Time{}))
	require.Equal(t, "2026-04-10", resets())
	require.Equal(t, []string{"2026-02-10", "2026-03-10"}, period(clock.Now().AddDate(0, 0, -14)), "a late event's period is that of its time")
	anchored(25, "", "new") // a third one before the second took over; and a quota that begins counting now
	qs, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, "2026-04-10", qs[1].ResetAt.Format(time.DateOnly))
	anchored(25, "", "old")
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "new", Effective: usage.EffectivePeriodEnd}))
	st, err := e.Tenant("acme")
	require.NoError(t, err)
	require.Equal(t, "2026-04-10T00:00:00Z", st.Pending.Effective)
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "old"}))
	require.NoError(t, e.Verify(ctx))

	windows := func() []string {
		rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", From: on(10), To: on(10).AddDate(0, 6, 0), Window: usage.WindowBilling, FillZero: true})
		require.NoError(t, err)
		var starts []string
		for _, r := range rows.Data {
			starts = append(starts, r.WindowStart.Format("01-02"))
		}
		return starts
	}
	want := []string{"01-10", "02-10", "03-10", "04-10", "04-25", "05-25", "06-25"}
	require.Equal(t, want, windows())
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	require.Equal(t, want, windows(), "after a restart")

	clock.advance(30 * 24 * time.Hour) // 14 April
	require.Equal(t, []string{"2026-04-10", "2026-04-25"}, period(time.Time{}))
	require.Equal(t, "2026-04-25", resets())
	anchored(12, "", "old") // taken back before it took over: nothing changes
	anchored(25, "", "old")
	require.Equal(t, want, windows())
	anchored(25, "America/New_York", "old")
	clock.advance(11 * 24 * time.Hour) // 25 April, noon
	require.Equal(t, "2026-05-24", resets())
	require.Equal(t, []string{"2026-04-25", "2026-05-24"}, period(time.Time{}), "the anchor is 19:00 in New York, an hour earlier in summer")
	require.NoError(t, e.Verify(ctx))

	// What usage has made and no quota has counted has no period to end.
	_, err = e.Record(ctx, usage.Event{ID: "1", TenantID: "found", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "found", BillingAnchor: on(7)}))
	out, err := e.Record(ctx, usage.Event{ID: "2", TenantID: "found", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Equal(t, "2026-04-07", out.BillingPeriod.Start.Format(time.DateOnly))
}
