package rollup

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

// drawValue draws numbers of every magnitude.
func drawValue(t *rapid.T) int64 {
	return rapid.OneOf(rapid.Int64Range(0, 300), rapid.Int64Range(0, math.MaxInt64),
		rapid.Map(rapid.IntRange(0, 62), func(e int) int64 { return 1 << e }),
		rapid.Map(rapid.IntRange(1, 63), func(e int) int64 { return 1<<e - 1 })).Draw(t, "value")
}

// TestBinsTile: the ranges cover all numbers without gap or overlap, in order.
func TestBinsTile(t *testing.T) {
	next := int64(0)
	for index := range uint16(binsMax) {
		low, high := Bin{Index: index}.bounds()
		require.Equal(t, next, low, "bin %d", index)
		require.GreaterOrEqual(t, high, low)
		require.Equal(t, index, binOf(low))
		require.Equal(t, index, binOf(high))
		next = high + 1 // wraps behind the last
	}
	require.Equal(t, int64(math.MinInt64), next, "the last bin ends with the greatest number")
	require.Panics(t, func() { binOf(-1) })
}

// TestPercentileError: the range holds the exact nearest-rank value, and its middle is within the
// stated bound of it; small values are exact.
func TestPercentileError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Custom(drawValue), 1, 60).Draw(t, "values")
		a := new(Agg)
		for _, v := range values {
			a.Fold(KindPercentile, &Point{Value: v})
		}
		slices.Sort(values)
		den := rapid.Int64Range(1, 1000).Draw(t, "den")
		num := rapid.Int64Range(1, den).Draw(t, "num")
		rank := (int64(len(values))*num + den - 1) / den
		want := values[max(rank, 1)-1]
		low, high, ok := Percentile(a, num, den)
		if !ok || want < low || want > high {
			t.Fatalf("%d/%d: [%d, %d] %v, want %d in it", num, den, low, high, ok, want)
		}
		off := Midpoint(low, high) - want
		if off = max(off, -off); off > want/PercentileErrorDen {
			t.Fatalf("the middle of [%d, %d] is %d off %d", low, high, off, want)
		}
	})
}

func TestPercentileEdges(t *testing.T) {
	for _, c := range []struct{ num, den int64 }{{0, 100}, {101, 100}, {-1, 5}, {1, 0}} {
		require.Panics(t, func() { Percentile(&Agg{}, c.num, c.den) }, "%d/%d", c.num, c.den)
	}
	_, _, ok := Percentile(&Agg{}, 1, 2)
	require.False(t, ok)
	huge := &Agg{Count: math.MaxInt64, Extra: &Extra{Bins: []Bin{{5, math.MaxInt64 - 1}, {6, 1}}}}
	low, high, ok := Percentile(huge, math.MaxInt64-1, math.MaxInt64) // the product needs 126 bits
	require.Equal(t, [3]any{int64(5), int64(5), true}, [3]any{low, high, ok})
	low, _, _ = Percentile(huge, 1, 1)
	require.Equal(t, int64(6), low)
	taken := &Agg{Count: 1, Extra: &Extra{Bins: []Bin{{5, 3}, {6, -2}}}} // a part of a bucket
	low, _, ok = Percentile(taken, 1, 1)
	require.True(t, ok)
	require.Equal(t, int64(5), low)
}

func TestValueOf(t *testing.T) {
	a := new(Agg)
	for v := range int64(100) {
		a.Fold(KindPercentile, &Point{Value: v * 1000})
	}
	for agg, want := range map[usage.Aggregation]string{
		// 49,000 lies in [48,640, 49,151], 89,000 in [88,064, 89,087], 98,000 in [97,280, 98,303].
		usage.P50: "48.895", usage.P90: "88.575", usage.P99: "97.791",
	} {
		require.Equal(t, want, ValueOf(agg, 3, a).String(), agg)
		require.False(t, ValueOf(agg, 3, &Agg{}).IsSet())
	}
	require.Equal(t, "0.012", ValueOf(usage.Sum, 3, &Agg{Count: 1, Value: 12}).String())
	require.Equal(t, "0", ValueOf(usage.WeightedSum, 3, &Agg{}).String())
	require.Panics(t, func() { ValueOf("median", 3, a) })
	require.Panics(t, func() { Value(KindPercentile, 3, a) })
}

// TestFoldOf: every aggregation has a kind, and those of KindOf are the same.
func TestFoldOf(t *testing.T) {
	for _, a := range usage.Aggregations() {
		k, r, ok := FoldOf(a)
		require.True(t, ok, a)
		if old, known := KindOf(a); known {
			require.Equal(t, old, k)
		}
		require.Equal(t, k == KindPercentile, r != Rank{}, a)
	}
	_, _, ok := FoldOf("median")
	require.False(t, ok)
}

// logValues are latencies in microseconds over three powers of ten.
func logValues(n int) []int64 {
	out := make([]int64, n)
	x := uint64(88172645463325252)
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = int64(100 + (x>>40)%(1<<(8+x%9)))
	}
	return out
}

func BenchmarkPercentileFold(b *testing.B) {
	values := logValues(1 << 16)
	b.ReportAllocs()
	var d Delta
	p := Point{}
	for i := range b.N {
		p.Value = values[i&(1<<16-1)]
		d.Fold(KindPercentile, int64(i>>14), &p)
		if i&(1<<20-1) == 0 {
			d.Reset()
		}
	}
}

// BenchmarkPercentileMerge merges a minute of 1,000 events into a day of 65,536.
func BenchmarkPercentileMerge(b *testing.B) {
	var day, minute Agg
	for i, v := range logValues(1 << 16) {
		day.Fold(KindPercentile, &Point{Value: v})
		if i < 1000 {
			minute.Fold(KindPercentile, &Point{Value: v})
		}
	}
	b.ReportAllocs()
	for range b.N {
		day.Merge(KindPercentile, &minute)
	}
	b.ReportMetric(float64(len(day.Extra.Bins)), "bins")
	b.ReportMetric(float64(len(appendBins(nil, day.Extra.Bins))), "bytes")
}
