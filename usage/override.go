package usage

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"
)

// Override changes a quota for one tenant: Fields has any of a quota's members, as JSON, which replace those of the plan's
// quota of that slug; for a slug that is not in the plan it is a whole quota. Make it with [QuotaPatch.Override].
type Override struct {
	TenantID       string          `json:"tenant_id,omitempty"`
	Quota          string          `json:"quota"`
	Fields         json.RawMessage `json:"fields"`
	EffectiveFrom  time.Time       `json:"effective_from,omitzero"`
	EffectiveUntil time.Time       `json:"effective_until,omitzero"`
	Version        uint64          `json:"-"`
}

// QuotaPatch is the body of an override: the members of a quota, of which each may be absent, and null means null.
type QuotaPatch struct {
	Slug              json.RawMessage `json:"slug,omitempty"` // the one in the path, or absent
	Meter             json.RawMessage `json:"meter,omitempty"`
	Scope             json.RawMessage `json:"scope,omitempty"`
	Mode              json.RawMessage `json:"mode,omitempty"`
	Period            json.RawMessage `json:"period,omitempty"`
	Limit             json.RawMessage `json:"limit,omitempty"`
	Overage           json.RawMessage `json:"overage,omitempty"`
	GracePeriod       json.RawMessage `json:"grace_period,omitempty"`
	WarnAt            json.RawMessage `json:"warn_at,omitempty"`
	ThrottleAt        json.RawMessage `json:"throttle_at,omitempty"`
	MaxDelay          json.RawMessage `json:"max_delay,omitempty"`
	WarningThresholds json.RawMessage `json:"warning_thresholds,omitempty"`
	Rate              json.RawMessage `json:"rate,omitempty"`
	OnError           json.RawMessage `json:"on_error,omitempty"`
	EffectiveFrom     time.Time       `json:"effective_from,omitzero"`
	EffectiveUntil    time.Time       `json:"effective_until,omitzero"`
}

// quotaMembers are the members of a quota that an override may have.
var quotaMembers = []string{"meter", "scope", "mode", "period", "limit", "overage", "grace_period", "warn_at", "throttle_at",
	"max_delay", "warning_thresholds", "rate", "on_error"}

// fields lists the members of a quota that were sent, in the order of a quota.
func (p *QuotaPatch) fields() []patchField {
	all := []patchField{
		{"meter", p.Meter}, {"scope", p.Scope}, {"mode", p.Mode}, {"period", p.Period}, {"limit", p.Limit},
		{"overage", p.Overage}, {"grace_period", p.GracePeriod}, {"warn_at", p.WarnAt}, {"throttle_at", p.ThrottleAt},
		{"max_delay", p.MaxDelay}, {"warning_thresholds", p.WarningThresholds}, {"rate", p.Rate}, {"on_error", p.OnError},
	}
	sent := all[:0]
	for _, f := range all {
		if len(f.value) > 0 {
			sent = append(sent, f)
		}
	}
	return sent
}

type patchField struct {
	name  string
	value json.RawMessage
}

// object returns fields as the text of one object, without white space.
func object(fields ...patchField) (json.RawMessage, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(`"` + f.name + `":`)
		if err := json.Compact(&out, f.value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// Override returns the override of a quota of a tenant that the patch describes. The errors are everything that is wrong with it
// by itself, with the member as pointer; whether it makes a quota that can be kept depends on the plan.
func (p *QuotaPatch) Override(tenantID, quota string) (Override, []*Error) {
	o := Override{TenantID: tenantID, Quota: quota, EffectiveFrom: p.EffectiveFrom, EffectiveUntil: p.EffectiveUntil}
	var errs problems
	if len(p.Slug) > 0 && string(p.Slug) != `"`+quota+`"` {
		errs.add(CodeInvalidValue, "/slug", "slug %s is not the one in the path, %s; leave it out", quoted(string(p.Slug)), quoted(quota))
	}
	fields := p.fields()
	for _, f := range fields {
		if err := f.check(); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return o, errs
	}
	text, err := object(fields...)
	if err != nil {
		errs.add(CodeMalformedJSON, "", "the override is not JSON: %v", err)
		return o, errs
	}
	o.Fields = text
	return o, o.Validate()
}

// check reads the member by itself.
func (f *patchField) check() *Error {
	text, err := object(*f)
	if err == nil {
		err = json.Unmarshal(text, new(Quota))
	}
	if err == nil {
		return nil
	}
	pointer := "/" + f.name
	if e := new(Error); errors.As(err, &e) {
		return &Error{Code: e.Code, Pointer: pointer + e.Pointer, Detail: e.Detail}
	}
	return &Error{Code: CodeWrongType, Pointer: pointer, Detail: f.name + " " + quoted(string(f.value)) + " is of another type; see the fields of a quota"}
}

// Validate reports everything that is wrong with the override by itself.
func (o *Override) Validate() []*Error {
	var errs problems
	if !ValidIdentifier(o.TenantID) {
		errs = append(errs, identifierError("tenant_id", o.TenantID))
	}
	errs.slug("quota", o.Quota)
	if len(o.Fields) > OverrideBytesMax {
		errs.add(CodeTooLarge, "", "the override has %d bytes; use at most %d", len(o.Fields), OverrideBytesMax)
		return errs
	}
	var members map[string]json.RawMessage
	if len(o.Fields) == 0 || o.Fields[0] != '{' {
		errs.add(CodeMissingField, "", "the override has no fields; name at least one field of a quota, such as limit")
	} else if string(o.Fields) == "{}" {
		errs.add(CodeMissingField, "", "the override changes nothing; name at least one field of a quota, such as limit")
	} else if err := json.Unmarshal(o.Fields, &members); err != nil {
		errs.add(CodeMalformedJSON, "", "the override is not JSON: %v", err)
	} else if _, err := o.Apply(Quota{}); err != nil {
		errs.add(CodeInvalidValue, "", "the override cannot be read: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(quotaMembers, name) {
			errs.add(CodeUnknownField, "", "the override has a member %s, which quotas do not have", quoted(name))
		}
	}
	for _, m := range []struct {
		field string
		at    time.Time
	}{{"effective_from", o.EffectiveFrom}, {"effective_until", o.EffectiveUntil}} {
		if !m.at.IsZero() {
			errs.moment(m.field, m.at)
		}
	}
	if !o.EffectiveFrom.IsZero() && !o.EffectiveUntil.IsZero() && !o.EffectiveFrom.Before(o.EffectiveUntil) {
		errs.add(CodeInvalidValue, "/effective_until", "effective_until %s is not after effective_from; give a later one, or leave it out",
			o.EffectiveUntil.UTC().Format(time.RFC3339Nano))
	}
	return errs
}

// Apply returns q with the override's fields in place of its own; a field that is null is as if the quota had not named it,
// but for limit, warn_at and throttle_at, where null has a meaning. q is not changed.
//
// A rate replaces the other as a whole, so that its burst is not the default of the old limit. A rate also takes the place of
// period and limit with all that belongs to them, and a period that of a rate. Errors: a field that cannot be read.
func (o *Override) Apply(q Quota) (Quota, error) {
	var sent struct {
		Period json.RawMessage `json:"period"`
		Rate   json.RawMessage `json:"rate"`
		Listed json.RawMessage `json:"warning_thresholds"`
	}
	if err := json.Unmarshal(o.Fields, &sent); err != nil {
		return q, err
	}
	given := func(text json.RawMessage) bool { return len(text) > 0 && string(text) != "null" }
	switch {
	case given(sent.Rate):
		q = Quota{Slug: q.Slug, Meter: q.Meter, Scope: q.Scope, Mode: q.Mode, OnError: q.OnError}
	case given(sent.Period) || q.Rate == nil:
		q.Rate = nil
	default:
		r := *q.Rate
		q.Rate = &r
	}
	q.WarningThresholds = slices.Clone(q.WarningThresholds) // an empty list, no thresholds, stays one
	q.GracePeriod, q.MaxDelay = clone(q.GracePeriod), clone(q.MaxDelay)
	scope := q.Scope
	err := json.Unmarshal(o.Fields, &q)
	if q.Scope != scope && !given(sent.Listed) && slices.Equal(q.WarningThresholds, thresholdsDefault(scope)) {
		q.WarningThresholds = nil // the default ones are those of the scope
	}
	q.Slug = o.Quota
	return q, err
}

// clone returns a copy that can be written to: decoding JSON writes through pointers.
func clone(d *Duration) *Duration {
	if d == nil {
		return nil
	}
	return new(*d)
}

// In reports whether the override holds at a moment.
func (o *Override) In(at time.Time) bool {
	return (o.EffectiveFrom.IsZero() || !at.Before(o.EffectiveFrom)) && (o.EffectiveUntil.IsZero() || at.Before(o.EffectiveUntil))
}
