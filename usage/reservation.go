package usage

import (
	"encoding/json"
	"strconv"
	"time"
)

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

// States of a reservation or lease.
const (
	HoldHeld      = "held"
	HoldCommitted = "committed"
	HoldReleased  = "released" // or a lease that was settled for good
	HoldExpired   = "expired"
)

// MarshalJSON writes the state with its time in UTC.
func (s ReservationState) MarshalJSON() ([]byte, error) {
	type plain ReservationState
	s.ExpiresAt = s.ExpiresAt.UTC()
	return json.Marshal(plain(s))
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
	}
	return validateHold(r.Quantity, r.TTLSeconds, r.OnExpiry)
}

// Validate reports the first thing that is wrong with the lease by itself.
func (r *LeaseRequest) Validate() error {
	switch {
	case !ValidIdentifier(r.ID):
		return identifierError("id", r.ID)
	case !ValidIdentifier(r.TenantID):
		return identifierError("tenant_id", r.TenantID)
	case !ValidIdentifier(r.FeatureType):
		return identifierError("feature_type", r.FeatureType)
	}
	return validateHold(r.Quantity, r.TTLSeconds, r.OnExpiry)
}

// validateHold checks what reservations and leases have in common. Nothing can be held as well: an estimate may be 0.
func validateHold(quantity Decimal, ttlSeconds int, onExpiry string) error {
	switch {
	case !quantity.IsSet():
		return &Error{Code: CodeMissingField, Pointer: "/quantity", Detail: "quantity is missing; say how much to hold"}
	case quantity.Sign() < 0:
		return &Error{Code: CodeNegativeQuantity, Pointer: "/quantity",
			Detail: "quantity " + quantity.String() + " is negative; hold 0 or more"}
	}
	if err := ValidateTTL(ttlSeconds); err != nil {
		return err
	}
	if onExpiry != "" && onExpiry != ExpiryRelease && onExpiry != ExpiryCharge {
		return &Error{Code: CodeInvalidValue, Pointer: "/on_expiry",
			Detail: "on_expiry " + quoted(onExpiry) + ` is unknown; use "release" or "charge"`}
	}
	return nil
}

// ValidateTTL checks how long a hold may stay open; 0 is absent.
func ValidateTTL(seconds int) error {
	if seconds < 0 || seconds > HoldTTLMaxSeconds {
		return &Error{Code: CodeInvalidValue, Pointer: "/ttl_seconds",
			Detail: "ttl_seconds " + strconv.Itoa(seconds) + " is out of range; use 1 to " + strconv.Itoa(HoldTTLMaxSeconds)}
	}
	return nil
}
