package civil

import (
	"errors"
	"fmt"
	"math"
	"time"
	_ "time/tzdata" // zones must load on machines without a zone database
)

// ErrZone is returned for a name that is no zone of the IANA database.
var ErrZone = errors.New("unknown time zone")

const hint = `give an IANA name such as "Europe/Berlin" or "UTC"`

// LoadZone returns the zone with an IANA name, such as "Asia/Kathmandu" or "UTC".
//
// "Local" and "" are refused: they mean another zone on another machine. The machine's own zone
// database is used when there is one, else the one linked into the program. Errors: [ErrZone]. Safe
// for concurrent use; it may read a file, so keep the result.
func LoadZone(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%w: %q means another zone on another machine; "+hint, ErrZone, name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %q; "+hint, ErrZone, name)
	}
	return loc, nil
}

// firstInstant returns the first unix second at which the clock of loc reads wall or later. wall is
// a reading of the clock, counted in seconds as if it were UTC.
//
// [time.Date] does not promise which instant it picks in a gap or a fold, so this walks the spans
// of constant offset. The clock is at most 26 hours away from UTC (the tables know no more than
// 16), so it has not read wall 26 hours before it reads so in UTC.
func firstInstant(wall int64, loc *time.Location) int64 {
	t := time.Unix(wall-26*3600, 0).In(loc)
	for {
		_, offset := t.Zone()
		at := max(wall-int64(offset), t.Unix())
		end, ok := spanEnd(t)
		if !ok || at < end.Unix() {
			return at
		}
		t = end
	}
}

// spanEnd returns a later instant up to which the offset at t holds; ok is false when it holds for
// ever.
//
// Beyond the transitions that a zone table lists, where only its rule is left, ZoneBounds also ends
// spans at the end of the year, which it takes for 365 days. On December 31 of a leap year that end
// is not after t, and a walk would stand still for ever. (Seen in Go 1.26 with its own zone
// database, from 2024 on.) No rule changes the clock on that day, so a day later is right.
func spanEnd(t time.Time) (end time.Time, ok bool) {
	_, end = t.ZoneBounds()
	if end.IsZero() {
		return end, false
	}
	if !end.After(t) {
		end = t.Add(24 * time.Hour)
	}
	return end, true
}

// wallClock returns the reading of the clock of loc at a unix second, counted in seconds as if it
// were UTC.
func wallClock(unixSec int64, loc *time.Location) int64 {
	_, offset := time.Unix(unixSec, 0).In(loc).Zone()
	return unixSec + int64(offset)
}

// offsetSpan returns the offset of loc at a unix second and the seconds [start, end) around it at
// which it holds without a change; times without bound are given as the least and greatest int64.
// Transitions that change only the zone's name are passed over.
func offsetSpan(unixSec int64, loc *time.Location) (offset, start, end int64) {
	t := time.Unix(unixSec, 0).In(loc)
	_, o := t.Zone()
	start, end = math.MinInt64, math.MaxInt64
	for from := t; ; {
		s, _ := from.ZoneBounds()
		if s.IsZero() {
			break
		}
		before := s.Add(-1)
		if _, b := before.Zone(); b != o {
			start = s.Unix()
			break
		}
		from = before
	}
	for from := t; ; {
		e, ok := spanEnd(from)
		if !ok {
			break
		}
		if _, a := e.Zone(); a != o {
			end = e.Unix()
			break
		}
		from = e
	}
	return int64(o), start, end
}
