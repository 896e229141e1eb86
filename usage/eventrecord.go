package usage

import (
	"encoding/json"
	"time"
)

// EventFilter says which counted events to list. The zero filter lists all of them.
type EventFilter struct {
	TenantID    string // empty: all tenants
	FeatureType string
	From, To    time.Time // of the events' own times, half-open; zero: no bound
	Limit       int       // of one page; 0: 100
	Cursor      string    // Next of the page before
}

// EventPage is a part of a list of events, the newest in the log first.
type EventPage struct {
	Data []EventRecord
	Next string // "" at the end; a page may be short, even empty, and not be the last
}

// What an [EventRecord] is a record of.
const (
	KindEvent       = "event"
	KindConsume     = "consume"
	KindReservation = "reservation"
	KindLease       = "lease"
	KindAdjustment  = "adjustment"
	KindReset       = "reset"
)

// StatusVoided says that an event was counted and taken back.
const StatusVoided Status = "voided"

// EventRecord is an event of the log as it was sent, and what became of it.
type EventRecord struct {
	ID          string          `json:"id"`
	TenantID    string          `json:"tenant_id"`
	UserID      string          `json:"user_id,omitempty"`
	FeatureType string          `json:"feature_type,omitempty"`
	Quantity    Decimal         `json:"quantity,omitzero"`
	Timestamp   time.Time       `json:"timestamp"` // when it happened: log time if the client said nothing
	Source      string          `json:"source,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Op          string          `json:"op,omitempty"`
	Items       []Item          `json:"items,omitempty"` // of a consume of several features

	Kind       string    `json:"kind"`
	Index      uint64    `json:"index"`       // log index of its block
	ReceivedAt time.Time `json:"received_at"` // log time
	Status     Status    `json:"status"`      // counted or voided
	Meters     []string  `json:"meters"`      // that counted it
	Voided     *Voided   `json:"voided,omitempty"`
}

// Voided is when and why an event was taken back.
type Voided struct {
	Index  uint64    `json:"index"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
}

// MarshalJSON writes the record with its times in UTC and no meters as [].
func (r EventRecord) MarshalJSON() ([]byte, error) {
	type plain EventRecord
	r.Timestamp, r.ReceivedAt = r.Timestamp.UTC(), r.ReceivedAt.UTC()
	if r.Meters == nil {
		r.Meters = []string{}
	}
	return json.Marshal(plain(r))
}

var _ json.Marshaler = EventRecord{}
