package engine

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// The rows of an answer: windows and groups, pages of them, and the range that they are compared with.

// rowsOf answers a plan: all of it, or the page that q asks for, with the cursor of the next one.
func (e *Engine) rowsOf(ctx context.Context, p *queryPlan, q *usage.Query, now int64) ([]usage.Row, *string, error) {
	if q.Limit == 0 {
		rows, err := e.windowRows(ctx, p, q, 0, len(p.windows), now)
		return rows, nil, tooManyRows(err, rowsMax)
	}
	at, after, err := p.seek(q)
	if err != nil {
		return nil, nil, err
	}
	rows := []usage.Row{}
	chunk := q.Limit + 1 // a window is a row at least, when nothing is left out
	whole := p.group != nil && q.FillZero
	if whole { // which groups there are is known only from all windows
		at, chunk = 0, len(p.windows)
	}
	for at < len(p.windows) && len(rows) <= q.Limit {
		end := min(at+chunk, len(p.windows))
		some, err := e.windowRows(ctx, p, q, at, end, now)
		if errors.Is(err, rollup.ErrTooManyGroups) && end-at > 1 && !whole {
			chunk = (end - at) / 2
			continue
		}
		if err != nil {
			return nil, nil, tooManyRows(err, rowsMax)
		}
		if after != nil {
			some = slices.DeleteFunc(some, func(r usage.Row) bool { return p.upTo(&r, after) })
		}
		rows = append(rows, some...)
		at, chunk = end, 2*chunk
	}
	if len(rows) <= q.Limit {
		return rows, nil, nil
	}
	rows = rows[:q.Limit]
	next := p.cursor(&rows[q.Limit-1])
	return rows, &next, nil
}

// windowRows answers the windows [from, to) of a plan.
func (e *Engine) windowRows(ctx context.Context, p *queryPlan, q *usage.Query, from, to int, now int64) ([]usage.Row, error) {
	part := &queryPlan{meter: p.meter, group: p.group, windows: p.windows[from:to], spans: p.spans[from:to], unmade: p.unmade}
	found, err := e.groupedRows(ctx, part, q, now)
	if err != nil {
		return nil, err
	}
	rows := make([]usage.Row, 0, len(found))
	groups := make(map[**string]map[string]*string)
	for i := range found {
		f, w := &found[i], part.windows[found[i].span]
		if f.answer.empty() && !q.FillZero && (q.Window != usage.WindowTotal || len(f.group) > 0) {
			continue
		}
		rows = append(rows, usage.Row{
			WindowStart: w.Start.UTC(), WindowEnd: w.End.UTC(), Value: f.answer.value(p.meter),
			Group: p.groupMap(f.group, groups), Partial: w.Cut || w.End.After(time.Unix(0, now)),
		})
	}
	return rows, nil
}

// groupedRows reads what the rows are made of. Without groups, every window has one.
func (e *Engine) groupedRows(ctx context.Context, p *queryPlan, q *usage.Query, now int64) ([]groupRow, error) {
	if p.unmade {
		if p.group != nil && len(p.group.by) > 0 {
			return nil, nil
		}
		rows := make([]groupRow, len(p.windows))
		for i := range rows {
			rows[i].span = i
		}
		return rows, nil
	}
	if p.group == nil {
		aggs, err := e.aggregate(ctx, p, q.TenantID, now)
		rows := make([]groupRow, len(aggs))
		for i := range aggs {
			rows[i] = groupRow{span: i, answer: aggs[i]}
		}
		return rows, err
	}
	sum, err := e.sumGroups(ctx, p.group, e.tenantsOf(q.TenantID), p.spans, rowsMax, now)
	if err != nil {
		return nil, err
	}
	if len(p.group.by) == 0 { // a filter alone: one group, which is there even when it is empty
		sum.group(nil)
		return sum.rows(len(p.windows), true)
	}
	return sum.rows(len(p.windows), q.FillZero)
}

// tenantsOf is the tenant of a name, none when there is no such, or all.
func (e *Engine) tenantsOf(name string) []*tenant {
	if name == "" {
		return e.state.dir.all()
	}
	if t := e.state.dir.tenant(name); t != nil {
		return []*tenant{t}
	}
	return nil
}

// groupMap is the group of a row in the words of the API. Rows of one group have one slice of names, and share the map.
func (p *queryPlan) groupMap(names []*string, known map[**string]map[string]*string) map[string]*string {
	if len(names) == 0 {
		return map[string]*string{}
	}
	m := known[&names[0]]
	if m == nil {
		m = make(map[string]*string, len(names))
		for i, name := range names {
			m[p.group.by[i]] = name
		}
		known[&names[0]] = m
	}
	return m
}

// cursorRow is what a cursor holds: the last row that was given out.
type cursorRow struct {
	Window int64     `json:"w"` // start, unix seconds
	Query  string    `json:"q"` // fingerprint
	Group  []*string `json:"g,omitempty"`
}

const usageCursorPrefix = "u1:"

// fingerprint tells queries apart whose rows are others, or in another order. The range is as it was asked for: a default moves
// with the month, and whoever follows a cursor goes on asking for it.
func fingerprint(q *usage.Query) string {
	filter := make(map[string][]string, len(q.Filter))
	for dimension, values := range q.Filter { // order-free: each by itself
		filter[dimension] = slices.Sorted(slices.Values(values))
	}
	sum := sha256.Sum256(mustJSON([]any{q.Meter, q.TenantID, q.From.Unix(), q.To.Unix(), q.Window, q.TimeZone, q.GroupBy, filter}))
	return base64.RawURLEncoding.EncodeToString(sum[:9])
}

// cursor is that of the rows after r.
func (p *queryPlan) cursor(r *usage.Row) string {
	c := cursorRow{Window: r.WindowStart.Unix(), Query: p.fingerprint}
	if p.group != nil {
		for _, property := range p.group.by {
			c.Group = append(c.Group, r.Group[property])
		}
	}
	return base64.RawURLEncoding.EncodeToString(append([]byte(usageCursorPrefix), mustJSON(c)...))
}

// seek returns the window at which the page begins and the row that it begins after; nil: at the beginning.
func (p *queryPlan) seek(q *usage.Query) (window int, after *cursorRow, err error) {
	if q.Cursor == "" {
		return 0, nil, nil
	}
	wrong := &usage.Error{Code: usage.CodeInvalidCursor, Pointer: "/cursor",
		Detail: fmt.Sprintf("the cursor %s is not one of this query; start without one", shorten(q.Cursor))}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(q.Cursor)
	if err != nil || len(raw) < len(usageCursorPrefix) || string(raw[:len(usageCursorPrefix)]) != usageCursorPrefix {
		return 0, nil, wrong
	}
	after = new(cursorRow)
	by := 0
	if p.group != nil {
		by = len(p.group.by)
	}
	if json.Unmarshal(raw[len(usageCursorPrefix):], after) != nil || after.Query != p.fingerprint || len(after.Group) != by {
		return 0, nil, wrong
	}
	window = slices.IndexFunc(p.windows, func(w civil.Window) bool { return w.Start.Unix() == after.Window })
	if window < 0 {
		return 0, nil, wrong
	}
	return window, after, nil
}

// upTo tells whether a row is not behind the one that the page before ended with.
func (p *queryPlan) upTo(r *usage.Row, last *cursorRow) bool {
	if start := r.WindowStart.Unix(); start != last.Window {
		return start < last.Window
	}
	var names []*string
	if p.group != nil {
		for _, property := range p.group.by {
			names = append(names, r.Group[property])
		}
	}
	return compareNames(names, last.Group) <= 0
}

// compare answers the range before that of q, whose plan is of.
func (e *Engine) compare(ctx context.Context, of *queryPlan, q usage.Query, now int64) (*usage.Comparison, error) {
	var err error
	if q.From, q.To, err = e.previousRange(&q); err != nil {
		return nil, err
	}
	q.Limit, q.Cursor, q.Compare = 0, "", ""
	p, err := e.planOf(of.meter, &q)
	if err != nil {
		return nil, err
	}
	p.unmade = of.unmade
	rows, _, err := e.rowsOf(ctx, p, &q, now)
	if err != nil {
		return nil, err
	}
	return &usage.Comparison{From: q.From.UTC(), To: q.To.UTC(), Data: rows}, nil
}

// previousRange is what a range is compared with: the day, week, month, quarter or year of the zone, or the billing period of the tenant, before
// it, when it is a whole one; else as much time just before.
func (e *Engine) previousRange(q *usage.Query) (from, to time.Time, err error) {
	table, err := civil.NewTable(q.TimeZone)
	if err != nil {
		return from, to, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/time_zone", Detail: err.Error()}
	}
	start, end := q.From.Unix(), q.To.Unix()
	for _, kind := range []civil.Kind{civil.Day, civil.Week, civil.Month, civil.Quarter, civil.Year} {
		if s, e := table.Bounds(kind, start); s == start && e == end {
			before, _ := table.Bounds(kind, start-1)
			return time.Unix(before, 0), q.From, nil
		}
	}
	cal := calendarOf(e.state.dir.tenant(q.TenantID))
	if s, e := cal.billingPeriod(start); q.TenantID != "" && s == start && e == end {
		before, _ := cal.billingPeriod(start - 1)
		return time.Unix(before, 0), q.From, nil
	}
	return q.From.Add(q.From.Sub(q.To)), q.From, nil
}
