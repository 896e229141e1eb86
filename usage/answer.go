package usage

import (
	"encoding/json"
	"time"
)

// Decision is what a quota, or all quotas together, say of a call.
type Decision string

// The decisions, from the least to the most severe.
const (
	DecisionAllow    Decision = "allow"
	DecisionWarn     Decision = "warn"     // allowed, and near the limit
	DecisionThrottle Decision = "throttle" // allowed after a delay
	DecisionOverage  Decision = "overage"  // allowed, beyond the limit
	DecisionBlock    Decision = "block"    // denied
)

// Reason is why a call was blocked.
type Reason string

// The reasons.
const (
	ReasonNone        Reason = ""
	ReasonCostTooHigh Reason = "cost_exceeds_limit" // it could never be allowed; do not retry
	ReasonExceeded    Reason = "quota_exceeded"
	ReasonGrace       Reason = "grace_expired"
	ReasonThrottled   Reason = "throttled" // retry after the time that is said
)

// MarshalJSON writes no reason as null.
func (r Reason) MarshalJSON() ([]byte, error) {
	if r == ReasonNone {
		return []byte("null"), nil
	}
	return json.Marshal(string(r))
}

// Answer is what becomes of a Request or Reservation. That of a duplicate has the decision, reason and binding quota of the first time, and
// the quotas of now.
type Answer struct {
	ID           string        `json:"id,omitempty"`
	Allowed      bool          `json:"allowed"`
	Decision     Decision      `json:"decision"`       // the worst of the quotas'
	Reason       Reason        `json:"reason"`         // of a block
	Status       Status        `json:"status"`         // counted, duplicate, denied or checked
	DelayMS      int64         `json:"delay_ms"`       // of a throttled call: wait so long before going on
	RetryAfterMS *int64        `json:"retry_after_ms"` // of a denial; nil: it is not known when, or never
	BindingQuota *string       `json:"binding_quota"`  // the one with the worst decision, then the least left; nil: there is none
	Quotas       []QuotaStatus `json:"quotas"`         // that the call touches

	// Of reservations and leases.
	ReservationID string    `json:"reservation_id,omitempty"`
	ExpiresAt     time.Time `json:"expires_at,omitzero"`
	Late          bool      `json:"late,omitempty"` // the commit came after the expiry
	Created       bool      `json:"-"`              // this call made the reservation
}

// TenantQuota is the binding quota when it is one of the tenant with a limit, else the first such quota, else nil: what headers speak of.
func (a *Answer) TenantQuota() *QuotaStatus {
	var first *QuotaStatus
	for i := range a.Quotas {
		q := &a.Quotas[i]
		if !q.Limit.IsSet() || q.Scope != ScopeTenant || q.Mode == ModeShadow {
			continue
		}
		if a.BindingQuota != nil && *a.BindingQuota == q.Quota {
			return q
		}
		if first == nil {
			first = q
		}
	}
	return first
}

// QuotaStatus is how one quota stands, after the call when it counted. Quantities are in the unit of the quota's meter. Limit, Remaining and
// Percentage are null for an unlimited quota. Of a rate Limit is the burst and Remaining the whole tokens that are there.
type QuotaStatus struct {
	Quota        string     `json:"quota"`
	Meter        string     `json:"meter"`
	Scope        string     `json:"scope"`
	UserID       *string    `json:"user_id"`
	Mode         string     `json:"mode"`
	Period       string     `json:"period"`
	Limit        Decimal    `json:"limit"`
	Used         Decimal    `json:"used"`         // in the open period; never below 0
	Reserved     Decimal    `json:"reserved"`     // held by reservations and leases of the open period
	Remaining    Decimal    `json:"remaining"`    // limit - used - reserved, never below 0; overage is beyond it
	Percentage   Decimal    `json:"percentage"`   // of the limit that is used, cut to two decimals; 100 for a limit of 0
	OverageUsed  Decimal    `json:"overage_used"` // beyond the limit
	Exceeded     bool       `json:"exceeded"`     // used is more than the limit
	Decision     Decision   `json:"decision"`     // of this quota by itself; of a shadow always allow
	Reason       Reason     `json:"reason"`
	Would        *Decision  `json:"would"` // what a shadow would have decided; nil for other modes
	RetryAfterMS *int64     `json:"retry_after_ms"`
	OnError      string     `json:"on_error"`
	PeriodStart  *time.Time `json:"period_start"` // nil: lifetime, or nothing was used yet from which it would begin
	ResetAt      *time.Time `json:"reset_at"`     // end of the period; of a rate when it is full; nil: never

	Length time.Duration `json:"-"` // of a sliding or first-use period
}

// QuotaTerms is what a quota allows beside its limit: how far and how long usage may go on beyond it, and from where on calls are slowed.
// Of its meter it has what a person reads, also before anything was used of it.
type QuotaTerms struct {
	Quota       string      `json:"quota"`
	MeterName   string      `json:"meter_name"`
	Unit        string      `json:"unit"`
	Aggregation Aggregation `json:"aggregation"`
	Overage     Overage     `json:"overage"`       // beyond the limit
	GracePeriod *Duration   `json:"grace_period"`  // how long overage is allowed; nil: the whole period
	GraceEndsAt *time.Time  `json:"grace_ends_at"` // of the grace period that is running, or over; nil: none is
	ThrottleAt  Number      `json:"throttle_at"`   // ratio of the limit; null: never
	Rate        *Rate       `json:"rate"`          // instead of a limit over a period
}

// DecisionRecord is one answer that a consume was given since the engine was opened, for people who ask why.
type DecisionRecord struct {
	ID           string    `json:"id"`
	Time         time.Time `json:"time"`
	TenantID     string    `json:"tenant_id"`
	UserID       string    `json:"user_id,omitempty"`
	FeatureType  string    `json:"feature_type"`
	Quantity     Decimal   `json:"quantity,omitzero"`
	Allowed      bool      `json:"allowed"`
	Decision     Decision  `json:"decision"`
	Reason       Reason    `json:"reason"`
	BindingQuota *string   `json:"binding_quota"`
	Status       Status    `json:"status"`
	Number       uint64    `json:"-"` // its place among the tenant's decisions, as long as the engine is open
}

// UserQuotas is a user with its quotas.
type UserQuotas struct {
	UserID string        `json:"user_id"`
	Number uint32        `json:"-"` // of the user in its tenant: a list of the engine's goes on after it
	Quotas []QuotaStatus `json:"quotas"`
}

// Verdict is the short answer of the hot path.
type Verdict struct {
	Allowed    bool
	Decision   Decision
	Reason     Reason
	Delay      time.Duration // wait so long before going on
	RetryAfter time.Duration // of a denial: when it may be worth asking again; 0: unknown
}

// Crossing is a warning threshold that usage has reached: once per quota, open period, threshold and generation.
type Crossing struct {
	Number      uint64    `json:"number"` // in the outbox, from 1 without gaps
	Index       uint64    `json:"index"`  // log index of the block
	Time        time.Time `json:"time"`   // log time
	TenantID    string    `json:"tenant_id"`
	UserID      *string   `json:"user_id"`
	Quota       string    `json:"quota"`
	Meter       string    `json:"meter"`
	Threshold   int       `json:"threshold"` // percent
	Used        Decimal   `json:"used"`
	Limit       Decimal   `json:"limit"`
	PeriodStart time.Time `json:"period_start,omitzero"`
	PeriodEnd   time.Time `json:"period_end,omitzero"`
	Generation  uint32    `json:"generation"`
}

// MarshalJSON writes the answer with its time in UTC and no quotas as [].
func (a Answer) MarshalJSON() ([]byte, error) {
	type plain Answer
	a.ExpiresAt = a.ExpiresAt.UTC()
	if a.Quotas == nil {
		a.Quotas = []QuotaStatus{}
	}
	return json.Marshal(plain(a))
}

// MarshalJSON writes the status with its times in UTC.
func (s QuotaStatus) MarshalJSON() ([]byte, error) {
	type plain QuotaStatus
	s.PeriodStart, s.ResetAt = inUTC(s.PeriodStart), inUTC(s.ResetAt)
	return json.Marshal(plain(s))
}

// MarshalJSON writes the crossing with its times in UTC.
func (c Crossing) MarshalJSON() ([]byte, error) {
	type plain Crossing
	c.Time, c.PeriodStart, c.PeriodEnd = c.Time.UTC(), c.PeriodStart.UTC(), c.PeriodEnd.UTC()
	return json.Marshal(plain(c))
}

func inUTC(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(t.UTC())
}

var (
	_ json.Marshaler = Answer{}
	_ json.Marshaler = QuotaStatus{}
	_ json.Marshaler = Crossing{}
	_ json.Marshaler = ReservationState{}
	_ json.Marshaler = ReasonNone
)
