package rollup

import (
	"fmt"
	"slices"
)

// levelGroup is what a query of kind weighted knows of one group: the level that the days before the spans leave behind, and
// every step from then on.
type levelGroup struct {
	before Latest
	steps  []Step
}

// weighted answers a query of kind weighted. The level of a group is set and moved by the events of all its tuples, in the
// order of time: their integrals cannot be added, so hours keep steps, and only the days before the first span are short.
func (r *groupRange) weighted(src GroupSource, deltas []*Groups) ([]GroupCell, error) {
	q := r.q
	if len(q.Spans) == 0 {
		return nil, nil
	}
	day := levelWidth[Day]
	until := MinuteOf(q.UntilNanos)
	base := floorDiv(min(clip(q.Spans[0]).StartMin, until), day) * day
	end := min(clip(q.Spans[len(q.Spans)-1]).EndMin, until+1)
	var groups []levelGroup
	group := func(tuple []uint32) *levelGroup {
		n := q.Project(tuple)
		if n < 0 {
			return nil
		}
		for len(groups) <= n {
			groups = append(groups, levelGroup{})
		}
		return &groups[n]
	}
	if err := r.readLevels(src, base, end, group); err != nil {
		return nil, err
	}
	for i, d := range deltas {
		if d == nil {
			continue
		}
		for j := range d.Len() {
			c := d.cell(j)
			if minute := c.minute(); minute >= end || c.count() == 0 || !r.replaced.counts(minute, i) {
				continue
			}
			if g := group(q.Family.project(r.room[:0], c.tuple())); g != nil {
				p := d.point(j)
				g.add(&p, base)
			}
		}
	}
	return r.sweepGroups(groups, base)
}

// readLevels reads the days before base and the hours from there to end. Days in which a minute is replaced are read by the hour.
func (r *groupRange) readLevels(src GroupSource, base, end int64, group func([]uint32) *levelGroup) error {
	dayMin, hour := levelWidth[Day], levelWidth[Hour]
	from := floorDiv(MinuteMin, dayMin)
	for _, m := range append(r.replaced.minutes(), base) {
		to := floorDiv(min(m, base), dayMin)
		if to < from {
			continue
		}
		if err := r.readLevel(src, Day, from, to, base, group); err != nil {
			return err
		}
		if m < base {
			if err := r.readLevel(src, Hour, to*24, (to+1)*24, base, group); err != nil {
				return err
			}
		}
		from = to + 1
	}
	return r.readLevel(src, Hour, base/hour, -floorDiv(-end, hour), base, group)
}

func (r *groupRange) readLevel(src GroupSource, l Level, from, to, base int64, group func([]uint32) *levelGroup) error {
	if from >= to {
		return nil
	}
	return src.Rows(l, from, to, func(bucket int64, data []byte) error {
		r.row.Open(KindWeighted, l, r.q.Family.Width(r.q.Width), data)
		for r.row.Next() {
			if r.row.Gone {
				continue
			}
			g := group(r.row.Tuple())
			switch {
			case g == nil:
			case l == Day:
				g.before.merge(r.row.Agg.Latest)
			default:
				r.addSteps(g, r.row.Agg.Extra.Steps, base)
			}
		}
		if err := r.row.Err(); err != nil {
			return fmt.Errorf("groups of %s %d: %w", l, bucket, err)
		}
		return nil
	})
}

// addSteps takes in the steps of a row, but for those of replaced minutes.
func (r *groupRange) addSteps(g *levelGroup, steps []Step, base int64) {
	for i := range steps {
		e := &steps[i]
		if len(r.replaced) > 0 && r.replaced.has(MinuteOf(e.TimeNanos)) {
			continue
		}
		g.add(&Point{TimeNanos: e.TimeNanos, Value: e.Value, Add: e.Add, Source: e.Source, ID: e.ID}, base)
	}
}

// add takes in one event.
func (g *levelGroup) add(p *Point, base int64) {
	if MinuteOf(p.TimeNanos) < base {
		g.before.fold(p)
		return
	}
	g.steps = append(g.steps, Step{Entry{p.TimeNanos, p.Value, p.Source, p.ID}, p.Add})
}

// sweepGroups takes every group through the spans. A group has a cell in each span that begins before the end of the query, in
// which it has an event or a level.
func (r *groupRange) sweepGroups(groups []levelGroup, base int64) ([]GroupCell, error) {
	until := r.q.UntilNanos
	var cells []GroupCell
	for n := range groups {
		g := &groups[n]
		slices.SortFunc(g.steps, func(a, b Step) int { return a.compare(&b) })
		level, steps := g.before.Value(), g.steps
		walk := func(from, to int64) (area sweep, integral Int128) { // [from, to) in unix nanoseconds
			area = newSweep(from)
			for len(steps) > 0 && steps[0].TimeNanos < to {
				area.step(&steps[0])
				steps = steps[1:]
			}
			area.advance(to)
			integral, level = area.enteredBy(level)
			return area, integral
		}
		at := nanosOf(base)
		for i, s := range r.q.Spans {
			start, end := min(nanosOf(s.StartMin), until), min(nanosOf(s.EndMin), until)
			walk(at, max(at, start))
			area, integral := walk(start, end)
			at = max(at, end)
			if start < end && (area.count > 0 || level != 0 || integral != Int128{}) {
				cells = append(cells, GroupCell{i, n, Agg{Count: area.count, Extra: &Extra{Area: Area{Last: level, Integral: integral}}}})
			}
		}
		if len(cells) > r.q.CellsMax {
			return nil, tooManyGroups(r.q.CellsMax)
		}
	}
	slices.SortStableFunc(cells, func(a, b GroupCell) int { return a.Span - b.Span })
	return cells, nil
}
