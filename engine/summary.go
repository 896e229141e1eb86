package engine

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// sparklineDays is how many days a summary shows of each meter, today included.
const sparklineDays = 30

// Summary answers everything that a page about one tenant shows: how its quotas stand, and what it used of each meter in
// its open billing period, beside the one before, and day by day. It shows every write that has returned. The cost is that of four
// queries for each meter that the tenant used.
//
// Errors: not_found for a tenant that nobody made and that has counted nothing.
func (e *Engine) Summary(ctx context.Context, tenantID string) (usage.TenantSummary, error) {
	var quotas []usage.QuotaStatus
	var terms []usage.QuotaTerms
	err := e.stand(tenantID, func(sh *shard, a *account, _ *tenant, now int64) {
		quotas, terms = sh.standing(a, "", 0, now), sh.terms(e.state.cfg.Load(), a, now)
	})
	if err != nil {
		return usage.TenantSummary{}, err
	}
	if err := e.store.Failed(); err != nil {
		return usage.TenantSummary{}, err
	}
	t := e.state.dir.tenant(tenantID)
	now := floorDiv(e.clock.now(), 1e9)
	index, at := e.state.asOf()
	s := usage.TenantSummary{Tenant: t.describe(), Quotas: quotas, Terms: terms, AsOf: usage.AsOf{Index: index, Time: at}}
	s.TimeZone = cmp.Or(s.Tenant.Tenant.TimeZone, "UTC")
	periods := t.billingPeriods(now, 1)
	s.Period, s.PreviousPeriod = periods[0], periods[1]
	days, err := daysBefore(now, s.TimeZone)
	if err != nil {
		return usage.TenantSummary{}, err
	}
	s.SparklineFrom = days.Start
	for _, m := range e.state.cfg.Load().meters {
		series := t.seriesOf(m)
		if series == nil {
			continue
		}
		sum := usage.MeterSummary{Meter: m.def.Slug, Name: cmp.Or(m.def.Name, m.def.Slug), Unit: m.def.Unit, Aggregation: m.def.Aggregation}
		t.shard.mu.Lock()
		sum.LastEventAt = time.Unix(series.touched, 0).UTC()
		t.shard.mu.Unlock()
		if sum.LastEventAt.After(s.LastEventAt) {
			s.LastEventAt = sum.LastEventAt
		}
		if err := e.summarize(ctx, &sum, &s, days, now); err != nil {
			return usage.TenantSummary{}, fmt.Errorf("summary of tenant %q: %w", tenantID, err)
		}
		s.Meters = append(s.Meters, sum)
	}
	return s, nil
}

// summarize asks for one meter.
func (e *Engine) summarize(ctx context.Context, m *usage.MeterSummary, s *usage.TenantSummary, days usage.Interval, now int64) error {
	q := usage.Query{Meter: m.Meter, TenantID: s.Tenant.Tenant.ID, TimeZone: s.TimeZone}
	passed := (now - s.Period.Start.Unix()) / hourSeconds * hourSeconds
	toDate := min(s.PreviousPeriod.Start.Unix()+passed, s.PreviousPeriod.End.Unix())
	for _, part := range []struct {
		value    *usage.Decimal
		from, to time.Time
	}{
		{&m.Value, s.Period.Start, s.Period.End}, {&m.Previous, s.PreviousPeriod.Start, s.PreviousPeriod.End},
		{&m.PreviousToDate, s.PreviousPeriod.Start, time.Unix(toDate, 0).UTC()},
	} {
		if !part.from.Before(part.to) {
			continue
		}
		q.From, q.To = part.from, part.to
		rows, err := e.Usage(ctx, q)
		switch {
		case usage.Code(err) == usage.CodeResolution: // so fine an edge is not kept any more: nothing is said
		case err != nil:
			return err
		case len(rows.Data) > 0:
			*part.value = rows.Data[0].Value
		}
	}
	m.Trend = trendOf(m.Value, m.PreviousToDate)
	q.From, q.To, q.Window, q.FillZero = days.Start, days.End, usage.WindowDay, true
	rows, err := e.Usage(ctx, q)
	if err != nil && usage.Code(err) != usage.CodeResolution {
		return err
	}
	m.Sparkline = make([]usage.Decimal, 0, sparklineDays)
	for _, row := range rows.Data {
		m.Sparkline = append(m.Sparkline, row.Value)
	}
	return nil
}

// BillingPeriods returns the tenant's billing periods, the open one first and then n before it, and log time.
//
// Errors: not_found for a tenant that nobody made and that has counted nothing.
func (e *Engine) BillingPeriods(tenantID string, n int) ([]usage.Interval, time.Time, error) {
	if e.closed.Load() {
		return nil, time.Time{}, usage.ErrClosed
	}
	t := e.state.dir.tenant(tenantID)
	if t == nil || !t.listed.Load() {
		return nil, time.Time{}, noTenant(tenantID)
	}
	now := e.clock.now()
	return t.billingPeriods(floorDiv(now, 1e9), n), time.Unix(0, now).UTC(), nil
}

// billingPeriods returns the tenant's billing period of a unix second, and then n before it.
func (t *tenant) billingPeriods(now int64, n int) []usage.Interval {
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	a := t.account.Load()
	if a == nil {
		a = newAccount(t)
	}
	periods := make([]usage.Interval, 0, n+1)
	for at := now; len(periods) <= n; {
		start, end := a.billingPeriod(at)
		periods = append(periods, usage.Interval{Start: time.Unix(start, 0).UTC(), End: time.Unix(end, 0).UTC()})
		at = start - 1
	}
	return periods
}

// daysBefore is the sparkline's days of a zone, ending with today.
func daysBefore(now int64, zone string) (usage.Interval, error) {
	loc, err := civil.LoadZone(zone)
	if err != nil {
		return usage.Interval{}, err
	}
	y, m, d := time.Unix(now, 0).In(loc).Date()
	return usage.Interval{Start: time.Date(y, m, d-sparklineDays+1, 0, 0, 0, 0, loc), End: time.Date(y, m, d+1, 0, 0, 0, 0, loc)}, nil
}

// trendOf is how many percent value is above before, in tenths, rounded down; null without anything to compare with.
func trendOf(value, before usage.Decimal) usage.Decimal {
	if !value.IsSet() || !before.IsSet() || before.Sign() <= 0 || value.Sign() < 0 {
		return usage.Decimal{}
	}
	v, err := value.Units(usage.DecimalScaleMax / 2)
	w, again := before.Units(usage.DecimalScaleMax / 2)
	if err != nil || again != nil { // too great for nine decimals: whole units tell as much
		v, w = whole(value), whole(before)
	}
	if w == 0 {
		return usage.Decimal{}
	}
	tenths := mulDiv(v, 1000, w)
	if tenths > trendMax {
		return usage.Decimal{}
	}
	return usage.FromUnits(tenths-1000, 1)
}

// trendMax is a ten-thousandfold: what is beyond it says that there was nothing before.
const trendMax = 10_000_000

// whole cuts off the decimals.
func whole(d usage.Decimal) int64 {
	coef, scale := d.Parts()
	for range scale {
		coef /= 10
	}
	return coef
}
