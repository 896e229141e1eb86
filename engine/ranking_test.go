package engine

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestRanking(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type entry struct{ by, came int }
		n := rapid.IntRange(0, 20).Draw(t, "n")
		r := newRanking(n, func(a, b entry) int { return cmp.Compare(a.by, b.by) })
		var all []entry
		for i, by := range rapid.SliceOfN(rapid.IntRange(0, 30), 0, 200).Draw(t, "offers") {
			all = append(all, entry{by, i})
			r.offer(entry{by, i})
			require.LessOrEqual(t, len(r.kept), 2*n)
		}
		slices.SortStableFunc(all, func(a, b entry) int { return cmp.Compare(a.by, b.by) })
		want := all[:min(n, len(all))]
		got := r.first()
		require.Len(t, got, len(want))
		for i := range want {
			require.Equal(t, want[i], got[i]) // of equals, those that came first
		}
	})
}
