package rollup

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestKept(t *testing.T) {
	const day = int64(1440)
	k := KeptFrom(10*day+77, 5*day+3, 20*day)
	require.Equal(t, &Kept{10 * day, 5 * day, 5 * day, MinuteMin}, k)
	for _, tc := range []struct{ minute, aligned, from, to int64 }{
		{10 * day, 10 * day, 10 * day, 10*day + 1},
		{10*day + 7, 10*day + 7, 10*day + 7, 10*day + 8},
		{10*day - 7, 10*day - 15, 10*day - 15, 10 * day},
		{6*day + 30, 6*day + 30, 6*day + 30, 6*day + 45},
		{5*day - 1, 4 * day, 4 * day, 5 * day},
		{-1, -day, -day, 0},
	} {
		require.Equal(t, tc.aligned, k.Align(tc.minute), "%d", tc.minute)
		from, to := k.Whole(tc.minute)
		require.Equal(t, [2]int64{tc.from, tc.to}, [2]int64{from, to}, "%d", tc.minute)
	}
	require.True(t, k.Has(KindSum, Minute, 240))
	require.False(t, k.Has(KindSum, Minute, 239))
	require.True(t, k.Has(KindUnique, QuarterHour, 5*96))
	require.False(t, k.Has(KindUnique, QuarterHour, 5*96-1))
	require.True(t, k.Has(KindSum, Day, -1000))
	var all *Kept
	require.Equal(t, int64(17), all.Align(17))
	require.True(t, all.Has(KindSum, Minute, -1000))
	require.Equal(t, MinuteMin, all.From(Hour))
	from, to := all.Whole(17)
	require.Equal(t, [2]int64{17, 18}, [2]int64{from, to})
}

// TestExpiryForgetsNothingCoarse: pages expire again and again while events and corrections for expired minutes still come.
// Every span whose edges are kept answers as if nothing had expired, and what is stored is what a store that never
// expired anything has, less the expired pages: it does not matter when they went.
func TestExpiryForgetsNothingCoarse(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		minutes := rapid.SampledFrom([]int64{300, 3 * 1440, 40 * 1440}).Draw(t, "minutes")
		pts := drawPoints(t, k, minutes)
		if len(pts) == 0 {
			return
		}
		base := slices.MinFunc(pts, func(a, b Point) int { return int(a.TimeNanos/nanosPerMinute - b.TimeNanos/nanosPerMinute) }).TimeNanos / nanosPerMinute
		got, want := newStore(k), newStore(k)
		voided := map[string]bool{}
		var counted []Point
		for i := range pts {
			minute := MinuteOf(pts[i].TimeNanos)
			if k == KindWeighted && got.kept.gone(Minute, minute) {
				continue // the engine refuses it
			}
			var d Delta
			d.Fold(k, minute, &pts[i])
			counted = append(counted, pts[i])
			if rapid.IntRange(0, 3).Draw(t, "void") == 0 {
				p := counted[rapid.IntRange(0, len(counted)-1).Draw(t, "which")]
				voided[p.ID] = true
				from, to := got.kept.Whole(MinuteOf(p.TimeNanos))
				for m := from; m < to; m++ {
					left := slices.DeleteFunc(slices.Clone(counted), func(q Point) bool { return MinuteOf(q.TimeNanos) != m || voided[q.ID] })
					d.Replace(m, refolded(k, left))
				}
			}
			if rapid.Bool().Draw(t, "expire") {
				from := func(l string) int64 { return base + rapid.Int64Range(-1440, minutes+1440).Draw(t, l) }
				next := KeptFrom(from("minute"), from("quarter"), from("hour"))
				for l := range next {
					next[l] = max(next[l], got.kept.From(Level(l)))
				}
				require.NoError(t, got.expiring(&d, next))
			} else {
				require.NoError(t, got.expiring(&d, got.kept))
			}
			require.NoError(t, want.rewrite(&d))
		}
		for key := range want.pages {
			if !got.kept.Has(k, key.level, key.page) {
				delete(want.pages, key)
			}
		}
		require.Equal(t, want.pages, got.pages)
		spans := drawSpans(t, base)
		for i := range spans {
			spans[i] = Span{got.kept.Align(spans[i].StartMin), got.kept.Align(spans[i].EndMin)}
		}
		aggs, err := Range(k, got, nil, spans)
		require.NoError(t, err)
		left := slices.DeleteFunc(slices.Clone(counted), func(p Point) bool { return voided[p.ID] })
		for i, span := range spans {
			history := slices.DeleteFunc(slices.Clone(left), func(p Point) bool { return MinuteOf(p.TimeNanos) >= span.EndMin })
			wantNumber, wantOK := expect(k, history, span.StartMin)
			if number, ok := number(k, &aggs[i]); number != wantNumber || ok != wantOK {
				t.Fatalf("span %v: got %d, %v; want %d, %v", span, number, ok, wantNumber, wantOK)
			}
		}
	})
}

// expiring is a checkpoint of a delta with which pages expire.
func (s *store) expiring(d *Delta, next *Kept) error {
	if err := s.rewrite(d); err != nil {
		return err
	}
	s.kept = next
	for key := range s.pages {
		if !s.kept.Has(s.kind, key.level, key.page) {
			delete(s.pages, key)
		}
	}
	return nil
}

// TestRewriteOfExpiredNeedsAll: one minute of an expired quarter hour cannot be replaced alone.
func TestRewriteOfExpiredNeedsAll(t *testing.T) {
	for _, k := range allKinds {
		s, d := newStore(k), new(Delta)
		d.Fold(k, 3, &Point{TimeNanos: 3 * nanosPerMinute, Value: 5})
		require.NoError(t, s.expiring(d, KeptFrom(1440, 0, 0)))
		var one, all Delta
		one.Replace(3, Agg{})
		require.ErrorIs(t, s.rewrite(&one), ErrExpired, k.String())
		for m := range int64(15) {
			all.Replace(m, Agg{})
		}
		require.NoError(t, s.rewrite(&all), k.String())
		for key, data := range s.pages {
			require.Empty(t, data, "%s %s page %d", k, key.level, key.page)
		}
	}
}
