package engine

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
	"pgregory.net/rapid"
)

// TestDigestIsOfTheLogAlone folds the same blocks with other shard counts, other checkpoint moments, with the
// committer's items and from the bytes: every digest must be the same.
func TestDigestIsOfTheLogAlone(t *testing.T) {
	s := seed(t)
	source := vfs.NewMem()
	clock := newTestClock()
	e := openMem(t, source, clock, func(o *Options) { o.Shards = 3 })
	rng := rand.New(rand.NewPCG(s, 3))
	for i := range 40 {
		evs := make([]usage.Event, 1+rng.IntN(400))
		for j := range evs {
			evs[j] = randomEvent(rng, rng.IntN(6000), clock.Now())
		}
		_, err := e.RecordBatch(context.Background(), evs)
		require.NoError(t, err)
		if i%10 == 0 {
			require.NoError(t, e.PutMeter(context.Background(), usage.Meter{Slug: "peak", EventType: "api_calls",
				Aggregation: usage.Max, Name: fmt.Sprint("Peak ", i)}))
		}
		clock.advance(time.Duration(rng.IntN(12)) * time.Hour)
	}
	index, want := e.Digest()
	require.NotZero(t, index)
	for _, tc := range []struct{ shards, every int }{{1, 0}, {2, 17}, {5, 500}, {16, 1}} {
		copyLog(t, e, clock, tc.shards, tc.every, index, want)
	}
}

// copyLog folds the blocks of e up to index, whatever its ticker has added behind, into a fresh state and compares digests.
func copyLog(t *testing.T, e *Engine, clock *testClock, shards, every int, index uint64, want [16]byte) {
	t.Helper()
	dst := vfs.NewMem()
	store := openStore(t, dst, clock)
	o := memOptions(dst, clock, func(o *Options) { o.Shards, o.CheckpointItems = shards, every })
	o.EnsureDefaults()
	s := newState(store, o)
	defer s.close()
	err := e.store.Blocks(1, func(i uint64, block []byte) error {
		if i > index {
			return errStop
		}
		y, err := store.Append(i, block)
		if err != nil {
			return err
		}
		if err := y.Wait(); err != nil {
			return err
		}
		_, err = s.Apply(i, block)
		return err
	})
	if !errors.Is(err, errStop) {
		require.NoError(t, err)
	}
	checkpointAll(t, s)
	meta, ok := store.Meta()
	require.True(t, ok)
	require.Equal(t, index, meta.Index)
	require.Equal(t, want, meta.Digest, "shards %d, checkpoint every %d items", shards, every)
}

// checkpointAll waits until everything that was applied is in a checkpoint.
func checkpointAll(t testing.TB, s *state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.ckpt.wait())
	if s.ckpt.index != s.applied.Load() {
		s.ckpt.start(s.applied.Load(), s.appliedTime.Load())
		require.NoError(t, s.ckpt.wait())
	}
}

// TestArrivalOrderNeverMatters records the same events in two random orders, cut into other batches, up to 35
// days late and with every aggregation: all answers must agree.
func TestArrivalOrderNeverMatters(t *testing.T) {
	skipRace(t)
	rapid.Check(t, func(rt *rapid.T) {
		clock := newTestClock()
		n := rapid.IntRange(1, 60).Draw(rt, "events")
		evs := make([]usage.Event, n)
		for i := range evs {
			evs[i] = usage.Event{
				ID: fmt.Sprint(i), TenantID: "acme", FeatureType: rapid.SampledFrom([]string{"seats", "api_calls"}).Draw(rt, "feature"),
				UserID:    fmt.Sprint("u", rapid.IntRange(0, 5).Draw(rt, "user")),
				Quantity:  usage.Int(int64(rapid.IntRange(0, 9).Draw(rt, "quantity"))),
				Timestamp: clock.Now().Add(-time.Duration(rapid.IntRange(0, 35*24*60).Draw(rt, "age")) * time.Minute),
			}
			if evs[i].FeatureType == "seats" && rapid.Bool().Draw(rt, "add") {
				evs[i].Op = usage.OpAdd
			}
		}
		first := answers(rt, clock, evs, rapid.IntRange(1, 30).Draw(rt, "batch"))
		shuffled := rapid.Permutation(evs).Draw(rt, "order")
		second := answers(rt, clock, shuffled, rapid.IntRange(1, 30).Draw(rt, "other batch"))
		require.Equal(rt, first, second)
	})
}

// answers records evs and returns everything that can be asked.
func answers(t require.TestingT, clock *testClock, evs []usage.Event, batch int) map[string]string {
	ctx := context.Background()
	e, err := Open("store", memOptions(vfs.NewMem(), clock, func(o *Options) { o.CheckpointItems = 20 }))
	require.NoError(t, err)
	defer func() { require.NoError(t, e.Close()) }()
	for _, agg := range []usage.Aggregation{usage.Count, usage.Min, usage.Max, usage.Avg, usage.UniqueCount} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "api_" + string(agg), EventType: "api_calls", Aggregation: agg}))
	}
	for at := 0; at < len(evs); at += batch {
		outs, err := e.RecordBatch(ctx, evs[at:min(at+batch, len(evs))])
		require.NoError(t, err)
		for _, o := range outs {
			require.NoError(t, o.Err)
		}
	}
	out := map[string]string{}
	for _, m := range e.Meters() {
		for _, w := range []usage.Window{usage.WindowTotal, usage.WindowDay, usage.WindowHour} {
			rows, err := e.Usage(ctx, usage.Query{Meter: m.Meter.Slug, TenantID: "acme", Window: w, TimeZone: "Asia/Kathmandu",
				From: clock.Now().Add(-36 * 24 * time.Hour), To: clock.Now().Add(time.Hour)})
			require.NoError(t, err)
			for _, r := range rows.Data {
				out[fmt.Sprint(m.Meter.Slug, w, r.WindowStart)] = r.Value.String()
			}
		}
		units, ok := e.Current("acme", m.Meter.Slug)
		out["current "+m.Meter.Slug] = fmt.Sprint(units, ok)
	}
	return out
}

func openStore(t testing.TB, fs wal.FS, clock usage.Clock) *wal.Store {
	t.Helper()
	o := memOptions(fs, clock, nil)
	store, err := wal.Open("copy", &wal.Options{FS: fs, Logger: o.Logger, FreeBytes: o.FreeBytes})
	require.NoError(t, err)
	t.Cleanup(func() { _ = store.Close() })
	return store
}
