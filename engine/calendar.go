package engine

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// grid is a tenant's billing periods, both ways in time: months of a zone, from the anchor on.
type grid struct {
	name   string // of the zone, as IANA has it
	zone   *civil.Table
	anchor int64 // billing anchor, unix seconds; 0: none
}

// calendar is where the periods of a tenant begin and end: those of its time zone, and its billing periods. Immutable once readers may
// see it.
type calendar struct {
	grid
	earlier []earlierGrid // ascending; the last may still be in force
}

// earlierGrid is one that was replaced, and held until the end of the billing period in which it was (unix seconds).
type earlierGrid struct {
	grid
	until int64
}

// utcCalendar is that of tenants that have no say.
var utcCalendar = &calendar{grid: grid{name: "UTC", zone: civil.UTC()}}

// calendarOf returns the calendar of a tenant, known or not. Lock-free.
func calendarOf(t *tenant) *calendar {
	if t != nil {
		if c := t.calendar.Load(); c != nil {
			return c
		}
	}
	return utcCalendar
}

// billingPeriod is the billing period that contains a unix second. The first one of a new grid begins where the last of the grid before
// ended, so that periods tile time.
func (c *calendar) billingPeriod(unixSec int64) (start, end int64) {
	from := int64(math.MinInt64)
	for i := range c.earlier {
		g := &c.earlier[i]
		if unixSec < g.until {
			start, end = g.period(unixSec)
			return max(start, from), min(end, g.until) // until is an end of g, unless the zone's rules changed
		}
		from = g.until
	}
	start, end = c.period(unixSec)
	return max(start, from), end
}

func (g *grid) period(unixSec int64) (start, end int64) {
	if g.anchor == 0 {
		return g.zone.Bounds(civil.Month, unixSec)
	}
	return g.zone.Anchored(g.anchor, unixSec)
}

// periodOf is the period of a quota that contains a unix second; end is 0 when it never ends.
func (c *calendar) periodOf(p *quota.Policy, unixSec int64) (start, end int64) {
	if p.Kind == quota.KindBilling {
		return c.billingPeriod(unixSec)
	}
	return p.PeriodOf(c.zone, unixSec)
}

// followedBy returns what is before a grid that takes over at the end of the billing period open at now. One that was to take over then
// never does.
func (c *calendar) followedBy(next grid, now int64) []earlierGrid {
	past := slices.Clone(c.earlier)
	if n := len(past); n > 0 && now < past[n-1].until {
		if past[n-1].grid == next {
			past = past[:n-1]
		}
		return past
	}
	if c.grid == next {
		return past
	}
	_, end := c.billingPeriod(now)
	return append(past, earlierGrid{c.grid, end})
}

// inZone tells whether the calendar is, or was, in a zone.
func (c *calendar) inZone(name string) bool {
	return c.name == name || slices.ContainsFunc(c.earlier, func(e earlierGrid) bool { return e.name == name })
}

// wholeFrom tells whether the edges since a unix second, of the grids in force at now and later, lie on multiples of step seconds.
func (c *calendar) wholeFrom(unixSec, step, now int64) bool {
	whole := func(g *grid) bool { return g.zone.WholeFrom(unixSec, step) && g.anchor%step == 0 }
	return whole(&c.grid) && !slices.ContainsFunc(c.earlier, func(e earlierGrid) bool { return now < e.until && !whole(&e.grid) })
}

// gridOf returns the grid that a zone and a billing anchor make. The log knows the zone.
func (c *config) gridOf(tenantID, zone string, anchor int64) (grid, error) {
	g := utcCalendar.grid
	g.anchor = anchor
	if zone != "" && zone != g.name {
		table := c.zones[zone]
		if table == nil {
			return grid{}, fmt.Errorf("%w: tenant %q: the table of zone %q is missing", wal.ErrCorrupt, tenantID, zone)
		}
		g.name, g.zone = zone, table
	}
	return g, nil
}

// setCalendar makes the account's calendar of def, after the grids that were before, and shows it to readers.
func (a *account) setCalendar(cfg *config, earlier []earlierGrid) error {
	c := calendar{earlier: slices.Clone(earlier)}
	var err error
	for i := range c.earlier { // their zones may have other rules since
		g := &c.earlier[i]
		if g.grid, err = cfg.gridOf(a.def.ID, g.name, g.anchor); err != nil {
			return err
		}
	}
	if c.grid, err = cfg.gridOf(a.def.ID, a.def.TimeZone, anchorOf(&a.def)); err != nil {
		return err
	}
	a.calendar = c
	a.tenant.calendar.Store(&c)
	return nil
}

// changeCalendar is setCalendar for a tenant whose open periods have to end first.
func (a *account) changeCalendar(sh *shard, cfg *config, now int64) error {
	next, err := cfg.gridOf(a.def.ID, a.def.TimeZone, anchorOf(&a.def))
	if err != nil {
		return err
	}
	if next != a.grid {
		a.rollAll(sh, now)
	}
	return a.setCalendar(cfg, a.followedBy(next, floorDiv(now, 1e9)))
}

// rollAll moves every counter into the period of now, where a change of zone finds it: one that nothing has touched since an earlier
// period would begin the open one anew, in the new zone.
func (a *account) rollAll(sh *shard, now int64) {
	ledgers := []*ledger{a.ledger}
	for _, num := range sortedKeys(a.users) {
		ledgers = append(ledgers, a.users[num])
	}
	for _, l := range ledgers {
		if l == nil {
			continue
		}
		sh.touchObject(l)
		for i, c := range l.counters {
			if c != nil {
				c.roll(a, &l.book.slots[i], now)
			}
		}
		sh.publishLater(l)
	}
}

func anchorOf(t *usage.Tenant) int64 {
	if t.BillingAnchor.IsZero() {
		return 0
	}
	return t.BillingAnchor.Unix()
}

// billingInterval is billingPeriod for a moment in unix nanoseconds, in the words of the API.
func (c *calendar) billingInterval(nanos int64) usage.Interval {
	start, end := c.billingPeriod(floorDiv(nanos, 1e9))
	return usage.Interval{Start: time.Unix(start, 0).UTC(), End: time.Unix(end, 0).UTC()}
}

// billingWindows cuts a range at the edges of billing periods. A period has 28 days at least, unless the grid changed after the one before,
// so they are few.
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
