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

// The shortest form is taken. A tenant that is in two of three blocks of a young chunk costs one bit a block.
func TestBlockSetForms(t *testing.T) {
	for name, c := range map[string]struct {
		member func(i int) bool
		span   int
		cookie byte
		size   int
	}{
		"few":       {func(i int) bool { return i%10_000 == 0 }, 60_000, 12346 & 0xff, 16 + 2*6},
		"all":       {func(int) bool { return true }, 60_000, 12347 & 0xff, 11 + 4},
		"most":      {func(i int) bool { return i%3 != 0 }, 1_500, 12345 & 0xff, 6 + 188},
		"most, old": {func(i int) bool { return i%3 != 0 }, BlockSetSpan, 12345 & 0xff, 6 + 8192},
	} {
		var s BlockSet
		for i := range c.span {
			if c.member(i) {
				s.Add(uint16(i))
			}
		}
		row := s.Append(nil)
		require.Equal(t, c.cookie, row[0], name)
		require.Len(t, row, c.size, name)
		var back BlockSet
		require.NoError(t, back.Decode(row), name)
		require.Equal(t, s.Len(), back.Len(), name)
	}
	for _, row := range []string{"\x39\x30\x00\x00\x00\x00\x00\xff", "\x39\x30\x00\x00\xff\x1f\xff\xff", "\x39\x30\x00\x00\x00\x00\x01\x00"} {
		var s BlockSet
		require.ErrorIs(t, s.Decode([]byte(row)), ErrCorrupt, "%x", row)
	}
}

// drawBlocks draws sets that are stored in each of the forms.
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
			if i == 0 || i == 64*step || i == 3*step || i == 4095*step || i == 4096*step {
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
