package engine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// grouping is how a query breaks the usage of a meter down: which dimensions it groups by, and which values it asks for.
type grouping struct {
	meter  *meter
	by     []string
	places []int // of each of by: its word in a tuple
	wanted []wanted
	family rollup.Family

	// members tells that users are asked of a meter that counts them: the members of a bucket are its users, and no tuple has
	// them. plain tells that nothing else is asked: the buckets of the series itself do.
	members, plain bool
}

// wanted is a filter: the values of one dimension, any of them.
type wanted struct {
	place  int
	values []string
}

// groupingOf checks what a query asks of the dimensions of a meter; nil: nothing.
func groupingOf(m *meter, q *usage.Query) (*grouping, error) {
	if len(q.GroupBy) == 0 && len(q.Filter) == 0 {
		return nil, nil
	}
	g := &grouping{meter: m, by: q.GroupBy}
	user, dims := false, false
	place := func(property, field string) (int, error) {
		at, err := m.placeOf(property, field)
		user = user || at == len(m.dims)
		dims = dims || at < len(m.dims)
		return at, err
	}
	for i, property := range q.GroupBy {
		at, err := place(property, "/group_by")
		if err != nil {
			return nil, err
		}
		if slices.Contains(q.GroupBy[:i], property) {
			return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/group_by", Detail: fmt.Sprintf("%q is listed twice; leave one out", property)}
		}
		g.places = append(g.places, at)
	}
	for property, values := range q.Filter { // order-free: sorted below, and one error is as good as another
		at, err := place(property, "/filter["+property+"]")
		if err != nil {
			return nil, err
		}
		if len(values) > filterValuesMax {
			return nil, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/filter[" + property + "]",
				Detail: fmt.Sprintf("a filter has at most %d values, this one has %d", filterValuesMax, len(values))}
		}
		g.wanted = append(g.wanted, wanted{at, values})
	}
	slices.SortFunc(g.wanted, func(a, b wanted) int { return a.place - b.place })
	if user && m.byUser {
		g.family = rollup.ByUser
	}
	g.members = user && !m.byUser
	g.plain = g.members && !dims
	return g, nil
}

// placeOf returns the word of a dimension in the meter's tuples.
func (m *meter) placeOf(property, field string) (int, error) {
	if property == usage.PropertyUserID {
		return len(m.dims), nil
	}
	if at := slices.Index(m.dims, property); at >= 0 {
		return at, nil
	}
	known := append(slices.Clone(m.dims), usage.PropertyUserID)
	return 0, &usage.Error{Code: usage.CodeInvalidValue, Pointer: field, Detail: fmt.Sprintf("meter %s has no dimension %s; it has %s",
		m.def.Slug, shorten(property), strings.Join(known, ", ")) + usage.DidYouMean(property, known)}
}

// tenantGroups is a grouping in the numbers of one tenant, with the groups found so far.
type tenantGroups struct {
	*grouping
	tenant *tenant
	wanted [][]uint32 // of each filter
	index  map[tupleKey]int
	keys   []tupleKey // of each group: the words it is grouped by
}

// of translates the filters; false when the tenant has none of the values of one.
func (g *grouping) of(t *tenant, secret uint64) (*tenantGroups, bool) {
	tg := &tenantGroups{grouping: g, tenant: t, index: make(map[tupleKey]int)}
	for _, w := range g.wanted {
		var nums []uint32
		for _, value := range w.values {
			switch value {
			case "":
				nums = append(nums, rollup.TupleNull)
			case usage.OtherValue:
				nums = append(nums, rollup.TupleOther)
			default:
				if n := t.numbers.get(nameHash(secret, value)); n != 0 {
					nums = append(nums, n)
				}
			}
		}
		if len(nums) == 0 {
			return nil, false
		}
		tg.wanted = append(tg.wanted, nums)
	}
	return tg, true
}

// project implements GroupQuery.Project. Words that a tuple does not have, those of members, are left out.
func (tg *tenantGroups) project(tuple []uint32) int {
	for i := range tg.wanted {
		if at := tg.grouping.wanted[i].place; at < len(tuple) && !slices.Contains(tg.wanted[i], tuple[at]) {
			return -1
		}
	}
	var key tupleKey
	for i, at := range tg.places {
		if at < len(tuple) {
			key[i] = tuple[at]
		}
	}
	return tg.group(key)
}

// group numbers a group.
func (tg *tenantGroups) group(key tupleKey) int {
	n, known := tg.index[key]
	if !known {
		n = len(tg.keys)
		tg.index[key] = n
		tg.keys = append(tg.keys, key)
	}
	return n
}

// expand breaks cells, whose groups have no user, down by the members of their buckets.
func (tg *tenantGroups) expand(cells []rollup.GroupCell, most int) ([]rollup.GroupCell, error) {
	user := len(tg.meter.dims)
	byUser := slices.Index(tg.places, user)
	var allowed []uint32
	filtered := false
	for i := range tg.wanted {
		if tg.grouping.wanted[i].place == user {
			allowed, filtered = tg.wanted[i], true
		}
	}
	var out []rollup.GroupCell
	for i := range cells {
		c := &cells[i]
		var rest rollup.Agg
		err := c.Agg.EachMember(func(member uint32) error {
			if filtered && !slices.Contains(allowed, member) {
				return nil
			}
			p := rollup.Point{Member: member}
			if byUser < 0 {
				rest.Fold(rollup.KindUnique, &p)
				return nil
			}
			if len(out) >= most {
				return rollup.ErrTooManyGroups
			}
			key := tg.keys[c.Group]
			key[byUser] = member
			one := rollup.GroupCell{Span: c.Span, Group: tg.group(key)}
			one.Agg.Fold(rollup.KindUnique, &p)
			out = append(out, one)
			return nil
		})
		if err != nil {
			return nil, err
		}
		if !rest.Empty(rollup.KindUnique) {
			out = append(out, rollup.GroupCell{Span: c.Span, Group: c.Group, Agg: rest})
		}
	}
	return out, nil
}

// names are the values of the groups, in words. The caller does not hold the shard's lock.
func (tg *tenantGroups) names() [][]*string {
	out := make([][]*string, len(tg.keys))
	sh := tg.tenant.shard
	for from := 0; from < len(tg.keys); from += freezeChunk {
		sh.mu.Lock()
		for i := from; i < min(len(tg.keys), from+freezeChunk); i++ {
			out[i] = make([]*string, len(tg.places))
			for w := range tg.places {
				out[i][w] = tg.tenant.valueName(tg.keys[i][w])
			}
		}
		sh.mu.Unlock()
	}
	return out
}

// valueName is the text of a number of a tuple. The caller holds the shard's lock.
func (t *tenant) valueName(num uint32) *string {
	switch num {
	case rollup.TupleNull:
		return nil
	case rollup.TupleOther:
		return new(usage.OtherValue)
	}
	name, _ := t.userName(num)
	return &name
}

// compareNames orders groups: bytewise, dimension by dimension, events without a value first.
func compareNames(a, b []*string) int {
	return slices.CompareFunc(a, b, func(x, y *string) int {
		switch {
		case x == nil && y == nil:
			return 0
		case x == nil:
			return -1
		case y == nil:
			return 1
		}
		return strings.Compare(*x, *y)
	})
}
