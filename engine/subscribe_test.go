package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// next fetches updates until enough have come.
func next(t *testing.T, s *Subscription, enough func([]Update) bool) (all []Update) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for !enough(all) {
		more, err := s.Next(ctx)
		require.NoError(t, err, "after %d updates", len(all))
		all = append(all, more...)
	}
	return all
}

func subscribe(t *testing.T, e *Engine, o SubscribeOptions) *Subscription {
	t.Helper()
	s, err := e.Subscribe(o)
	require.NoError(t, err)
	t.Cleanup(s.Close)
	return s
}

// lastCounters is the newest value of each counter among updates.
func lastCounters(all []Update) map[string]string {
	out := map[string]string{}
	for _, u := range all {
		if u.Counter != nil {
			out[u.Counter.TenantID+" "+u.Counter.Meter] = u.Counter.Value.String()
		}
	}
	return out
}

// A subscriber ends with the values that the counters have, however many writers there are and however seldom it fetches, and
// is told far less often than there are writes.
func TestSubscribeToUsage(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.CheckpointItems = 500 })
	ctx := context.Background()
	all := subscribe(t, e, SubscribeOptions{Usage: true})
	one := subscribe(t, e, SubscribeOptions{Usage: true, TenantID: "t3"})
	const writers, each = 4, 150
	var wg sync.WaitGroup
	begin := time.Now()
	for w := range writers {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for i := range each {
				_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(w, "-", i), TenantID: fmt.Sprint("t", rng.IntN(7)), FeatureType: "api_calls"})
				if err != nil {
					panic(err)
				}
			}
		})
	}
	wg.Wait()
	want := map[string]string{}
	for i := range 7 {
		units, _ := e.Current(fmt.Sprint("t", i), "api_calls")
		want[fmt.Sprintf("t%d api_calls", i)] = fmt.Sprint(units)
	}
	reached := func(got []Update) bool { return fmt.Sprint(lastCounters(got)) == fmt.Sprint(want) }
	got := next(t, all, reached)
	rounds := int(time.Since(begin)/flushPause) + 2
	require.LessOrEqual(t, len(got), 7*rounds, "at most one value of a counter every 250 ms")
	got = next(t, one, func(got []Update) bool { return lastCounters(got)["t3 api_calls"] == want["t3 api_calls"] })
	for _, u := range got {
		require.Equal(t, "t3", u.Counter.TenantID)
	}
	again := subscribe(t, e, SubscribeOptions{Usage: true, TenantID: "t3"})
	got = next(t, again, func(got []Update) bool { return len(got) > 0 })
	require.Equal(t, want["t3 api_calls"], got[0].Counter.Value.String(), "a tenant's counters are told as they stand")
}

// Crossings come exactly once each, over restarts and from any cursor.
func TestSubscribeToCrossings(t *testing.T) {
	fs, clock, ctx := vfs.NewMem(), newTestClock(), context.Background()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", monthly100)
	for i := range 5 {
		putTenant(t, e, fmt.Sprint("t", i), "p")
	}
	s := subscribe(t, e, SubscribeOptions{Crossings: true})
	use := func(tenant, id string, n int64) {
		_, err := e.Record(ctx, usage.Event{ID: id, TenantID: tenant, FeatureType: "api_calls", Quantity: usage.Int(n)})
		require.NoError(t, err)
	}
	for i := range 5 {
		use(fmt.Sprint("t", i), "1", 95) // 50, 75, 90
	}
	got := next(t, s, func(got []Update) bool { return len(got) >= 15 })
	for i, u := range got {
		require.EqualValues(t, i+1, u.Crossing.Number)
		require.EqualValues(t, i+1, u.Cursor.Crossing)
	}
	s.Close()
	cursor := got[6].Cursor
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	use("t0", "2", 10)
	s = subscribe(t, e, SubscribeOptions{Crossings: true, Usage: true, Resume: true, Cursor: cursor})
	got = next(t, s, func(got []Update) bool { return len(got) > 0 && got[len(got)-1].Cursor.Crossing == 16 })
	var numbers []uint64
	for _, u := range got {
		if u.Crossing != nil {
			numbers = append(numbers, u.Crossing.Number)
		}
	}
	require.Equal(t, []uint64{8, 9, 10, 11, 12, 13, 14, 15, 16}, numbers)
	require.Equal(t, "105", lastCounters(got)["t0 api_calls"])
	require.Equal(t, "95", lastCounters(got)["t4 api_calls"], "what may have changed since the cursor is told again")
	only := subscribe(t, e, SubscribeOptions{Crossings: true, TenantID: "t2", Resume: true})
	got = next(t, only, func(got []Update) bool { return len(got) >= 3 })
	require.Len(t, got, 3)
	require.Equal(t, "t2", got[2].Crossing.TenantID)
	_, err := e.Subscribe(SubscribeOptions{Crossings: true, Resume: true, Cursor: Cursor{Crossing: 17}})
	require.Equal(t, usage.CodeInvalidCursor, usage.Code(err))
}

func TestSubscribeToDecisions(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", monthly100)
	putTenant(t, e, "acme", "p")
	s := subscribe(t, e, SubscribeOptions{Decisions: true, TenantID: "acme"})
	slow := subscribe(t, e, SubscribeOptions{Decisions: true})
	r := ask("x", 1)
	r.TenantID = "other"
	consume(t, e, r)
	consume(t, e, ask("a", 60))
	consume(t, e, ask("b", 60))
	got := next(t, s, func(got []Update) bool { return len(got) >= 2 })
	require.Equal(t, []any{"a", true, "b", false}, []any{got[0].Decision.ID, got[0].Decision.Allowed, got[1].Decision.ID, got[1].Decision.Allowed})
	rs := make([]usage.Request, decisionsMax)
	for i := range rs {
		rs[i] = ask(fmt.Sprint("many", i), 0)
		rs[i].Items[0].Quantity, rs[i].TenantID = usage.Int(1), "other"
	}
	_, err := e.ConsumeBatch(context.Background(), rs)
	require.NoError(t, err)
	_, err = slow.Next(context.Background())
	require.ErrorIs(t, err, ErrSlow)
	_, err = s.Next(canceled())
	require.ErrorIs(t, err, context.Canceled, "what another tenant does disturbs nobody")
}

func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// The number of subscriptions is bounded; a closed engine ends them.
func TestSubscriptionsEnd(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	var all []*Subscription
	for range subscriptionsMax {
		all = append(all, subscribe(t, e, SubscribeOptions{Usage: true}))
	}
	_, err := e.Subscribe(SubscribeOptions{})
	require.Equal(t, usage.CodeOverloaded, usage.Code(err))
	all[0].Close()
	all[0].Close()
	all[0] = subscribe(t, e, SubscribeOptions{})
	ended := make(chan error)
	go func() {
		_, err := all[1].Next(context.Background())
		ended <- err
	}()
	require.NoError(t, e.Close())
	require.True(t, errors.Is(<-ended, usage.ErrClosed))
	_, err = e.Subscribe(SubscribeOptions{})
	require.ErrorIs(t, err, usage.ErrClosed)
	for _, s := range all {
		s.Close()
	}
	require.Zero(t, e.hub.open.Load())
	require.Empty(t, e.hub.mu.changed.values, "nothing is kept for nobody")
}

// The order of changes has each counter once, whatever the order of its changes, and does not grow.
func TestChangeOrder(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 31))
	c := changeOrder{values: map[seriesKey]changedValue{}}
	tn := &tenant{num: 1}
	series := make([]*series, 50)
	for i := range series {
		series[i] = addTestSeries(tn, uint32(i+1))
	}
	newest := map[uint32]uint64{}
	for range 20_000 {
		s := series[rng.IntN(len(series))]
		before := c.last
		c.put(s, changedValue{value: rng.Int64N(3)})
		if c.last != before {
			newest[s.meter.num] = c.last
		}
		require.LessOrEqual(t, len(c.entries), 2*len(series)+updatesMax)
	}
	after := c.last - 400
	got := map[uint32]uint64{}
	for _, e := range c.entries[c.find(after+1):] {
		if c.values[keyOf(e.series)].place == e.place {
			got[e.series.meter.num] = e.place
		}
	}
	for num, place := range newest { // order-free
		if place > after {
			require.Equal(t, place, got[num])
		} else {
			require.NotContains(t, got, num)
		}
	}
}

func addTestSeries(t *tenant, num uint32) *series { return &series{tenant: t, meter: &meter{num: num}} }
