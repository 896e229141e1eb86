package usage

import (
	"encoding/json"
	"slices"
)

// Scopes of a quota.
const (
	ScopeTenant = "tenant" // all of the tenant together
	ScopeUser   = "user"   // every user of the tenant by itself
)

// Modes of a quota.
const (
	ModeEnforce = "enforce" // denies
	ModeSoft    = "soft"    // unlimited overage, for the whole period; a rate, or a throttle beyond its max_delay, denies all the same
	ModeShadow  = "shadow"  // counts and reports what it would do; never changes an answer
)

// Hints of a quota for callers that cannot reach weir.
const (
	OnErrorClosed = "closed"
	OnErrorOpen   = "open"
)

// Quota is a limit on what a tenant, or each of its users, may use of one meter: so much in a period, or at a rate.
type Quota struct {
	Slug              string    `json:"slug"`
	Meter             string    `json:"meter"`
	Scope             string    `json:"scope,omitempty"`        // default ScopeTenant
	Mode              string    `json:"mode,omitempty"`         // default ModeEnforce
	Period            Period    `json:"period,omitzero"`        // with Limit, or else Rate
	Limit             Number    `json:"limit,omitzero"`         // null: unlimited
	Overage           Overage   `json:"overage,omitzero"`       // beyond the limit; default 0
	GracePeriod       *Duration `json:"grace_period,omitempty"` // how long overage is allowed; nil: the whole period
	WarnAt            Number    `json:"warn_at,omitzero"`       // ratio of the limit; default 0.8, null: never
	ThrottleAt        Number    `json:"throttle_at,omitzero"`   // ratio of the limit; default null: never
	MaxDelay          *Duration `json:"max_delay,omitempty"`    // of a throttled call; default 1s
	WarningThresholds []int     `json:"warning_thresholds,omitzero"`
	Rate              *Rate     `json:"rate,omitempty"`
	OnError           string    `json:"on_error,omitempty"` // default OnErrorClosed
}

// Rate is a token bucket: Limit units for each Per, with at most Burst at once.
type Rate struct {
	Limit Decimal  `json:"limit"`
	Per   Duration `json:"per"`
	Burst Decimal  `json:"burst,omitzero"` // default Limit
}

// Kinds of periods.
const (
	PeriodMinute   = "minute"
	PeriodHour     = "hour"
	PeriodDay      = "day"
	PeriodWeek     = "week" // ISO: from Monday
	PeriodMonth    = "month"
	PeriodQuarter  = "quarter"
	PeriodYear     = "year"
	PeriodBilling  = "billing"  // a month from the tenant's billing anchor
	PeriodLifetime = "lifetime" // never ends
	PeriodSliding  = "sliding"  // the last Length, at any moment
	PeriodFirstUse = "first_use"
	PeriodRate     = "rate" // in answers, of a quota with a rate
)

// Period is when a quota starts anew. It is written as a name, or as {"sliding": "1h"} and {"first_use": "30d"}.
type Period struct {
	Kind   string
	Length Duration // of sliding and first_use
}

// CalendarPeriods lists the kinds that are written as a name.
func CalendarPeriods() []string {
	return []string{PeriodMinute, PeriodHour, PeriodDay, PeriodWeek, PeriodMonth, PeriodQuarter, PeriodYear,
		PeriodBilling, PeriodLifetime}
}

// String returns the kind, with its length when it has one: "month", "sliding:1h".
func (p Period) String() string {
	if p.Length != 0 {
		return p.Kind + ":" + p.Length.String()
	}
	return p.Kind
}

// IsZero reports whether p is absent.
func (p Period) IsZero() bool { return p == Period{} }

// MarshalJSON writes the name, or the object of a kind with a length.
func (p Period) MarshalJSON() ([]byte, error) {
	if p.Kind == PeriodSliding || p.Kind == PeriodFirstUse {
		return json.Marshal(map[string]Duration{p.Kind: p.Length})
	}
	return json.Marshal(p.Kind)
}

// UnmarshalJSON reads both forms. What it cannot read is an [*Error] of [CodeInvalidValue] without a pointer.
func (p *Period) UnmarshalJSON(b []byte) error {
	*p = Period{}
	if len(b) > 0 && b[0] == '{' {
		var m map[string]Duration
		if err := json.Unmarshal(b, &m); err != nil {
			return &Error{Code: CodeInvalidValue, Detail: "period " + quoted(string(b)) + ` has no duration; write {"sliding": "1h"} or {"first_use": "30d"}`}
		}
		for kind, length := range m { // order-free: only one member is accepted
			if len(m) == 1 && (kind == PeriodSliding || kind == PeriodFirstUse) {
				*p = Period{Kind: kind, Length: length}
				return nil
			}
		}
		return &Error{Code: CodeInvalidValue, Detail: "period " + quoted(string(b)) + ` is unknown; write a name, {"sliding": "1h"} or {"first_use": "30d"}`}
	}
	if string(b) == "null" {
		return nil
	}
	if err := json.Unmarshal(b, &p.Kind); err != nil {
		return &Error{Code: CodeWrongType, Detail: "period " + quoted(string(b)) + " is neither a name nor an object"}
	}
	return nil
}

// ThresholdsDefault are the warning thresholds, in percent of the limit, of a quota of a tenant that names none. A quota of its users
// has none then: there may be a million of them, and each would be told of by itself.
func ThresholdsDefault() []int { return []int{50, 75, 90, 100} }

func thresholdsDefault(scope string) []int {
	if scope == ScopeUser {
		return []int{}
	}
	return ThresholdsDefault()
}

// WithDefaults returns the quota with every absent field at its default.
func (q Quota) WithDefaults() Quota {
	if q.Scope == "" {
		q.Scope = ScopeTenant
	}
	if q.Mode == "" {
		q.Mode = ModeEnforce
	}
	if q.OnError == "" {
		q.OnError = OnErrorClosed
	}
	if q.Rate != nil {
		r := *q.Rate
		if !r.Burst.IsSet() {
			r.Burst = r.Limit
		}
		q.Rate = &r
		return q
	}
	if q.WarnAt.IsZero() {
		q.WarnAt = Num(FromUnits(8, 1))
	}
	if q.ThrottleAt.IsZero() {
		q.ThrottleAt = Null()
	}
	if q.MaxDelay == nil {
		q.MaxDelay = new(maxDelayDefault)
	}
	if q.WarningThresholds == nil {
		q.WarningThresholds = thresholdsDefault(q.Scope)
	}
	return q
}

// HasEnd reports whether the quota's period ends at a moment that is known beforehand.
func (p Period) HasEnd() bool {
	return p.Kind == PeriodFirstUse || p.Kind != PeriodLifetime && slices.Contains(CalendarPeriods(), p.Kind)
}
