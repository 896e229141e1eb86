package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// testClock is a wall clock that moves only when told. It has no monotonic reading of its own, so log
// time follows its steps forward and ignores those back.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// openMem opens an engine on fs with a test clock, closed by the test's end.
func openMem(t testing.TB, fs wal.FS, clock usage.Clock, tune func(*Options)) *Engine {
	t.Helper()
	e, err := Open("store", memOptions(fs, clock, tune))
	require.NoError(t, err)
	t.Cleanup(func() { _ = e.Close() })
	return e
}

// skipRace leaves a test to the run without the race detector, under which it takes ten times as long: one goroutine asks, and what runs
// beside it, such as checkpoints, other tests have under the detector too.
func skipRace(t *testing.T) {
	if race.Enabled {
		t.Skip("one goroutine; go test runs it without the race detector")
	}
}

func memOptions(fs wal.FS, clock usage.Clock, tune func(*Options)) *Options {
	o := &Options{
		FS: fs, Clock: clock, Logger: slog.New(slog.DiscardHandler), Shards: 2, MemoryBytesMax: 1 << 20,
		FreeBytes: func(string) (uint64, error) { return 1 << 40, nil },
	}
	if tune != nil {
		tune(o)
	}
	return o
}

// model is what the engine must agree with: a plain list of the events that count.
type model struct {
	byID   map[string]usage.Event // by tenant/source/id
	events []usage.Event          // as counted, with their time
}

func newModel() *model { return &model{byID: map[string]usage.Event{}} }

func modelKey(ev *usage.Event) string { return ev.TenantID + "\x00" + ev.Source + "\x00" + ev.ID }

// add counts ev unless its id is known, as the engine should. at is log time.
func (m *model) add(ev usage.Event, at time.Time) {
	if _, known := m.byID[modelKey(&ev)]; known {
		return
	}
	m.byID[modelKey(&ev)] = ev
	if ev.Timestamp.IsZero() {
		ev.Timestamp = at
	}
	m.events = append(m.events, ev)
}

// sums returns units by tenant and feature in [from, to).
func (m *model) sums(from, to time.Time) map[string]int64 {
	out := map[string]int64{}
	for i := range m.events {
		ev := &m.events[i]
		if ev.Timestamp.Before(from) || !ev.Timestamp.Before(to) {
			continue
		}
		units := int64(1)
		if ev.Quantity.IsSet() {
			units, _ = ev.Quantity.Units(0)
		}
		out[ev.TenantID+"/"+ev.FeatureType] += units
	}
	return out
}

// users returns the distinct users by tenant in [from, to).
func (m *model) users(from, to time.Time) map[string]map[string]bool {
	out := map[string]map[string]bool{}
	for i := range m.events {
		ev := &m.events[i]
		if ev.UserID == "" || ev.Timestamp.Before(from) || !ev.Timestamp.Before(to) {
			continue
		}
		if out[ev.TenantID] == nil {
			out[ev.TenantID] = map[string]bool{}
		}
		out[ev.TenantID][ev.UserID] = true
	}
	return out
}

// check compares every total of the model with the engine, over the range and by the day.
func (m *model) check(t testing.TB, e *Engine, from, to time.Time) {
	t.Helper()
	ctx := context.Background()
	for key, want := range m.sums(from, to) {
		tenant, feature := splitKey(key)
		rows, err := e.Usage(ctx, usage.Query{Meter: feature, TenantID: tenant, From: from, To: to})
		require.NoError(t, err)
		require.Equal(t, usage.Int(want).String(), rows.Data[0].Value.String(), "%s total", key)
		days, err := e.Usage(ctx, usage.Query{Meter: feature, TenantID: tenant, From: from, To: to, Window: usage.WindowDay, TimeZone: "UTC"})
		require.NoError(t, err)
		require.Equal(t, want, sumRows(t, days, 0), "%s by day", key)
	}
	for tenant, users := range m.users(from, to) {
		rows, err := e.Usage(ctx, usage.Query{Meter: "active_users", TenantID: tenant, From: from, To: to})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(len(users)), rows.Data[0].Value.String(), "users of %s", tenant)
	}
	require.EqualValues(t, len(m.events), e.Stats().Events)
}

func splitKey(key string) (tenant, feature string) {
	for i := range key {
		if key[i] == '/' {
			return key[:i], key[i+1:]
		}
	}
	return key, ""
}

func sumRows(t testing.TB, rows usage.Rows, scale int) (sum int64) {
	t.Helper()
	for _, r := range rows.Data {
		units, err := r.Value.Units(scale)
		require.NoError(t, err)
		sum += units
	}
	return sum
}

// randomEvent makes an event of a few tenants, users and features. n makes its id.
func randomEvent(rng *rand.Rand, n int, now time.Time) usage.Event {
	ev := usage.Event{
		ID:          fmt.Sprintf("id-%d", n),
		TenantID:    fmt.Sprintf("tenant-%d", rng.IntN(5)),
		FeatureType: []string{"api_calls", "data_transfer"}[rng.IntN(2)],
	}
	if rng.IntN(4) > 0 {
		ev.UserID = fmt.Sprintf("user-%d", rng.IntN(20))
	}
	if rng.IntN(3) > 0 {
		ev.Quantity = usage.Int(int64(rng.IntN(10)))
	}
	if rng.IntN(3) == 0 {
		ev.Timestamp = now.Add(-time.Duration(rng.IntN(35*24*3600)) * time.Second)
	}
	if rng.IntN(3) == 0 {
		ev.Metadata = fmt.Appendf(nil, `{"endpoint":"/v1/items/%d","method":"GET","duration_ms":%d}`, rng.IntN(3), rng.IntN(100))
	}
	return ev
}
