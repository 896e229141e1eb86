package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// slowBarrier is a log whose first barriers last longer than anybody waits.
type slowBarrier struct {
	CommitLog
	slow int
}

func (l *slowBarrier) Barrier(ctx context.Context) error {
	if l.slow > 0 {
		l.slow--
		<-ctx.Done()
		return ctx.Err()
	}
	return l.CommitLog.Barrier(ctx)
}

// A call of Next that gave up while the disk was slow took nothing: the next one tells the counters that it would have told. (Streams
// wait no longer than a heartbeat at a time.)
func TestNextThatGaveUpTookNothing(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	_, err := e.Record(t.Context(), event("a"))
	require.NoError(t, err)
	e.log = &slowBarrier{CommitLog: e.log, slow: 2} // nobody subscribes yet, so nobody asks for barriers
	s := subscribe(t, e, SubscribeOptions{Usage: true, TenantID: "acme"})
	for range 2 {
		beat, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		_, err := s.Next(beat)
		cancel()
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	got := next(t, s, func(got []Update) bool { return len(got) > 0 })
	require.Equal(t, "2", lastCounters(got)["acme api_calls"])
	require.NoError(t, e.Close())
	_, err = s.Next(t.Context())
	require.ErrorIs(t, err, usage.ErrClosed)
}
