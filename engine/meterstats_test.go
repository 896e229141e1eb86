package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestMeterStats sends one item of each fate and sees it in the figures of its own meter, and in no other's.
func TestMeterStats(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "k", Aggregation: usage.Sum, Dimensions: []string{"metadata.k"}}))
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "p", Quotas: []usage.Quota{{Slug: "q", Meter: "k", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(100))}}}))
	for _, tenant := range []string{"a", "b"} {
		require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: tenant, Plan: "p"}))
	}
	event := func(id, tenant, value string, quantity int64, at time.Time) usage.Outcome {
		out, err := e.Record(ctx, usage.Event{ID: id, TenantID: tenant, FeatureType: "k", Quantity: usage.Int(quantity), Timestamp: at,
			Metadata: fmt.Appendf(nil, `{"k":"%s"}`, value)})
		if out.Err == nil {
			require.NoError(t, err)
		}
		return out
	}
	now := clock.Now()
	event("1", "a", "x", 1, now)
	event("2", "a", "y", 1, now)
	event("3", "b", "x", 1, now)
	event("4", "a", "x", 1, now.Add(-5*time.Minute-time.Second)) // late
	event("1", "a", "x", 1, now)                                 // duplicate
	require.Equal(t, usage.StatusConflict, event("1", "a", "x", 2, now).Status)
	require.Equal(t, usage.StatusRejected, event("5", "a", "x", -1, now).Status)
	answer, err := e.Consume(ctx, usage.Request{ID: "6", TenantID: "b", Items: []usage.Item{{FeatureType: "k", Quantity: usage.Int(1000)}}})
	require.NoError(t, err)
	require.False(t, answer.Allowed)

	fates := usage.MeterStats{Late: 1, Duplicates: 1, Conflicts: 1, Rejected: 1, Denied: 1}
	want := map[string]usage.MeterStats{"k": fates, "active_users": fates} // that one takes every event
	for _, st := range e.MeterStats() {
		w := want[st.Meter]
		w.Meter, w.Tenants, w.GroupsDay, w.GroupsDayMax = st.Meter, st.Tenants, st.GroupsDay, tuplesPerDayMax
		if st.Meter == "k" {
			require.GreaterOrEqual(t, st.GroupsDay, 2, "two values on one day of tenant a")
			require.LessOrEqual(t, st.GroupsDay, 6)
			require.Equal(t, 2, st.Tenants)
		}
		require.Equal(t, w, st)
		delete(want, st.Meter)
	}
	require.Empty(t, want)
}
