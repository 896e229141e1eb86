package usage

import (
	"slices"
	"strconv"
	"time"
)

// Validate reports everything that is wrong with the quota by itself, in the order of its fields; pointers are relative to
// the quota. Whether its meter exists and can be limited so is judged by the engine.
func (q *Quota) Validate() []*Error {
	var errs problems
	errs.slug("slug", q.Slug)
	errs.slug("meter", q.Meter)
	errs.word("scope", q.Scope, ScopeTenant, ScopeUser)
	errs.word("mode", q.Mode, ModeEnforce, ModeSoft, ModeShadow)
	errs.word("on_error", q.OnError, OnErrorClosed, OnErrorOpen)
	if q.Rate != nil {
		q.validateRate(&errs)
		return errs
	}
	q.validatePeriod(&errs)
	switch {
	case q.Limit.IsZero():
		errs.add(CodeMissingField, "/limit", "limit is missing; give a number, or null for unlimited (or a rate instead of period and limit)")
	case q.Limit.Decimal().Sign() < 0:
		errs.add(CodeInvalidValue, "/limit", "limit %s is negative; use 0 or more, or null for unlimited", q.Limit.Decimal())
	}
	if q.Overage.Units.Sign() < 0 {
		errs.add(CodeInvalidValue, "/overage", `overage %s is negative; use 0 or more, or "unlimited"`, q.Overage.Units)
	}
	errs.duration("grace_period", q.GracePeriod)
	errs.ratio("warn_at", q.WarnAt)
	errs.ratio("throttle_at", q.ThrottleAt)
	if q.ThrottleAt.Decimal().IsSet() && q.Period.Kind != "" && !q.Period.HasEnd() {
		errs.add(CodeInvalidValue, "/throttle_at", "a %s period has no end to spread usage over; leave throttle_at out", q.Period.Kind)
	}
	errs.duration("max_delay", q.MaxDelay)
	q.validateThresholds(&errs)
	return errs
}

func (q *Quota) validateRate(errs *problems) {
	for _, f := range []struct {
		name, words string
		set         bool
	}{
		{"period", "a period", !q.Period.IsZero()}, {"limit", "a limit", !q.Limit.IsZero()}, {"overage", "an overage", !q.Overage.IsZero()},
		{"grace_period", "a grace_period", q.GracePeriod != nil}, {"throttle_at", "a throttle_at", q.ThrottleAt.Decimal().IsSet()},
	} {
		if f.set {
			errs.add(CodeInvalidValue, "/"+f.name, "a quota has a rate or %s, not both; make two quotas on the meter", f.words)
		}
	}
	r := q.Rate
	switch {
	case !r.Limit.IsSet():
		errs.add(CodeMissingField, "/rate/limit", "limit is missing; give the units for each period of the rate")
	case r.Limit.Sign() <= 0:
		errs.add(CodeInvalidValue, "/rate/limit", "limit %s is not positive; to allow nothing use a period with limit 0", r.Limit)
	}
	if per := time.Duration(r.Per); per == 0 {
		errs.add(CodeMissingField, "/rate/per", "per is missing; give the period of the rate, 1ms to %s", Duration(RatePerMax))
	} else if per < time.Millisecond || per > RatePerMax {
		errs.add(CodeInvalidValue, "/rate/per", "per %s is out of range; use 1ms to %s", r.Per, Duration(RatePerMax))
	}
	if r.Burst.IsSet() && r.Burst.Sign() <= 0 {
		errs.add(CodeInvalidValue, "/rate/burst", "burst %s is not positive; leave it out to make it the limit", r.Burst)
	}
}

func (q *Quota) validatePeriod(errs *problems) {
	p := q.Period
	switch {
	case p.IsZero():
		errs.add(CodeMissingField, "/period", "period is missing; give one with a limit, or a rate")
	case p.Kind == PeriodSliding || p.Kind == PeriodFirstUse:
		if d := time.Duration(p.Length); d < time.Second || d > PeriodLengthMax {
			errs.add(CodeInvalidValue, "/period/"+p.Kind, "%s is out of range; use 1s to %s", p.Length, Duration(PeriodLengthMax))
		}
	case !slices.Contains(CalendarPeriods(), p.Kind):
		errs.add(CodeInvalidValue, "/period", `period %s is unknown; %s, {"sliding": "1h"} or {"first_use": "30d"}`,
			quoted(p.Kind), oneOf(p.Kind, CalendarPeriods()))
	}
}

func (q *Quota) validateThresholds(errs *problems) {
	if len(q.WarningThresholds) > ThresholdsMax {
		errs.add(CodeInvalidValue, "/warning_thresholds", "there are %d thresholds; use at most %d",
			len(q.WarningThresholds), ThresholdsMax)
		return
	}
	for i, t := range q.WarningThresholds {
		pointer := "/warning_thresholds/" + strconv.Itoa(i)
		if t < 1 || t > ThresholdPercentMax {
			errs.add(CodeInvalidValue, pointer, "threshold %d is out of range; use 1 to %d percent", t, ThresholdPercentMax)
		} else if slices.Contains(q.WarningThresholds[:i], t) {
			errs.add(CodeInvalidValue, pointer, "threshold %d is listed twice; leave one out", t)
		}
	}
}

// slug checks a name that an operator gave.
func (p *problems) slug(field, s string) {
	switch {
	case s == "":
		p.add(CodeMissingField, "/"+field, "%s is missing", field)
	case !ValidSlug(s):
		p.add(CodeInvalidValue, "/"+field, "%s %s is not 1 to 64 of a-z, 0-9, _ and -; use such as api-monthly", field, quoted(s))
	}
}

// word checks that s is absent or one of the choices.
func (p *problems) word(field, s string, choices ...string) {
	if s != "" && !slices.Contains(choices, s) {
		p.add(CodeInvalidValue, "/"+field, "%s %s is unknown; %s", field, quoted(s), oneOf(s, choices))
	}
}

func (p *problems) duration(field string, d *Duration) {
	if d != nil && *d < 0 {
		p.add(CodeInvalidValue, "/"+field, "%s is negative", field)
	}
}

// ratio checks a part of the limit.
func (p *problems) ratio(field string, n Number) {
	d := n.Decimal()
	if !d.IsSet() {
		return
	}
	if _, scale := d.Parts(); d.Sign() < 0 || d.Cmp(Int(RatioMax)) > 0 || scale > RatioDecimalsMax {
		p.add(CodeInvalidValue, "/"+field, "%s %s is out of range; use a ratio from 0 to %d with at most %d decimals, such as 0.8",
			field, d, RatioMax, RatioDecimalsMax)
	}
}
