package engine

import (
	"context"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// A wall clock that is set back over the end of a period reopens nothing: what the day before had left is gone, what this day has
// used stays used. Neither does a restart with such a clock, nor one that was told to accept it.
func TestClockSetBackReopensNoPeriod(t *testing.T) {
	clock, fs, ctx := newTestClock(), vfs.NewMem(), context.Background()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", `[{"slug":"d","meter":"api_calls","period":"day","limit":10}]`)
	putTenant(t, e, "acme", "p")
	start := func() time.Time {
		q, err := e.Quotas("acme", "")
		require.NoError(t, err)
		return *q[0].PeriodStart
	}
	yesterday := start()
	require.True(t, consume(t, e, ask("a", 3)).Allowed)
	clock.advance(12*time.Hour + time.Minute) // a minute past midnight
	require.True(t, consume(t, e, ask("b", 9)).Allowed)
	today := start()
	require.Equal(t, yesterday.AddDate(0, 0, 1), today)

	check := func(id string) {
		t.Helper()
		require.Equal(t, today, start())
		require.False(t, consume(t, e, ask(id, 2)).Allowed, "yesterday's room is gone")
		require.False(t, e.Allowed("acme", "api_calls", 2).Allowed)
		require.True(t, e.Allowed("acme", "api_calls", 1).Allowed)
	}
	clock.advance(-3 * time.Minute) // yesterday again, within what is tolerated
	check("c")
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	check("d")
	require.NoError(t, e.Close())

	clock.advance(-time.Hour)
	e = openMem(t, fs, clock, nil)
	_, err := e.Consume(ctx, ask("e", 1))
	require.Equal(t, usage.CodeClock, usage.Code(err), "far behind: writes stop")
	require.Equal(t, today, start(), "reads go on")
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, func(o *Options) { o.AcceptClock = true })
	check("f")
	require.NoError(t, e.Verify(ctx))
}
