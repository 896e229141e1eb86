package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Overview answers how all tenants together stand: what was counted, by meter and over time, beside the range before; who used
// most; which quotas somebody should look at. It shows every write that has returned.
//
// It reads no page of any tenant: sums are kept for all of them by hour (totals.go), the rest is in memory. The cost is a few
// hundred small rows and a walk over the tenants, of about half a microsecond each.
//
// Errors: invalid_value for a range, not_found for a meter.
func (e *Engine) Overview(ctx context.Context, q usage.OverviewQuery) (usage.Overview, error) {
	if e.closed.Load() {
		return usage.Overview{}, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return usage.Overview{}, err
	}
	now := e.clock.now()
	r, err := overviewRangeOf(q.Range, floorDiv(now, 1e9))
	if err != nil {
		return usage.Overview{}, err
	}
	if e.earliestDue() <= now {
		e.passTime(ctx) // as catchUp
	}
	cfg := e.state.cfg.Load()
	if q.Meter != "" && cfg.bySlug[q.Meter] == nil {
		return usage.Overview{}, cfg.noMeter(usage.CodeNotFound, "/meter", q.Meter)
	}
	index, at := e.state.asOf()
	o := usage.Overview{Range: r.name, From: hourTime(r.from), To: hourTime(r.to), Now: time.Unix(0, now).UTC(),
		PreviousFrom: hourTime(r.before), PreviousTo: hourTime(r.before + r.compared()),
		StepSeconds: r.step * hourSeconds, AsOf: usage.AsOf{Index: index, Time: at}}
	scan := newOverviewScan(cfg, now, r.from*hourSeconds, cmp.Or(q.Limit, attentionDefault))
	if err := scan.run(ctx, e); err != nil {
		return usage.Overview{}, err
	}
	o.Tenants, o.ActiveTenants = scan.tenants, scan.active
	o.Attention, o.NeedAttention = scan.list(), scan.needAttention
	o.Top = scan.top(e, q.Meter, cmp.Or(q.Top, topDefault))
	return o, e.fillTotals(&o, scan, r, floorDiv(now, 1e9))
}

const (
	topDefault       = 10
	attentionDefault = 20
)

// overviewRange is the range of an overview, in hours since 1970.
type overviewRange struct {
	name     string
	from, to int64
	passed   int64 // end of the running hour: what has passed of the range
	before   int64 // start of the range before
	step     int64 // of series: an hour, or 24
}

// overviewHoursMax is the longest range: two years of hours, beside as many before them, are 1,460 rows a meter.
const overviewHoursMax = 2 * 366 * hoursPerDay

// hourlyMax is the longest range that is told by the hour, a screen of points.
const hourlyMax = 4 * hoursPerDay

func overviewRangeOf(name string, now int64) (overviewRange, error) {
	hour, today := floorDiv(now, hourSeconds), floorDiv(now, secondsADay)
	r := overviewRange{name: cmp.Or(name, "24h"), passed: hour + 1, step: hoursPerDay, to: (today + 1) * hoursPerDay}
	if name == "month" {
		start, _ := civil.MonthUTC(now)
		previous, _ := civil.MonthUTC(start - 1)
		r.from, r.before = start/hourSeconds, previous/hourSeconds
		return r, nil
	}
	width, err := usage.ParseDuration(r.name)
	hours := int64(width / time.Hour)
	if err != nil || width%time.Hour != 0 || hours < 1 || hours > overviewHoursMax || hours > hourlyMax && hours%hoursPerDay != 0 {
		return r, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/range",
			Detail: fmt.Sprintf("range %s is none; use month, 1h to %dh, or days up to %dd", shorten(name), hourlyMax, overviewHoursMax/hoursPerDay)}
	}
	if hours <= hourlyMax {
		r.step, r.to = 1, hour+1
	}
	r.from = r.to - hours
	r.before = r.from - hours
	return r, nil
}

// compared is how many hours of the range before are compared: as many as have passed of this one, as far as it goes.
func (r *overviewRange) compared() int64 { return min(r.passed-r.from, r.from-r.before) }

func hourTime(hour int64) time.Time { return time.Unix(hour*hourSeconds, 0).UTC() }

// fillTotals adds what was counted in the range and in the one before.
func (e *Engine) fillTotals(o *usage.Overview, scan *overviewScan, r overviewRange, now int64) error {
	numbers := []uint32{totalCounted, totalDuplicates, totalConflicts, totalRejected, totalDenied}
	for _, m := range scan.cfg.meters {
		if addsUp(m.kind) {
			numbers = append(numbers, m.num)
		}
	}
	hours, err := e.hourTotals(numbers, r.before, r.to)
	if err != nil {
		return fmt.Errorf("overview: %w", err)
	}
	ofRange := func(n uint32) []rollup.Int128 { return hours[n][r.from-r.before:] }
	ofBefore := func(n uint32) []rollup.Int128 { return hours[n][:r.compared()] }
	for _, c := range []struct {
		number     uint32
		now, again *int64
	}{
		{totalCounted, &o.Items.Counted, &o.Items.Previous.Counted}, {totalDuplicates, &o.Items.Duplicates, &o.Items.Previous.Duplicates},
		{totalConflicts, &o.Items.Conflicts, &o.Items.Previous.Conflicts}, {totalRejected, &o.Items.Rejected, &o.Items.Previous.Rejected},
		{totalDenied, &o.Items.Denied, &o.Items.Previous.Denied},
	} {
		*c.now, _ = sumOfHours(ofRange(c.number)).Int64()
		*c.again, _ = sumOfHours(ofBefore(c.number)).Int64()
	}
	seconds := max(1, now-r.from*hourSeconds)
	o.Items.PerSecond = usage.FromUnits(o.Items.Counted/seconds*100+o.Items.Counted%seconds*100/seconds, 2)
	for part := range slices.Chunk(ofRange(totalCounted), int(r.step)) {
		n, _ := sumOfHours(part).Int64()
		o.Items.Series = append(o.Items.Series, n)
	}
	for i, m := range scan.cfg.meters {
		used := &scan.meters[i]
		if m.archived && used.tenants == 0 {
			continue
		}
		t := usage.MeterTotal{Meter: m.def.Slug, Name: cmp.Or(m.def.Name, m.def.Slug), Unit: m.def.Unit, Aggregation: m.def.Aggregation,
			Tenants: used.tenants, Series: []usage.Decimal{}}
		switch {
		case addsUp(m.kind):
			t.Basis, t.Value = usage.BasisRange, inUnits(sumOfHours(ofRange(m.num)), m.scale)
			t.Previous = inUnits(sumOfHours(ofBefore(m.num)), m.scale)
			for part := range slices.Chunk(ofRange(m.num), int(r.step)) {
				t.Series = append(t.Series, inUnits(sumOfHours(part), m.scale))
			}
		case m.kind == rollup.KindLatest:
			t.Basis, t.Value = usage.BasisNow, inUnits(used.sum, m.scale)
		case m.kind == rollup.KindUnique:
			t.Basis, t.Value = usage.BasisMonth, inUnits(used.sum, m.scale)
		default:
			continue // it means nothing over many tenants
		}
		o.Meters = append(o.Meters, t)
	}
	return nil
}
