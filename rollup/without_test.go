package rollup

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Without is what folding all the others gives, or it says that it cannot tell.
func TestWithoutIsTheFoldOfTheOthers(t *testing.T) {
	for k := KindSum; k <= kindMax; k++ {
		told := 0
		rapid.Check(t, func(t *rapid.T) {
			points := drawMinute(t, k)
			i := rapid.IntRange(0, len(points)-1).Draw(t, "taken back")
			all := refolded(k, points)
			before := all.clone()
			rest, ok := all.Without(k, &points[i])
			require.Equal(t, bytesOf(k, &before), bytesOf(k, &all), "the bucket itself stays")
			others := refolded(k, slices.Delete(slices.Clone(points), i, i+1))
			if !ok {
				return
			}
			told++
			require.Equal(t, bytesOf(k, &others), bytesOf(k, &rest), "kind %s", k)
		})
		require.Positive(t, told, "kind %s", k)
	}
}

func drawMinute(t *rapid.T, k Kind) []Point {
	points := make([]Point, rapid.IntRange(1, 8).Draw(t, "n"))
	for i := range points {
		points[i] = Point{TimeNanos: int64(rapid.IntRange(0, 4).Draw(t, "second")) * 1e9, Value: int64(rapid.IntRange(0, 5).Draw(t, "value")),
			Member: uint32(rapid.IntRange(2, 5).Draw(t, "member")), ID: fmt.Sprint(i)}
		if k == KindLatest || k == KindWeighted {
			points[i].Add = rapid.Bool().Draw(t, "add")
		}
	}
	return points
}

func bytesOf(k Kind, a *Agg) []byte {
	var p Page
	p.Reset(k, Minute)
	p.MergeSlot(0, a)
	return p.Append(nil)
}

// Bucket is the minute as the deltas and the store have it together, whichever of them replaces it.
func TestBucketOfAMinute(t *testing.T) {
	for k := KindSum; k <= kindMax; k++ {
		rapid.Check(t, func(t *rapid.T) {
			var deltas []*Delta
			var want Agg
			for range rapid.IntRange(1, 3).Draw(t, "deltas") {
				d := new(Delta)
				for range rapid.IntRange(0, 3).Draw(t, "steps") {
					points := drawMinute(t, k)
					if rapid.IntRange(0, 3).Draw(t, "replace") == 0 {
						d.Replace(0, refolded(k, points))
						want = refolded(k, points)
						continue
					}
					for i := range points {
						d.Fold(k, 0, &points[i])
						want.Fold(k, &points[i])
					}
					other := Point{Value: 9, ID: "other", TimeNanos: 60e9, Member: 7}
					d.Fold(k, 1, &other)
				}
				deltas = append(deltas, d)
			}
			got, err := Bucket(k, emptySource{}, deltas, 0)
			require.NoError(t, err)
			require.Equal(t, bytesOf(k, &want), bytesOf(k, &got))
		})
	}
}

type emptySource struct{}

func (emptySource) Pages(Level, int64, int64, func(int64, []byte) error) error { return nil }
