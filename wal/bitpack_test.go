package wal

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// readColumn reads a column that is followed by other bytes, as it is in a block.
func readColumn(column, after []byte, count int) ([]int64, int, error) {
	r := blockReader{buf: append(bytes.Clone(column), after...)}
	vals := make([]int64, count)
	r.ints("test", vals)
	return vals, r.off, r.err
}

func TestIntsEveryWidth(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for width := 0; width <= 64; width++ {
		for _, count := range []int{1, 2, 3, 7, 8, 9, 63, 64, 65, 200} {
			vals := make([]int64, count)
			for i := range vals {
				vals[i] = int64(rng.Uint64() >> (64 - width)) // a shift by 64 gives 0
			}
			base, got := columnFrame(vals)
			if got > width {
				t.Fatalf("width %d of values of %d bits", got, width)
			}
			packed := appendPacked(nil, vals, base, got)
			for _, after := range [][]byte{nil, {0xFF}, bytes.Repeat([]byte{0xFF}, 20)} {
				back, off, err := readColumn(packed, after, count)
				if err != nil || off != len(packed) || !slices.Equal(back, vals) {
					t.Fatalf("width %d, %d values: %v, %d of %d bytes, %v", width, count, err, off, len(packed), back)
				}
			}
		}
	}
}

func TestIntsForms(t *testing.T) {
	outlier := make([]int64, 100)
	outlier[50] = math.MaxInt64
	for name, c := range map[string]struct {
		vals []int64
		size int
	}{
		"none":           {nil, 0},
		"constant":       {[]int64{-5, -5, -5, -5}, 2},
		"one":            {[]int64{math.MinInt64}, 11},
		"extremes":       {[]int64{math.MinInt64, math.MaxInt64}, 1 + 2*10},
		"three bits":     {[]int64{100, 107, 101, 100}, 1 + 2 + 2},
		"with a outlier": {outlier, 1 + 99 + 10},
	} {
		column := appendInts(nil, c.vals)
		if len(column) != c.size {
			t.Errorf("%s: %d bytes, want %d", name, len(column), c.size)
		}
		if got, _, err := readColumn(column, nil, len(c.vals)); err != nil || !slices.Equal(got, c.vals) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestIntsProperty: columns come back, are not longer than their varints and a header, and
// every cut is noticed.
func TestIntsProperty(t *testing.T) {
	value := rapid.OneOf(rapid.Int64Range(0, 9), rapid.Int64(), rapid.Just(int64(math.MinInt64)))
	rapid.Check(t, func(t *rapid.T) {
		vals := rapid.SliceOfN(value, 1, 100).Draw(t, "values")
		column := appendInts(nil, vals)
		bound := columnHeaderMax
		for _, v := range vals {
			bound += varintSize(v)
		}
		if len(column) > bound {
			t.Fatalf("%d bytes, bound %d", len(column), bound)
		}
		got, off, err := readColumn(column, []byte{1, 2, 3}, len(vals))
		if err != nil || off != len(column) || !slices.Equal(got, vals) {
			t.Fatalf("got %v, %v", got, err)
		}
		cut := rapid.IntRange(0, len(column)-1).Draw(t, "cut")
		if _, _, err := readColumn(column[:cut], nil, len(vals)); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut at %d: %v", cut, err)
		}
	})
}

func TestUvarintSize(t *testing.T) {
	for shift := range 64 {
		for _, v := range []uint64{1<<shift - 1, 1 << shift, 1<<shift + 1} {
			want := 1
			for x := v; x >= 0x80; x >>= 7 {
				want++
			}
			if got := uvarintSize(v); got != want {
				t.Errorf("uvarintSize(%d) = %d, want %d", v, got, want)
			}
		}
	}
}

func BenchmarkInts(b *testing.B) {
	vals := make([]int64, 4096)
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range vals {
		vals[i] = rng.Int64N(1000)
	}
	column := appendInts(nil, vals)
	b.Run("pack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			column = appendInts(column[:0], vals)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(vals)), "ns/value")
	})
	b.Run("unpack", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r := blockReader{buf: column}
			r.ints("bench", vals)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(vals)), "ns/value")
	})
}
