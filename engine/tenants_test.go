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

// What is put again as it is makes no version, and no entry of the audit.
func TestIdenticalPutsChangeNothing(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":10}]`)
	putTenant(t, e, "acme", "free")
	free := "free"
	for range 3 {
		require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: &free}, usage.Condition{}))
		require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(`{"limit":5}`)}))
	}
	st, err := e.Tenant("acme")
	require.NoError(t, err)
	entries, err := e.Audit(ctx, 0, 100)
	require.NoError(t, err)
	seen := map[string]int{}
	for _, x := range entries {
		seen[x.Action]++
	}
	require.Equal(t, []int{1, 1}, []int{seen["settings.put"], seen["override.put"]})

	stale := st.Overrides[0].Version
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(`{"limit":6}`)}))
	require.Equal(t, usage.CodePrecondition, usage.Code(e.DeleteOverrideIf(ctx, "acme", "m", usage.Condition{IfMatch: stale})))
	require.NoError(t, e.DeleteOverrideIf(ctx, "acme", "m", usage.Condition{}))
	require.NoError(t, e.Verify(ctx))
}

// A tenant that was deleted is one that nobody knows: on the default plan of the day when somebody asks or records something, and made
// anew by a put. It holds no plan back.
func TestDeletedTenantIsUnknown(t *testing.T) {
	ctx := context.Background()
	clock, mem := newTestClock(), vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	for slug, limit := range map[string]int{"old": 10, "new": 20, "own": 1000} {
		putPlan(t, e, slug, fmt.Sprintf(`[{"slug":"m","meter":"api_calls","period":"month","limit":%d}]`, limit))
	}
	settings := func(plan string) {
		require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: &plan}, usage.Condition{}))
	}
	settings("old")
	putTenant(t, e, "acme", "own")
	consume(t, e, ask("1", 5))
	require.NoError(t, e.DeleteTenant(ctx, "acme", usage.Condition{}))
	require.Equal(t, usage.CodeNotFound, usage.Code(e.DeleteTenant(ctx, "acme", usage.Condition{})))
	require.NoError(t, e.DeletePlan(ctx, "own", usage.Condition{}), "nobody is on it")
	a, err := e.Check(ask("", 6))
	require.NoError(t, err)
	require.False(t, a.Allowed, "5 of 10 are used")
	require.False(t, e.Allowed("acme", "api_calls", 6).Allowed)

	settings("new")
	require.NoError(t, e.DeletePlan(ctx, "old", usage.Condition{}), "nor on that")
	a, err = e.Check(ask("", 6))
	require.NoError(t, err)
	require.True(t, a.Allowed, "of 20")
	require.False(t, consume(t, e, ask("2", 16)).Allowed)
	require.True(t, consume(t, e, ask("3", 15)).Allowed)
	st, err := e.Tenant("acme")
	require.NoError(t, err)
	require.Equal(t, "new", st.Tenant.Plan)

	require.NoError(t, e.DeleteTenant(ctx, "acme", usage.Condition{}))
	_, created, err := e.PutTenantIf(ctx, usage.Tenant{ID: "acme"}, usage.Condition{IfNoneMatchAny: true})
	require.NoError(t, err)
	require.True(t, created)
	require.NoError(t, e.Verify(ctx))
	index, sum := e.Digest()
	require.NoError(t, e.Close())
	e = openMem(t, mem, clock, nil)
	again, same := e.Digest()
	require.Equal(t, []any{index, sum}, []any{again, same})
}

// What a plan would do to those who have an override of their own is judged by that.
func TestTrialKnowsOverrides(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":100}]`)
	putTenant(t, e, "acme", "free")
	consume(t, e, ask("1", 8))
	lower := usage.Plan{Slug: "free", Quotas: []usage.Quota{{Slug: "m", Meter: "api_calls", Period: usage.Period{Kind: "month"}, Limit: usage.Num(usage.Int(5))}}}
	for limit, over := range map[string][]string{"": {"acme"}, `{"limit":50}`: {}, `{"limit":7}`: {"acme"}} {
		if limit != "" {
			require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(limit)}))
		}
		trial, err := e.PlanTrial(lower)
		require.NoError(t, err)
		require.Equal(t, over, trial.TenantsOver, limit)
		if limit != "" {
			require.NoError(t, e.DeleteOverride(ctx, "acme", "m"))
		}
	}
	require.NoError(t, e.DeleteMeter(ctx, "data_transfer"))
	err := e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "new", Fields: []byte(`{"meter":"data_transfer","period":"month","limit":4}`)})
	require.Equal(t, usage.CodeInvalidValue, usage.Code(err), "its meter is archived")
}

// A hold of a meter that was archived since is told, committed, settled and charged as any other: what it holds, it holds of that meter.
func TestHoldsOfArchivedMeter(t *testing.T) {
	ctx := context.Background()
	clock, mem := newTestClock(), vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "gone", EventType: "gone", Aggregation: usage.Sum}))
	putPlan(t, e, "free", `[{"slug":"m","meter":"gone","period":"month","limit":100}]`)
	putTenant(t, e, "acme", "free")
	reserve := func(id, onExpiry string) usage.Answer {
		a, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", FeatureType: "gone", Quantity: usage.Int(10), TTLSeconds: 60, OnExpiry: onExpiry})
		require.NoError(t, err)
		return a
	}
	first := reserve("commit", "")
	reserve("charge", usage.ExpiryCharge)
	lease := usage.LeaseRequest{ID: "lease", TenantID: "acme", FeatureType: "gone", Quantity: usage.Int(20), TTLSeconds: 60}
	granted, err := e.GrantLease(ctx, lease)
	require.NoError(t, err)
	require.NoError(t, e.DeleteMeter(ctx, "gone"))

	again := reserve("commit", "")
	require.Equal(t, []any{usage.StatusDuplicate, first.ReservationID, first.ExpiresAt}, []any{again.Status, again.ReservationID, again.ExpiresAt})
	same, err := e.GrantLease(ctx, lease)
	require.NoError(t, err)
	require.Equal(t, []any{usage.StatusDuplicate, granted.ReservationID, granted.ExpiresAt}, []any{same.Status, same.ReservationID, same.ExpiresAt})
	_, err = e.Commit(ctx, "acme", "commit", usage.Int(4))
	require.NoError(t, err)
	st, err := e.SettleLease(ctx, "acme", "lease", usage.Int(7), true)
	require.NoError(t, err)
	require.Equal(t, "released", st.State)
	clock.advance(2 * time.Minute)
	charged, err := e.Reservation("acme", "charge")
	require.NoError(t, err)
	require.Equal(t, usage.Int(10), charged.Committed)
	rows, err := e.Usage(ctx, usage.Query{Meter: "gone", TenantID: "acme", From: clock.Now().Add(-time.Hour), To: clock.Now().Add(time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "21", rows.Data[0].Value.String())
	require.NoError(t, e.Verify(ctx))
	index, sum := e.Digest()
	copyLog(t, e, clock, 3, 0, index, sum)
}

// With AutoMeters whatever may count something makes the meter; a question makes none.
func TestAutoMetersOfDecisions(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.AutoMeters = true })
	request := func(features ...string) usage.Request {
		r := usage.Request{ID: "c" + features[0], TenantID: "acme"}
		for _, f := range features {
			r.Items = append(r.Items, usage.Item{FeatureType: f, Quantity: usage.Int(1)})
		}
		return r
	}
	consume(t, e, request("one"))
	consume(t, e, request("two", "three"))
	_, err := e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "acme", FeatureType: "four", Quantity: usage.Int(1)})
	require.NoError(t, err)
	_, err = e.GrantLease(ctx, usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "five", Quantity: usage.Int(1)})
	require.NoError(t, err)
	for _, made := range []string{"one", "two", "three", "four", "five"} {
		_, ok := e.Meter(made)
		require.True(t, ok, made)
	}
	peek := request("six")
	peek.Items[0].Quantity = usage.Int(0)
	_, err = e.Consume(ctx, peek)
	require.Equal(t, usage.CodeUnknownFeature, usage.Code(err))
	_, err = e.Check(request("six"))
	require.Equal(t, usage.CodeUnknownFeature, usage.Code(err))
	_, ok := e.Meter("six")
	require.False(t, ok)
}
