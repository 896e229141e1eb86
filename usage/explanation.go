package usage

import "time"

// Explanation traces a number, or a decision, back to what it was made of, in steps: query, buckets, events, rules, decision.
// Steps without anything to show are left out.
type Explanation struct {
	TenantID string        `json:"tenant_id"`
	Meter    string        `json:"meter,omitempty"`
	AsOf     AsOf          `json:"as_of"`
	Steps    []ExplainStep `json:"steps"`
}

// ExplainStep is one step. Kind says which of the members is there.
type ExplainStep struct {
	Number   int              `json:"number"` // from 1
	Kind     string           `json:"kind"`
	Title    string           `json:"title"` // a sentence for people
	Query    *Rows            `json:"query,omitempty"`
	Buckets  []Row            `json:"buckets,omitzero"` // not nil in its step, [] when there are none
	Events   *ExplainEvents   `json:"events,omitempty"`
	Rules    *ExplainRules    `json:"rules,omitempty"`
	Decision *ExplainDecision `json:"decision,omitempty"`
}

// Kinds of steps.
const (
	ExplainKindQuery    = "query"
	ExplainKindBuckets  = "buckets"
	ExplainKindEvents   = "events"
	ExplainKindRules    = "rules"
	ExplainKindDecision = "decision"
)

// ExplainCounts counts what the log has about a number. Voided events are not among the counted ones; late ones are.
type ExplainCounts struct {
	Counted     int `json:"counted"`     // events and consumes
	Late        int `json:"late"`        // of these: received more than five minutes after they happened
	Voided      int `json:"voided"`      // were counted and taken back
	Duplicate   int `json:"duplicate"`   // sent again, not counted again
	Conflict    int `json:"conflict"`    // another payload under an id that was used
	Rejected    int `json:"rejected"`    // refused
	Denied      int `json:"denied"`      // blocked by a quota
	Adjustments int `json:"adjustments"` // adjustments and quota resets
	Bookings    int `json:"bookings"`    // of reservations and leases: commits and settles
}

// ExplainEvents is the events behind a number, in the order of the log.
type ExplainEvents struct {
	Counts     ExplainCounts  `json:"counts"`
	Data       []ExplainEvent `json:"data"`
	NextCursor *string        `json:"next_cursor"`
}

// ExplainEvent is one item of the log and what became of it.
type ExplainEvent struct {
	ID         string    `json:"id"`
	Source     string    `json:"source,omitempty"`
	UserID     string    `json:"user_id,omitempty"`
	Kind       string    `json:"kind"`
	Index      uint64    `json:"index"`    // log index of the block
	Position   int       `json:"position"` // in the block, from 0
	Timestamp  time.Time `json:"timestamp"`
	ReceivedAt time.Time `json:"received_at"`
	Status     Status    `json:"status"`           // counted, voided, duplicate, conflict, rejected or denied
	Value      Decimal   `json:"value,omitzero"`   // what it added to the meter, where that is a number
	Late       bool      `json:"late,omitempty"`   // received more than five minutes after it happened
	Reason     string    `json:"reason,omitempty"` // why it did not count
	Voided     *Voided   `json:"voided,omitempty"`
}

// ExplainRules is the plan that a tenant was on and what it says of the meter.
type ExplainRules struct {
	Plan        string        `json:"plan,omitempty"`
	PlanVersion int           `json:"plan_version,omitempty"`
	Overrides   []Override    `json:"overrides"` // in force
	Quotas      []QuotaStatus `json:"quotas"`    // on the meter
}

// ExplainDecision is one answer that was given to a consume, reservation or lease.
type ExplainDecision struct {
	ID           string         `json:"id"`
	UserID       string         `json:"user_id,omitempty"`
	Kind         string         `json:"kind"`
	Items        []Item         `json:"items"`
	Index        uint64         `json:"index"`
	Time         time.Time      `json:"time"`
	Attempts     int            `json:"attempts"` // how often the id was judged; this is the newest
	Status       Status         `json:"status"`
	Allowed      bool           `json:"allowed"`
	Decision     Decision       `json:"decision"`
	Reason       Reason         `json:"reason"`
	BindingQuota *string        `json:"binding_quota"`
	Quotas       []ExplainQuota `json:"quotas"`
}

// ExplainQuota is what one quota said: how it stood before the call, what the call would cost, and the row of the decision table that
// matched.
type ExplainQuota struct {
	Before QuotaStatus `json:"before"`
	Cost   Decimal     `json:"cost"`
	Row    string      `json:"row"`
	Rule   string      `json:"rule"`
}
