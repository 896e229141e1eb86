package usage

import (
	"fmt"
	"time"
)

// Duration is a time.Duration that is written as in configuration: "90s", "1h30m", "35d".
type Duration time.Duration

// String returns the duration in its canonical text: days, hours, minutes, seconds and milliseconds, each once.
func (d Duration) String() string {
	rest := time.Duration(d)
	if rest <= 0 {
		return "0s"
	}
	var out []byte
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}, {time.Millisecond, "ms"}} {
		if n := rest / u.size; n > 0 {
			out = append(Int(int64(n)).AppendTo(out), u.name...)
			rest -= n * u.size
		}
	}
	return string(out)
}

// MarshalText writes the canonical text.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what [ParseDuration] reads.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := ParseDuration(string(b))
	*d = Duration(v)
	return err
}

// durationCountMax is where counts stop growing while they are read: beyond DurationMax in
// milliseconds, the smallest unit, and far enough from where an int64 times ten would wrap.
const durationCountMax = 1 << 50

// ParseDuration reads one or more of <int>(ms|s|m|h|d), such as "90s", "1h30m" or "35d"; a day is
// 24 hours. There is no sign, no fraction and no space, and the sum is at most [DurationMax]. It is
// not [time.ParseDuration], which knows no days and has units too fine to mean anything here.
//
// Errors are an [*Error] without a pointer: [CodeInvalidValue], or [CodeOverflow] beyond
// DurationMax.
func ParseDuration(s string) (time.Duration, error) {
	const fix = "; write it as <int>(ms|s|m|h|d), such as 90s, 1h30m or 35d"
	if s == "" {
		return 0, &Error{Code: CodeInvalidValue, Detail: "a duration is missing" + fix}
	}
	var sum time.Duration
	for i := 0; i < len(s); {
		start, n := i, int64(0)
		for ; i < len(s) && s[i]-'0' <= 9; i++ {
			n = min(n*10+int64(s[i]-'0'), durationCountMax)
		}
		unit, size := durationUnit(s[i:])
		if i == start || size == 0 {
			return 0, &Error{Code: CodeInvalidValue, Detail: "duration " + quoted(s) + " is malformed" + fix}
		}
		i += size
		if n > int64(DurationMax/unit) {
			return 0, durationOverflow(s)
		}
		if sum += time.Duration(n) * unit; sum > DurationMax {
			return 0, durationOverflow(s)
		}
	}
	return sum, nil
}

// durationUnit reads the unit at the start of s; size is its length, 0 for none.
func durationUnit(s string) (unit time.Duration, size int) {
	switch {
	case len(s) >= 2 && s[:2] == "ms":
		return time.Millisecond, 2
	case s == "":
		return 0, 0
	}
	switch s[0] {
	case 's':
		return time.Second, 1
	case 'm':
		return time.Minute, 1
	case 'h':
		return time.Hour, 1
	case 'd':
		return 24 * time.Hour, 1
	}
	return 0, 0
}

func durationOverflow(s string) *Error {
	return &Error{Code: CodeOverflow, Detail: fmt.Sprintf(
		"duration %s is out of range; use at most %dd", quoted(s), DurationMax/(24*time.Hour))}
}
