package main

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestDemoStory: whatever the day on which the demo begins, acme is over its tokens with room left, globex near its calls, and nobody else
// is over anything.
func TestDemoStory(t *testing.T) {
	for i := range 8 {
		now := time.Date(2026, 1, 3+46*i, 3*i, 0, 0, 0, time.UTC)
		for k := range demoTenants {
			tenant := &demoTenants[k]
			on := demoOn[slices.IndexFunc(demoOn, func(on usage.Tenant) bool { return on.ID == tenant.name })]
			plan := demoPlans[slices.IndexFunc(demoPlans, func(p usage.Plan) bool { return p.Slug == on.Plan })]
			from, err := demoAnchor(now, on.TimeZone)
			require.NoError(t, err)
			used := demoUsed(t, tenant, from, now)
			for _, q := range plan.Quotas {
				if q.Period.Kind != usage.PeriodBilling || q.Limit == usage.Null() {
					continue
				}
				share := used[q.Meter] / number(t, q.Limit.Decimal())
				switch tenant.name + " " + q.Slug {
				case "acme tokens-monthly":
					require.Greater(t, share, 1.01, now)
					require.Less(t, used[q.Meter], number(t, q.Limit.Decimal())+0.9*number(t, q.Overage.Units), now)
				case "globex api-monthly":
					require.InDelta(t, 0.91, share, 0.06, now)
				default:
					require.Less(t, share, 0.8, "%s %s %s", now, tenant.name, q.Slug)
				}
			}
		}
	}
}

// demoUsed is what a tenant used of each feature in the hours between two times.
func demoUsed(t *testing.T, tenant *demoTenant, from, to time.Time) map[string]float64 {
	used := map[string]float64{}
	for hour := from.Truncate(time.Hour); hour.Before(to.Truncate(time.Hour)); hour = hour.Add(time.Hour) {
		for _, ev := range tenant.history(hour) {
			used[ev.FeatureType] += number(t, ev.Quantity)
		}
	}
	return used
}

func number(t *testing.T, d usage.Decimal) float64 {
	v, err := strconv.ParseFloat(d.String(), 64)
	require.NoError(t, err)
	return v
}
