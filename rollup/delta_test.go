package rollup

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestDeltaModel drives a delta beside a map.
func TestDeltaModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Delta
		model := map[int64]int64{}
		span := rapid.SampledFrom([]int64{3, 200, 2000}).Draw(t, "span")
		seed := rapid.Uint64().Draw(t, "seed")
		r := rand.New(rand.NewPCG(seed, 1))
		ascending := rapid.Bool().Draw(t, "ascending")
		for i := range rapid.IntRange(0, 3000).Draw(t, "folds") {
			minute := r.Int64N(span) - span/2
			if ascending {
				minute = int64(i) / 2
			}
			d.Fold(KindSum, minute, &Point{Value: minute + 7})
			model[minute] += minute + 7
		}
		checkDelta(t, &d, model)
		taken := d.Take()
		if !d.Empty() || d.Len() != 0 {
			t.Fatal("a taken delta is not empty")
		}
		d.Fold(KindSum, 1, &Point{Value: 1})
		checkDelta(t, &taken, model)
		taken.Merge(KindSum, &d)
		model[1]++
		checkDelta(t, &taken, model)
	})
}

func checkDelta(t *rapid.T, d *Delta, model map[int64]int64) {
	var minutes []int64
	d.Each(func(minute int64, a *Agg) bool {
		if a.Value != model[minute] {
			t.Fatalf("minute %d: %d, want %d", minute, a.Value, model[minute])
		}
		minutes = append(minutes, minute)
		return true
	})
	if want := slices.Sorted(maps.Keys(model)); !slices.Equal(minutes, want) {
		t.Fatalf("minutes %v, want %v", minutes, want)
	}
	if d.Len() != len(model) || d.Empty() != (len(model) == 0) {
		t.Fatalf("Len %d, Empty %v of %d", d.Len(), d.Empty(), len(model))
	}
}

func TestDeltaEachStops(t *testing.T) {
	var d Delta
	for m := range int64(200) {
		d.Fold(KindCount, m, &Point{})
	}
	n := 0
	d.Each(func(int64, *Agg) bool { n++; return n < 70 })
	if n != 70 {
		t.Errorf("went on to %d", n)
	}
}

// BenchmarkDeltaBackfill folds 50,000 minutes (35 days) in random order.
func BenchmarkDeltaBackfill(b *testing.B) {
	order := rand.New(rand.NewPCG(1, 2)).Perm(50_000)
	b.ReportAllocs()
	var d Delta
	for i := range b.N {
		if i%len(order) == 0 {
			d.Reset()
		}
		d.Fold(KindSum, int64(order[i%len(order)]), &Point{Value: 1})
	}
}
