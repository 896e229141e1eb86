package usage

import (
	"encoding/json"
	"time"
)

// Retention is how long each class of data is kept, counted in log time. Days are kept for ever. An absent class is left out of the JSON:
// null would be for ever.
type Retention struct {
	Raw         Keep `json:"raw,omitzero"`          // events themselves; default for ever
	Minute      Keep `json:"minute,omitzero"`       // buckets of a minute; default 14 d
	QuarterHour Keep `json:"quarter_hour,omitzero"` // default 400 d, or as long as minutes if that is longer
	Hour        Keep `json:"hour,omitzero"`         // default for ever
}

// Keep is how long something is kept: a duration, or for ever, which is written null. The zero value is absent: the default.
type Keep struct {
	given   bool
	forever bool
	length  Duration
}

// KeepFor keeps for a duration.
func KeepFor(d time.Duration) Keep { return Keep{given: true, length: Duration(d)} }

// KeepForever keeps without end.
func KeepForever() Keep { return Keep{given: true, forever: true} }

// IsZero reports whether k is absent.
func (k Keep) IsZero() bool { return k == Keep{} }

// Length returns the duration; ok is false for one without end, and for an absent k.
func (k Keep) Length() (d time.Duration, ok bool) {
	return time.Duration(k.length), k.given && !k.forever
}

// String returns the duration, or "for ever".
func (k Keep) String() string {
	if d, ok := k.Length(); ok {
		return Duration(d).String()
	}
	return "for ever"
}

// covers reports whether k is at least as long as other. Both are given.
func (k Keep) covers(other Keep) bool {
	return k.forever || !other.forever && k.length >= other.length
}

// MarshalJSON writes the duration, or null.
func (k Keep) MarshalJSON() ([]byte, error) {
	if d, ok := k.Length(); ok {
		return json.Marshal(Duration(d))
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads a duration as [ParseDuration] does, or null.
func (k *Keep) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*k = KeepForever()
		return nil
	}
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return &Error{Code: CodeWrongType, Detail: "a time to keep is a string such as 400d, or null for ever"}
	}
	d, err := ParseDuration(text)
	if err != nil {
		return err
	}
	*k = KeepFor(d)
	return nil
}

// WithDefaults returns r with every absent field set.
func (r Retention) WithDefaults() Retention {
	fill := func(k *Keep, d Keep) {
		if k.IsZero() {
			*k = d
		}
	}
	fill(&r.Raw, KeepForever())
	fill(&r.Minute, KeepFor(MinuteKeepDefault))
	if r.QuarterHour.IsZero() {
		if r.QuarterHour = KeepFor(QuarterHourKeepDefault); !r.QuarterHour.covers(r.Minute) {
			r.QuarterHour = r.Minute
		}
	}
	fill(&r.Hour, KeepForever())
	return r
}

// validate reports what is wrong. A coarser class is kept at least as long as a finer one: else a range could be asked by the
// minute and not by the hour.
func (r Retention) validate(errs *problems) {
	full := r.WithDefaults()
	if !full.Raw.covers(KeepFor(RawKeepMin)) {
		errs.add(CodeInvalidValue, "/retention/raw", "raw %s is too short: events may come 35d late, and ids are compared for 36d; use at least %s, or null for ever",
			full.Raw, Duration(RawKeepMin))
	}
	if !full.Minute.covers(KeepFor(MinuteKeepMin)) {
		errs.add(CodeInvalidValue, "/retention/minute", "minute %s is too short; use at least %s, or null for ever", full.Minute, Duration(MinuteKeepMin))
	}
	if !full.QuarterHour.covers(full.Minute) {
		errs.add(CodeInvalidValue, "/retention/quarter_hour", "quarter_hour %s is shorter than minute %s; keep it at least as long", full.QuarterHour, full.Minute)
	}
	if !full.Hour.covers(full.QuarterHour) {
		errs.add(CodeInvalidValue, "/retention/hour", "hour %s is shorter than quarter_hour %s; keep it at least as long", full.Hour, full.QuarterHour)
	}
}
