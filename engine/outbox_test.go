package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Thresholds fire by what is counted in the open period: not by an event that is late for a closed one, by one that the meter's filters
// exclude, nor by a reservation, even when the limit has come down below what was used.
func TestCrossingsNeedSomethingCounted(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "big", EventType: "calls", Aggregation: usage.Sum,
		Filters: &usage.Filter{Property: "metadata.big", Op: "eq", Value: true}}))
	putPlan(t, e, "p", `[{"slug":"m","meter":"big","period":"month","limit":1000}]`)
	putTenant(t, e, "acme", "p")
	record := func(id, metadata string, at time.Time) {
		t.Helper()
		_, err := e.Record(ctx, usage.Event{ID: id, TenantID: "acme", FeatureType: "calls", Quantity: usage.Int(10), Timestamp: at, Metadata: []byte(metadata)})
		require.NoError(t, err)
	}
	fired := func() (out []int) {
		t.Helper()
		rows, err := e.Outbox(ctx, 0, 100)
		require.NoError(t, err)
		for _, row := range rows {
			out = append(out, row.Threshold)
		}
		return out
	}
	record("1", `{"big":true}`, time.Time{})
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(`{"limit":11}`)}))
	record("late", `{"big":true}`, clock.Now().AddDate(0, -1, 0))
	record("small", `{"big":false}`, time.Time{})
	_, err := e.Adjust(ctx, usage.Adjustment{ID: "a", TenantID: "acme", Meter: "big", Quantity: usage.Int(1), Timestamp: clock.Now().AddDate(0, -1, 0), Reason: "x"})
	require.NoError(t, err)
	a := consume(t, e, usage.Request{ID: "excluded", TenantID: "acme", Items: []usage.Item{{FeatureType: "calls", Quantity: usage.Int(500)}}})
	require.True(t, a.Allowed)
	require.Empty(t, fired())
	record("2", `{"big":true}`, time.Time{})
	require.Equal(t, []int{50, 75, 90, 100}, fired())

	putPlan(t, e, "q", `[{"slug":"n","meter":"api_calls","period":"month","limit":1000}]`)
	putTenant(t, e, "globex", "q")
	require.True(t, consume(t, e, usage.Request{ID: "c", TenantID: "globex", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(6)}}}).Allowed)
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "globex", Quota: "n", Fields: []byte(`{"limit":10}`)}))
	_, err = e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "globex", FeatureType: "api_calls", Quantity: usage.Int(1)})
	require.NoError(t, err)
	require.Len(t, fired(), 4)
	_, err = e.Commit(ctx, "globex", "r", usage.Int(1))
	require.NoError(t, err)
	require.Equal(t, []int{50, 75, 90, 100, 50}, fired(), "of 7 in 10")
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}
