package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestConcurrentRetriesCountOnce lets 16 callers send the same events in their own order, all at once, while
// others read and checkpoints run: each event is counted by exactly one of them.
func TestConcurrentRetriesCountOnce(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.CheckpointItems = 300 })
	rng := rand.New(rand.NewPCG(seed(t), 9))
	const n = 2000
	evs := make([]usage.Event, n)
	for i := range evs {
		evs[i] = usage.Event{ID: fmt.Sprint(i), TenantID: fmt.Sprint("t", rng.IntN(20)), UserID: fmt.Sprint("u", rng.IntN(50)), FeatureType: "api_calls"}
	}
	var counted atomic.Int64
	stop := make(chan struct{})
	var readers, writers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			last := int64(0)
			for {
				select {
				case <-stop:
					return
				default:
				}
				rows, err := e.Usage(context.Background(), usage.Query{Meter: "api_calls"})
				if err != nil {
					t.Error(err)
					return
				}
				units, _ := rows.Data[0].Value.Units(0)
				if units < last {
					t.Errorf("usage went back from %d to %d", last, units)
					return
				}
				last = units
				e.Current("t3", "active_users")
				e.Stats()
			}
		})
	}
	for w := range 16 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			order := rng.Perm(n)
			for len(order) > 0 {
				k := min(1+rng.IntN(100), len(order))
				batch := make([]usage.Event, k)
				for i, p := range order[:k] {
					batch[i] = evs[p]
				}
				order = order[k:]
				outs, err := e.RecordBatch(context.Background(), batch)
				if err != nil {
					t.Error(err)
					return
				}
				for _, o := range outs {
					if o.Status == usage.StatusCounted {
						counted.Add(1)
					}
				}
			}
		})
	}
	writers.Wait()
	close(stop)
	readers.Wait()
	require.EqualValues(t, n, counted.Load())
	rows, err := e.Usage(context.Background(), usage.Query{Meter: "api_calls"})
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint(n), rows.Data[0].Value.String())
	require.NoError(t, e.Verify(context.Background()))
}

// A write that returned is in every read that follows, checkpoints or not.
func TestReadYourWrites(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.CheckpointItems = 7 })
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			tenant := fmt.Sprint("w", w)
			for i := range 150 {
				_, err := e.Record(context.Background(), usage.Event{ID: fmt.Sprint(i), TenantID: tenant, UserID: fmt.Sprint(i), FeatureType: "api_calls"})
				if err != nil {
					t.Error(err)
					return
				}
				units, _ := e.Current(tenant, "api_calls")
				rows, err := e.Usage(context.Background(), usage.Query{Meter: "active_users", TenantID: tenant})
				if err != nil || units != int64(i+1) || rows.Data[0].Value.String() != fmt.Sprint(i+1) {
					t.Errorf("after %d writes: current %d, users %v, %v", i+1, units, rows.Data, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// A context that ends while the queue is full is a definite no; one that ends later is unknown.
func TestContext(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := e.Record(ctx, event("a"))
	require.Contains(t, []usage.ErrorCode{"", usage.CodeOutcomeUnknown, usage.CodeOverloaded}, usage.Code(err))
	require.NoError(t, e.Close())
	_, err = e.Record(context.Background(), event("b"))
	require.ErrorIs(t, err, usage.ErrClosed)
	_, err = e.Usage(context.Background(), usage.Query{Meter: "api_calls"})
	require.ErrorIs(t, err, usage.ErrClosed)
}

// Current rolls over with log time, also when nothing is recorded, and knows what came a little early.
func TestCurrentRollsOver(t *testing.T) {
	clock, fs := newTestClock(), vfs.NewMem()
	clock.now = time.Date(2026, 3, 31, 23, 58, 0, 0, time.UTC)
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	early := event("early")
	early.Timestamp = clock.Now().Add(4 * time.Minute) // April already
	for _, ev := range []usage.Event{event("march"), early} {
		_, err := e.Record(ctx, ev)
		require.NoError(t, err)
	}
	current := func() int64 {
		units, ok := e.Current("acme", "api_calls")
		require.True(t, ok)
		return units
	}
	require.EqualValues(t, 2, current())
	for range 2 { // the same after a restart
		clock.now = time.Date(2026, 4, 1, 0, 0, 0, 0, time.UTC)
		require.EqualValues(t, 2, current(), "the early event counts in April")
		require.NoError(t, e.Close())
		e = openMem(t, fs, clock, nil)
	}
	_, err := e.Record(ctx, event("april"))
	require.NoError(t, err)
	require.EqualValues(t, 4, current())
	late := event("late")
	late.Timestamp = time.Date(2026, 3, 31, 12, 0, 0, 0, time.UTC)
	_, err = e.Record(ctx, late)
	require.NoError(t, err)
	require.EqualValues(t, 4, current(), "a late event counts in March")
	clock.advance(70 * 24 * time.Hour)
	require.Zero(t, current())
	require.NoError(t, e.Verify(ctx))
}

// steppedClock has a monotonic reading beside a wall clock that an operator sets.
type steppedClock struct {
	testClock
	mono time.Duration
}

func (c *steppedClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.mono
}

// The wall clock is set while the engine runs: log time goes on by itself, and writes wait while the two
// are more than 5 minutes apart.
func TestClockIsSet(t *testing.T) {
	clock := &steppedClock{testClock: testClock{now: newTestClock().now}}
	e := openMem(t, vfs.NewMem(), clock, nil)
	record := func(id string) error {
		_, err := e.Record(context.Background(), event(id))
		return err
	}
	require.NoError(t, record("1"))
	clock.advance(-4 * time.Minute)
	require.NoError(t, record("2"), "a little behind is fine")
	clock.advance(-2 * time.Minute)
	require.Equal(t, usage.CodeClock, usage.Code(record("3")))
	require.False(t, e.Health()[2].OK)
	_, first := e.state.asOf()
	clock.advance(2 * time.Minute)
	clock.mono += time.Second
	require.NoError(t, record("3"))
	_, second := e.state.asOf()
	require.Equal(t, time.Second, second.Sub(first), "log time runs on the monotonic clock")
}

// The wall clock disagrees when the store is opened: writes stop, reads go on, --accept-clock resumes.
func TestClockAtOpen(t *testing.T) {
	for _, step := range []time.Duration{36 * 24 * time.Hour, -time.Hour} {
		clock, fs := newTestClock(), vfs.NewMem()
		ctx := context.Background()
		e := openMem(t, fs, clock, nil)
		_, err := e.Record(ctx, event("1"))
		require.NoError(t, err)
		require.NoError(t, e.Close())
		clock.advance(step)
		e = openMem(t, fs, clock, nil)
		_, err = e.Record(ctx, event("2"))
		require.Equal(t, usage.CodeClock, usage.Code(err))
		units, _ := e.Current("acme", "api_calls")
		require.EqualValues(t, 2, units, "reads go on")
		require.NoError(t, e.Close())
		e = openMem(t, fs, clock, func(o *Options) { o.AcceptClock = true })
		_, err = e.Record(ctx, event("2"))
		require.NoError(t, err)
		require.NoError(t, e.Verify(ctx))
	}
}

// A clock that has no monotonic reading at all, as in tests of embedders, and that was refused for being behind, is taken again when it
// is set right.
func TestClockWithoutMonotonicIsSetRight(t *testing.T) {
	clock, fs, ctx := newTestClock(), vfs.NewMem(), context.Background()
	e := openMem(t, fs, clock, nil)
	record := func(id string) error {
		_, err := e.Record(ctx, event(id))
		return err
	}
	require.NoError(t, record("a"))
	check := func(id string) {
		t.Helper()
		require.ErrorIs(t, record(id), usage.ErrClock)
		clock.advance(30 * time.Minute)
		require.ErrorIs(t, record(id), usage.ErrClock, "half way")
		clock.advance(30 * time.Minute)
		require.NoError(t, record(id))
		require.Equal(t, clock.Now().UnixNano(), e.clock.now())
		clock.advance(time.Minute)
		require.Equal(t, clock.Now().UnixNano(), e.clock.now(), "it goes on")
	}
	clock.advance(-time.Hour)
	check("b")
	require.NoError(t, e.Close())
	clock.advance(-time.Hour)
	e = openMem(t, fs, clock, nil)
	check("c")
}
