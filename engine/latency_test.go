package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLatencies(t *testing.T) {
	var l latencies
	for _, d := range []time.Duration{-1, 0, 63 * time.Microsecond, 64 * time.Microsecond, 127 * time.Microsecond, 128 * time.Microsecond, 2 * time.Second, time.Hour} {
		l.add(d)
	}
	h := l.histogram()
	require.Equal(t, []uint64{3, 2, 1}, h.Counts[:3], "a bound is not in the bucket below it")
	require.EqualValues(t, 1, h.Counts[len(h.Counts)-2])
	require.EqualValues(t, 1, h.Counts[len(h.Counts)-1])
	require.Len(t, h.Counts, len(h.BoundsNanos)+1)
	require.EqualValues(t, 64*time.Microsecond, h.BoundsNanos[0])
	require.EqualValues(t, 64*time.Microsecond<<15, h.BoundsNanos[15])
}
