package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// summaryBody is everything that a page about one tenant shows.
type summaryBody struct {
	Tenant         tenantBody           `json:"tenant"`
	Plan           *summaryPlan         `json:"plan"`
	TimeZone       string               `json:"time_zone"`
	Period         usage.Interval       `json:"period"`
	PreviousPeriod usage.Interval       `json:"previous_period"`
	Quotas         []usage.QuotaStatus  `json:"quotas"`
	Terms          []usage.QuotaTerms   `json:"terms"`
	Meters         []usage.MeterSummary `json:"meters"`
	SparklineFrom  time.Time            `json:"sparkline_from"`
	LastEventAt    *time.Time           `json:"last_event_at"`
	Denials        denialsBody          `json:"denials"`
	UpgradeURL     *string              `json:"upgrade_url"`
	AsOf           usage.AsOf           `json:"as_of"`
}

type summaryPlan struct {
	Slug    string `json:"slug"`
	Name    string `json:"name"`
	Version int    `json:"version"`
	Newest  int    `json:"newest_version"`
}

// denialsBody tells of calls that were blocked, as far as they are remembered: since the server started, among the last
// thousand decisions.
type denialsBody struct {
	Last24h int               `json:"last_24h"`
	Newest  []engine.Decision `json:"newest"`
}

const (
	denialsShown = 5
	denialsKept  = 1000 // how many decisions of a tenant the engine remembers
)

func (c *call) getSummary() {
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	s, err := c.eng.Summary(c.r.Context(), c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	settings, _ := c.eng.Settings()
	body := summaryBody{Tenant: tenantOf(s.Tenant), TimeZone: s.TimeZone, Period: s.Period, PreviousPeriod: s.PreviousPeriod,
		Quotas: s.Quotas, Terms: s.Terms, Meters: s.Meters, SparklineFrom: s.SparklineFrom.UTC(), LastEventAt: optionalTime(s.LastEventAt),
		Denials: c.denials(s.AsOf.Time), UpgradeURL: settings.UpgradeURL, AsOf: s.AsOf}
	if !c.who.key.Has(usage.ScopeRead) && !c.who.key.Has(usage.ScopeAdmin) { // a customer: notes about it are not for it
		body.Tenant.Metadata, body.Tenant.StripeCustomerID = json.RawMessage("{}"), ""
	}
	if body.Quotas == nil {
		body.Quotas = []usage.QuotaStatus{}
	}
	if body.Terms == nil {
		body.Terms = []usage.QuotaTerms{}
	}
	if body.Meters == nil {
		body.Meters = []usage.MeterSummary{}
	}
	if slug := s.Tenant.Tenant.Plan; slug != "" {
		body.Plan = &summaryPlan{Slug: slug, Version: s.Tenant.PlanVersion}
		if p, ok := c.eng.Plan(slug); ok {
			body.Plan.Name, body.Plan.Newest = p.Plan.Name, p.Number
		}
	}
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusOK, body)
}

func (c *call) denials(now time.Time) denialsBody {
	all := c.eng.Decisions(c.slug, usage.DecisionBlock, now.Add(-24*time.Hour), denialsKept)
	d := denialsBody{Last24h: len(all), Newest: []engine.Decision{}}
	d.Newest = append(d.Newest, all[:min(len(all), denialsShown)]...)
	return d
}
