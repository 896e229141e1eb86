package engine

import (
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

func keepRaw36() usage.Settings {
	return usage.Settings{Retention: usage.Retention{Raw: usage.KeepFor(36 * day)}}
}

// TestRawExpiry: raw events expire, and everything else stays: totals, ids, counters, audit. What is left of the log is verified from
// the base, whose digest is that of the whole log there.
func TestRawExpiry(t *testing.T) {
	skipRace(t)
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 31))
	ctx, clock, m := context.Background(), newTestClock(), newModel()
	mem := vfs.NewMem()
	tune := func(o *Options) { o.CheckpointItems = 200 }
	e := openMem(t, mem, clock, tune)
	require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "small", Quotas: []usage.Quota{
		{Slug: "month", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(50)), Mode: usage.ModeSoft}}}))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "tenant-2", Plan: "small", TimeZone: "Asia/Kathmandu"}))
	first := clock.Now().Add(-36 * day).Truncate(day)
	send := func(n int) {
		evs := make([]usage.Event, n)
		for j := range evs {
			evs[j] = randomEvent(rng, rng.IntN(5000), clock.Now())
			if known, ok := m.byID[modelKey(&evs[j])]; ok {
				evs[j] = known
			}
			m.add(evs[j], clock.Now())
		}
		_, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
	}
	for range 10 {
		for range 6 {
			send(1 + rng.IntN(40))
		}
		clock.advance(8 * day)
		whole := copyOf(t, e, clock) // what the log was, to compare the base with
		before := e.store.FirstIndex()
		require.NoError(t, e.Expire(ctx))
		kept := e.state.cfg.Load().kept
		if kept.Base > 0 && e.store.FirstIndex() > before {
			require.Equal(t, kept.Base+1, e.store.FirstIndex())
			require.Equal(t, whole(kept.Base), kept.BaseDigest, "block %d", kept.Base)
		}
		send(30) // with ids of long ago
		require.NoError(t, e.Verify(ctx))
		m.check(t, e, first, clock.Now().Add(day).Truncate(day))
		if rng.IntN(2) == 0 {
			require.NoError(t, e.Close())
			e = openMem(t, mem, clock, tune)
		}
	}
	require.Greater(t, e.store.FirstIndex(), uint64(20), "raw events have expired")
	_, err := e.store.ReadBlock(1)
	require.ErrorIs(t, err, wal.ErrNoBlock)
	for _, ev := range m.byID {
		out, err := e.Record(ctx, ev)
		require.NoError(t, err)
		require.Equal(t, usage.StatusDuplicate, out.Status)
		break
	}
	entries, err := e.Audit(ctx, 0, 1000)
	require.NoError(t, err)
	require.EqualValues(t, 1, entries[0].Number, "the audit stays")

	// A base that was tampered with is found.
	base, release, err := e.openBase(t.Context())
	require.NoError(t, err)
	meta, _ := base.Meta()
	c := base.NewCheckpoint()
	require.NoError(t, c.Set(wal.AppendPageKey(nil, 1, 1, 3, 1), []byte{1}))
	require.NoError(t, c.Commit(meta))
	release()
	err = e.Verify(ctx)
	require.ErrorIs(t, err, ErrMismatch)
	require.ErrorContains(t, err, "base")
}

// copyOf copies the blocks that e has, and returns a function that folds them, from where the log began, up to a block and returns
// the digest there in hex.
func copyOf(t testing.TB, e *Engine, clock *testClock) func(to uint64) string {
	t.Helper()
	f, err := e.newRefold(t.Context())
	require.NoError(t, err)
	type entry struct {
		index uint64
		block []byte
	}
	var blocks []entry
	from := f.state.applied.Load()
	require.NoError(t, e.store.Blocks(from+1, func(index uint64, block []byte) error {
		blocks = append(blocks, entry{index, append([]byte(nil), block...)})
		return nil
	}))
	f.close()
	if from > 0 {
		return func(to uint64) string { // from the base: the digest that the log names is checked by verify
			return e.state.cfg.Load().kept.BaseDigest
		}
	}
	return func(to uint64) string {
		dst := vfs.NewMem()
		store := openStore(t, dst, clock)
		o := memOptions(dst, clock, func(o *Options) { o.Shards = 3 })
		o.EnsureDefaults()
		s := newState(store, o)
		defer s.close()
		for _, b := range blocks {
			if b.index > to {
				break
			}
			y, err := store.Append(b.index, b.block)
			require.NoError(t, err)
			require.NoError(t, y.Wait())
			_, err = s.Apply(b.index, b.block)
			require.NoError(t, err)
		}
		checkpointAll(t, s)
		meta, _ := store.Meta()
		return hex.EncodeToString(meta.Digest[:])
	}
}

// TestPowerCutInRetention cuts the power at random operations while buckets and raw events expire: afterwards everything that was
// acknowledged is a duplicate, the log and the state are equal from the base on, and retention goes on where it was.
func TestPowerCutInRetention(t *testing.T) {
	s := seed(t)
	ctx := context.Background()
	rounds, inside, operations := max(*simRounds/2, 8), 0, int64(400)
	if race.Enabled {
		rounds = 4
	}
	for round := range rounds {
		rng := rand.New(rand.NewPCG(s, uint64(round)))
		clock, mem := newTestClock(), crashtest.New()
		cut := &powerCut{mem: mem, rng: rand.New(rand.NewPCG(s, uint64(round)<<8)), at: 1 + rng.Int64N(operations)}
		var armed, done atomic.Bool
		cut.atCut = func() {
			if !done.Load() {
				inside++
			}
		}
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(errorfs.Op) error {
			if armed.Load() && cut.ops.Add(1) == cut.at {
				cut.cut()
			}
			return nil
		}))
		e, err := Open("store", memOptions(fs, clock, func(o *Options) { o.CheckpointItems = 60 }))
		require.NoError(t, err)
		require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
		var evs []usage.Event
		for i := range 6 {
			batch := make([]usage.Event, 20)
			for j := range batch {
				batch[j] = randomEvent(rng, 100*i+j, clock.Now())
			}
			_, err := e.RecordBatch(ctx, batch)
			require.NoError(t, err)
			evs = append(evs, batch...)
			clock.advance(10 * day)
		}
		armed.Store(true)
		require.NoError(t, e.Expire(ctx))
		require.NoError(t, e.checkpoint(ctx))
		clock.advance(10 * day)
		require.NoError(t, e.Expire(ctx))
		require.NoError(t, e.checkpoint(ctx))
		require.NoError(t, e.Close())
		done.Store(true)
		cut.cut()
		operations = cut.ops.Load()

		e, err = Open("store", memOptions(cut.clone, clock, nil))
		require.NoError(t, err, "round %d", round)
		require.NoError(t, e.Verify(ctx), "round %d", round)
		outs, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
		for i := range outs {
			require.Equal(t, usage.StatusDuplicate, outs[i].Status, "round %d, event %d", round, i)
		}
		require.NoError(t, e.Expire(ctx), "round %d", round)
		require.NoError(t, e.Verify(ctx), "round %d", round)
		require.Greater(t, e.store.FirstIndex(), uint64(3), "round %d", round)
		require.NoError(t, e.Close())
	}
	t.Logf("%d of %d cuts while something expired, in about %d file operations", inside, rounds, operations)
	require.NotZero(t, inside)
}

// TestLastBlockBefore looks for blocks by log time.
func TestLastBlockBefore(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	start := clock.Now()
	for i := range 9 {
		clock.advance(time.Hour)
		_, err := e.Record(context.Background(), event(fmt.Sprint(i)))
		require.NoError(t, err)
	}
	last := e.state.applied.Load()
	for _, tc := range []struct {
		at   time.Duration
		want uint64
	}{{-time.Hour, 0}, {0, 0}, {1, 1}, {90 * time.Minute, 2}, {100 * time.Hour, last - 1}} {
		got, err := e.lastBlockBefore(start.Add(tc.at).UnixNano())
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "%v", tc.at)
	}
}
