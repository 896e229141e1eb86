package main

import (
	"context"
	"fmt"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// The demo's plans: one that is soon used up, one that is not, one without limits.

var demoPlans = []usage.Plan{
	{Slug: "starter", Name: "Starter", Quotas: []usage.Quota{
		demoQuota("api-monthly", "api_calls", usage.PeriodMonth, 25_000),
		demoQuota("transfer-monthly", "data_transfer", usage.PeriodMonth, 2_000_000_000),
		{Slug: "api-rate", Meter: "api_calls", Rate: &usage.Rate{Limit: usage.Int(50), Per: usage.Duration(1e9), Burst: usage.Int(200)}},
	}},
	{Slug: "growth", Name: "Growth", Quotas: []usage.Quota{
		overage(demoQuota("api-monthly", "api_calls", usage.PeriodMonth, 500_000)),
		demoQuota("transfer-monthly", "data_transfer", usage.PeriodMonth, 50_000_000_000),
		demoQuota("users-monthly", "active_users", usage.PeriodMonth, 100),
	}},
	{Slug: "scale", Name: "Scale", Quotas: []usage.Quota{
		{Slug: "api-monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Null()},
	}},
}

func demoQuota(slug, meter, period string, limit int64) usage.Quota {
	return usage.Quota{Slug: slug, Meter: meter, Period: usage.Period{Kind: period}, Limit: usage.Num(usage.Int(limit))}
}

func overage(q usage.Quota) usage.Quota {
	q.Overage.Unlimited = true
	return q
}

// demoOn is who is on which plan.
var demoOn = []usage.Tenant{
	{ID: "acme", Name: "Acme Corp", Plan: "growth", TimeZone: "America/New_York"},
	{ID: "globex", Name: "Globex", Plan: "starter", TimeZone: "Europe/Berlin"},
	{ID: "initech", Name: "Initech", Plan: "starter", TimeZone: "America/Chicago"},
	{ID: "umbrella", Name: "Umbrella", Plan: "growth", TimeZone: "Asia/Tokyo"},
	{ID: "hooli", Name: "Hooli", Plan: "scale", TimeZone: "America/Los_Angeles"},
}

// makePlans puts the demo's plans and tenants where there are none yet.
func makePlans(ctx context.Context, eng *engine.Engine) error {
	ctx = engine.WithActor(ctx, "demo")
	for _, p := range demoPlans {
		if _, ok := eng.Plan(p.Slug); ok {
			continue
		}
		if err := eng.PutPlan(ctx, p); err != nil {
			return fmt.Errorf("plan %s: %w", p.Slug, err)
		}
	}
	for _, t := range demoOn {
		if st, err := eng.Tenant(t.ID); err == nil && st.Version != 0 {
			continue
		}
		if err := eng.PutTenant(ctx, t); err != nil {
			return fmt.Errorf("tenant %s: %w", t.ID, err)
		}
	}
	return nil
}
