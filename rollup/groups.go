package rollup

import (
	"math"
	"slices"
)

// Usage by dimensions. The values of an event's dimensions are a tuple: a dense number for each
// declared dimension, and one for the user behind them. Numbers are the caller's; two mean the same
// everywhere.

const (
	// TupleNull is the number of "the event has no value".
	TupleNull uint32 = 0
	// TupleOther stands for all values that are not told apart.
	TupleOther uint32 = 1
	// OverUser in the place of the user says that only the dimensions are told apart, and that the
	// tuple with its user is one of the others.
	OverUser uint32 = math.MaxUint32
	// TupleMax is the greatest number of words in a tuple: 8 dimensions and the user.
	TupleMax = 9
)

// Family says which part of their tuples the events of a series are kept by. Were users one more
// dimension, the users of a large tenant would push its few models out of the bound on tuples.
type Family uint8

// The families. Their numbers are in keys of the store.
const (
	ByDimensions Family = 0 // the declared dimensions
	ByUser       Family = 1 // the declared dimensions, then the user
)

// Width returns the number of words of the family's tuples, width being that of whole tuples.
func (f Family) Width(width int) int {
	if f == ByUser {
		return width
	}
	return width - 1
}

// project appends the part of a whole tuple that a family is kept by.
func (f Family) project(dst, tuple []uint32) []uint32 {
	user := len(tuple) - 1
	switch {
	case f == ByDimensions:
		return append(dst, tuple[:user]...)
	case tuple[user] != OverUser:
		return append(dst, tuple...)
	}
	for range tuple {
		dst = append(dst, TupleOther)
	}
	return dst
}

// Groups holds what a series folded by tuples since the last checkpoint.
//
// The naive form, a map from (minute, tuple) to Agg, costs every event a hash and most of them an
// allocation. A Groups appends a cell of a few words instead, and leaves the order to whoever reads
// it: checkpoints sort once, and long lists are merged now and then (doubling, so that an event
// takes part in few merges).
//
//	cell, words of 32 bits:   minute | count | value, 2 words | tuple
//
// count is how many events a cell stands for; kind count has that in value. A cell of nothing says
// that its tuple was there. value is the bin's lowest number for kind percentile, the member for
// kind unique. Kinds latest and weighted keep the identity
// of events as well, in marks, one for each cell.
//
// Cells never change once they are there, and a merge makes new slices: so [Groups.View] is a
// few words, and may be read while events are added. Otherwise a Groups is not safe for concurrent
// use.
type Groups struct {
	width    int
	cells    []uint32
	marks    []mark
	mergeAt  int     // cells from which on it is worth merging
	replaced []int64 // ascending minutes whose cells stand for themselves (see Replace)
}

// mark is what kinds latest and weighted know of an event beside its value.
type mark struct {
	nanos      int64
	add        bool
	source, id string
}

const (
	cellHead = 4 // words before the tuple

	// cellsFirst is the room of a new Groups: most series see a few events between two checkpoints.
	cellsFirst = 8

	// mergeMin is how many cells are left alone: merging fewer saves less than it costs.
	mergeMin = 4096
)

// NewGroups returns an empty Groups of tuples of width words, the user included.
func NewGroups(width int) *Groups {
	if width < 1 || width > TupleMax {
		panic("BUG: rollup: tuples of an impossible width")
	}
	return &Groups{width: width, mergeAt: mergeMin}
}

// Fold adds an event to its minute and tuple. It copies what it keeps.
func (g *Groups) Fold(k Kind, minute int64, tuple []uint32, p *Point) {
	switch k {
	case KindCount:
		g.append(minute, 0, max(p.Times, 1), tuple)
	case KindUnique:
		g.append(minute, 1, int64(p.Member), tuple)
	case KindPercentile:
		low, _ := Bin{Index: binOf(p.Value)}.bounds()
		g.append(minute, 1, low, tuple)
	case KindLatest, KindWeighted:
		e := Entry{Source: p.Source, ID: p.ID}.clone()
		g.marks = append(g.marks, mark{p.TimeNanos, p.Add, e.Source, e.ID})
		g.append(minute, 1, p.Value, tuple)
	default:
		g.append(minute, 1, p.Value, tuple)
	}
	if len(g.cells) >= g.mergeAt*g.stride() {
		g.merge(k)
	}
}

// Unfold takes back an event that was folded with the same minute, tuple and point (see
// [Agg.Unfold]). Only sum, count, avg and percentile can; it panics for others.
func (g *Groups) Unfold(k Kind, minute int64, tuple []uint32, p *Point) {
	switch k {
	case KindSum, KindAvg:
		g.append(minute, -1, -p.Value, tuple)
	case KindCount:
		g.append(minute, 0, -max(p.Times, 1), tuple)
	case KindPercentile:
		low, _ := Bin{Index: binOf(p.Value)}.bounds()
		g.append(minute, -1, low, tuple)
	default:
		panic("BUG: rollup: " + k.String() + " cannot take an event back: replace its minute")
	}
}

// Adjust adds signed units to a sum, or signed events to a count, and is itself no event.
func (g *Groups) Adjust(k Kind, minute int64, tuple []uint32, units int64) {
	if k != KindSum && k != KindCount {
		panic("BUG: rollup: " + k.String() + " cannot be adjusted")
	}
	g.append(minute, 0, units, tuple)
}

// Replace forgets whatever was folded into a minute, of any tuple, here, in older Groups and in
// stored rows: what is folded afterwards is all there is of it. That the tuples were there is not
// forgotten.
func (g *Groups) Replace(minute int64) {
	g.cells, g.marks = slices.Clone(g.cells), slices.Clone(g.marks) // views have the old ones
	for i := range g.Len() {
		if c := g.cell(i); c.minute() == minute {
			c[1], c[2], c[3] = 0, 0, 0
			if g.marks != nil {
				g.marks[i] = mark{}
			}
		}
	}
	if i, found := slices.BinarySearch(g.replaced, minute); !found {
		g.replaced = slices.Insert(slices.Clone(g.replaced), i, minute) // views have the old one
	}
}

// View returns a Groups that stays as it is, for readers.
func (g *Groups) View() *Groups {
	v := *g
	v.cells, v.marks = v.cells[:len(v.cells):len(v.cells)], v.marks[:len(v.marks):len(v.marks)]
	return &v
}

// Warm reads what the next Fold writes beside, as [Delta.Warm] does. The caller must use the result.
func (g *Groups) Warm() uint32 {
	if g == nil || len(g.cells) == 0 {
		return 0
	}
	return g.cells[len(g.cells)-1]
}

// Len returns the number of cells: at least that of tuples.
func (g *Groups) Len() int { return len(g.cells) / g.stride() }

// Width returns the number of words of a whole tuple.
func (g *Groups) Width() int { return g.width }

// Empty reports whether nothing was folded or replaced.
func (g *Groups) Empty() bool { return len(g.cells) == 0 && len(g.replaced) == 0 }

// EachTuple calls fn with the tuple of every cell whose minute is in [from, to), projected to a
// family; tuples may come more than once. The slice is good until fn returns.
func (g *Groups) EachTuple(f Family, from, to int64, fn func(tuple []uint32)) {
	var room [TupleMax]uint32
	for i := range g.Len() {
		if c := g.cell(i); c.minute() >= from && c.minute() < to {
			fn(f.project(room[:0], c.tuple()))
		}
	}
}

func (g *Groups) stride() int { return cellHead + g.width }

func (g *Groups) append(minute, count, value int64, tuple []uint32) {
	if len(tuple) != g.width {
		panic("BUG: rollup: a tuple of another width")
	}
	stride, n := g.stride(), len(g.cells)
	switch {
	case n+stride <= cap(g.cells):
	case n == 0:
		g.cells = make([]uint32, 0, cellsFirst*stride)
	default:
		g.cells = slices.Grow(g.cells, stride)
	}
	g.cells = g.cells[:n+stride]
	c := g.cells[n:]
	c[0], c[1], c[2], c[3] = uint32(int32(minute)), uint32(int32(count)), uint32(value), uint32(value>>32)
	copy(c[cellHead:], tuple)
}

// cell is the words of one cell.
type cell []uint32

func (g *Groups) cell(i int) cell {
	stride := g.stride()
	return cell(g.cells[i*stride : (i+1)*stride])
}

func (c cell) minute() int64   { return int64(int32(c[0])) }
func (c cell) count() int64    { return int64(int32(c[1])) }
func (c cell) value() int64    { return int64(uint64(c[2]) | uint64(c[3])<<32) }
func (c cell) tuple() []uint32 { return c[cellHead:] }

// addCell adds cell i of g to a bucket.
func (a *Agg) addCell(k Kind, g *Groups, i int) {
	c := g.cell(i)
	value, first := c.value(), a.Count == 0
	if c.count() == 0 && k != KindSum && k != KindCount && k != KindAvg {
		return // of nothing; a sum may be left where as many events came as were taken back
	}
	a.Count += c.count()
	switch k {
	case KindSum, KindAvg:
		a.Value += value
	case KindCount:
		a.Count += value
	case KindMin:
		if first || value < a.Value {
			a.Value = value
		}
	case KindMax:
		if first || value > a.Value {
			a.Value = value
		}
	case KindUnique:
		if a.Members == nil {
			a.Members = new(Members)
		}
		a.Members.Add(uint32(value))
	case KindPercentile:
		a.extra().addBin(value, c.count())
	case KindLatest:
		if a.Latest == nil {
			a.Latest = new(Latest)
		}
		p := g.point(i)
		a.Latest.fold(&p)
	case KindWeighted:
		p := g.point(i)
		a.extra().addStep(&p)
	}
}

// point is cell i as an event of kind latest or weighted.
func (g *Groups) point(i int) Point {
	m := &g.marks[i]
	return Point{TimeNanos: m.nanos, Value: g.cell(i).value(), Add: m.add, Source: m.source, ID: m.id}
}
