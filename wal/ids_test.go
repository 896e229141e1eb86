package wal

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
	"unsafe"
)

func TestIDSize(t *testing.T) {
	if size := unsafe.Sizeof(ID{}); size != 32 {
		t.Errorf("an ID takes %d bytes, want 32", size)
	}
}

func TestSortIDs(t *testing.T) {
	uniform := func(rng *rand.Rand) Hash { return Hash{rng.Uint64(), rng.Uint64()} }
	for _, shape := range []struct {
		name string
		hash func(rng *rand.Rand) Hash
	}{
		{"uniform", uniform},
		{"one Hi", func(rng *rand.Rand) Hash { return Hash{42, rng.Uint64()} }},
		{"one Lo", func(rng *rand.Rand) Hash { return Hash{rng.Uint64(), 42} }},
		{"few values", func(rng *rand.Rand) Hash { return Hash{rng.Uint64N(3), rng.Uint64N(3)} }},
		{"all equal", func(*rand.Rand) Hash { return Hash{1, 2} }},
		{"low bits", func(rng *rand.Rand) Hash { return Hash{0, rng.Uint64N(1000)} }},
	} {
		for _, count := range []int{0, 1, 2, 3, 24, 25, 26, 300, 20_000} {
			t.Run(fmt.Sprintf("%s/%d", shape.name, count), func(t *testing.T) {
				rng := testRand(uint64(count))
				ids := randomIDs(rng, count, 1, 100)
				for i := range ids {
					ids[i].Hash = shape.hash(rng)
				}
				want := slices.Clone(ids)
				slices.SortFunc(want, compareIDs)
				SortIDs(ids)
				if !slices.IsSortedFunc(ids, compareIDs) {
					t.Fatal("not sorted")
				}
				// Equal hashes may be in any order, so compare as sets.
				all := func(a, b ID) int {
					if c := compareIDs(a, b); c != 0 {
						return c
					}
					return int(int64(a.Payload) - int64(b.Payload))
				}
				slices.SortFunc(ids, all)
				slices.SortFunc(want, all)
				if !slices.Equal(ids, want) {
					t.Fatal("not a permutation of the input")
				}
			})
		}
	}
}

func TestSortIDsAllocates(t *testing.T) {
	ids := randomIDs(testRand(1), 10_000, 1, 100)
	if n := testing.AllocsPerRun(5, func() { SortIDs(ids) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSortIDs(b *testing.B) {
	for _, count := range []int{4096, 1_000_000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			ids := randomIDs(testRand(1), count, 1, 4096)
			work := make([]ID, count)
			b.ReportAllocs()
			var spent time.Duration
			for b.Loop() {
				copy(work, ids)
				start := time.Now()
				SortIDs(work)
				spent += time.Since(start)
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64(b.N)/float64(count), "ns/id")
		})
	}
}
