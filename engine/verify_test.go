package engine

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// populate records something that leaves rows of every class.
func populate(t testing.TB, e *Engine, clock *testClock, rng *rand.Rand) {
	t.Helper()
	ctx := context.Background()
	limit := usage.Num(usage.Int(5))
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "small", Quotas: []usage.Quota{
		{Slug: "month", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: limit, Mode: usage.ModeSoft},
		{Slug: "user", Meter: "api_calls", Scope: usage.ScopeUser, Period: usage.Period{Kind: usage.PeriodDay}, Limit: limit, Mode: usage.ModeSoft}}}))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "tenant-1", Plan: "small", TimeZone: "Asia/Kathmandu"}))
	for _, agg := range []usage.Aggregation{usage.Min, usage.P90, usage.WeightedSum} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "api_" + string(agg), EventType: "api_calls", Aggregation: agg}))
	}
	for i := range 8 {
		evs := make([]usage.Event, 60)
		for j := range evs {
			evs[j] = randomEvent(rng, 1000*i+j, clock.Now())
		}
		_, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
		if i%3 == 0 {
			require.NoError(t, e.checkpoint(ctx))
		}
		clock.advance(5 * 60 * 60 * 1e9)
	}
	events, err := e.Events(ctx, usage.EventFilter{TenantID: "tenant-1", Limit: 7})
	require.NoError(t, err)
	for _, rec := range events.Data {
		_, err := e.Void(ctx, usage.Void{TenantID: rec.TenantID, Source: rec.Source, ID: rec.ID, Reason: "test"})
		require.NoError(t, err)
	}
	_, err = e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "tenant-1", FeatureType: "compute_time", Quantity: usage.Int(2)})
	require.NoError(t, err)
	require.NoError(t, e.checkpoint(ctx))
}

// tamper writes rows behind the engine's back.
func tamper(t testing.TB, e *Engine, key, value []byte) {
	t.Helper()
	meta, _ := e.store.Meta()
	c := e.store.NewCheckpoint()
	if value == nil {
		require.NoError(t, c.DeleteRange(key, append(bytes.Clone(key), 0)))
	} else {
		require.NoError(t, c.Set(key, value))
	}
	require.NoError(t, c.Commit(meta))
}

// TestVerifyNamesTheRow changes, removes and adds rows of every class: each time verification fails and says which row it is.
func TestVerifyNamesTheRow(t *testing.T) {
	skipRace(t)
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 21))
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	populate(t, e, clock, rng)
	ctx := context.Background()
	// Retention now, or a slow run of this test would see it begin in between, and the block that it writes has the newest rows
	// stored again, whole.
	require.NoError(t, e.Expire(ctx))
	require.NoError(t, e.Verify(ctx))

	rows := map[byte][]row{}
	view := e.store.View()
	for class := byte('a'); class <= 'z'; class++ {
		if !wal.EngineClass(class) {
			continue
		}
		lower, upper := wal.ClassBounds(class)
		require.NoError(t, view.Scan(lower, upper, func(key, value []byte) error {
			if len(value) > 0 { // one without a value is as good as none
				rows[class] = append(rows[class], row{bytes.Clone(key), bytes.Clone(value)})
			}
			return nil
		}))
	}
	require.NoError(t, view.Close())
	for class := byte('a'); class <= 'z'; class++ {
		if !wal.EngineClass(class) {
			continue
		}
		require.NotEmpty(t, rows[class], "populate leaves no rows of class %q", class)
		r := rows[class][rng.IntN(len(rows[class]))]
		name := rowNames[class]
		require.NotEmpty(t, name, "class %q has no name for people", class)
		fails := func(what string) {
			t.Helper()
			err := e.Verify(ctx)
			require.Error(t, err, "%s of class %q", what, class)
			require.Contains(t, err.Error(), name, "%s of class %q", what, class)
		}
		flipped := bytes.Clone(r.value)
		flipped[rng.IntN(len(flipped))] ^= 1 << rng.IntN(8)
		tamper(t, e, r.key, flipped)
		fails("flipped byte")
		tamper(t, e, r.key, nil)
		fails("missing row")
		tamper(t, e, r.key, r.value)
		if summed(class) {
			stray := bytes.Clone(rows[class][len(rows[class])-1].key)
			stray[len(stray)-1] ^= 0x55
			if slices.ContainsFunc(rows[class], func(r row) bool { return bytes.Equal(r.key, stray) }) {
				continue
			}
			tamper(t, e, stray, r.value)
			fails("stray row")
			tamper(t, e, stray, nil)
		}
		require.NoError(t, e.Verify(ctx), "class %q", class)
	}
}

// TestVerifyFindsFlippedBytes flips a byte of every table on the disk, one at a time. What is read from a damaged table is never
// believed: opening or verification fails and says where, or the byte was one that holds nothing (unused bits of a
// filter, statistics), and then everything is as it was.
func TestVerifyFindsFlippedBytes(t *testing.T) {
	skipRace(t)
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 22))
	clock := newTestClock()
	mem := vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	populate(t, e, clock, rng)
	_, want := e.Digest()
	require.NoError(t, e.Close())
	e = openMem(t, mem, clock, nil) // the blocks go from the WAL into tables
	require.NoError(t, e.Close())

	found, harmless := 0, 0
	for _, dir := range []string{"store/log", "store/state"} {
		names, err := mem.List(dir)
		require.NoError(t, err)
		tables := 0
		for _, name := range names {
			if !strings.HasSuffix(name, ".sst") {
				continue
			}
			tables++
			for range 3 {
				clone := vfs.NewMem()
				_, err := vfs.Clone(mem, clone, "store", "store")
				require.NoError(t, err)
				flipByte(t, clone, clone.PathJoin(dir, name), rng)
				err = openAndVerify(clone, clock, want)
				if err == nil {
					harmless++
					continue
				}
				found++
				require.Regexp(t, `(?i)corrupt|checksum|has failed|differs|invalid|mismatch`, err.Error(), "%s/%s", dir, name)
			}
		}
		require.NotZero(t, tables, dir)
	}
	t.Logf("%d flipped bytes found, %d harmless", found, harmless)
	require.Greater(t, found, harmless)
}

func openAndVerify(fs vfs.FS, clock *testClock, want [16]byte) error {
	e, err := Open("store", memOptions(fs, clock, nil))
	if err != nil {
		return err
	}
	defer func() { _ = e.Close() }()
	if err := e.Verify(context.Background()); err != nil {
		return err
	}
	if _, got := e.Digest(); got != want {
		return fmt.Errorf("BUG: verified, but the digest is %x", got)
	}
	return nil
}

func flipByte(t testing.TB, fs vfs.FS, path string, rng *rand.Rand) {
	t.Helper()
	f, err := fs.OpenReadWrite(path, vfs.WriteCategoryUnspecified)
	require.NoError(t, err)
	info, err := f.Stat()
	require.NoError(t, err)
	at, b := rng.Int64N(info.Size()), []byte{0}
	_, err = f.ReadAt(b, at)
	require.NoError(t, err)
	b[0] ^= 1 << rng.IntN(8)
	_, err = f.WriteAt(b, at)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}
