package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A new version of a plan that is applied to everybody who is on it leaves alone what was arranged for a tenant: to go to another plan.
// A move to the plan itself, to an older version of it, is overtaken.
func TestAppliedPlanKeepsPlannedChanges(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "big", monthly100)
	putPlan(t, e, "small", `[{"slug":"monthly","meter":"api_calls","period":"month","limit":10}]`)
	apply := func(limit int64, when string) {
		p := usage.Plan{Slug: "big", Quotas: []usage.Quota{{Slug: "monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(limit))}}}
		_, _, err := e.PutPlanIf(ctx, p, when, usage.Condition{})
		require.NoError(t, err)
	}
	leaves := clock.Now().Add(48 * time.Hour).UTC().Format(time.RFC3339)
	for _, tenant := range []string{"leaves", "ends", "stays"} {
		putTenant(t, e, tenant, "big")
	}
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "leaves", Plan: "small", Effective: leaves}))
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "ends", Plan: "small", Effective: usage.EffectivePeriodEnd}))
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "stays", Plan: "big", Version: 1, Effective: leaves}))
	state := func(tenant string) (version int, plan string, pending string) {
		st, err := e.Tenant(tenant)
		require.NoError(t, err)
		if st.Pending != nil {
			pending = st.Pending.Plan
		}
		return st.PlanVersion, st.Tenant.Plan, pending
	}
	is := func(tenant string, want ...any) {
		t.Helper()
		version, plan, pending := state(tenant)
		require.Equal(t, want, []any{plan, version, pending}, tenant)
	}
	apply(200, usage.EffectiveNow)
	is("leaves", "big", 2, "small")
	is("ends", "big", 2, "small")
	is("stays", "big", 2, "")
	apply(200, usage.EffectiveNow) // the same again is no reason, either
	is("leaves", "big", 2, "small")
	apply(300, usage.EffectivePeriodEnd)
	is("leaves", "big", 2, "small")
	is("ends", "big", 2, "small")
	is("stays", "big", 2, "big")

	clock.advance(49 * time.Hour)
	require.False(t, e.Allowed("leaves", "api_calls", 11).Allowed)
	is("leaves", "small", 1, "")
	clock.advance(20 * 24 * time.Hour)
	require.False(t, e.Allowed("ends", "api_calls", 11).Allowed)
	require.True(t, e.Allowed("stays", "api_calls", 300).Allowed)
	is("ends", "small", 1, "")
	is("stays", "big", 3, "")
	require.NoError(t, e.Verify(ctx))
}
