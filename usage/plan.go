package usage

import (
	"encoding/json"
	"strconv"
	"time"
)

// Plan is a named set of quotas. Changing it makes a new version; tenants stay on theirs until they are moved.
type Plan struct {
	Slug          string  `json:"slug"`
	Name          string  `json:"name,omitempty"`
	Currency      string  `json:"currency,omitempty"`       // ISO 4217
	BillingPeriod string  `json:"billing_period,omitempty"` // default PeriodMonth
	Quotas        []Quota `json:"quotas"`

	// Prices and BaseFee are refused until billing exists; they are here so that the refusal names them.
	Prices  json.RawMessage `json:"prices,omitempty"`
	BaseFee json.RawMessage `json:"base_fee,omitempty"`
}

// When a plan's new version, or a tenant's new plan, takes effect; else a time.
const (
	EffectiveNow       = "now"
	EffectivePeriodEnd = "period_end" // of the tenant's billing period
)

// PlanState is a version of a plan as the engine holds it.
type PlanState struct {
	Plan     Plan
	Number   int    // of this version, from 1
	Version  uint64 // rises with every change; the ETag is made of it
	Tenants  int    // on this version now
	Archived bool
	Created  time.Time
}

// WithDefaults returns the plan with every absent field, of its quotas too, at its default.
func (p Plan) WithDefaults() Plan {
	if p.Name == "" {
		p.Name = p.Slug
	}
	if p.BillingPeriod == "" {
		p.BillingPeriod = PeriodMonth
	}
	quotas := make([]Quota, len(p.Quotas))
	for i, q := range p.Quotas {
		quotas[i] = q.WithDefaults()
	}
	p.Quotas = quotas
	return p
}

// Validate reports everything that is wrong with the plan by itself.
func (p *Plan) Validate() []*Error {
	var errs problems
	errs.slug("slug", p.Slug)
	errs.label("name", p.Name, NameBytesMax)
	if p.Currency != "" && !currencyCode(p.Currency) {
		errs.add(CodeInvalidValue, "/currency", "currency %s is no ISO 4217 code; use three capital letters, such as EUR", quoted(p.Currency))
	}
	errs.word("billing_period", p.BillingPeriod, PeriodMonth)
	if len(p.Quotas) > PlanQuotasMax {
		errs.add(CodeInvalidValue, "/quotas", "there are %d quotas; use at most %d", len(p.Quotas), PlanQuotasMax)
		return errs
	}
	seen := make(map[string]bool, len(p.Quotas))
	for i := range p.Quotas {
		q := &p.Quotas[i]
		at := "/quotas/" + strconv.Itoa(i)
		for _, e := range q.Validate() {
			errs = append(errs, &Error{Code: e.Code, Pointer: at + e.Pointer, Detail: e.Detail})
		}
		if seen[q.Slug] {
			errs.add(CodeInvalidValue, at+"/slug", "quota %s is in the plan twice; give each its own slug", quoted(q.Slug))
		}
		seen[q.Slug] = true
	}
	for field, text := range map[string]json.RawMessage{"prices": p.Prices, "base_fee": p.BaseFee} { // order-free: sorted below
		if text != nil {
			errs.add(CodeInvalidValue, "/"+field, "%s is not available yet: this version limits and does not bill; leave it out", field)
		}
	}
	sortProblems(errs)
	return errs
}

func currencyCode(s string) bool {
	if len(s) != 3 {
		return false
	}
	for i := range 3 {
		if s[i] < 'A' || s[i] > 'Z' {
			return false
		}
	}
	return true
}

// Tenant is what an operator says of a tenant.
type Tenant struct {
	ID               string          `json:"id"`
	Name             string          `json:"name,omitempty"`
	Plan             string          `json:"plan,omitempty"`          // slug; empty: none
	TimeZone         string          `json:"time_zone,omitempty"`     // IANA name; default UTC
	BillingAnchor    time.Time       `json:"billing_anchor,omitzero"` // default the first of the month, 00:00 in the zone
	Metadata         json.RawMessage `json:"metadata,omitempty"`
	StripeCustomerID string          `json:"stripe_customer_id,omitempty"`
}

// TenantState is a tenant as the engine holds it.
type TenantState struct {
	Tenant      Tenant
	PlanVersion int    // of the version that it is on; 0: no plan
	Version     uint64 // rises with every change; the ETag is made of it. 0: only usage made it
	Pending     *PlanChange
	Overrides   []Override
}

// Validate reports everything that is wrong with the tenant by itself. Whether its plan and zone exist is judged by the engine.
func (t *Tenant) Validate() []*Error {
	var errs problems
	if !ValidIdentifier(t.ID) {
		errs = append(errs, identifierError("id", t.ID))
	}
	errs.label("name", t.Name, NameBytesMax)
	if t.Plan != "" {
		errs.slug("plan", t.Plan)
	}
	errs.label("time_zone", t.TimeZone, NameBytesMax)
	if a := t.BillingAnchor; !a.IsZero() {
		switch {
		case a.Unix()%(15*60) != 0 || a.Nanosecond() != 0:
			errs.add(CodeInvalidValue, "/billing_anchor", "billing_anchor %s is not on a whole quarter hour; round it", a.UTC().Format(time.RFC3339Nano))
		case a.Year() < 1970 || a.Year() > 2100:
			errs.add(CodeInvalidValue, "/billing_anchor", "billing_anchor is in the year %d; use 1970 to 2100", a.Year())
		}
	}
	if len(t.Metadata) > TenantMetadataBytesMax {
		errs.add(CodeTooLarge, "/metadata", "metadata has %d bytes; use at most %d", len(t.Metadata), TenantMetadataBytesMax)
	}
	errs.label("stripe_customer_id", t.StripeCustomerID, IdentifierBytesMax)
	return errs
}

// PlanChange moves a tenant to a plan.
type PlanChange struct {
	TenantID  string `json:"tenant_id,omitempty"`
	Plan      string `json:"plan"`
	Version   int    `json:"version,omitempty"`   // default the newest
	Effective string `json:"effective,omitempty"` // EffectiveNow (the default), EffectivePeriodEnd, or an RFC 3339 time
}

// Override changes a quota for one tenant: Fields has any of a quota's members, as JSON, which replace those of the plan's quota of
// that slug; for a slug that is not in the plan it is a whole quota.
type Override struct {
	TenantID       string          `json:"tenant_id,omitempty"`
	Quota          string          `json:"quota"`
	Fields         json.RawMessage `json:"fields"`
	EffectiveFrom  time.Time       `json:"effective_from,omitzero"`
	EffectiveUntil time.Time       `json:"effective_until,omitzero"`
	Version        uint64          `json:"-"`
}

// Apply returns q with the override's fields in place of its own. A field that cannot be read is an error.
func (o *Override) Apply(q Quota) (Quota, error) {
	if q.Rate != nil {
		r := *q.Rate
		q.Rate = &r
	}
	q.WarningThresholds = append([]int(nil), q.WarningThresholds...)
	err := json.Unmarshal(o.Fields, &q)
	q.Slug = o.Quota
	return q, err
}

// In reports whether the override holds at a moment.
func (o *Override) In(at time.Time) bool {
	return (o.EffectiveFrom.IsZero() || !at.Before(o.EffectiveFrom)) && (o.EffectiveUntil.IsZero() || at.Before(o.EffectiveUntil))
}

// What happens to tenants that nobody made.
const (
	UnknownCreate = "create" // their first event or consume makes them, on the default plan
	UnknownReject = "reject"
)

// Settings are the settings of a store that are in its log.
type Settings struct {
	DefaultPlan    *string   `json:"default_plan"`
	UnknownTenants string    `json:"unknown_tenants,omitempty"`
	UpgradeURL     *string   `json:"upgrade_url"`
	Retention      Retention `json:"retention,omitzero"`
}

// Retention is how long each class is kept; nil: its default.
type Retention struct {
	Raw         *Duration `json:"raw"`
	Minute      *Duration `json:"minute"`
	QuarterHour *Duration `json:"quarter_hour"`
	Hour        *Duration `json:"hour"`
}

// Validate reports everything that is wrong with the settings by themselves.
func (s *Settings) Validate() []*Error {
	var errs problems
	if s.DefaultPlan != nil {
		errs.slug("default_plan", *s.DefaultPlan)
	}
	errs.word("unknown_tenants", s.UnknownTenants, UnknownCreate, UnknownReject)
	if s.UpgradeURL != nil {
		errs.label("upgrade_url", *s.UpgradeURL, 2048)
	}
	errs.duration("retention/raw", s.Retention.Raw)
	errs.duration("retention/minute", s.Retention.Minute)
	errs.duration("retention/quarter_hour", s.Retention.QuarterHour)
	errs.duration("retention/hour", s.Retention.Hour)
	return errs
}
