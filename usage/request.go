package usage

import (
	"encoding/json"
	"strconv"
	"time"
)

// Request asks to use something, or whether it may be used. Several items are decided and counted as one: all or none.
type Request struct {
	ID       string `json:"id,omitempty"`
	TenantID string `json:"tenant_id"`
	UserID   string `json:"user_id,omitempty"`
	Items    []Item `json:"items"`
}

// Item is one feature of a Request.
type Item struct {
	FeatureType string          `json:"feature_type"`
	Quantity    Decimal         `json:"quantity,omitzero"` // absent: 1; zero: only judged
	Op          string          `json:"op,omitempty"`      // of latest meters
	Metadata    json.RawMessage `json:"metadata,omitempty"`
}

// Validate reports the first thing that is wrong with the request by itself. check: an id is not needed.
func (r *Request) Validate(check bool) error {
	switch {
	case !check && !ValidIdentifier(r.ID):
		return identifierError("id", r.ID)
	case !ValidIdentifier(r.TenantID):
		return identifierError("tenant_id", r.TenantID)
	case r.UserID != "" && !ValidIdentifier(r.UserID):
		return identifierError("user_id", r.UserID)
	case len(r.Items) == 0:
		return &Error{Code: CodeMissingField, Pointer: "/items", Detail: "there are no items; give at least one feature_type"}
	case len(r.Items) > RequestItemsMax:
		return &Error{Code: CodeInvalidValue, Pointer: "/items",
			Detail: "there are " + strconv.Itoa(len(r.Items)) + " items; use at most " + strconv.Itoa(RequestItemsMax)}
	}
	for i := range r.Items {
		if err := r.Items[i].validate(); err != nil {
			if len(r.Items) > 1 {
				err.Pointer = "/items/" + strconv.Itoa(i) + err.Pointer
			}
			return err
		}
	}
	return nil
}

func (it *Item) validate() *Error {
	if !ValidIdentifier(it.FeatureType) {
		return identifierError("feature_type", it.FeatureType)
	}
	if it.Op != "" && it.Op != OpSet && it.Op != OpAdd {
		return &Error{Code: CodeInvalidValue, Pointer: "/op",
			Detail: "op " + quoted(it.Op) + ` is unknown; use "set" or "add", or leave it out`}
	}
	return nil
}

// What happens to units that are still held when a reservation or lease expires.
const (
	ExpiryRelease = "release" // they are given back
	ExpiryCharge  = "charge"  // they count as used
)

// Reservation holds units until it is committed, released, or expires.
type Reservation struct {
	ID          string  `json:"id"`
	TenantID    string  `json:"tenant_id"`
	UserID      string  `json:"user_id,omitempty"`
	FeatureType string  `json:"feature_type"`
	Quantity    Decimal `json:"quantity"`
	TTLSeconds  int     `json:"ttl_seconds,omitempty"` // default 300
	OnExpiry    string  `json:"on_expiry,omitempty"`   // default ExpiryRelease
}

// LeaseRequest asks for units that a process then spends by itself.
type LeaseRequest struct {
	ID          string  `json:"id"`
	TenantID    string  `json:"tenant_id"`
	FeatureType string  `json:"feature_type"`
	Quantity    Decimal `json:"quantity"`
	TTLSeconds  int     `json:"ttl_seconds,omitempty"` // default 300
	OnExpiry    string  `json:"on_expiry,omitempty"`   // default ExpiryCharge
}

// Validate reports the first thing that is wrong with the reservation by itself.
func (r *Reservation) Validate() error {
	switch {
	case !ValidIdentifier(r.ID):
		return identifierError("id", r.ID)
	case !ValidIdentifier(r.TenantID):
		return identifierError("tenant_id", r.TenantID)
	case r.UserID != "" && !ValidIdentifier(r.UserID):
		return identifierError("user_id", r.UserID)
	case !ValidIdentifier(r.FeatureType):
		return identifierError("feature_type", r.FeatureType)
	case !r.Quantity.IsSet():
		return &Error{Code: CodeMissingField, Pointer: "/quantity", Detail: "quantity is missing; say how much to hold"}
	case r.Quantity.Sign() < 0:
		return &Error{Code: CodeNegativeQuantity, Pointer: "/quantity", Detail: "quantity " + r.Quantity.String() + " is negative"}
	case r.TTLSeconds < 0 || r.TTLSeconds > HoldTTLMaxSeconds:
		return &Error{Code: CodeInvalidValue, Pointer: "/ttl_seconds",
			Detail: "ttl_seconds " + strconv.Itoa(r.TTLSeconds) + " is out of range; use 1 to " + strconv.Itoa(HoldTTLMaxSeconds)}
	case r.OnExpiry != "" && r.OnExpiry != ExpiryRelease && r.OnExpiry != ExpiryCharge:
		return &Error{Code: CodeInvalidValue, Pointer: "/on_expiry",
			Detail: "on_expiry " + quoted(r.OnExpiry) + ` is unknown; use "release" or "charge"`}
	}
	return nil
}

// ReservationState is a reservation or lease as the engine holds it.
type ReservationState struct {
	ID        string    `json:"reservation_id"`
	State     string    `json:"state"` // held, committed, released or expired
	Quantity  Decimal   `json:"quantity"`
	Committed Decimal   `json:"committed"` // of a lease: used so far
	ExpiresAt time.Time `json:"expires_at"`
	Late      bool      `json:"late,omitempty"` // committed after it expired
	Lease     bool      `json:"-"`
}

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

// Validate reports the first thing that is wrong with the adjustment by itself.
func (a *Adjustment) Validate() error {
	switch {
	case !ValidIdentifier(a.ID):
		return identifierError("id", a.ID)
	case !ValidIdentifier(a.TenantID):
		return identifierError("tenant_id", a.TenantID)
	case a.UserID != "" && !ValidIdentifier(a.UserID):
		return identifierError("user_id", a.UserID)
	case !ValidSlug(a.Meter):
		return &Error{Code: CodeMissingField, Pointer: "/meter", Detail: "meter is missing or no slug; name the meter to correct"}
	case !a.Quantity.IsSet():
		return &Error{Code: CodeMissingField, Pointer: "/quantity", Detail: "quantity is missing; give the signed difference"}
	}
	return validateReason(a.Reason)
}

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
