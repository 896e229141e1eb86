package engine

import (
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// calendar is where the periods of a tenant begin and end. Immutable once readers may see it.
type calendar struct {
	name   string // of the zone, as IANA has it
	zone   *civil.Table
	anchor int64 // billing anchor, unix seconds; 0: none
}

// utcCalendar is that of tenants that have no say.
var utcCalendar = &calendar{name: "UTC", zone: civil.UTC()}

// calendarOf returns the calendar of a tenant, known or not. Lock-free.
func calendarOf(t *tenant) *calendar {
	if t != nil {
		if c := t.calendar.Load(); c != nil {
			return c
		}
	}
	return utcCalendar
}

// billingPeriod is the billing period that contains a unix second.
func (c *calendar) billingPeriod(unixSec int64) (start, end int64) {
	if c.anchor == 0 {
		return c.zone.Bounds(civil.Month, unixSec)
	}
	return c.zone.Anchored(c.anchor, unixSec)
}

// billingInterval is billingPeriod for a moment in unix nanoseconds, in the words of the API.
func (c *calendar) billingInterval(nanos int64) usage.Interval {
	start, end := c.billingPeriod(floorDiv(nanos, 1e9))
	return usage.Interval{Start: time.Unix(start, 0).UTC(), End: time.Unix(end, 0).UTC()}
}

// billingWindows cuts a range at the edges of billing periods. A period has 28 days at least, so they are few.
func (c *calendar) billingWindows(from, to time.Time) []civil.Window {
	var out []civil.Window
	for at := from; at.Before(to); {
		period := c.billingInterval(at.UnixNano())
		w := civil.Window{Start: laterOf(period.Start, from), End: earlierOf(period.End, to)}
		w.Cut = period.Start.Before(from) || period.End.After(to)
		at = w.End
		out = append(out, w)
	}
	return out
}

func laterOf(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
