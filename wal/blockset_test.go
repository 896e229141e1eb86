package wal

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A set has one row, whatever the order and the detours in which it came about, and the row gives the set back.
func TestBlockSetRow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := drawBlocks(t)
		var one, other BlockSet
		for _, m := range members {
			one.Add(m)
		}
		for i := len(members) - 1; i >= 0; i-- {
			other.Add(members[i])
			if i%997 == 0 {
				require.NoError(t, other.Decode(other.Append(nil)))
			}
		}
		slices.Sort(members)
		members = slices.Compact(members)
		row := one.Append(nil)
		require.Equal(t, row, other.Append(nil))
		require.Equal(t, len(members), one.Len())
		var back BlockSet
		require.NoError(t, back.Decode(row))
		from := rapid.Uint16().Draw(t, "from")
		var want, got []uint16
		for _, m := range slices.Backward(members) {
			if m <= from {
				want = append(want, m)
			}
		}
		require.True(t, back.Descend(from, func(low uint16) bool { got = append(got, low); return true }))
		require.Equal(t, want, got)
		require.Equal(t, len(want) > 0, back.Meets(0, uint32(from)+1))
	})
}

// drawBlocks draws sets that are stored in each of the three forms.
func drawBlocks(t *rapid.T) []uint16 {
	first := rapid.Uint16Range(0, 20000).Draw(t, "first")
	n := rapid.SampledFrom([]int{1, 5, 300, 4096, 4097, 9000}).Draw(t, "n")
	step := rapid.SampledFrom([]int{1, 2, 5}).Draw(t, "step")
	var out []uint16
	for i := range n {
		out = append(out, first+uint16(i*step))
	}
	return append(out, rapid.SliceOfN(rapid.Uint16(), 0, 5).Draw(t, "others")...)
}

func FuzzBlockSet(f *testing.F) {
	for _, step := range []int{1, 2, 9} {
		var s BlockSet
		for i := 0; i < 60000; i += step {
			s.Add(uint16(i))
			if i == 0 || i == 3*step || i == 4095*step || i == 4096*step {
				f.Add(s.Append(nil))
			}
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		var s BlockSet
		if err := s.Decode(src); err != nil {
			require.ErrorIs(t, err, ErrCorrupt)
			require.Zero(t, s.Len())
			return
		}
		require.Equal(t, src, s.Append(nil))
	})
}
