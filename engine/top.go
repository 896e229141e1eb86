package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Top answers who or what used most of a meter: tenants, users, or values of a dimension, the greatest first. A user belongs to a tenant, so
// without TenantID users of different tenants are different, whatever their names; a value of a dimension is the same for all.
//
// Errors are those of Usage. The month that is open now, in UTC, is answered from memory; other ranges cost a read of each tenant.
func (e *Engine) Top(ctx context.Context, q usage.TopQuery) (usage.Top, error) {
	if e.closed.Load() {
		return usage.Top{}, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return usage.Top{}, err
	}
	if q.By == "" {
		q.By = usage.TopByTenant
	}
	if q.Limit == 0 {
		q.Limit = topLimitDefault
	}
	if q.Limit < 0 || q.Limit > topLimitMax {
		return usage.Top{}, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/limit", Detail: fmt.Sprintf("limit %d must be from 1 to %d", q.Limit, topLimitMax)}
	}
	uq := usage.Query{Meter: q.Meter, TenantID: q.TenantID, From: q.From, To: q.To, TimeZone: q.TimeZone}
	plan, err := e.plan(&uq)
	if err != nil {
		return usage.Top{}, err
	}
	if e.earliestDue() <= e.clock.now() {
		e.passTime(ctx) // what expires is charged first
	}
	out := usage.Top{Meter: plan.meter.def.Slug, Aggregation: plan.meter.def.Aggregation, Unit: plan.meter.def.Unit, By: q.By,
		From: uq.From.UTC(), To: uq.To.UTC()}
	out.AsOf.Index, out.AsOf.Time = e.state.asOf()
	top := &topList{limit: q.Limit, property: q.By}
	if q.By == usage.TopByTenant {
		err = e.topTenants(ctx, top, plan, q.TenantID)
	} else {
		err = e.topGroups(ctx, top, plan, &q)
	}
	out.Data = top.rows()
	return out, err
}

// topTenants ranks tenants by what each of them used.
func (e *Engine) topTenants(ctx context.Context, top *topList, p *queryPlan, tenantID string) error {
	now := e.clock.now()
	tenants := e.tenantsOf(tenantID)
	if start, before := e.state.months.of(now); p.isMonth(start) {
		for _, t := range tenants {
			if s := t.seriesOf(p.meter); s != nil {
				if units := s.current(start, before); units != 0 {
					top.add(topEntry{key: &t.name, tenant: &t.name, value: usage.FromUnits(units, p.meter.unitScale())})
				}
			}
		}
		return nil
	}
	answers := make([]answer, len(tenants))
	err := e.eachRange(ctx, p, tenants, now, func(i int, aggs []rollup.Agg) { answers[i].add(p.meter.kind, &aggs[0]) })
	if err != nil {
		return err
	}
	for i, t := range tenants {
		if !answers[i].empty() {
			top.add(topEntry{key: &t.name, tenant: &t.name, value: answers[i].value(p.meter)})
		}
	}
	return nil
}

// isMonth tells whether the plan asks for the month that begins at start, of a meter whose counter says it.
func (p *queryPlan) isMonth(start int64) bool {
	switch p.meter.kind {
	case rollup.KindSum, rollup.KindCount, rollup.KindUnique, rollup.KindMax:
	default:
		return false
	}
	_, end := civil.MonthUTC(start)
	return len(p.windows) == 1 && p.windows[0].Start.Unix() == start && p.windows[0].End.Unix() == end
}

// relativeError bounds the error of the meter's values; absent when they are exact.
func (m *meter) relativeError() usage.Decimal {
	if m.kind != rollup.KindPercentile {
		return usage.Decimal{}
	}
	return usage.FromUnits(1e7/rollup.PercentileErrorDen, 7) // 1/128 has seven decimals
}

// unitScale is the number of decimals of the meter's counter.
func (m *meter) unitScale() int {
	if m.kind == rollup.KindCount || m.kind == rollup.KindUnique {
		return 0
	}
	return m.scale
}

// topGroups ranks users, or the values of a dimension.
func (e *Engine) topGroups(ctx context.Context, top *topList, p *queryPlan, q *usage.TopQuery) error {
	property := q.By
	if q.By == usage.TopByUser {
		property = usage.PropertyUserID
	}
	top.property = property
	if _, err := p.meter.placeOf(property, "/by"); err != nil {
		return err
	}
	g, err := groupingOf(p.meter, &usage.Query{GroupBy: []string{property}})
	if err != nil {
		return err
	}
	tenants, now := e.tenantsOf(q.TenantID), e.clock.now()
	if property != usage.PropertyUserID {
		sum, err := e.sumGroups(ctx, g, tenants, p.spans, topGroupsMax, now)
		if err != nil {
			return tooManyRows(err, topGroupsMax)
		}
		return top.addGroups(p.meter, sum, nil)
	}
	for i, t := range tenants {
		sum, err := e.sumGroups(ctx, g, tenants[i:i+1], p.spans, topGroupsMax, now)
		if err == nil {
			err = top.addGroups(p.meter, sum, &t.name)
		}
		if err != nil {
			return tooManyRows(err, topGroupsMax)
		}
	}
	return nil
}

// topList keeps the greatest entries. What is asked of many thousand tenants makes rows only of those that stay.
type topList struct {
	limit    int
	property string // of which the keys are values; usage.TopByTenant: they are tenants
	all      []topEntry
	full     bool // the first limit of all are the greatest so far, in order
}

type topEntry struct {
	key    *string
	tenant *string // nil: of all tenants together
	value  usage.Decimal
}

func (l *topList) add(e topEntry) {
	if l.full && compareValues(e.value, l.all[l.limit-1].value) < 0 {
		return
	}
	if l.all = append(l.all, e); len(l.all) >= 4*l.limit+64 {
		l.cut()
	}
}

// addGroups adds the groups of one dimension, of a tenant or (nil) of all.
func (l *topList) addGroups(m *meter, sum *groupSum, tenant *string) error {
	rows, err := sum.rows(1, false)
	for i := range rows {
		if !rows[i].answer.empty() {
			l.add(topEntry{key: rows[i].group[0], tenant: tenant, value: rows[i].answer.value(m)})
		}
	}
	return err
}

func (l *topList) cut() {
	slices.SortStableFunc(l.all, func(a, b topEntry) int {
		return cmp.Or(compareValues(b.value, a.value), compareNames([]*string{a.key}, []*string{b.key}))
	})
	l.all = l.all[:min(len(l.all), l.limit)]
	l.full = len(l.all) == l.limit
}

// rows returns the rows, the greatest first.
func (l *topList) rows() []usage.TopRow {
	l.cut()
	out := make([]usage.TopRow, len(l.all))
	for i, e := range l.all {
		group := make(map[string]*string, 2)
		if e.tenant != nil { // a copy: it may be the name in the tenant itself
			own := new(*e.tenant)
			if e.key == e.tenant {
				e.key = own
			}
			group["tenant_id"] = own
		}
		if l.property != usage.TopByTenant {
			group[l.property] = e.key
		}
		out[i] = usage.TopRow{Key: e.key, Value: e.value, Group: group}
	}
	return out
}

// compareValues orders what is absent before everything.
func compareValues(a, b usage.Decimal) int {
	switch {
	case a.IsSet() && b.IsSet():
		return a.Cmp(b)
	case a.IsSet():
		return 1
	case b.IsSet():
		return -1
	}
	return 0
}
