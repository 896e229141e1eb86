package engine

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// A row of totals comes back as it was, and two rows merge into the sum of both.
func TestTotalsRow(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 9))
	for range 200 {
		a, b := new(totalsDay), new(totalsDay)
		for h := range a.hours {
			if r.IntN(3) == 0 {
				a.hours[h] = rollup.Wide(r.Int64() - 1<<62)
			}
			if r.IntN(3) == 0 {
				b.hours[h] = rollup.Int128{Hi: r.Int64() >> 8, Lo: r.Uint64()}
			}
		}
		got := new(totalsDay)
		require.NoError(t, got.decode(a.append(nil)))
		require.Equal(t, a.hours, got.hours)
		require.NoError(t, got.decode(b.append(nil)))
		a.merge(b)
		require.Equal(t, a.hours, got.hours)
	}
	require.Empty(t, new(totalsDay).append(nil), "nothing is stored of a day that adds up to nothing")
}

// Days that share a place in the cache are told apart.
func TestTotalsCache(t *testing.T) {
	s := newTotals(1)
	want := map[totalsKey]int64{}
	r := rand.New(rand.NewPCG(seed(t), 10))
	for range 20_000 {
		meter, sec, units := 1+uint32(r.IntN(40)), r.Int64N(200*secondsADay)-100*secondsADay, r.Int64N(100)-50
		s.add(meter, sec, units)
		want[totalsKey{meter, floorDiv(sec, hourSeconds)}] += units
	}
	for key, units := range want {
		d := s.days[totalsKey{key.meter, floorDiv(key.day, hoursPerDay)}]
		got, ok := d.hours[key.day-d.key.day*hoursPerDay].Int64()
		require.True(t, ok)
		require.Equal(t, units, got)
	}
}

func FuzzTotalsRow(f *testing.F) {
	day := &totalsDay{}
	day.hours[0], day.hours[23] = rollup.Wide(7), rollup.Wide(-7)
	f.Add(day.append(nil))
	f.Add([]byte{})
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, src []byte) {
		d := new(totalsDay)
		if err := d.decode(src); err != nil {
			require.ErrorIs(t, err, wal.ErrCorrupt)
			return
		}
		again := new(totalsDay)
		require.NoError(t, again.decode(d.append(nil)))
		require.Equal(t, d.hours, again.hours)
	})
}
