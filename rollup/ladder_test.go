package rollup

import (
	"cmp"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

type pageKey struct {
	level Level
	page  int64
}

// store is stored pages of one series, written as a checkpoint writes them.
type store struct {
	kind  Kind
	pages map[pageKey][]byte
	reads map[pageKey]int // pages given out since the last query
	calls int
	kept  *Kept
}

func newStore(k Kind) *store { return &store{kind: k, pages: map[pageKey][]byte{}} }

// checkpoint merges a delta into the pages.
func (s *store) checkpoint(d *Delta) error {
	var p Page
	if s.kind == KindWeighted || len(d.replacements()) > 0 {
		return s.rewrite(d)
	}
	return coarsePages(s.kind, d, func(l Level, page int64, slots []Slot) error {
		if err := p.Decode(s.kind, l, s.pages[pageKey{l, page}]); err != nil {
			return err
		}
		p.MergeSlots(slots)
		s.pages[pageKey{l, page}] = p.Append(nil)
		return nil
	})
}

// rewrite is checkpoint by Rewrite. What it writes is in the pages only when it is done, as in a
// checkpoint that is ingested at its end.
func (s *store) rewrite(d *Delta) error {
	written := map[pageKey][]byte{}
	read := func(l Level, page int64, fn func([]byte) error) error {
		data, ok := s.pages[pageKey{l, page}]
		if !ok {
			return nil
		}
		return fn(data)
	}
	ladder := Ladder{Kept: s.kept}
	err := ladder.Rewrite(s.kind, d, read, func(l Level, page int64, old []byte, p *Page) error {
		key := pageKey{l, page}
		if string(old) != string(s.pages[key]) {
			return fmt.Errorf("%s page %d: another page was read", l, page)
		}
		if _, twice := written[key]; twice {
			return fmt.Errorf("%s page %d is written twice", l, page)
		}
		written[key] = p.Append(nil)
		return nil
	})
	if err != nil {
		return err
	}
	for key, data := range written {
		if s.pages[key] = data; len(data) == 0 {
			delete(s.pages, key)
		}
	}
	return nil
}

// Pages implements Source.
func (s *store) Pages(l Level, from, to int64, fn func(page int64, data []byte) error) error {
	s.calls++
	var pages []int64
	for key := range s.pages {
		if key.level == l && key.page >= from && key.page < to {
			pages = append(pages, key.page)
		}
	}
	sortInts(pages)
	for _, page := range pages {
		if s.reads != nil {
			s.reads[pageKey{l, page}]++
		}
		data := append([]byte(nil), s.pages[pageKey{l, page}]...)
		if err := fn(page, data); err != nil {
			return err
		}
		clear(data) // it is valid until fn returns
	}
	return nil
}

// split folds points into a store, checkpoint by checkpoint, and a pending delta or two.
func split(t *rapid.T, k Kind, pts []Point) (*store, []*Delta) {
	s, d := newStore(k), new(Delta)
	for i := range pts {
		d.Fold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
		if rapid.IntRange(0, 9).Draw(t, "checkpoint") == 0 {
			taken := d.Take()
			if err := s.checkpoint(&taken); err != nil {
				t.Fatal(err)
			}
		}
	}
	if rapid.Bool().Draw(t, "two deltas") {
		taken := d.Take()
		return s, []*Delta{&taken, nil, d}
	}
	return s, []*Delta{d}
}

// TestCheckpointsForgetTheirNumber: any order and any split into checkpoints stores the same bytes.
func TestCheckpointsForgetTheirNumber(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawPoints(t, k, rapid.SampledFrom([]int64{3, 100, 4000}).Draw(t, "minutes"))
		var once Delta
		for i := range pts {
			once.Fold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
		}
		want := newStore(k)
		if err := want.checkpoint(&once); err != nil {
			t.Fatal(err)
		}
		got, rest := split(t, k, rapid.Permutation(pts).Draw(t, "order"))
		for _, d := range rest {
			if d != nil {
				if err := got.checkpoint(d); err != nil {
					t.Fatal(err)
				}
			}
		}
		if len(got.pages) != len(want.pages) {
			t.Fatalf("%d pages, want %d", len(got.pages), len(want.pages))
		}
		for key, data := range want.pages {
			if string(got.pages[key]) != string(data) {
				t.Fatalf("%s page %d:\n%x\n%x", key.level, key.page, got.pages[key], data)
			}
		}
	})
}

// TestLadderOrder: pages ascend by (level, page), slots within them, and nothing of the delta
// changes.
func TestLadderOrder(t *testing.T) {
	var ladder Ladder
	forKinds(t, func(t *rapid.T, k Kind) {
		if k == KindWeighted {
			return // Rewrite has its own tests
		}
		pts := drawPoints(t, k, 3000)
		var d Delta
		for i := range pts {
			d.Fold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
		}
		before := deltaBytes(k, &d)
		last, counted := pageKey{level: 0, page: MinuteMin - 1}, [levelCount]int64{}
		err := ladder.Pages(k, &d, func(l Level, page int64, slots []Slot) error {
			if cmp.Or(cmp.Compare(l, last.level), cmp.Compare(page, last.page)) <= 0 {
				t.Fatalf("%s page %d after %v", l, page, last)
			}
			last = pageKey{l, page}
			if len(slots) == 0 {
				t.Fatal("a page without slots")
			}
			for i, s := range slots {
				if i > 0 && s.Index <= slots[i-1].Index || s.Index >= l.Slots(k) {
					t.Fatalf("slot %d out of order", s.Index)
				}
				counted[l] += s.Agg.Count
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for l, n := range counted {
			if n != int64(len(pts)) {
				t.Fatalf("%s has %d events of %d", Level(l), n, len(pts))
			}
		}
		if deltaBytes(k, &d) != before {
			t.Fatal("the delta changed")
		}
	})
}

func deltaBytes(k Kind, d *Delta) string {
	out := ""
	d.Each(func(_ int64, a *Agg) bool { out += encode(k, a) + "|"; return true })
	return out
}

func TestLadderStopsAtAnError(t *testing.T) {
	stop, calls := errors.New("stop"), 0
	var d Delta
	d.Fold(KindSum, 5, &Point{Value: 1})
	for n := 1; n <= levelCount; n++ {
		calls = 0
		err := coarsePages(KindSum, &d, func(Level, int64, []Slot) error {
			if calls++; calls == n {
				return stop
			}
			return nil
		})
		if err != stop || calls != n {
			t.Errorf("stop at call %d: %v after %d", n, err, calls)
		}
	}
}

func TestLadderDoesNotAllocate(t *testing.T) {
	var ladder Ladder
	var d Delta
	for m := range int64(5) {
		d.Fold(KindSum, m, &Point{Value: 1})
	}
	sum := int64(0)
	fn := func(_ Level, _ int64, slots []Slot) error {
		sum += slots[0].Agg.Value
		return nil
	}
	if n := testing.AllocsPerRun(100, func() { _ = ladder.Pages(KindSum, &d, fn) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkLadder(b *testing.B) {
	var ladder Ladder
	var d Delta
	d.Fold(KindSum, 28_401_123, &Point{Value: 1})
	d.Fold(KindSum, 28_401_124, &Point{Value: 1})
	fn := func(Level, int64, []Slot) error { return nil }
	b.ReportAllocs()
	for range b.N {
		_ = ladder.Pages(KindSum, &d, fn)
	}
}

// coarsePages is [Ladder.Pages] for one delta, without scratch to reuse.
func coarsePages(k Kind, d *Delta, fn func(l Level, page int64, slots []Slot) error) error {
	return new(Ladder).Pages(k, d, fn)
}
