package rollup

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// groupStore keeps the rows of one series, as a checkpoint would.
type groupStore struct {
	kind   Kind
	ladder GroupLadder
	keep   *Kept
	rows   map[groupRowKey][]byte
	most   [2]int
}

type groupRowKey struct {
	family Family
	level  Level
	bucket int64
}

func newGroupStore(k Kind) *groupStore {
	return &groupStore{kind: k, rows: map[groupRowKey][]byte{}}
}

// checkpoint brings the rows of both families up to g.
func (s *groupStore) checkpoint(g *Groups) error {
	for _, f := range []Family{ByDimensions, ByUser} {
		next := maps.Clone(s.rows)
		most, err := s.ladder.Rows(s.kind, f, g, s.keep,
			func(l Level, bucket int64, fn func([]byte) error) error {
				if row := s.rows[groupRowKey{f, l, bucket}]; len(row) > 0 {
					return fn(row)
				}
				return nil
			},
			func(l Level, bucket int64, old, row []byte) error {
				key := groupRowKey{f, l, bucket}
				if !bytes.Equal(old, s.rows[key]) {
					return fmt.Errorf("%s %d: old row is %x, stored %x", l, bucket, old, s.rows[key])
				}
				if next[key] = slices.Clone(row); len(row) == 0 {
					delete(next, key)
				}
				return nil
			})
		if err != nil {
			return err
		}
		s.rows, s.most[f] = next, max(s.most[f], most)
	}
	return nil
}

// family is the GroupSource of one family.
type family struct {
	s *groupStore
	f Family
}

func (f family) Rows(l Level, from, to int64, fn func(bucket int64, data []byte) error) error {
	var buckets []int64
	for key := range f.s.rows {
		if key.family == f.f && key.level == l && key.bucket >= from && key.bucket < to {
			buckets = append(buckets, key.bucket)
		}
	}
	sortInts(buckets)
	for _, b := range buckets {
		if err := fn(b, f.s.rows[groupRowKey{f.f, l, b}]); err != nil {
			return err
		}
	}
	return nil
}

// grouped is an event with its tuple.
type grouped struct {
	Point
	tuple []uint32
}

func drawGrouped(t *rapid.T, k Kind, width int, minutes int64) []grouped {
	var out []grouped
	for _, p := range drawPoints(t, k, minutes) {
		g := grouped{Point: p}
		for range width {
			g.tuple = append(g.tuple, rapid.OneOf(rapid.Uint32Range(0, 3), rapid.Just(uint32(70_000))).Draw(t, "value"))
		}
		if rapid.IntRange(0, 9).Draw(t, "over") == 0 {
			g.tuple[width-1] = OverUser
		}
		out = append(out, g)
	}
	return out
}

// TestGroupsModel folds, merges, checkpoints, takes back and replaces in random order, and compares every group of every query
// with what a series of the group's events alone would answer.
func TestGroupsModel(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		width := rapid.IntRange(1, 3).Draw(t, "width")
		pts := drawGrouped(t, k, width, rapid.SampledFrom([]int64{20, 3000, 90_000}).Draw(t, "minutes"))
		s, open := newGroupStore(k), NewGroups(width)
		open.mergeAt = rapid.SampledFrom([]int{1, 7, mergeMin}).Draw(t, "merge at")
		var frozen *Groups
		counted := pts[:0:0]
		for i, p := range pts {
			open.Fold(k, MinuteOf(p.TimeNanos), p.tuple, &pts[i].Point)
			counted = append(counted, p)
			switch rapid.IntRange(0, 9).Draw(t, "then") {
			case 0: // a checkpoint is cut: what was frozen before is stored
				if frozen != nil {
					if err := s.checkpoint(frozen); err != nil {
						t.Fatal(err)
					}
				}
				frozen, open = open, NewGroups(width)
				open.mergeAt = 3
			case 1:
				counted = takeBack(t, k, open, counted)
			}
		}
		checkGroups(t, k, width, s, []*Groups{frozen, open.View()}, counted)
	})
}

// An event of an older part is taken back while another comes: none are left in the merged cell, and their difference is.
func TestGroupsAvgOfNoEvents(t *testing.T) {
	g := NewGroups(1)
	g.Fold(KindAvg, 5, []uint32{7}, &Point{Value: 10})
	g.Unfold(KindAvg, 5, []uint32{7}, &Point{Value: 4})
	g.merge(KindAvg)
	var a Agg
	for i := range g.Len() {
		a.addCell(KindAvg, g, i)
	}
	if a.Count != 0 || a.Value != 6 {
		t.Fatalf("%d events, sum %d; want 0 and 6", a.Count, a.Value)
	}
}

// takeBack takes one event back, in the way of its kind.
func takeBack(t *rapid.T, k Kind, open *Groups, counted []grouped) []grouped {
	return takeBackAt(k, open, counted, rapid.IntRange(0, len(counted)-1).Draw(t, "taken back"))
}

func takeBackAt(k Kind, open *Groups, counted []grouped, i int) []grouped {
	gone := counted[i]
	minute := MinuteOf(gone.TimeNanos)
	counted = slices.Delete(slices.Clone(counted), i, i+1)
	if k.Additive() {
		open.Unfold(k, minute, gone.tuple, &gone.Point)
		return counted
	}
	open.Replace(minute)
	for i := range counted {
		if MinuteOf(counted[i].TimeNanos) == minute {
			open.Fold(k, minute, counted[i].tuple, &counted[i].Point)
		}
	}
	return counted
}

func checkGroups(t *rapid.T, k Kind, width int, s *groupStore, deltas []*Groups, counted []grouped) {
	base := int64(28_401_000)
	if len(counted) > 0 {
		base = MinuteOf(counted[0].TimeNanos)
	}
	spans := drawSpans(t, base)
	until := rapid.SampledFrom([]int64{math.MaxInt64, base*nanosPerMinute + 7*nanosPerMinute/2}).Draw(t, "until")
	f := rapid.SampledFrom([]Family{ByDimensions, ByUser}).Draw(t, "family")
	if f.Width(width) == 0 {
		f = ByUser
	}
	word := rapid.IntRange(0, f.Width(width)-1).Draw(t, "group by")
	groups := map[uint32]int{}
	project := func(tuple []uint32) int { // by one word; tuples that begin with 3 are not asked for
		if tuple[0] == 3 {
			return -1
		}
		n, known := groups[tuple[word]]
		if !known {
			n = len(groups)
			groups[tuple[word]] = n
		}
		return n
	}
	q := &GroupQuery{Kind: k, Family: f, Width: width, Spans: spans, Project: project, UntilNanos: until, CellsMax: 1 << 20}
	cells, err := RangeGroups(q, family{s, f}, deltas)
	if err != nil {
		t.Fatal(err)
	}
	got := map[[2]int]*Agg{}
	for i := range cells {
		if i > 0 && (cells[i].Span < cells[i-1].Span || cells[i].Span == cells[i-1].Span && cells[i].Group <= cells[i-1].Group && k != KindWeighted) {
			t.Fatalf("cell %d is out of order", i)
		}
		got[[2]int{cells[i].Span, cells[i].Group}] = &cells[i].Agg
	}
	alone := map[int]*Delta{}
	for i := range counted {
		n := project(f.project(nil, counted[i].tuple))
		if n < 0 {
			continue
		}
		if alone[n] == nil {
			alone[n] = new(Delta)
		}
		alone[n].Fold(k, MinuteOf(counted[i].TimeNanos), &counted[i].Point)
	}
	for n := range groups {
		want := make([]Agg, len(spans))
		if len(groups) > 0 && alone[groups[n]] != nil {
			if want, err = RangeUntil(k, noStore{}, []*Delta{alone[groups[n]]}, spans, until); err != nil {
				t.Fatal(err)
			}
		}
		for i := range spans {
			compareCell(t, k, &want[i], got[[2]int{i, groups[n]}])
			delete(got, [2]int{i, groups[n]})
		}
	}
	if len(got) > 0 {
		t.Fatalf("%d cells of groups that nothing belongs to", len(got))
	}
}

func compareCell(t *rapid.T, k Kind, want, got *Agg) {
	if got == nil {
		got = new(Agg)
	}
	if want.Count != got.Count {
		t.Fatalf("counts %d events, want %d", got.Count, want.Count)
	}
	if k == KindWeighted {
		var w, g Int128
		if want.Extra != nil {
			w = want.Extra.Area.Integral
		}
		if got.Extra != nil {
			g = got.Extra.Area.Integral
		}
		if w != g {
			t.Fatalf("integral %v, want %v", g, w)
		}
		return
	}
	w, wok := number(k, want)
	g, gok := number(k, got)
	if w != g || wok != gok {
		t.Fatalf("%d %t, want %d %t", g, gok, w, wok)
	}
}

type noStore struct{}

func (noStore) Pages(Level, int64, int64, func(int64, []byte) error) error { return nil }

// TestGroupRowsForgetCheckpoints: the rows of many checkpoints are those of one, byte for byte, and tell how many tuples a day has.
func TestGroupRowsForgetCheckpoints(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		width := rapid.IntRange(2, 3).Draw(t, "width")
		pts := drawGrouped(t, k, width, 4000)
		once, often := newGroupStore(k), newGroupStore(k)
		all, some := NewGroups(width), NewGroups(width)
		all.mergeAt = 2
		for i := range pts {
			all.Fold(k, MinuteOf(pts[i].TimeNanos), pts[i].tuple, &pts[i].Point)
		}
		for _, i := range rapid.Permutation(upTo(len(pts))).Draw(t, "order") {
			some.Fold(k, MinuteOf(pts[i].TimeNanos), pts[i].tuple, &pts[i].Point)
			if rapid.IntRange(0, 4).Draw(t, "cut") == 0 {
				if err := often.checkpoint(some); err != nil {
					t.Fatal(err)
				}
				some = NewGroups(width)
			}
		}
		if err := errors.Join(once.checkpoint(all), often.checkpoint(some)); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(once.rows, often.rows, bytes.Equal) {
			t.Fatal("the rows differ")
		}
		for _, f := range []Family{ByDimensions, ByUser} {
			days := map[int64]map[string]bool{}
			for _, p := range pts {
				day := floorDiv(MinuteOf(p.TimeNanos), 1440)
				if days[day] == nil {
					days[day] = map[string]bool{}
				}
				days[day][fmt.Sprint(f.project(nil, p.tuple))] = true
			}
			want := 0
			for _, tuples := range days {
				want = max(want, len(tuples))
			}
			if once.most[f] != want || often.most[f] != want {
				t.Fatalf("most tuples of a day: %d and %d, want %d", once.most[f], often.most[f], want)
			}
		}
	})
}

// TestGroupCorrectionsForgetCheckpoints: the same for what is taken back on the way, the tuples of days included.
func TestGroupCorrectionsForgetCheckpoints(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawGrouped(t, k, 2, rapid.SampledFrom([]int64{20, 3000}).Draw(t, "minutes"))
		once, often := newGroupStore(k), newGroupStore(k)
		all, some := NewGroups(2), NewGroups(2)
		all.mergeAt = 5
		counted := pts[:0:0]
		for i, p := range pts {
			for _, g := range []*Groups{all, some} {
				g.Fold(k, MinuteOf(p.TimeNanos), p.tuple, &pts[i].Point)
			}
			counted = append(counted, p)
			switch rapid.IntRange(0, 3).Draw(t, "then") {
			case 0:
				if err := often.checkpoint(some); err != nil {
					t.Fatal(err)
				}
				some = NewGroups(2)
			case 1:
				n := rapid.IntRange(0, len(counted)-1).Draw(t, "taken back")
				takeBackAt(k, all, counted, n)
				counted = takeBackAt(k, some, counted, n)
			}
		}
		if err := errors.Join(once.checkpoint(all), often.checkpoint(some)); err != nil {
			t.Fatal(err)
		}
		if !maps.EqualFunc(once.rows, often.rows, bytes.Equal) {
			t.Fatalf("the rows differ: %v, %v", once.rows, often.rows)
		}
	})
}

// TestGroupsKeepTuplesOfDays: what was taken back leaves its tuple in the row of the day, so that a bound on tuples that was
// reached stays reached.
func TestGroupsKeepTuplesOfDays(t *testing.T) {
	s := newGroupStore(KindSum)
	g := NewGroups(2)
	p := Point{Value: 5}
	g.Fold(KindSum, 100, []uint32{7, 8}, &p)
	if err := s.checkpoint(g); err != nil {
		t.Fatal(err)
	}
	g = NewGroups(2)
	g.Unfold(KindSum, 100, []uint32{7, 8}, &p)
	if err := s.checkpoint(g); err != nil {
		t.Fatal(err)
	}
	want := map[groupRowKey][]byte{
		{ByDimensions, Day, 0}: {1, 0x13, 1, 0x0f, 7},
		{ByUser, Day, 0}:       {1, 0x13, 2, 0x0f, 7, 8},
	}
	if !maps.EqualFunc(s.rows, want, bytes.Equal) {
		t.Fatalf("rows are %v", s.rows)
	}
}

// TestGoldenGroupRow pins the example of docs/FORMAT.md.
func TestGoldenGroupRow(t *testing.T) {
	s, g := newGroupStore(KindSum), NewGroups(2)
	for _, p := range []grouped{{Point{Value: 2}, []uint32{5, 1}}, {Point{Value: 1}, []uint32{7, 1}}, {Point{Value: 3}, []uint32{7, 1}}} {
		g.Fold(KindSum, 0, p.tuple, &p.Point)
	}
	if err := s.checkpoint(g); err != nil {
		t.Fatal(err)
	}
	if got, want := s.rows[groupRowKey{ByDimensions, Day, 0}], []byte{1, 0x13, 1, 0, 5, 1, 4, 0, 2, 2, 8}; !bytes.Equal(got, want) {
		t.Fatalf("row is %x, want %x", got, want)
	}
}

// TestGroupViewStays: a view does not see what happens later.
func TestGroupViewStays(t *testing.T) {
	g := NewGroups(1)
	g.mergeAt = 4
	p := Point{Value: 1}
	for i := range uint32(3) {
		g.Fold(KindSum, 5, []uint32{i % 2}, &p)
	}
	v := g.View()
	g.Fold(KindSum, 5, []uint32{0}, &p) // merges
	g.Replace(5)
	g.Fold(KindSum, 5, []uint32{9}, &p)
	if n := v.Len(); n != 3 || len(v.replaced) != 0 {
		t.Fatalf("the view has %d cells, %d minutes replaced", n, len(v.replaced))
	}
	for i, want := range []uint32{0, 1, 0} {
		if got := v.cell(i).tuple()[0]; got != want {
			t.Errorf("cell %d has tuple %d, want %d", i, got, want)
		}
	}
}

// TestGroupRowsRefuse: a rebuild whose parts have expired must not forget them, and bytes that no writer makes are not read.
func TestGroupRowsRefuse(t *testing.T) {
	s := newGroupStore(KindMax)
	g := NewGroups(1)
	for i := range int64(4) {
		g.Fold(KindMax, 15*i, []uint32{7}, &Point{Value: i})
	}
	if err := s.checkpoint(g); err != nil {
		t.Fatal(err)
	}
	delete(s.rows, groupRowKey{ByUser, QuarterHour, 2})
	g = NewGroups(1)
	g.Replace(0)
	if err := s.checkpoint(g); !errors.Is(err, ErrExpired) {
		t.Fatalf("a rebuild without its parts: %v", err)
	}
	for name, data := range map[string][]byte{
		"version":              {2, 0x13, 1, 0x0f, 7},
		"kind":                 {1, 0x23, 1, 0x0f, 7},
		"level":                {1, 0x12, 1, 0x0f, 7},
		"width":                {1, 0x13, 2, 0x0f, 7},
		"no entries":           {1, 0x13, 1},
		"same tuple twice":     {1, 0x13, 1, 0x0f, 7, 0x1f},
		"growth of nothing":    {1, 0x13, 1, 0x0f, 7, 0x0f, 0},
		"shared in the first":  {1, 0x13, 1, 0x1f},
		"minute of a day":      {1, 0x13, 1, 0x01, 7, 1, 2},
		"empty bucket":         {1, 0x13, 1, 0x00, 7, 0, 0},
		"cut in the bucket":    {1, 0x13, 1, 0x00, 7, 1},
		"number past 32 bits":  {1, 0x13, 1, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x1f},
		"growth past 32 bits":  {1, 0x13, 1, 0x0f, 7, 0x0f, 0xff, 0xff, 0xff, 0xff, 0x0f},
		"varint one too long":  {1, 0x13, 1, 0x0f, 0x87, 0x00},
		"more shared than are": {1, 0x13, 1, 0x2f},
	} {
		var r GroupRow
		for r.Open(KindSum, Day, 1, data); r.Next(); {
		}
		if !errors.Is(r.Err(), ErrCorrupt) {
			t.Errorf("%s: %v", name, r.Err())
		}
	}
}

// FuzzGroupRow: no bytes panic, and what is read is written again byte for byte.
func FuzzGroupRow(f *testing.F) {
	for _, k := range allKinds {
		s := newGroupStore(k)
		g := NewGroups(3)
		for i := range uint32(40) {
			p := Point{TimeNanos: int64(i) * 7 * nanosPerMinute, Value: int64(i * i), Member: i, Add: i%3 == 0, ID: fmt.Sprint(i)}
			g.Fold(k, MinuteOf(p.TimeNanos), []uint32{i % 2, i % 5, 2 + i%3}, &p)
		}
		if err := s.checkpoint(g); err != nil {
			f.Fatal(err)
		}
		for key, row := range s.rows {
			f.Add(uint8(k), uint8(key.level), uint8(key.family.Width(3)), row)
		}
	}
	f.Fuzz(func(t *testing.T, kind, level, width uint8, data []byte) {
		k, l := Kind(kind), Level(level)
		if !k.valid() || !slices.Contains(groupLevels(k), l) || width < 1 || width > TupleMax {
			return
		}
		var r GroupRow
		var w rowWriter
		w.reset(k, l, int(width))
		for r.Open(k, l, int(width), data); r.Next(); {
			w.add(r.Tuple(), r.Minute, &r.Agg)
		}
		if r.Err() == nil && !bytes.Equal(w.bytes(), data) {
			t.Fatalf("read %x, wrote %x", data, w.bytes())
		}
	})
}
