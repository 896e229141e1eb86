package rollup

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

var additiveKinds = []Kind{KindSum, KindCount, KindAvg, KindPercentile}

// TestUnfoldIsAsIfNever: events taken back, at any time and in any order, in the same delta or
// after a checkpoint, leave the bytes of a store that never had them.
func TestUnfoldIsAsIfNever(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(additiveKinds).Draw(t, "kind")
		pts := drawPoints(t, k, rapid.SampledFrom([]int64{2, 3000}).Draw(t, "minutes"))
		voided := rapid.IntRange(0, len(pts)).Draw(t, "voided")
		want, got := newStore(k), newStore(k)
		var never, d Delta
		for i := range pts[voided:] {
			never.Fold(k, MinuteOf(pts[voided+i].TimeNanos), &pts[voided+i])
		}
		require.NoError(t, want.checkpoint(&never))
		checkpoint := func() {
			if rapid.IntRange(0, 5).Draw(t, "checkpoint") == 0 {
				taken := d.Take()
				require.NoError(t, got.checkpoint(&taken))
			}
		}
		for _, i := range rapid.Permutation(upTo(len(pts))).Draw(t, "order") {
			d.Fold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
			checkpoint()
		}
		for _, i := range rapid.Permutation(upTo(voided)).Draw(t, "void order") {
			d.Unfold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
			checkpoint()
		}
		require.NoError(t, got.checkpoint(&d))
		for key, data := range got.pages {
			if string(want.pages[key]) != string(data) {
				t.Fatalf("%s page %d: %x, want %x", key.level, key.page, data, want.pages[key])
			}
		}
		for key := range want.pages {
			if len(got.pages[key]) == 0 {
				t.Fatalf("%s page %d is missing", key.level, key.page)
			}
		}
	})
}

func upTo(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

// TestCorrectionsMerge: a bucket with corrections obeys the laws of Merge, below zero too, and
// comes back from its bytes.
func TestCorrectionsMerge(t *testing.T) {
	draw := func(t *rapid.T, k Kind) Agg {
		var a Agg
		for range rapid.IntRange(0, 6).Draw(t, "steps") {
			p := Point{Value: rapid.Int64Range(0, 300).Draw(t, "value")}
			switch op := rapid.IntRange(0, 2).Draw(t, "op"); {
			case op == 0:
				a.Fold(k, &p)
			case op == 1 || k == KindAvg || k == KindPercentile:
				a.Unfold(k, &p)
			default:
				a.Adjust(k, p.Value-150)
			}
		}
		return a
	}
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.SampledFrom(additiveKinds).Draw(t, "kind")
		a, b, c := draw(t, k), draw(t, k), draw(t, k)
		merged := func(parts ...*Agg) string {
			var m Agg
			for _, p := range parts {
				m.Merge(k, p)
			}
			data := encode(k, &m)
			var p Page
			if err := p.Decode(k, Minute, []byte(data)); err != nil {
				t.Fatal(err)
			}
			if (p.Slot(0) == nil) != m.Empty(k) || p.Slot(0) != nil && encode(k, p.Slot(0)) != data {
				t.Fatalf("%x does not come back", data)
			}
			return data
		}
		want := merged(&a, &b, &c)
		for _, order := range [][]*Agg{{&c, &b, &a}, {&b, &a, &c}, {&b, &c, &a, {}}} {
			if got := merged(order...); got != want {
				t.Fatalf("%x, want %x", got, want)
			}
		}
		ab := a.clone()
		ab.Merge(k, &b)
		if got := merged(&c, &ab); got != want {
			t.Fatalf("(ab)c is %x, want %x", got, want)
		}
	})
}

func TestAdjust(t *testing.T) {
	s, d := newStore(KindSum), new(Delta)
	d.Adjust(KindSum, 5, -700) // a minute without events
	d.Fold(KindSum, 6, &Point{Value: 200})
	require.NoError(t, s.checkpoint(d))
	aggs, err := Range(KindSum, s, nil, []Span{{0, 6}, {6, 7}, {7, 9}})
	require.NoError(t, err)
	require.Equal(t, []Agg{{Value: -700}, {Count: 1, Value: 200}, {}}, aggs)
	require.Equal(t, "-0.7", Value(KindSum, 3, &aggs[0]).String())
	require.Equal(t, "-2", Value(KindCount, 0, &Agg{Count: -2}).String())
	require.False(t, Value(KindAvg, 0, &Agg{Value: 3}).IsSet())
	for _, k := range allKinds {
		if k != KindSum && k != KindCount {
			require.Panics(t, func() { new(Agg).Adjust(k, 1) }, k.String())
		}
		if !slices.Contains(additiveKinds, k) {
			require.Panics(t, func() { new(Agg).Unfold(k, &Point{}) }, k.String())
		}
	}
}

// TestReplaceModel: void any events of any kind, by replacing the minute with a refold of what is
// left, between and around checkpoints: the stored bytes and every answer are those of a store
// that never had them.
func TestReplaceModel(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawPoints(t, k, rapid.SampledFrom([]int64{2, 300, 5000}).Draw(t, "minutes"))
		voided := map[string]bool{}
		s, d := newStore(k), new(Delta)
		var older []*Delta // taken, but not yet in the store
		folded := []Point{}
		void := func(p Point) {
			voided[p.ID] = true
			minute := MinuteOf(p.TimeNanos)
			var left []Point
			for _, q := range folded {
				if MinuteOf(q.TimeNanos) == minute && !voided[q.ID] {
					left = append(left, q)
				}
			}
			d.Replace(minute, refolded(k, left))
		}
		for i := range pts {
			d.Fold(k, MinuteOf(pts[i].TimeNanos), &pts[i])
			folded = append(folded, pts[i])
			if rapid.IntRange(0, 3).Draw(t, "void") == 0 {
				void(pts[rapid.IntRange(0, i).Draw(t, "which")])
			}
			switch rapid.IntRange(0, 9).Draw(t, "step") {
			case 0:
				for _, o := range older {
					require.NoError(t, s.checkpoint(o))
				}
				taken := d.Take()
				require.NoError(t, s.checkpoint(&taken))
				older = nil
			case 1:
				taken := d.Take()
				older = append(older, &taken)
			case 2: // two deltas become one
				if len(older) > 0 {
					older[len(older)-1].Merge(k, d)
					d = new(Delta)
				}
			}
		}
		counted := slices.DeleteFunc(slices.Clone(pts), func(p Point) bool { return voided[p.ID] })
		checkSpansOf(t, k, s, append(slices.Clone(older), d), counted, pts)
		for _, o := range append(older, d) {
			require.NoError(t, s.checkpoint(o))
		}
		var never Delta
		for i := range counted {
			never.Fold(k, MinuteOf(counted[i].TimeNanos), &counted[i])
		}
		want := newStore(k)
		require.NoError(t, want.checkpoint(&never))
		for key, data := range s.pages {
			if string(want.pages[key]) != string(data) {
				t.Fatalf("%s page %d: %x, want %x", key.level, key.page, data, want.pages[key])
			}
		}
		if len(s.pages) != len(want.pages) {
			t.Fatalf("%d pages, want %d", len(s.pages), len(want.pages))
		}
	})
}

func checkSpansOf(t *rapid.T, k Kind, s *store, deltas []*Delta, counted, pts []Point) {
	base := int64(0)
	if len(pts) > 0 {
		base = MinuteOf(pts[0].TimeNanos)
	}
	spans := drawSpans(t, base)
	aggs, err := Range(k, s, deltas, spans)
	require.NoError(t, err)
	for i, span := range spans {
		history := slices.DeleteFunc(slices.Clone(counted), func(p Point) bool { return MinuteOf(p.TimeNanos) >= span.EndMin })
		want, wantOK := expect(k, history, span.StartMin)
		if got, ok := number(k, &aggs[i]); got != want || ok != wantOK {
			t.Fatalf("span %v: got %d, %v; want %d, %v", span, got, ok, want, wantOK)
		}
	}
}

// TestRewriteIsPages: for a delta that only adds, Rewrite writes what Pages and MergeSlots do.
func TestRewriteIsPages(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		if k == KindWeighted {
			return
		}
		want, got := newStore(k), newStore(k)
		for range 3 {
			var d Delta
			for _, p := range drawPoints(t, k, 4000) {
				d.Fold(k, MinuteOf(p.TimeNanos), &p)
			}
			require.NoError(t, want.checkpoint(&d))
			before := deltaBytes(k, &d)
			require.NoError(t, got.rewrite(&d))
			require.Equal(t, before, deltaBytes(k, &d), "the delta changed")
		}
		require.Equal(t, len(want.pages), len(got.pages))
		for key, data := range want.pages {
			require.Equal(t, string(data), string(got.pages[key]))
		}
	})
}

// TestRewriteRefuses: an hour whose minutes have expired cannot be made anew, and says so instead
// of forgetting them.
func TestRewriteRefuses(t *testing.T) {
	for _, k := range allKinds {
		s, d := newStore(k), new(Delta)
		for m := range int64(30) {
			d.Fold(k, m, &Point{TimeNanos: m * nanosPerMinute, Value: m, Member: uint32(m), ID: "x"})
		}
		require.NoError(t, s.rewrite(d))
		for key := range s.pages {
			if key.level == Minute {
				delete(s.pages, key)
			}
		}
		var late Delta
		late.Replace(3, Agg{})
		require.ErrorIs(t, s.rewrite(&late), ErrExpired, k.String())
		require.Panics(t, func() { _ = coarsePages(k, &late, nil) }, k.String())
		if k == KindWeighted {
			var plain Delta
			plain.Fold(k, 3, &Point{TimeNanos: 3 * nanosPerMinute})
			require.ErrorIs(t, s.rewrite(&plain), ErrExpired)
			require.Panics(t, func() { _ = coarsePages(k, &plain, nil) })
		}
	}
	require.Panics(t, func() { ValueOf(usage.Aggregation(""), 0, &Agg{}) })
}

// refolded returns the bucket of a minute made anew from all the events in it that count.
func refolded(k Kind, points []Point) Agg {
	var a Agg
	for i := range points {
		a.Fold(k, &points[i])
	}
	return a
}
