package engine

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Usage answers how much of a meter was used, in windows of a range. Rows of sum and count add up to
// the total of the range, whatever the window and the zone.
//
// It reads its own writes: everything recorded before the call is in the answer. Without a
// tenant it is over all tenants: min, max and avg of all events; sums of the tenants' own
// values for the others (a user of two tenants is two users; seats are the seats of all). Range edges must be whole minutes.
//
// Rows come in the order of their windows, those of one window in the order of their groups: bytewise, events without a
// value first. Each row is the meter as if it had counted the events of its group alone; for sum and count the groups add up to
// the whole. With Limit an answer is a page; its NextCursor, with the same query, brings the next one.
//
// Errors: not_found for an unknown meter, invalid_value for a bad range, window, zone or dimension, or too many rows, invalid_cursor,
// resolution_unavailable for an edge inside a minute. The cost is that of reading the pages of
// the range: 30 days of hours are 30 small reads.
func (e *Engine) Usage(ctx context.Context, q usage.Query) (usage.Rows, error) {
	if e.closed.Load() {
		return usage.Rows{}, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return usage.Rows{}, err
	}
	if q.AsOfIndex != 0 || !q.AsOfTime.IsZero() {
		return e.usageAsOf(ctx, q)
	}
	plan, err := e.plan(&q)
	if err != nil {
		return usage.Rows{}, err
	}
	if e.committer != nil && e.earliestDue() <= e.clock.now() { // a view of the past has none
		e.passTime(ctx) // what expires is charged first
	}
	return e.answerPlan(ctx, plan, q)
}

// answerPlan answers a query whose defaults plan has filled.
func (e *Engine) answerPlan(ctx context.Context, plan *queryPlan, q usage.Query) (usage.Rows, error) {
	index, at := e.state.asOf()
	now := e.clock.now()
	var err error
	rows := usage.Rows{
		Meter: plan.meter.def.Slug, Aggregation: plan.meter.def.Aggregation, Unit: plan.meter.def.Unit,
		From: q.From.UTC(), To: q.To.UTC(), Window: q.Window, TimeZone: q.TimeZone,
		AsOf: usage.AsOf{Index: index, Time: at}, RelativeError: plan.meter.relativeError(),
	}
	if rows.Data, rows.NextCursor, err = e.rowsOf(ctx, plan, &q, now); err != nil {
		return usage.Rows{}, err
	}
	if q.Compare == usage.ComparePrevious && q.Cursor == "" {
		if rows.Compare, err = e.compare(ctx, plan, q, now); err != nil {
			return usage.Rows{}, err
		}
	}
	return rows, nil
}

// queryPlan is a query with everything looked up.
type queryPlan struct {
	meter   *meter
	group   *grouping // nil: not broken down
	windows []civil.Window
	spans   []rollup.Span
	unmade  bool // the meter did not exist yet: nothing was counted

	fingerprint string // of the query, for cursors
}

// plan fills the defaults of q and checks it.
func (e *Engine) plan(q *usage.Query) (*queryPlan, error) {
	if err := checkPage(q); err != nil {
		return nil, err
	}
	cfg := e.state.cfg.Load()
	m := cfg.bySlug[q.Meter]
	if m == nil {
		return nil, cfg.noMeter(usage.CodeNotFound, "/meter", q.Meter)
	}
	return e.planOf(m, q)
}

// planOf is plan for a meter that was looked up.
func (e *Engine) planOf(m *meter, q *usage.Query) (*queryPlan, error) {
	cal := calendarOf(e.state.dir.tenant(q.TenantID))
	if q.TimeZone == "" {
		q.TimeZone = cal.name
	}
	loc, err := civil.LoadZone(q.TimeZone)
	if err != nil {
		return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/time_zone",
			Detail: fmt.Sprintf("%q is no IANA time zone, such as Europe/Berlin", q.TimeZone)}
	}
	if q.Window == "" {
		q.Window = usage.WindowTotal
	}
	p := &queryPlan{meter: m}
	if q.Limit > 0 { // pages have cursors
		p.fingerprint = fingerprint(q) // before the defaults of the range are filled in
	}
	if err := e.fillRange(q, loc); err != nil {
		return nil, err
	}
	if p.group, err = groupingOf(m, q); err != nil {
		return nil, err
	}
	kind, ok := windowKinds[q.Window]
	switch {
	case q.Window == usage.WindowTotal:
		p.windows = []civil.Window{{Start: q.From, End: q.To}}
	case q.Window == usage.WindowBilling && q.TenantID != "":
		p.windows = cal.billingWindows(q.From, q.To)
	case !ok:
		return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/window",
			Detail: fmt.Sprintf("window %q is not one of minute, 15m, hour, day, week, month, billing, total", q.Window)}
	default:
		p.windows, err = civil.Windows(q.From, q.To, kind, loc, rowsMax)
		if err != nil {
			article := "a"
			if q.Window == usage.WindowHour {
				article = "an"
			}
			return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/window",
				Detail: fmt.Sprintf("the range has more than %d windows of %s %s; choose a wider window or a shorter range", rowsMax, article, q.Window)}
		}
	}
	for _, w := range p.windows {
		p.spans = append(p.spans, rollup.Span{StartMin: floorDiv(w.Start.Unix(), 60), EndMin: floorDiv(w.End.Unix(), 60)})
	}
	return p, nil
}

// checkPage checks what a query says of its form.
func checkPage(q *usage.Query) error {
	switch {
	case q.Compare != "" && q.Compare != usage.ComparePrevious:
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/compare", Detail: fmt.Sprintf("compare %s must be previous, or left out", shorten(string(q.Compare)))}
	case q.Limit < 0 || q.Limit > rowsMax:
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/limit", Detail: fmt.Sprintf("limit %d must be from 1 to %d", q.Limit, rowsMax)}
	case q.Cursor != "" && q.Limit == 0:
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/limit", Detail: "a cursor needs the limit that it was given out with"}
	}
	return nil
}

// windowKinds maps windows to the calendar. Over all tenants, billing periods are calendar months.
var windowKinds = map[usage.Window]civil.Kind{
	usage.WindowMinute: civil.Minute, usage.WindowQuarterHour: civil.QuarterHour, usage.WindowHour: civil.Hour,
	usage.WindowDay: civil.Day, usage.WindowWeek: civil.Week, usage.WindowMonth: civil.Month, usage.WindowBilling: civil.Month,
}

// fillRange sets the default range, the month that is open now in the zone, and checks the edges.
func (e *Engine) fillRange(q *usage.Query, loc *time.Location) error {
	now := time.Unix(0, e.clock.now()).In(loc)
	if q.From.IsZero() {
		start := now
		if !q.To.IsZero() {
			start = q.To.Add(-1).In(loc)
		}
		q.From = time.Date(start.Year(), start.Month(), 1, 0, 0, 0, 0, loc)
	}
	if q.To.IsZero() {
		end := now
		if q.From.After(now) {
			end = q.From.In(loc)
		}
		q.To = time.Date(end.Year(), end.Month()+1, 1, 0, 0, 0, 0, loc)
	}
	if !q.From.Before(q.To) {
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/to",
			Detail: "to " + q.To.UTC().Format(time.RFC3339) + " is not after from " + q.From.UTC().Format(time.RFC3339)}
	}
	for _, edge := range []struct {
		name string
		t    time.Time
	}{{"/from", q.From}, {"/to", q.To}} {
		if edge.t.Nanosecond() != 0 || edge.t.Second() != 0 {
			return &usage.Error{Code: usage.CodeResolution, Pointer: edge.name,
				Detail: "edges are kept by the minute; " + edge.t.UTC().Format(time.RFC3339Nano) + " lies inside one"}
		}
	}
	return nil
}

// answer is one window over one or many tenants.
type answer struct {
	some  bool // something was counted or corrected, or a level held
	agg   rollup.Agg
	units int64 // sum of the tenants' values, for kinds whose Aggs do not merge over tenants
	huge  bool  // the unit-hours of all tenants together pass what can be said
}

// perTenant tells that a tenant's members or latest value mean nothing beside another's.
func perTenant(k rollup.Kind) bool { return k == rollup.KindUnique || k == rollup.KindLatest }

func (a *answer) empty() bool { return !a.some }

func (a *answer) value(m *meter) usage.Decimal {
	switch {
	case m.kind == rollup.KindUnique:
		return usage.Int(a.units)
	case m.kind == rollup.KindLatest && a.some:
		return usage.FromUnits(a.units, m.scale)
	}
	if a.huge {
		return usage.Decimal{}
	}
	return rollup.ValueOf(m.def.Aggregation, m.scale, &a.agg)
}

// add takes in one tenant's window.
func (a *answer) add(k rollup.Kind, b *rollup.Agg) {
	a.some = a.some || !b.Empty(k) || k == rollup.KindWeighted && b.Extra != nil && b.Extra.Area != rollup.Area{}
	if perTenant(k) {
		a.units += counterValue(k, b)
		return
	}
	a.huge = a.huge || !a.agg.AddAnswer(k, b)
}

// aggregate computes the plan's spans over one tenant, or all, at a log time.
func (e *Engine) aggregate(ctx context.Context, p *queryPlan, tenantID string, now int64) ([]answer, error) {
	out := make([]answer, len(p.spans))
	for _, t := range e.tenantsOf(tenantID) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := t.seriesOf(p.meter)
		if s == nil {
			continue
		}
		aggs, err := e.rangeOf(s, p.spans, now)
		if err != nil {
			return nil, fmt.Errorf("usage of tenant %q, meter %s: %w", t.name, p.meter.def.Slug, err)
		}
		for i := range aggs {
			out[i].add(p.meter.kind, &aggs[i])
		}
	}
	return out, nil
}

// rangeOf reads one series: the store's pages and what no checkpoint holds yet.
//
// The pending parts are taken first, the view of the store second. A checkpoint that ends in
// between is then in the view, and its number tells which of the pending parts it made obsolete: nothing is
// counted twice and nothing is missed, without a lock between queries and checkpoints. Levels hold until now.
func (e *Engine) rangeOf(s *series, spans []rollup.Span, now int64) ([]rollup.Agg, error) {
	sh := s.tenant.shard
	sh.mu.Lock()
	parts := s.unsaved()
	sh.mu.Unlock()
	aggs, err := e.state.rangeWith(s, parts, spans, now)
	if err != nil {
		return nil, err
	}
	// Afterwards: what expired while it was read, too, is refused instead of missing.
	return aggs, e.state.cfg.Load().kept.checkResolution(s.tenant.num, s.meter.kind, spans)
}

// rangeLocked is rangeOf for who holds shard.mu. It may read the store under the lock: apply does so when a quota is new.
func (sh *shard) rangeLocked(s *series, spans []rollup.Span) ([]rollup.Agg, error) {
	return sh.state.rangeWith(s, s.unsaved(), spans, math.MaxInt64) // no quota limits unit-hours
}

// unsaved returns the parts of s that no checkpoint may hold yet; the open one is a copy, as apply goes on folding into it. The
// caller holds shard.mu.
func (s *series) unsaved() [2]*pending {
	parts := [2]*pending{s.frozen}
	if s.pending != nil {
		own := &pending{gen: s.pending.gen}
		own.delta.Merge(s.meter.kind, &s.pending.delta)
		parts[1] = own
	}
	return parts
}

func (st *state) rangeWith(s *series, parts [2]*pending, spans []rollup.Span, now int64) ([]rollup.Agg, error) {
	var src rollup.Source = noPages{}
	gen := uint64(0)
	if st.store != nil { // a state that verifies has everything in memory
		view := st.store.View()
		defer view.Close()
		src, gen = seriesPages{view, s}, viewGen(view)
	}
	var deltas []*rollup.Delta
	for _, p := range parts {
		if p != nil && p.gen > gen {
			deltas = append(deltas, &p.delta)
		}
	}
	return rollup.RangeUntil(s.meter.kind, src, deltas, spans, now)
}

// noPages is the source of a state without a store.
type noPages struct{}

// Pages implements rollup.Source.
func (noPages) Pages(rollup.Level, int64, int64, func(int64, []byte) error) error { return nil }

// seriesPages is the rollup.Source of one series.
type seriesPages struct {
	view *wal.View
	s    *series
}

var _ rollup.Source = seriesPages{}

// Pages implements rollup.Source.
func (p seriesPages) Pages(l rollup.Level, from, to int64, fn func(page int64, data []byte) error) error {
	t, m := p.s.tenant.num, p.s.meter.num
	return p.view.Scan(appendPageKey(nil, t, m, l, from), appendPageKey(nil, t, m, l, to), func(key, value []byte) error {
		page, err := pageOfKey(key)
		if err != nil {
			return err
		}
		return fn(page, value)
	})
}

// appendPageKey appends the key of a page: days have a class of their own.
func appendPageKey(dst []byte, tenant, meter uint32, l rollup.Level, page int64) []byte {
	if l == rollup.Day {
		return wal.AppendDayKey(dst, tenant, meter, page)
	}
	return wal.AppendPageKey(dst, tenant, meter, uint8(l), page)
}

// pageOfKey returns the page that a key of appendPageKey is of.
func pageOfKey(key []byte) (page int64, err error) {
	if len(key) > 0 && key[0] == wal.ClassDay {
		_, _, page, err = wal.ParseDayKey(key)
	} else {
		_, _, _, page, err = wal.ParsePageKey(key)
	}
	return page, err
}
