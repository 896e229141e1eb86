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

// PlanTrial is what a new version of a plan would do to those who are on it, if they were moved now.
type PlanTrial struct {
	Tenants     int      `json:"tenants"`      // on any version of the plan
	TenantsOver []string `json:"tenants_over"` // whose usage is beyond a limit of the new version; the first 1,000
	Identical   bool     `json:"identical"`    // nothing would change
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
	errs.unpriced("prices", p.Prices)
	errs.unpriced("base_fee", p.BaseFee)
	return errs
}

// unpriced refuses a member that only billing could honour: a price that is taken and not charged would be a lie.
func (p *problems) unpriced(field string, text json.RawMessage) {
	if len(text) > 0 && string(text) != "null" {
		p.add(CodeInvalidValue, "/"+field, "%s is not available yet: this version limits and does not bill; leave it out", field)
	}
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
