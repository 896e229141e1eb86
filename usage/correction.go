package usage

import (
	"encoding/json"
	"time"
)

// Adjustment corrects what a sum or count meter of a tenant counted, up or down, without asking any quota.
type Adjustment struct {
	ID        string          `json:"id"`
	TenantID  string          `json:"tenant_id"`
	Meter     string          `json:"meter"`
	Quantity  Decimal         `json:"quantity"` // signed
	Timestamp time.Time       `json:"timestamp,omitzero"`
	UserID    string          `json:"user_id,omitempty"`
	Metadata  json.RawMessage `json:"metadata,omitempty"`
	Reason    string          `json:"reason"`
}

// Void takes back an event or consume.
type Void struct {
	TenantID string `json:"tenant_id"`
	Source   string `json:"source,omitempty"`
	ID       string `json:"id"`
	Reason   string `json:"reason"`
}

// Reset gives a quota of a sum or count meter back what was used of it: one adjustment of -used.
type Reset struct {
	ID       string `json:"id"`
	TenantID string `json:"tenant_id"`
	Quota    string `json:"quota"`
	UserID   string `json:"user_id,omitempty"` // whose usage the correction is counted with; quotas of user scope cannot be reset
	Reason   string `json:"reason"`
}

// Validate reports the first thing that is wrong with the adjustment by itself. Whether its quantity fits the meter is judged
// by the engine.
func (a *Adjustment) Validate() error {
	switch {
	case !ValidIdentifier(a.ID):
		return identifierError("id", a.ID)
	case !ValidIdentifier(a.TenantID):
		return identifierError("tenant_id", a.TenantID)
	case a.UserID != "" && !ValidIdentifier(a.UserID):
		return identifierError("user_id", a.UserID)
	case !ValidSlug(a.Meter):
		return slugError("meter", a.Meter)
	case !a.Quantity.IsSet():
		return &Error{Code: CodeMissingField, Pointer: "/quantity", Detail: "quantity is missing; give the signed difference"}
	}
	return validateReason(a.Reason)
}

// Validate reports the first thing that is wrong with the void by itself.
func (v *Void) Validate() error {
	switch {
	case !ValidIdentifier(v.ID):
		return identifierError("id", v.ID)
	case !ValidIdentifier(v.TenantID):
		return identifierError("tenant_id", v.TenantID)
	case v.Source != "" && !ValidIdentifier(v.Source):
		return identifierError("source", v.Source)
	}
	return validateReason(v.Reason)
}

// Validate reports the first thing that is wrong with the reset by itself.
func (r *Reset) Validate() error {
	switch {
	case !ValidIdentifier(r.ID):
		return identifierError("id", r.ID)
	case !ValidIdentifier(r.TenantID):
		return identifierError("tenant_id", r.TenantID)
	case !ValidSlug(r.Quota):
		return slugError("quota", r.Quota)
	case r.UserID != "" && !ValidIdentifier(r.UserID):
		return identifierError("user_id", r.UserID)
	}
	return validateReason(r.Reason)
}

// validateReason checks why somebody corrects a number: it is for the audit.
func validateReason(s string) error {
	var errs problems
	if s == "" {
		errs.add(CodeMissingField, "/reason", "reason is missing; say why, for the audit")
	}
	errs.label("reason", s, ReasonBytesMax)
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

// slugError says what is wrong with the name of something that an operator made, which is not valid.
func slugError(field, s string) *Error {
	var errs problems
	errs.slug(field, s)
	return errs[0]
}
