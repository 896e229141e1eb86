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

// TestExplain makes one of each sort of item and looks for all of them behind the number.
func TestExplain(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	fs := vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":20},{"slug":"d","meter":"data_transfer","period":"day","limit":5}]`)
	putTenant(t, e, "acme", "p")
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(`{"limit":12}`)}))
	record := func(id, tenant, feature string, n int64, at time.Time) error {
		_, err := e.Record(ctx, usage.Event{ID: id, TenantID: tenant, FeatureType: feature, Quantity: usage.Int(n), Timestamp: at})
		return err
	}
	now := clock.Now()
	require.NoError(t, record("a", "acme", "api_calls", 2, now))
	require.NoError(t, record("late", "acme", "api_calls", 1, now.Add(-time.Hour)))
	require.NoError(t, record("bad", "acme", "api_calls", 3, now))
	require.NoError(t, record("a", "acme", "api_calls", 2, now), "a duplicate")
	require.Equal(t, usage.CodeConflict, usage.Code(record("a", "acme", "api_calls", 9, now)))
	require.Equal(t, usage.CodeNegativeQuantity, usage.Code(record("neg", "acme", "api_calls", -1, now)))
	require.NoError(t, record("other", "acme", "data_transfer", 1, now))
	require.NoError(t, record("far", "other", "api_calls", 1, now))
	require.NoError(t, record("old", "acme", "api_calls", 7, now.Add(-20*24*time.Hour)))
	require.True(t, consume(t, e, usage.Request{ID: "c", TenantID: "acme", UserID: "u", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(4)}}}).Allowed)
	require.False(t, consume(t, e, usage.Request{ID: "no", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(11)}}}).Allowed)
	_, err := e.Adjust(ctx, usage.Adjustment{ID: "adj", TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(-1), Reason: "goodwill"})
	require.NoError(t, err)
	_, err = e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(2)})
	require.NoError(t, err)
	_, err = e.Commit(ctx, "acme", "r", usage.Int(1))
	require.NoError(t, err)
	_, err = e.Void(ctx, usage.Void{TenantID: "acme", ID: "bad", Reason: "test traffic"})
	require.NoError(t, err)

	q := usage.Query{Meter: "api_calls", TenantID: "acme", From: now.Add(-2 * time.Hour).Truncate(time.Hour), To: now.Add(time.Hour).Truncate(time.Hour)}
	for range 2 {
		x, err := e.Explain(ctx, q, 0, "")
		require.NoError(t, err)
		require.Len(t, x.Steps, 4)
		require.Equal(t, "7", x.Steps[0].Query.Data[0].Value.String()) // 2 + 1 + 4 - 1 + 1
		var sum int64
		for _, b := range x.Steps[1].Buckets {
			n, _ := b.Value.Units(0)
			sum += n
		}
		require.EqualValues(t, 7, sum)
		ev := x.Steps[2].Events
		require.Equal(t, usage.ExplainCounts{Counted: 3, Late: 1, Voided: 1, Duplicate: 1, Conflict: 1, Rejected: 1, Denied: 1, Adjustments: 1, Bookings: 1}, ev.Counts)
		var got []string
		for _, item := range ev.Data {
			got = append(got, fmt.Sprint(item.ID, " ", item.Status))
		}
		require.Equal(t, []string{"a counted", "late counted", "bad voided", "a duplicate", "a conflict", "neg rejected", "c counted", "no denied", "adj counted", "r counted"}, got)
		require.Equal(t, "test traffic", ev.Data[2].Voided.Reason)
		require.Equal(t, "quota_exceeded", ev.Data[7].Reason)
		rules := x.Steps[3].Rules
		require.Equal(t, []any{"p", 1, 1, 1, "12", "7"}, []any{rules.Plan, rules.PlanVersion, len(rules.Overrides), len(rules.Quotas), rules.Quotas[0].Limit.String(), rules.Quotas[0].Used.String()})
		require.NoError(t, e.Close())
		e = openMem(t, fs, clock, nil)
	}

	var ids []string
	for cursor := ""; ; {
		x, err := e.Explain(ctx, q, 2, cursor)
		require.NoError(t, err)
		for _, item := range x.Steps[2].Events.Data {
			ids = append(ids, item.ID)
		}
		if x.Steps[2].Events.NextCursor == nil {
			break
		}
		cursor = *x.Steps[2].Events.NextCursor
	}
	require.Equal(t, []string{"a", "late", "bad", "a", "a", "neg", "c", "no", "adj", "r"}, ids)

	x, err := e.ExplainDecision(ctx, "acme", "no")
	require.NoError(t, err)
	d := x.Steps[1].Decision
	require.Equal(t, []any{false, usage.DecisionBlock, usage.StatusDenied, 1}, []any{d.Allowed, d.Decision, d.Status, d.Attempts})
	require.Equal(t, []string{"10", "11", "2", "12"}, []string{d.Quotas[0].Before.Used.String(), d.Quotas[0].Cost.String(), d.Quotas[0].Row, d.Quotas[0].Before.Limit.String()})
	x, err = e.ExplainDecision(ctx, "acme", "c")
	require.NoError(t, err)
	require.Equal(t, []string{"6", "4", "7"}, []string{x.Steps[1].Decision.Quotas[0].Before.Used.String(), x.Steps[1].Decision.Quotas[0].Cost.String(), x.Steps[1].Decision.Quotas[0].Row})
	require.True(t, x.Steps[1].Decision.Allowed)
	for _, id := range []string{"a", "none"} {
		_, err = e.ExplainDecision(ctx, "acme", id)
		require.Equal(t, usage.CodeNotFound, usage.Code(err))
	}
	_, err = e.Explain(ctx, usage.Query{Meter: "api_calls", TenantID: "nobody"}, 0, "")
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	_, err = e.Explain(ctx, q, 0, "x")
	require.Equal(t, usage.CodeInvalidCursor, usage.Code(err))
}

// TestExplainPast explains a number of a period that is over, under the rules of then.
func TestExplainPast(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":20}]`)
	putPlan(t, e, "q", `[{"slug":"m","meter":"api_calls","period":"month","limit":30}]`)
	putTenant(t, e, "acme", "p")
	require.True(t, consume(t, e, ask("1", 4)).Allowed)
	clock.advance(30 * 24 * time.Hour) // April
	putTenant(t, e, "acme", "q")
	require.True(t, consume(t, e, ask("2", 1)).Allowed)
	answer := make(chan usage.Explanation, 1)
	go func() {
		x, err := e.Explain(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", From: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)}, 0, "")
		require.NoError(t, err)
		answer <- x
	}()
	select {
	case x := <-answer:
		require.Equal(t, "4", x.Steps[0].Query.Data[0].Value.String())
		require.Equal(t, []any{"p", "20", "4"}, []any{x.Steps[3].Rules.Plan, x.Steps[3].Rules.Quotas[0].Limit.String(), x.Steps[3].Rules.Quotas[0].Used.String()})
	case <-time.After(time.Minute):
		t.Fatal("no answer")
	}
	x, err := e.Explain(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", From: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}, 0, "")
	require.NoError(t, err)
	require.Empty(t, x.Steps[3].Rules.Plan, "before there was a plan")
	require.NoError(t, e.Verify(ctx))
}

// TestPastIsSharedWithVerify: who folds the log again, for a minute or more, keeps nobody from asking about the past.
func TestPastIsSharedWithVerify(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	_, err := e.Record(context.Background(), event("1"))
	require.NoError(t, err)
	f, err := e.newRefold(t.Context()) // as Verify does
	require.NoError(t, err)
	answer := make(chan error, 1)
	go func() {
		_, err := e.Explain(context.Background(), usage.Query{Meter: "api_calls", TenantID: "acme"}, 0, "")
		answer <- err
	}()
	select {
	case err := <-answer:
		require.NoError(t, err)
	case <-time.After(time.Minute):
		t.Error("no answer")
	}
	f.close()
}
