package rollup

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
)

// GroupSource reads the stored rows of one family of one series.
type GroupSource interface {
	// Rows calls fn for the stored rows of level l whose bucket is in [from, to), in ascending order, each once; buckets
	// without a row are left out. data is valid until fn returns. It stops at the first error of fn and returns it.
	Rows(l Level, from, to int64, fn func(bucket int64, data []byte) error) error
}

// ErrTooManyGroups is returned when an answer would have more cells than the caller takes.
var ErrTooManyGroups = errors.New("rollup: too many groups")

// GroupQuery asks for the buckets of spans, group by group.
type GroupQuery struct {
	Kind   Kind
	Family Family
	Width  int // of whole tuples, the user included
	Spans  []Span

	// Project names the group that a tuple of the family belongs to: numbers from 0, each new one following the greatest
	// before. Negative: the tuple is not asked for. The tuple is good until it returns.
	Project func(tuple []uint32) int

	UntilNanos int64 // of kind weighted, as for [RangeUntil]; math.MaxInt64: no bound
	CellsMax   int   // more cells than that are ErrTooManyGroups
}

// GroupCell is the answer for one group in one span.
type GroupCell struct {
	Span, Group int
	Agg         Agg
}

// RangeGroups answers q from stored rows and pending Groups, old before new; nil ones are skipped. Cells come in the order of
// (span, group), those without events left out; of kind weighted, those in which the group has an event or a level are there. Groups are those of the tuples' events put together, as if the meter had counted no others: the sums of all groups are
// those of the series.
//
// Like [Range] it covers each span with the coarsest buckets that fit, and scans each stretch of rows once.
//
// Kind latest: as for [Range], the history of a group is read for spans whose events are all adds. Kind weighted reads the days
// before the spans, and the steps in them.
func RangeGroups(q *GroupQuery, src GroupSource, deltas []*Groups) ([]GroupCell, error) {
	if !q.Kind.valid() {
		panic("BUG: rollup: groups of an unknown kind")
	}
	if err := checkSpans(q.Spans); err != nil {
		return nil, err
	}
	r := groupRange{q: q, spans: q.Spans, replaced: replacedInGroups(deltas)}
	r.cells.kind = q.Kind
	switch q.Kind {
	case KindWeighted:
		return r.weighted(src, deltas)
	case KindLatest:
		r.spans = withHistory(q.Spans)
	}
	if err := r.readAround(src); err != nil {
		return nil, err
	}
	for i, d := range deltas {
		if d != nil {
			r.addGroups(i, d)
		}
	}
	cells := r.cells.sorted()
	if q.Kind == KindLatest {
		cells = carryGroups(cells)
	}
	if len(cells) > q.CellsMax {
		return nil, tooManyGroups(q.CellsMax)
	}
	return cells, nil
}

type groupRange struct {
	q        *GroupQuery
	spans    []Span
	replaced replacements
	row      GroupRow
	cells    groupCells
	room     [TupleMax]uint32
}

func replacedInGroups(deltas []*Groups) replacements {
	var all replacements
	for i, d := range deltas {
		if d == nil {
			continue
		}
		for _, minute := range d.replaced {
			all = append(all, replacement{minute, i})
		}
	}
	slices.SortFunc(all, func(a, b replacement) int { // the newest first
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(b.delta, a.delta))
	})
	return slices.CompactFunc(all, func(a, b replacement) bool { return a.minute == b.minute })
}

// readAround reads the stored buckets of the spans; those that hold a replaced minute by the minute.
func (r *groupRange) readAround(src GroupSource) error {
	return readAround(r.spans, r.replaced.minutes(), r.replaced.has, func(l Level, runs []run) error { return r.read(src, l, runs) })
}

// read adds the runs of one level. Minutes are inside the rows of quarter hours. Runs whose rows touch are read by one call.
func (r *groupRange) read(src GroupSource, l Level, runs []run) error {
	per, rows := int64(1), l
	if l == Minute {
		per, rows = levelWidth[QuarterHour], QuarterHour
	}
	for len(runs) > 0 {
		first, last := floorDiv(runs[0].from, per), floorDiv(runs[0].to-1, per)
		n := 1
		for n < len(runs) && floorDiv(runs[n].from, per) <= last+1 {
			last = floorDiv(runs[n].to-1, per)
			n++
		}
		group, next := runs[:n], first
		err := src.Rows(rows, first, last+1, func(bucket int64, data []byte) error {
			if bucket < next || bucket > last {
				return fmt.Errorf("%w: %s row %d, wanted [%d, %d]", ErrSource, rows, bucket, next, last)
			}
			next = bucket + 1
			for len(group) > 0 && group[0].to <= bucket*per {
				group = group[1:]
			}
			return r.addRow(l, rows, bucket, data, group)
		})
		if err != nil {
			return err
		}
		runs = runs[n:]
	}
	return nil
}

// addRow adds a row to the spans of the runs that it lies in; of a level without rows, minute by minute.
func (r *groupRange) addRow(l, rows Level, bucket int64, data []byte, runs []run) error {
	if len(runs) == 0 || l != Minute && runs[0].from > bucket {
		return nil
	}
	r.row.Open(r.q.Kind, rows, r.q.Family.Width(r.q.Width), data)
	for r.row.Next() {
		span := runs[0].span
		if l == Minute {
			if span = spanOfRun(runs, bucket*levelWidth[QuarterHour]+int64(r.row.Minute)); span < 0 {
				continue
			}
		}
		if r.row.Agg.Empty(r.cells.kind) {
			continue
		}
		if group := r.q.Project(r.row.Tuple()); group >= 0 {
			r.cells.absorb(span, group, &r.row.Agg)
		}
	}
	if err := r.row.Err(); err != nil {
		return fmt.Errorf("groups of %s %d: %w", rows, bucket, err)
	}
	return r.cells.bound(r.q.CellsMax)
}

// spanOfRun returns the span of the run that holds a bucket, or -1.
func spanOfRun(runs []run, bucket int64) int {
	for i := range runs {
		if bucket < runs[i].from {
			break
		}
		if bucket < runs[i].to {
			return runs[i].span
		}
	}
	return -1
}

// addGroups adds the cells of pending groups that lie in a span and that no later ones replace.
func (r *groupRange) addGroups(number int, g *Groups) {
	span := 0
	for i := range g.Len() {
		c := g.cell(i)
		minute := c.minute()
		if span = spanAt(r.spans, minute, span); span < 0 {
			span = 0
			continue
		}
		if !r.replaced.counts(minute, number) {
			continue
		}
		if group := r.q.Project(r.q.Family.project(r.room[:0], c.tuple())); group >= 0 {
			r.cells.at(span, group).addCell(r.q.Kind, g, i)
		}
	}
}

// spanAt returns the index of the span that holds a minute, or -1. guess is where to look first.
func spanAt(spans []Span, minute int64, guess int) int {
	if guess < len(spans) && spans[guess].StartMin <= minute && minute < spans[guess].EndMin {
		return guess
	}
	i := sort.Search(len(spans), func(i int) bool { return spans[i].EndMin > minute })
	if i == len(spans) || spans[i].StartMin > minute {
		return -1
	}
	return i
}

// groupCells gathers buckets by span and group. What comes of one span in a row finds its cell by the group; a span that
// is come back to makes new cells, which are joined in the end: a map would cost more than it saves.
type groupCells struct {
	kind  Kind
	cells []GroupCell
	last  []lastCell // by group
}

// lastCell is the newest cell of a group.
type lastCell struct{ span, at int }

// at returns the bucket of a span and group.
func (c *groupCells) at(span, group int) *Agg {
	for len(c.last) <= group {
		c.last = append(c.last, lastCell{-1, 0})
	}
	if l := c.last[group]; l.span == span {
		return &c.cells[l.at].Agg
	}
	c.last[group] = lastCell{span, len(c.cells)}
	c.cells = append(c.cells, GroupCell{Span: span, Group: group})
	return &c.cells[len(c.cells)-1].Agg
}

// absorb adds a bucket that nobody reads again.
func (c *groupCells) absorb(span, group int, a *Agg) { c.at(span, group).absorb(c.kind, a) }

// bound returns an error when even joined cells are more than most.
func (c *groupCells) bound(most int) error {
	if len(c.cells) <= 4*most {
		return nil
	}
	c.cells = c.sorted()
	c.last = c.last[:0]
	if len(c.cells) > 2*most { // with the history of each span beside it
		return tooManyGroups(most)
	}
	return nil
}

func tooManyGroups(most int) error { return fmt.Errorf("%w: more than %d", ErrTooManyGroups, most) }

// sorted joins the cells of one span and group and returns them in order, without empty ones.
func (c *groupCells) sorted() []GroupCell {
	slices.SortStableFunc(c.cells, func(a, b GroupCell) int {
		return cmp.Or(cmp.Compare(a.Span, b.Span), cmp.Compare(a.Group, b.Group))
	})
	out := c.cells[:0]
	for i := range c.cells {
		cell := c.cells[i]
		if n := len(out); n > 0 && out[n-1].Span == cell.Span && out[n-1].Group == cell.Group {
			out[n-1].Agg.absorb(c.kind, &cell.Agg)
			continue
		}
		if n := len(out); n > 0 && out[n-1].Agg.Empty(c.kind) {
			out = out[:n-1]
		}
		out = append(out, cell)
	}
	if n := len(out); n > 0 && out[n-1].Agg.Empty(c.kind) {
		out = out[:n-1]
	}
	c.cells = out
	return out
}

// carryGroups resolves the spans of withHistory, group by group, and returns the asked ones.
func carryGroups(all []GroupCell) []GroupCell {
	type carried struct {
		before Entry
		known  bool
	}
	var groups []carried
	out := all[:0]
	for i := range all { // by span: time goes on for every group
		c := &all[i]
		for len(groups) <= c.Group {
			groups = append(groups, carried{})
		}
		g := &groups[c.Group]
		if !c.Agg.Latest.HasSet && g.known {
			c.Agg.Latest.HasSet, c.Agg.Latest.Set = true, g.before
		}
		newest, _ := c.Agg.Latest.last()
		g.before, g.known = *newest, true
		g.before.Value = c.Agg.Latest.Value()
		if c.Span%2 == 1 {
			out = append(out, GroupCell{c.Span / 2, c.Group, c.Agg})
		}
	}
	return out
}
