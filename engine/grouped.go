package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// groupRow is one window of one group of an answer.
type groupRow struct {
	span   int
	group  []*string // the values of the dimensions that are grouped by
	answer answer
}

// groupSum adds up groups over tenants. Groups of one name are one, whatever number each tenant has for it.
type groupSum struct {
	kind   rollup.Kind
	most   int
	index  map[string]int
	groups [][]*string
	cells  map[[2]int]*answer // by span and group
}

func newGroupSum(k rollup.Kind, most int) *groupSum {
	return &groupSum{kind: k, most: most, index: make(map[string]int), cells: make(map[[2]int]*answer)}
}

// group returns the number of a name.
func (s *groupSum) group(names []*string) int {
	var b strings.Builder
	for _, n := range names {
		if n == nil {
			b.WriteByte(0)
			continue
		}
		fmt.Fprintf(&b, "\x01%d:%s", len(*n), *n)
	}
	key := b.String()
	n, known := s.index[key]
	if !known {
		n = len(s.groups)
		s.index[key] = n
		s.groups = append(s.groups, names)
	}
	return n
}

// add takes in the cells of one tenant. Groups that were only met on the way to them are no part of the answer.
func (s *groupSum) add(tg *tenantGroups, cells []rollup.GroupCell) error {
	names, numbers := tg.names(), make(map[int]int)
	for i := range cells {
		n, known := numbers[cells[i].Group]
		if !known {
			n = s.group(names[cells[i].Group])
			numbers[cells[i].Group] = n
		}
		at := [2]int{cells[i].Span, n}
		a := s.cells[at]
		if a == nil {
			if len(s.cells) >= s.most {
				return rollup.ErrTooManyGroups
			}
			a = new(answer)
			s.cells[at] = a
		}
		a.add(s.kind, &cells[i].Agg)
	}
	return nil
}

// rows returns the rows in order; with fill, every group that is anywhere has one in each of so many windows.
func (s *groupSum) rows(windows int, fill bool) ([]groupRow, error) {
	order := make([]int, len(s.groups))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return compareNames(s.groups[a], s.groups[b]) })
	if fill && windows*len(order) > s.most {
		return nil, rollup.ErrTooManyGroups
	}
	var out []groupRow
	if fill {
		for span := range windows {
			for _, g := range order {
				row := groupRow{span: span, group: s.groups[g]}
				if a := s.cells[[2]int{span, g}]; a != nil {
					row.answer = *a
				}
				out = append(out, row)
			}
		}
		return out, nil
	}
	rank := make([]int, len(order))
	for i, g := range order {
		rank[g] = i
	}
	keys := make([][2]int, 0, len(s.cells))
	for at := range s.cells { // order-free: sorted below
		keys = append(keys, at)
	}
	slices.SortFunc(keys, func(a, b [2]int) int {
		if a[0] != b[0] {
			return a[0] - b[0]
		}
		return rank[a[1]] - rank[b[1]]
	})
	for _, at := range keys {
		out = append(out, groupRow{at[0], s.groups[at[1]], *s.cells[at]})
	}
	return out, nil
}

// sumGroups answers a grouping in spans over tenants, at a log time.
func (e *Engine) sumGroups(ctx context.Context, g *grouping, tenants []*tenant, spans []rollup.Span, most int, now int64) (*groupSum, error) {
	sum := newGroupSum(g.meter.kind, most)
	for _, t := range tenants {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		s := t.seriesOf(g.meter)
		if s == nil {
			continue
		}
		tg, some := g.of(t, e.state.secret)
		if !some {
			continue
		}
		cells, err := e.groupsOf(tg, s, spans, most, now)
		if err == nil {
			err = sum.add(tg, cells)
		}
		if err != nil {
			return nil, fmt.Errorf("groups of tenant %q, meter %s: %w", t.name, g.meter.def.Slug, err)
		}
	}
	return sum, nil
}

// tooManyRows says an error of a query in the words of the API.
func tooManyRows(err error, most int) error {
	if !errors.Is(err, rollup.ErrTooManyGroups) {
		return err
	}
	return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/group_by", Detail: fmt.Sprintf(
		"the answer has more than %d rows; group by fewer dimensions, filter, choose a wider window or a shorter range, or ask page by page with limit", most)}
}

// groupsOf reads one series, as rangeOf does.
func (e *Engine) groupsOf(tg *tenantGroups, s *series, spans []rollup.Span, most int, now int64) ([]rollup.GroupCell, error) {
	if tg.plain {
		aggs, err := e.rangeOf(s, spans, now)
		if err != nil {
			return nil, err
		}
		none := tg.group(tupleKey{})
		var cells []rollup.GroupCell
		for i := range aggs {
			cells = append(cells, rollup.GroupCell{Span: i, Group: none, Agg: aggs[i]})
		}
		return tg.expand(cells, most)
	}
	sh := s.tenant.shard
	sh.mu.Lock()
	parts := [2]*pending{s.frozen}
	if s.pending != nil && s.pending.groups != nil {
		parts[1] = &pending{gen: s.pending.gen, groups: s.pending.groups.View()}
	}
	sh.mu.Unlock()
	cells, err := e.state.groupsWith(tg, s, parts, spans, most, now)
	if err != nil {
		return nil, err
	}
	if err := e.state.cfg.Load().kept.checkGroups(s, spans); err != nil {
		return nil, err
	}
	if tg.members {
		return tg.expand(cells, most)
	}
	return cells, nil
}

func (st *state) groupsWith(tg *tenantGroups, s *series, parts [2]*pending, spans []rollup.Span, most int, now int64) ([]rollup.GroupCell, error) {
	view := st.store.View()
	defer view.Close()
	gen := viewGen(view)
	var pend []*rollup.Groups
	for _, p := range parts {
		if p != nil && p.gen > gen {
			pend = append(pend, p.groups)
		}
	}
	q := &rollup.GroupQuery{Kind: tg.meter.kind, Family: tg.family, Width: tg.meter.width(), Spans: spans,
		Project: tg.project, UntilNanos: now, CellsMax: most}
	return rollup.RangeGroups(q, groupRows{view, s, tg.family}, pend)
}

// checkGroups refuses edges inside what has expired, and unit-hours by groups of hours that have: they need the steps in them.
func (k *kept) checkGroups(s *series, spans []rollup.Span) error {
	if err := k.checkResolution(s.tenant.num, s.meter.kind, spans); err != nil || len(spans) == 0 || s.meter.kind != rollup.KindWeighted {
		return err
	}
	if from := k.of(s.tenant.num, s.meter.kind).From(rollup.Hour); spans[0].StartMin < from {
		return &usage.Error{Code: usage.CodeResolution, Pointer: "/from", Detail: fmt.Sprintf(
			"unit-hours by groups need hours, and these are kept since %s", minuteTime(from).Format("2006-01-02"))}
	}
	return nil
}

// groupRows is the rollup.GroupSource of one family of one series.
type groupRows struct {
	view   *wal.View
	s      *series
	family rollup.Family
}

var _ rollup.GroupSource = groupRows{}

// Rows implements rollup.GroupSource.
func (r groupRows) Rows(l rollup.Level, from, to int64, fn func(bucket int64, data []byte) error) error {
	t, m := r.s.tenant.num, r.s.meter.num
	lower := wal.AppendGroupKey(nil, t, m, uint8(r.family), uint8(l), from)
	upper := wal.AppendGroupKey(nil, t, m, uint8(r.family), uint8(l), to)
	return r.view.Scan(lower, upper, func(key, value []byte) error {
		_, _, _, _, bucket, err := wal.ParseGroupKey(key)
		if err != nil {
			return err
		}
		return fn(bucket, value)
	})
}
