package usage

import "time"

// timeForm is what stands at each place of an RFC 3339 time up to its seconds; 0 is any digit.
const timeForm = "0000-00-00T00:00:00"

// ParseTime reads a time as RFC 3339 writes it, such as 2026-01-31T00:00:00Z, with an offset and at most nine decimals, and
// returns it in UTC. ok is false for everything else, and for the zero time, which means absent elsewhere. It does not allocate.
//
// The library alone is not enough: it takes a comma for the point, an hour of one digit and offsets of a day or more, and cuts
// what follows the ninth decimal, so that two times would become one.
func ParseTime(text []byte) (t time.Time, ok bool) {
	if !timeFormed(text) || t.UnmarshalText(text) != nil {
		return time.Time{}, false
	}
	t = t.UTC()
	if t.IsZero() || t.Year() < 0 || t.Year() > 9999 { // its offset leads out of what can be written
		return time.Time{}, false
	}
	return t, true
}

// timeFormed checks what the library is lenient about.
func timeFormed(text []byte) bool {
	if len(text) <= len(timeForm) || !hasForm(text[:len(timeForm)], timeForm) {
		return false
	}
	rest := text[len(timeForm):]
	if rest[0] == '.' {
		n := 1
		for n < len(rest) && rest[n]-'0' <= 9 {
			n++
		}
		if n < 2 || n > 10 {
			return false
		}
		rest = rest[n:]
	}
	if len(rest) == 1 {
		return rest[0] == 'Z'
	}
	return (hasForm(rest, "+00:00") || hasForm(rest, "-00:00")) && string(rest[1:3]) < "24" && string(rest[4:6]) < "60"
}

func hasForm(text []byte, form string) bool {
	if len(text) != len(form) {
		return false
	}
	for i, c := range text {
		if form[i] == '0' && c-'0' > 9 || form[i] != '0' && c != form[i] {
			return false
		}
	}
	return true
}

// TimeError is the refusal of a field whose text [ParseTime] does not read.
func TimeError(pointer, field, text string) *Error {
	return &Error{Code: CodeInvalidValue, Pointer: pointer, Detail: field + " " + quoted(text) +
		" must be a time like 2026-01-31T00:00:00Z (RFC 3339 with an offset, at most nine decimals)"}
}

// TimestampError is [TimeError] for the time of an event. The zero time, which programs send that never set theirs, is well formed,
// and only too long ago.
func TimestampError(pointer, field, text string) *Error {
	var t time.Time
	if !timeFormed([]byte(text)) || t.UnmarshalText([]byte(text)) != nil || !t.IsZero() {
		return TimeError(pointer, field, text)
	}
	return &Error{Code: CodeEventTooOld, Pointer: pointer, Detail: field + " " + quoted(text) + " is a time that was never set; send that of the event, or leave it out for now"}
}
