package rollup

import (
	"cmp"
	"math"
	"slices"
)

// cellOrder sorts the cells of a Groups by bucket, tuple and minute. It is scratch: reuse one.
type cellOrder struct {
	groups *Groups
	width  int
	tuples []uint32 // of each cell, projected
	order  []cellKey
	one    bool // sorted, and all in one bucket of that level: the order of tuples is that of every coarser level
}

// cellKey leads with what decides nearly every comparison.
//
//	 63     36 35                 4 3         0
//	+---------+--------------------+-----------+
//	| bucket  | first of the tuple | minute    |
//	| 28 bits | 32 bits            | 4 bits    |
//	+---------+--------------------+-----------+
//
// The bucket counts from that of the earliest cell: 28 bits of quarter hours are 7,600 years. The
// minute, in its quarter hour, is there when the tuple has no more words, which come before it.
type cellKey struct {
	key  uint64
	cell int32
}

// load takes the cells of g with the tuples of a family.
func (o *cellOrder) load(g *Groups, f Family) {
	o.reset(g, f.Width(g.width))
	for i := range g.Len() {
		o.tuples = f.project(o.tuples, g.cell(i).tuple())
	}
}

// loadWhole takes the cells of g with their whole tuples, those with OverUser apart.
func (o *cellOrder) loadWhole(g *Groups) {
	o.reset(g, g.width)
	for i := range g.Len() {
		o.tuples = append(o.tuples, g.cell(i).tuple()...)
	}
}

func (o *cellOrder) reset(g *Groups, width int) {
	o.groups, o.width, o.tuples, o.order, o.one = g, width, o.tuples[:0], o.order[:0], false
	for i := range g.Len() {
		o.order = append(o.order, cellKey{cell: int32(i)})
	}
}

func (o *cellOrder) tuple(i int32) []uint32 {
	return o.tuples[int(i)*o.width : (int(i)+1)*o.width]
}

// sort brings the cells into the order of a level. Coarser levels after finer ones find most of it done, and of usage as it comes, which
// lies in one quarter hour, all of it.
func (o *cellOrder) sort(l Level) {
	if o.one {
		return
	}
	g, n, width := o.groups, o.groups.Len(), levelWidth[l]
	first, last := int64(math.MaxInt64), int64(math.MinInt64)
	for i := range n {
		minute := g.cell(i).minute()
		first, last = min(first, minute), max(last, minute)
	}
	first = floorDiv(first, width)
	o.one = n > 0 && first == floorDiv(last, width)
	fine := l == QuarterHour
	for i := range o.order {
		e := &o.order[i]
		minute := g.cell(int(e.cell)).minute()
		e.key = uint64(floorDiv(minute, width)-first) << 36
		if o.width > 0 {
			e.key |= uint64(o.tuple(e.cell)[0]) << 4
		}
		if fine && o.width <= 1 {
			e.key |= uint64(minuteIn(minute))
		}
	}
	slices.SortFunc(o.order, func(a, b cellKey) int {
		if a.key != b.key || o.width <= 1 {
			return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.cell, b.cell))
		}
		if c := slices.Compare(o.tuple(a.cell), o.tuple(b.cell)); c != 0 {
			return c
		}
		if fine {
			if c := cmp.Compare(g.cell(int(a.cell)).minute(), g.cell(int(b.cell)).minute()); c != 0 {
				return c
			}
		}
		return cmp.Compare(a.cell, b.cell)
	})
}

func (o *cellOrder) minute(at int) int64 { return o.groups.cell(int(o.order[at].cell)).minute() }

// equal reports whether two places have the same tuple and, for quarter hours, the same minute. They are of one bucket.
func (o *cellOrder) equal(l Level, a, b int) bool {
	if l == QuarterHour && o.minute(a) != o.minute(b) {
		return false
	}
	return slices.Equal(o.tuple(o.order[a].cell), o.tuple(o.order[b].cell))
}

// minuteIn is the place of a minute in its quarter hour.
func minuteIn(minute int64) int { return int(minute - floorDiv(minute, 15)*15) }

// merge makes one cell of those with the same minute and tuple, where the kind allows it.
func (g *Groups) merge(k Kind) {
	if k == KindWeighted { // every event counts
		g.mergeAt = math.MaxInt32
		return
	}
	var o cellOrder
	o.loadWhole(g)
	o.sort(QuarterHour)
	next := NewGroups(g.width)
	next.replaced = g.replaced
	next.cells = make([]uint32, 0, len(g.cells)/2)
	for at := 0; at < len(o.order); {
		end := at + 1
		var a Agg
		a.addCell(k, g, int(o.order[at].cell))
		for ; end < len(o.order) && o.minute(end) == o.minute(at) && o.equal(QuarterHour, at, end); end++ {
			a.addCell(k, g, int(o.order[end].cell))
		}
		next.appendAgg(k, o.minute(at), o.tuple(o.order[at].cell), &a)
		at = end
	}
	// Where little came together, the next try is put off.
	next.mergeAt = max(mergeMin, 3*next.Len())
	*g = *next
}

// appendAgg appends the cells that a bucket comes to.
func (g *Groups) appendAgg(k Kind, minute int64, tuple []uint32, a *Agg) {
	if a.Empty(k) { // the tuple was there all the same
		if k == KindLatest {
			g.marks = append(g.marks, mark{})
		}
		g.append(minute, 0, 0, tuple)
		return
	}
	switch k {
	case KindSum, KindAvg:
		g.append(minute, a.Count, a.Value, tuple)
	case KindCount:
		g.append(minute, 0, a.Count, tuple)
	case KindMin:
		g.append(minute, a.Count, a.Value, tuple)
	case KindMax:
		g.append(minute, a.Count, a.Value, tuple)
	case KindUnique:
		rest := a.Count - a.Members.Len()
		_ = a.EachMember(func(member uint32) error {
			g.append(minute, 1+rest, int64(member), tuple)
			rest = 0
			return nil
		})
	case KindPercentile:
		for _, b := range a.Extra.Bins {
			low, _ := b.bounds()
			g.append(minute, b.Count, low, tuple)
		}
	case KindLatest:
		rest := a.Count - int64(len(a.Latest.Adds))
		if a.Latest.HasSet {
			g.appendEntry(minute, rest, tuple, &a.Latest.Set, false)
			rest = 0
		}
		for i := range a.Latest.Adds {
			g.appendEntry(minute, 1+rest, tuple, &a.Latest.Adds[i], true)
			rest = 0
		}
	}
}

func (g *Groups) appendEntry(minute, count int64, tuple []uint32, e *Entry, add bool) {
	g.marks = append(g.marks, mark{e.TimeNanos, add, e.Source, e.ID})
	g.append(minute, count, e.Value, tuple)
}
