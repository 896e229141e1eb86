package rollup

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestAggSize(t *testing.T) {
	if size := sizeOf(bucket{}); size > 64 {
		t.Errorf("a bucket has %d bytes, more than a cache line", size)
	}
	if size := sizeOf(buckets{}); size > 128 {
		t.Errorf("a Delta of one minute has %d bytes, more than a size class of the allocator", size)
	}
	if size := sizeOf(Delta{}); size != 8 {
		t.Errorf("an empty Delta has %d bytes", size)
	}
}

// TestFoldMeansItsKind compares with the definitions, in any order of arrival.
func TestFoldMeansItsKind(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawPoints(t, k, 5)
		want, wantOK := expect(k, pts, MinuteMin)
		got, ok := number(k, fold(k, rapid.Permutation(pts).Draw(t, "order")))
		if got != want || ok != wantOK {
			t.Fatalf("got %d, %v; want %d, %v", got, ok, want, wantOK)
		}
	})
}

// TestMergeLaws: associative, commutative, with a zero, and any split folds to the same bytes as
// the whole.
func TestMergeLaws(t *testing.T) {
	forKinds(t, func(t *rapid.T, k Kind) {
		pts := drawPoints(t, k, 5)
		order := rapid.Permutation(pts).Draw(t, "order")
		i := rapid.IntRange(0, len(pts)).Draw(t, "i")
		j := rapid.IntRange(i, len(pts)).Draw(t, "j")
		parts := [3][]Point{order[:i], order[i:j], order[j:]}
		bytes := [3]string{}
		for n := range parts {
			bytes[n] = encode(k, fold(k, parts[n]))
		}
		a, b, c := fold(k, parts[0]), fold(k, parts[1]), fold(k, parts[2])
		left := new(Agg)
		left.Merge(k, a)
		left.Merge(k, b)
		left.Merge(k, c)
		bc := fold(k, parts[1])
		bc.Merge(k, c)
		right := fold(k, parts[0])
		right.Merge(k, bc)
		back := fold(k, parts[2])
		back.Merge(k, b)
		back.Merge(k, a)
		back.Merge(k, new(Agg))
		want := encode(k, fold(k, pts))
		for name, got := range map[string]*Agg{"(ab)c": left, "a(bc)": right, "cba0": back} {
			if encode(k, got) != want {
				t.Fatalf("%s differs from the whole", name)
			}
		}
		// Nothing is shared: folding into the results leaves the parts as they were.
		for _, p := range drawPoints(t, k, 9) {
			left.Fold(k, &p)
			right.Fold(k, &p)
			back.Fold(k, &p)
		}
		for n, part := range []*Agg{a, b, c} {
			if encode(k, part) != bytes[n] {
				t.Fatalf("part %d changed", n)
			}
		}
	})
}

// TestLatestTies: events of one instant are ordered by source, then id, bytewise; equal identities
// by value.
func TestLatestTies(t *testing.T) {
	for _, c := range []struct {
		name string
		pts  []Point
		want int64
	}{
		{"greater id", []Point{{Value: 1, ID: "b"}, {Value: 2, ID: "a"}}, 1},
		{"source before id", []Point{{Value: 1, Source: "b", ID: "a"}, {Value: 2, Source: "a", ID: "z"}}, 1},
		{"bytewise", []Point{{Value: 1, ID: "é"}, {Value: 2, ID: "z"}}, 1},
		{"add after set", []Point{{Value: 5, ID: "a"}, {Value: 2, ID: "b", Add: true}}, 7},
		{"add before set", []Point{{Value: 5, ID: "b"}, {Value: 2, ID: "a", Add: true}}, 5},
		{"same identity", []Point{{Value: 5, ID: "a"}, {Value: 2, ID: "a", Add: true}, {Value: 9, ID: "a"}}, 11},
		{"adds only", []Point{{Value: 5, ID: "a", Add: true}, {Value: -7, ID: "b", Add: true}}, -2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for range 10 {
				rand.Shuffle(len(c.pts), func(i, j int) { c.pts[i], c.pts[j] = c.pts[j], c.pts[i] })
				if got := fold(KindLatest, c.pts).Latest.Value(); got != c.want {
					t.Fatalf("got %d, want %d for %v", got, c.want, c.pts)
				}
			}
		})
	}
}

// TestLatestCopiesStrings: the caller may reuse the buffer that a point's strings lie in.
func TestLatestCopiesStrings(t *testing.T) {
	buf := []byte("id-1")
	for _, add := range []bool{false, true} {
		a := new(Agg)
		a.Fold(KindLatest, &Point{ID: unsafeString(buf), Value: 1, Add: add})
		before := encode(KindLatest, a)
		buf[3]++
		if encode(KindLatest, a) != before {
			t.Errorf("add %v: the bucket changed with the buffer", add)
		}
	}
}

func TestFoldDoesNotAllocate(t *testing.T) {
	p := Point{Value: 3, Member: 9, ID: "x", TimeNanos: 5}
	for _, k := range allKinds {
		if k == KindWeighted {
			continue // it keeps every event
		}
		var d Delta
		d.Fold(k, 7, &p)
		if n := testing.AllocsPerRun(100, func() { d.Fold(k, 7, &p) }); n != 0 {
			t.Errorf("%s: %v allocations", k, n)
		}
	}
}

func BenchmarkDeltaFold(b *testing.B) {
	for _, k := range allKinds {
		b.Run(k.String(), func(b *testing.B) {
			b.ReportAllocs()
			var d Delta
			p := Point{Value: 3, ID: "x"}
			for i := range b.N {
				p.Member = uint32(i & 1023)
				p.TimeNanos = int64(i)
				d.Fold(k, int64(i>>12), &p)
				if i&(1<<20-1) == 0 {
					d.Reset()
				}
			}
		})
	}
}
