package usage

import (
	"bytes"
	"encoding/json"
	"time"
)

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

// Canonical returns the tenant with nothing said where a default is: so what is put is the same as what was read, defaults and all.
func (t Tenant) Canonical() Tenant {
	if t.Name == t.ID {
		t.Name = ""
	}
	if t.TimeZone == "UTC" {
		t.TimeZone = ""
	}
	if !t.BillingAnchor.IsZero() {
		t.BillingAnchor = t.BillingAnchor.UTC()
	}
	if m := bytes.TrimSpace(t.Metadata); len(m) > 1 && len(bytes.TrimSpace(m[1:len(m)-1])) == 0 { // {}
		t.Metadata = nil
	}
	return t
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
		errs.moment("billing_anchor", a)
		if a.Unix()%(15*60) != 0 || a.Nanosecond() != 0 {
			errs.add(CodeInvalidValue, "/billing_anchor", "billing_anchor %s is not on a whole quarter hour; round it", a.UTC().Format(time.RFC3339Nano))
		}
	}
	if len(t.Metadata) > TenantMetadataBytesMax {
		errs.add(CodeTooLarge, "/metadata", "metadata has %d bytes; use at most %d", len(t.Metadata), TenantMetadataBytesMax)
	} else if text := bytes.TrimSpace(t.Metadata); len(text) > 0 && text[0] != '{' {
		errs.add(CodeWrongType, "/metadata", "metadata must be an object; leave it out when there is none")
	} else if len(text) > 0 && !json.Valid(text) {
		errs.add(CodeMalformedJSON, "/metadata", "metadata is not JSON")
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

// Validate reports everything that is wrong with the change by itself. Whether plan and version exist, and a time is still to
// come, is judged by the engine.
func (c *PlanChange) Validate() []*Error {
	var errs problems
	if !ValidIdentifier(c.TenantID) {
		errs = append(errs, identifierError("tenant_id", c.TenantID))
	}
	errs.slug("plan", c.Plan)
	if c.Version < 0 {
		errs.add(CodeInvalidValue, "/version", "version %d is negative; leave it out for the newest", c.Version)
	}
	if c.Effective == "" || c.Effective == EffectiveNow || c.Effective == EffectivePeriodEnd {
		return errs
	}
	at, ok := ParseTime([]byte(c.Effective))
	if !ok {
		errs.add(CodeInvalidValue, "/effective", "effective %s is no moment; use now, period_end or a time such as 2030-01-31T00:00:00Z", quoted(c.Effective))
		return errs
	}
	errs.moment("effective", at)
	return errs
}

// moment checks that a time of configuration can be told in nanoseconds, and is in the years of the zone tables.
func (p *problems) moment(field string, t time.Time) {
	if y := t.UTC().Year(); y < YearMin || y > YearMax {
		p.add(CodeInvalidValue, "/"+field, "%s is in the year %d; use %d to %d", field, y, YearMin, YearMax)
	}
}
