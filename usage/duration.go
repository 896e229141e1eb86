package usage

import (
	"fmt"
	"time"
)

// Windows lists every [Window], from the narrowest to the widest.
func Windows() []Window {
	return []Window{WindowMinute, WindowQuarterHour, WindowHour, WindowDay, WindowWeek, WindowMonth,
		WindowBilling, WindowTotal}
}

// ParseWindow reads the name of a window; "" is [WindowTotal]. Another name is an [*Error] of
// [CodeInvalidValue] without a pointer that lists the names.
func ParseWindow(s string) (Window, error) {
	if s == "" {
		return WindowTotal, nil
	}
	names := make([]string, 0, 8)
	for _, w := range Windows() {
		if string(w) == s {
			return w, nil
		}
		names = append(names, string(w))
	}
	return "", &Error{Code: CodeInvalidValue, Detail: "window " + quoted(s) + " is unknown; " + oneOf(s, names)}
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
