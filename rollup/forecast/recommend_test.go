package forecast

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

func limits(calls float64, more ...Limit) []Limit {
	return append([]Limit{{Quota: "calls", Meter: "api_calls", Max: calls}}, more...)
}

// months makes periods with these totals of api_calls, newest last.
func months(totals ...float64) (out []Period) {
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, total := range totals {
		end := start.AddDate(0, 1, 0)
		out = append(out, Period{Start: start, End: end, Usage: []Usage{{Meter: "api_calls", Total: total}}})
		start = end
	}
	return out
}

func with(periods []Period, change func(p *Period, i int)) []Period {
	for i := range periods {
		change(&periods[i], i)
	}
	return periods
}

func price(p float64) *float64 { return &p }

var threePlans = []Plan{
	{Slug: "enterprise"}, // no limits
	{Slug: "free", Limits: limits(1000)},
	{Slug: "pro", Limits: limits(50_000)},
	{Slug: "team", Limits: limits(10_000)},
}

var cases = []struct {
	name string
	in   Input
}{
	{"fits", Input{Plan: "team", Plans: threePlans, Periods: months(7000, 8000, 9500)}},
	{"up-to-the-smallest-that-fits", Input{Plan: "free", Plans: threePlans, Periods: months(900, 1200, 7000)}},
	{"up-to-unlimited", Input{Plan: "pro", Plans: threePlans, Periods: months(900, 60_000, 7000)}},
	{"nothing-fits", Input{Plan: "team", Plans: threePlans[1:], Periods: months(90_000)}},
	{"down", Input{Plan: "pro", Plans: threePlans, Periods: months(45_000, 7000, 8000, 6000)}},
	{"not-down-without-room", Input{Plan: "pro", Plans: threePlans, Periods: months(7000, 8500, 8000)}},
	{"not-down-when-it-loses-something", Input{Plan: "pro", Periods: months(10, 10), Plans: []Plan{
		{Slug: "pro", Limits: limits(50_000, Limit{Quota: "seats", Meter: "seats", Max: 5})},
		{Slug: "wide", Limits: limits(10_000, Limit{Quota: "seats", Meter: "seats", Max: 6})},
	}}},
	{"cheapest-by-price", Input{Plan: "a", Periods: months(900, 950), Plans: []Plan{
		{Slug: "a", Limits: limits(800), Price: price(10)},
		{Slug: "b", Limits: limits(1000), Price: price(40)},
		{Slug: "c", Limits: limits(5000), Price: price(30)},
	}}},
	{"soft-and-hourly-limits", Input{Plan: "a", Plans: []Plan{
		{Slug: "a", Limits: []Limit{
			{Quota: "calls", Meter: "api_calls", Max: 1000, Overage: math.Inf(1)},
			{Quota: "hourly", Meter: "api_calls", Window: time.Hour, Max: 100, Overage: 20},
		}},
		{Slug: "b", Limits: limits(2000, Limit{Quota: "hourly", Meter: "api_calls", Window: time.Hour, Max: 300})},
	}, Periods: with(months(900, 1100), func(p *Period, i int) {
		p.Usage[0].Peaks = []Peak{{Width: time.Hour, Start: p.Start.Add(30 * time.Hour), Used: 90 + 40*float64(i)}}
	})}},
	{"peaks", Input{Plan: "pro", Plans: threePlans[2:3], Periods: with(months(30_000, 31_000, 45_000), func(p *Period, i int) {
		p.Usage[0].Peaks = []Peak{
			{Width: day, Start: p.Start.Add(48 * time.Hour), Used: 2500},
			{Width: time.Hour, Start: p.Start.Add(50 * time.Hour), Used: []float64{2000, 900, 300}[i]},
		}
	})}},
	{"drivers-and-unused", Input{Plan: "pro", Plans: []Plan{{Slug: "pro", Limits: limits(50_000,
		Limit{Quota: "seats", Meter: "seats", Max: 5}, Limit{Quota: "tokens", Meter: "llm_tokens", Max: math.Inf(1)}, Limit{Quota: "none", Meter: "gpu", Max: 0})}},
		Periods: with(months(30_000, 30_000), func(p *Period, i int) {
			p.Usage[0].Parts = []Share{
				{"user_id", "bob", 9000}, {"user_id", "alice", 18_000}, {"user_id", "carol", 3000},
				{"metadata.region", "eu", 30_000}, // the only one: says nothing
			}
			p.Usage = append(p.Usage, Usage{Meter: "llm_tokens", Total: float64(i)})
		})}},
	{"unknown-plan", Input{Plan: "gone", Plans: threePlans, Periods: months(5)}},
	{"no-periods", Input{Plan: "free", Plans: threePlans}},
}

func TestRecommendGolden(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { golden(t, "recommend-"+c.name, Recommend(c.in)) })
	}
}

// TestRecommendForgetsOrder: any order of plans, periods, meters, peaks and parts gives the same
// bytes, and the input stays as it was.
func TestRecommendForgetsOrder(t *testing.T) {
	for _, c := range cases {
		want := Recommend(c.in)
		r := rand.New(rand.NewPCG(1, 2))
		for range 20 {
			in := c.in
			in.Plans = shuffled(r, in.Plans)
			for i := range in.Plans {
				in.Plans[i].Limits = shuffled(r, in.Plans[i].Limits)
			}
			in.Periods = shuffled(r, in.Periods)
			for i := range in.Periods {
				in.Periods[i].Usage = shuffled(r, in.Periods[i].Usage)
				for j := range in.Periods[i].Usage {
					u := &in.Periods[i].Usage[j]
					u.Peaks, u.Parts = shuffled(r, u.Peaks), shuffled(r, u.Parts)
				}
			}
			require.Equal(t, want, Recommend(in), c.name)
		}
		require.Equal(t, want, Recommend(c.in), "the input changed")
		raw, err := json.Marshal(want)
		require.NoError(t, err, "%s: %s", c.name, raw)
	}
}

func shuffled[T any](r *rand.Rand, s []T) []T {
	s = append([]T(nil), s...)
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
	return s
}

func TestLimitsOf(t *testing.T) {
	dec := func(s string) usage.Decimal {
		d, err := usage.ParseDecimal(s)
		require.NoError(t, err)
		return d
	}
	quota := func(slug, period, limit string) usage.Quota {
		return usage.Quota{Slug: slug, Meter: "m", Period: usage.Period{Kind: period}, Limit: usage.Num(dec(limit))}
	}
	p := usage.Plan{Slug: "pro", BillingPeriod: usage.PeriodMonth, Quotas: []usage.Quota{
		quota("month", usage.PeriodMonth, "1000.5"), quota("billing", usage.PeriodBilling, "7"),
		quota("hour", usage.PeriodHour, "10"), quota("week", usage.PeriodWeek, "9"),
		quota("soft", usage.PeriodDay, "3"), quota("shadow", usage.PeriodDay, "3"), quota("user", usage.PeriodDay, "3"),
		quota("null", usage.PeriodMonth, "0"), quota("over", usage.PeriodMonth, "5"), quota("rate", usage.PeriodMonth, "5"),
	}}
	p.Quotas[4].Mode, p.Quotas[5].Mode, p.Quotas[6].Scope = usage.ModeSoft, usage.ModeShadow, usage.ScopeUser
	p.Quotas[7].Limit, p.Quotas[8].Overage = usage.Null(), usage.Overage{Units: dec("2")}
	p.Quotas[9].Rate = &usage.Rate{}
	inf := math.Inf(1)
	require.Equal(t, []Limit{
		{"month", "m", 0, 1000.5, 0}, {"billing", "m", 0, 7, 0}, {"hour", "m", time.Hour, 10, 0},
		{"soft", "m", 24 * time.Hour, 3, inf}, {"null", "m", 0, inf, 0}, {"over", "m", 0, 5, 2},
	}, LimitsOf(p))
}
