package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

// The demo's plans and tenants. Their billing periods began three weeks ago, whatever the day is: then acme is over its tokens, with some
// room left, globex will be over its calls in a day or two, and the others are well within their limits (TestDemoStory).

const demoOpenDays = 21

var demoPlans = []usage.Plan{
	{Slug: "starter", Name: "Starter", Quotas: []usage.Quota{
		demoQuota("api-monthly", "api_calls", 320_000),
		demoQuota("tokens-monthly", "llm_tokens", 50_000_000),
		demoQuota("transfer-monthly", "data_transfer", 40_000_000_000),
		{Slug: "api-rate", Meter: "api_calls", Rate: &usage.Rate{Limit: usage.Int(50), Per: usage.Duration(time.Second), Burst: usage.Int(200)}},
	}},
	{Slug: "growth", Name: "Growth", Quotas: []usage.Quota{
		overage(demoQuota("tokens-monthly", "llm_tokens", 140_000_000), usage.Overage{Units: usage.Int(50_000_000)}),
		overage(demoQuota("api-monthly", "api_calls", 600_000), usage.Overage{Unlimited: true}),
		demoQuota("transfer-monthly", "data_transfer", 60_000_000_000),
		demoSeats(20),
	}},
	{Slug: "scale", Name: "Scale", Quotas: []usage.Quota{
		{Slug: "api-monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodBilling}, Limit: usage.Null()},
		overage(demoQuota("tokens-monthly", "llm_tokens", 500_000_000), usage.Overage{Unlimited: true}),
		demoSeats(200),
	}},
}

func demoQuota(slug, meter string, limit int64) usage.Quota {
	return usage.Quota{Slug: slug, Meter: meter, Period: usage.Period{Kind: usage.PeriodBilling}, Limit: usage.Num(usage.Int(limit))}
}

func demoSeats(limit int64) usage.Quota {
	return usage.Quota{Slug: "seats", Meter: "seats", Period: usage.Period{Kind: usage.PeriodLifetime}, Limit: usage.Num(usage.Int(limit))}
}

func overage(q usage.Quota, o usage.Overage) usage.Quota {
	q.Overage = o
	return q
}

// demoOn is who is on which plan.
var demoOn = []usage.Tenant{
	{ID: "acme", Name: "Acme Inc", Plan: "growth", TimeZone: "America/New_York"},
	{ID: "globex", Name: "Globex", Plan: "starter", TimeZone: "Europe/Berlin"},
	{ID: "initech", Name: "Initech", Plan: "starter", TimeZone: "America/Chicago"},
	{ID: "umbrella", Name: "Umbrella", Plan: "growth", TimeZone: "Asia/Tokyo"},
	{ID: "hooli", Name: "Hooli", Plan: "scale", TimeZone: "America/Los_Angeles"},
}

var demoSeatsUsed = map[string]int64{"acme": 18, "umbrella": 11, "hooli": 74}

// demoAnchor is the midnight of a zone demoOpenDays before now.
func demoAnchor(now time.Time, zone string) (time.Time, error) {
	loc, err := time.LoadLocation(zone)
	if err != nil {
		return time.Time{}, err
	}
	y, m, d := now.In(loc).Date()
	return time.Date(y, m, d-demoOpenDays, 0, 0, 0, 0, loc), nil
}

// makePlans puts the demo's plans and tenants where there are none yet.
func makePlans(ctx context.Context, eng *engine.Engine, now time.Time) error {
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
		var err error
		if t.BillingAnchor, err = demoAnchor(now, t.TimeZone); err == nil {
			err = eng.PutTenant(ctx, t)
		}
		if err != nil {
			return fmt.Errorf("tenant %s: %w", t.ID, err)
		}
		if n := demoSeatsUsed[t.ID]; n > 0 {
			if _, err := eng.Record(ctx, usage.Event{ID: "demo-seats", TenantID: t.ID, FeatureType: "seats", Quantity: usage.Int(n), Source: "demo"}); err != nil {
				return fmt.Errorf("seats of %s: %w", t.ID, err)
			}
		}
	}
	return nil
}

// denied asks for more tokens than acme may still use, as a batch job would: there is a denial to explain.
func denied(ctx context.Context, eng *engine.Engine, user int) error {
	_, err := eng.Consume(ctx, usage.Request{
		ID: httpapi.NewEventID(), TenantID: "acme", UserID: fmt.Sprintf("user-%02d", user),
		Items: []usage.Item{{FeatureType: "llm_tokens", Quantity: usage.Int(60_000_000), Metadata: []byte(`{"model":"large-3","kind":"input"}`)}},
	})
	return err
}
