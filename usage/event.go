package usage

import (
	"encoding/json"
	"time"
)

// Event is one fact of use: some quantity of a feature, by a tenant, at a time.
//
// Its identity is (TenantID, Source, ID). The zero value of an optional field means
// "absent", which is different from any value: an absent quantity counts 1, an absent
// timestamp counts at log time, and a retry that leaves them out again is the same payload.
type Event struct {
	ID          string          `json:"id,omitempty"`
	TenantID    string          `json:"tenant_id"`
	UserID      string          `json:"user_id,omitempty"`
	FeatureType string          `json:"feature_type"`
	Quantity    Decimal         `json:"quantity,omitzero"`
	Timestamp   time.Time       `json:"timestamp,omitzero"`
	Source      string          `json:"source,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"` // a JSON object, at most MetadataBytesMax
	Op          string          `json:"op,omitempty"`       // "", OpSet or OpAdd; for latest meters
}

// Operations of an event on a latest meter.
const (
	OpSet = "set" // the quantity is the new value (the default)
	OpAdd = "add" // the quantity is added to the value before
)

// Status says what became of a write.
type Status string

// The outcomes of a write.
const (
	StatusCounted   Status = "counted"   // counted now, durable
	StatusDuplicate Status = "duplicate" // the same id and payload had been counted before
	StatusRejected  Status = "rejected"  // refused; Err says why; nothing changed
	StatusConflict  Status = "conflict"  // the id is taken by another payload; nothing changed
	StatusDenied    Status = "denied"    // a consume that a quota blocked; nothing changed
	StatusChecked   Status = "checked"   // a check or a peek: nothing was to be counted
)

// Outcome is what became of one recorded event.
type Outcome struct {
	ID            string   `json:"id"`
	Status        Status   `json:"status"`
	BillingPeriod Interval `json:"billing_period"` // the period the event counts in; zero when refused
	Err           error    `json:"-"`              // an *Error when Status is rejected or conflict, else nil
}

// Interval is a half-open span of time [Start, End).
type Interval struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Clock tells the time. Elapsed time is the difference of two Now() (Go's monotonic reading
// counts; negative counts 0), unless the Clock also has Monotonic() time.Duration.
type Clock interface{ Now() time.Time }
