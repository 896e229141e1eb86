package civil

import (
	"errors"
	"fmt"
	"time"
)

// Kind is the width of windows.
type Kind uint8

// The kinds. Minute, QuarterHour and Hour have absolute lengths and are aligned to the local clock;
// the others are local civil periods.
const (
	Minute Kind = iota
	QuarterHour
	Hour
	Day
	Week // ISO: from Monday
	Month
	Quarter // from January, April, July, October
	Year
)

// Window is the part of a period that lies in the range asked for: [Start, End), in the zone asked
// for.
type Window struct {
	Start, End time.Time
	Cut        bool // the period reaches beyond Start or End
}

var (
	// ErrTooMany is returned when a range has more windows than allowed.
	ErrTooMany = errors.New("too many windows")
	// ErrRange is returned when a range ends before it starts.
	ErrRange = errors.New("the range ends before it starts")
)

// Windows returns the windows of a kind that tile [from, to), in order, the first and last one cut
// to it. An empty range has none. loc nil means UTC.
//
// Days and longer periods begin as the package comment says, so a day has 23, 23.5, 24, 24.5 or 25
// hours. Hours, quarter hours and minutes begin when the local clock reads a multiple of them, and
// anew at each change of the offset: an hour that the clock repeats is two windows, and a change by
// half an hour (Lord Howe) makes a window of half an hour.
//
// Errors: [ErrRange]; [ErrTooMany] for more than max windows, found after at most max of them. Safe
// for concurrent use; O(windows). It panics on an unknown kind.
func Windows(from, to time.Time, kind Kind, loc *time.Location, max int) ([]Window, error) {
	if loc == nil {
		loc = time.UTC
	}
	if to.Before(from) {
		return nil, fmt.Errorf("%w: from %s to %s",
			ErrRange, from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	if !from.Before(to) {
		return nil, nil
	}
	var next func() (start, end int64)
	if kind <= Hour {
		next = steps(from.Unix(), [...]int64{60, 900, 3600}[kind], loc)
	} else {
		next = periods(from.Unix(), kind, loc)
	}
	var out []Window
	from, to = from.In(loc), to.In(loc)
	for at := from; at.Before(to); {
		if len(out) >= max {
			return nil, fmt.Errorf("%w: more than %d", ErrTooMany, max)
		}
		start, end := next()
		w := Window{Start: time.Unix(start, 0).In(loc), End: time.Unix(end, 0).In(loc)}
		if w.Start.Before(from) {
			w.Start, w.Cut = from, true
		}
		if w.End.After(to) {
			w.End, w.Cut = to, true
		}
		out = append(out, w)
		at = w.End
	}
	return out, nil
}

// steps returns an iterator over windows of width seconds, from the one that contains unixSec on.
func steps(unixSec, width int64, loc *time.Location) func() (start, end int64) {
	offset, lo, hi := offsetSpan(unixSec, loc)
	at := max(floorDiv(unixSec+offset, width)*width-offset, lo)
	return func() (int64, int64) {
		if at >= hi {
			offset, _, hi = offsetSpan(at, loc)
		}
		start := at
		at = min((floorDiv(start+offset, width)+1)*width-offset, hi)
		return start, at
	}
}

// periods returns an iterator over civil periods, from the one that contains unixSec on.
func periods(unixSec int64, kind Kind, loc *time.Location) func() (start, end int64) {
	begin := func(n int64) int64 { return firstInstant(kind.firstDay(n)*secondsPerDay, loc) }
	n := kind.number(floorDiv(wallClock(unixSec, loc), secondsPerDay))
	// The clock may have gone back over the start of a later period: that one has begun for good.
	for begin(n+1) <= unixSec {
		n++
	}
	at := begin(n)
	return func() (int64, int64) {
		start := at
		for at <= start { // a period that the zone skipped is empty
			n++
			at = begin(n)
		}
		return start, at
	}
}

// number returns the number of the period that holds a day; consecutive periods have consecutive
// numbers.
func (k Kind) number(days int64) int64 {
	if k == Day {
		return days
	}
	if k == Week {
		return floorDiv(days+3, 7) // 1970-01-01 was a Thursday
	}
	year, month, _ := CivilFromDays(days)
	return floorDiv(year*12+int64(month-1), k.months())
}

// firstDay is the inverse of number.
func (k Kind) firstDay(n int64) (days int64) {
	switch k {
	case Day:
		return n
	case Week:
		return n*7 - 3
	}
	return monthDays(n * k.months())
}

func (k Kind) months() int64 {
	switch k {
	case Month:
		return 1
	case Quarter:
		return 3
	case Year:
		return 12
	}
	panic("BUG: civil: unknown kind of window")
}
