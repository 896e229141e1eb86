package httpapi

import (
	"net/http"
	"slices"
	"time"

	"github.com/weirhq/weir/rollup/forecast"
	"github.com/weirhq/weir/usage"
)

// recommendationsBody is what could be better for a tenant, by its last billing periods that are over.
type recommendationsBody struct {
	Data    []forecast.Recommendation `json:"data"`
	Plan    *string                   `json:"plan"`
	Periods []usage.Interval          `json:"periods"` // those looked at, the oldest first; from the first with any usage
}

func (c *call) getRecommendations() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	st, err := c.eng.Tenant(c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	periods, err := c.pastPeriods(&st.Tenant)
	if err != nil {
		c.writeError(err)
		return
	}
	in := forecast.Input{Plan: st.Tenant.Plan, Plans: c.plansOnOffer(&st), Periods: periods}
	body := recommendationsBody{Data: []forecast.Recommendation{}, Periods: []usage.Interval{}}
	if in.Plan != "" {
		body.Plan = &in.Plan
	}
	for _, p := range periods {
		body.Periods = append(body.Periods, usage.Interval{Start: p.Start, End: p.End})
	}
	for _, r := range forecast.Recommend(in) {
		if r.Kind != forecast.BurstQuota || !c.rated(&st, r.Meter) {
			body.Data = append(body.Data, r)
		}
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, body)
}

// plansOnOffer are the newest versions of all plans, and of the tenant's own the version it is on.
func (c *call) plansOnOffer(st *usage.TenantState) []forecast.Plan {
	var out []forecast.Plan
	for _, p := range c.eng.Plans() {
		if p.Plan.Slug == st.Tenant.Plan {
			continue
		}
		out = append(out, forecast.Plan{Slug: p.Plan.Slug, Limits: forecast.LimitsOf(p.Plan)})
	}
	if own, ok := c.ownPlan(st); ok {
		out = append(out, forecast.Plan{Slug: own.Slug, Limits: forecast.LimitsOf(own)})
	}
	return out
}

// ownPlan is the version of its plan that the tenant is on.
func (c *call) ownPlan(st *usage.TenantState) (usage.Plan, bool) {
	for _, v := range c.eng.PlanVersions(st.Tenant.Plan) {
		if v.Number == st.PlanVersion {
			return v.Plan, true
		}
	}
	return usage.Plan{}, false
}

// rated tells whether the tenant's plan paces a meter by a rate already.
func (c *call) rated(st *usage.TenantState, meter string) bool {
	own, _ := c.ownPlan(st)
	return slices.ContainsFunc(own.Quotas, func(q usage.Quota) bool { return q.Meter == meter && q.Rate != nil })
}

// pastPeriods reads what the tenant used in its last periods that are over, the oldest first, from the first with any usage.
func (c *call) pastPeriods(t *usage.Tenant) ([]forecast.Period, error) {
	intervals, _, err := c.eng.BillingPeriods(t.ID, recommendPeriods)
	if err != nil {
		return nil, err
	}
	var out []forecast.Period
	for _, i := range slices.Backward(intervals[1:]) {
		p := forecast.Period{Start: i.Start, End: i.End}
		for _, m := range c.eng.Meters() {
			u, err := c.usageOf(t, &m.Meter, i)
			if err != nil {
				return nil, err
			}
			if u != nil {
				p.Usage = append(p.Usage, *u)
			}
		}
		if len(p.Usage) > 0 || len(out) > 0 {
			out = append(out, p)
		}
	}
	return out, nil
}

// usageOf reads the total and the peaks of a meter in one period; nil when it was not used.
func (c *call) usageOf(t *usage.Tenant, m *usage.Meter, in usage.Interval) (*forecast.Usage, error) {
	q := usage.Query{Meter: m.Slug, TenantID: t.ID, TimeZone: t.TimeZone, From: in.Start, To: in.End}
	rows, err := c.eng.Usage(c.r.Context(), q)
	if err != nil {
		return nil, err
	}
	u := &forecast.Usage{Meter: m.Slug}
	for _, row := range rows.Data {
		u.Total += floatOf(row.Value)
	}
	if u.Total == 0 {
		return nil, nil
	}
	if !adds(m.Aggregation) {
		return u, nil // the greatest window of a level is the level
	}
	for _, w := range []struct {
		window usage.Window
		width  time.Duration
	}{{usage.WindowHour, time.Hour}, {usage.WindowDay, 24 * time.Hour}} {
		q.Window = w.window
		if rows, err = c.eng.Usage(c.r.Context(), q); err != nil {
			return nil, err
		}
		peak := forecast.Peak{Width: w.width}
		for _, row := range rows.Data {
			if v := floatOf(row.Value); v > peak.Used {
				peak.Start, peak.Used = row.WindowStart, v
			}
		}
		u.Peaks = append(u.Peaks, peak)
	}
	u.Parts, err = c.partsOf(t, m, in)
	return u, err
}

// partsOf reads what the greatest users and values of dimensions used of a meter; those that make a quarter of it are among them.
func (c *call) partsOf(t *usage.Tenant, m *usage.Meter, in usage.Interval) (parts []forecast.Share, err error) {
	for _, by := range append([]string{usage.TopByUser}, m.Dimensions...) {
		top, err := c.eng.Top(c.r.Context(), usage.TopQuery{Meter: m.Slug, By: by, TenantID: t.ID, From: in.Start, To: in.End, TimeZone: t.TimeZone, Limit: partsMax})
		if err != nil {
			return nil, err
		}
		for _, row := range top.Data {
			if row.Key != nil && *row.Key != usage.OtherValue { // nobody can be told to do something about those
				parts = append(parts, forecast.Share{Dimension: by, Value: *row.Key, Used: floatOf(row.Value)})
			}
		}
	}
	return parts, nil
}

// partsMax is how many parts of a meter are looked at: at most four can make a quarter each, and more say that there are others.
const partsMax = 8
