package rollup

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// What the tests compare with: a list of points, answered by the definition of each kind.

var allKinds = []Kind{KindSum, KindCount, KindMin, KindMax, KindAvg, KindLatest, KindUnique, KindPercentile, KindWeighted}

// level0 is a level at which buckets of a kind can be merged into pages.
func level0(k Kind, l Level) Level {
	if k == KindWeighted {
		return Minute
	}
	return l
}

// drawPoints draws points that a kind accepts; their position makes their identity unique.
func drawPoints(t *rapid.T, k Kind, minutes int64) []Point {
	n := rapid.IntRange(0, 60).Draw(t, "events")
	base := rapid.SampledFrom([]int64{0, -3000, 28_401_000, 28_401_000 - 1440*40}).Draw(t, "base")
	pts := make([]Point, n)
	for i := range pts {
		minute := base + rapid.Int64Range(0, minutes-1).Draw(t, "minute")
		pts[i] = Point{
			TimeNanos: minute*nanosPerMinute + rapid.SampledFrom([]int64{0, 1, 30e9, nanosPerMinute - 1}).Draw(t, "nanos"),
			Value:     rapid.Int64Range(-1000, 1_000_000).Draw(t, "value"),
			Member:    rapid.OneOf(rapid.Uint32Range(0, 40), rapid.Uint32()).Draw(t, "member"),
			Add:       rapid.Bool().Draw(t, "add"),
			Source:    rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "source"),
			ID:        string(rune('A' + i)),
		}
		if k == KindPercentile {
			pts[i].Value = max(pts[i].Value, -pts[i].Value)
		}
	}
	return pts
}

// expect is what a kind says of points: its number, and false when there is nothing to say.
// For latest, points must be the whole history up to the end of the window from start on.
func expect(k Kind, pts []Point, start int64) (int64, bool) {
	in := slices.DeleteFunc(slices.Clone(pts), func(p Point) bool { return MinuteOf(p.TimeNanos) < start })
	switch k {
	case KindCount:
		return int64(len(in)), true
	case KindUnique:
		set := map[uint32]bool{}
		for _, p := range in {
			set[p.Member] = true
		}
		return int64(len(set)), true
	}
	var sum, low, high int64
	for i, p := range in {
		sum += p.Value
		if i == 0 || p.Value < low {
			low = p.Value
		}
		if i == 0 || p.Value > high {
			high = p.Value
		}
	}
	switch k {
	case KindSum:
		return sum, true
	case KindAvg:
		return sum, len(in) > 0
	case KindMin:
		return low, len(in) > 0
	case KindMax:
		return high, len(in) > 0
	case KindPercentile: // the low end of the bin of the median
		if len(in) == 0 {
			return 0, false
		}
		slices.SortFunc(in, func(a, b Point) int { return cmp.Compare(a.Value, b.Value) })
		low, _ := Bin{Index: binOf(in[(len(in)+1)/2-1].Value)}.bounds()
		return low, true
	}
	if len(in) == 0 { // latest, and the level that a weighted sum ends with
		return 0, false
	}
	all := slices.Clone(pts)
	slices.SortFunc(all, func(a, b Point) int {
		return cmp.Or(cmp.Compare(a.TimeNanos, b.TimeNanos), strings.Compare(a.Source, b.Source), strings.Compare(a.ID, b.ID))
	})
	value := int64(0)
	for _, p := range all {
		if p.Add {
			value += p.Value
		} else {
			value = p.Value
		}
	}
	return value, true
}

// number is what an Agg says, in the terms of expect.
func number(k Kind, a *Agg) (int64, bool) {
	switch k {
	case KindSum:
		return a.Value, true
	case KindCount:
		return a.Count, true
	case KindUnique:
		return CardinalityOf(a), true
	}
	if a.Count == 0 {
		return 0, false
	}
	switch k {
	case KindMin:
		return a.Value, true
	case KindMax:
		return a.Value, true
	case KindAvg:
		return a.Value, true
	case KindPercentile:
		low, _, ok := Percentile(a, 1, 2)
		return low, ok
	case KindWeighted:
		if len(a.Extra.Steps) == 0 {
			return a.Extra.Area.Last, true
		}
		s := newSweep(math.MinInt64)
		for i := range a.Extra.Steps {
			s.step(&a.Extra.Steps[i])
		}
		return s.Last, true
	}
	return a.Latest.Value(), true
}

func fold(k Kind, pts []Point) *Agg {
	a := new(Agg)
	for i := range pts {
		a.Fold(k, &pts[i])
	}
	return a
}

// encode gives the canonical bytes of one bucket.
func encode(k Kind, a *Agg) string {
	var p Page
	p.Reset(k, Minute)
	p.MergeSlot(0, a)
	return string(p.Append(nil))
}

func forKinds(t *testing.T, check func(t *rapid.T, k Kind)) {
	for _, k := range allKinds {
		t.Run(k.String(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { check(t, k) })
		})
	}
}

// drawSet draws a set of members with dense, sparse and run-shaped parts.
func drawSet(t *rapid.T) *roaring.Bitmap {
	m := roaring.New()
	for range rapid.IntRange(1, 4).Draw(t, "parts") {
		high := rapid.SampledFrom([]uint64{0, 1 << 16, 5 << 16, 6 << 16, 1<<32 - 1<<16}).Draw(t, "high")
		from := high + uint64(rapid.Uint16().Draw(t, "from"))
		switch rapid.IntRange(0, 3).Draw(t, "shape") {
		case 0:
			m.AddRange(from, min(from+rapid.Uint64Range(1, 9000).Draw(t, "length"), 1<<32))
		case 1:
			step := rapid.Uint64Range(2, 9).Draw(t, "step")
			for i := range rapid.Uint64Range(1, 6000).Draw(t, "count") {
				if v := from + i*step; v < 1<<32 {
					m.Add(uint32(v))
				}
			}
		case 2:
			for range rapid.IntRange(1, 40).Draw(t, "few") {
				m.Add(rapid.Uint32().Draw(t, "member"))
			}
		case 3:
			m.AddRange(high, high+1<<16)
			m.RemoveRange(from, min(from+rapid.Uint64Range(1, 5000).Draw(t, "hole"), 1<<32))
		}
	}
	if m.IsEmpty() {
		m.Add(7)
	}
	return m
}
