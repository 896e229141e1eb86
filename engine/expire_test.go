package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

const day = 24 * time.Hour

func keepShort() usage.Settings {
	return usage.Settings{Retention: usage.Retention{
		Minute: usage.KeepFor(day), QuarterHour: usage.KeepFor(2 * day), Hour: usage.KeepFor(3 * day),
	}}
}

// countPages counts the stored pages of a tenant by level.
func countPages(t testing.TB, e *Engine, tenant string) (n [4]int) {
	t.Helper()
	require.NoError(t, e.checkpoint(context.Background()))
	view := e.store.View()
	defer view.Close()
	count := func(num uint32, level uint8, err error) error {
		if err == nil && e.state.dir.number(num).name == tenant {
			n[level]++
		}
		return err
	}
	lower, upper := wal.ClassBounds(wal.ClassPage)
	require.NoError(t, view.Scan(lower, upper, func(key, _ []byte) error {
		num, _, level, _, err := wal.ParsePageKey(key)
		return count(num, level, err)
	}))
	lower, upper = wal.ClassBounds(wal.ClassDay)
	require.NoError(t, view.Scan(lower, upper, func(key, _ []byte) error {
		num, _, _, err := wal.ParseDayKey(key)
		return count(num, uint8(rollup.Day), err)
	}))
	return n
}

// TestExpiry walks through what expires when, for a tenant in UTC and one whose days begin at a quarter to the hour.
func TestExpiry(t *testing.T) {
	ctx, clock := context.Background(), newTestClock()
	mem := vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "nepal", TimeZone: "Asia/Kathmandu"}))
	start := clock.Now()
	clock.advance(time.Hour)
	for i := range 3 {
		for _, tenant := range []string{"acme", "nepal"} {
			_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(tenant, i), TenantID: tenant, FeatureType: "api_calls", Quantity: usage.Int(int64(1 + i)),
				Timestamp: start.Add(time.Duration(i) * 7 * time.Minute)})
			require.NoError(t, err)
		}
	}
	require.NoError(t, e.Expire(ctx))
	require.Equal(t, [4]int{1, 1, 1, 1}, countPages(t, e, "acme"), "nothing is old")

	query := func(tenant string, from time.Time, window usage.Window, zone string) (int64, error) {
		rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: tenant, From: from, To: from.Add(day), Window: window, TimeZone: zone})
		if err != nil {
			return 0, err
		}
		return sumRows(t, rows, 0), nil
	}
	clock.advance(16 * day) // minutes are kept for 14 days
	require.NoError(t, e.Expire(ctx))
	require.Equal(t, [4]int{0, 1, 1, 1}, countPages(t, e, "acme"))
	require.Equal(t, [4]int{0, 1, 1, 1}, countPages(t, e, "nepal"))
	_, err := query("acme", start.Add(time.Minute), usage.WindowTotal, "UTC")
	require.Equal(t, usage.CodeResolution, usage.Code(err))
	require.Contains(t, err.Error(), "quarter hour (minutes are kept since 2026-03-17)")
	_, err = query("acme", start, usage.WindowMinute, "UTC")
	require.Equal(t, usage.CodeResolution, usage.Code(err))
	sum, err := query("acme", start, usage.WindowQuarterHour, "UTC")
	require.NoError(t, err)
	require.EqualValues(t, 6, sum)
	// A late event for an expired minute still counts in what is kept.
	_, err = e.Record(ctx, usage.Event{ID: "late", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(10), Timestamp: start})
	require.NoError(t, err)
	sum, err = query("acme", start, usage.WindowHour, "UTC")
	require.NoError(t, err)
	require.EqualValues(t, 16, sum)
	require.Equal(t, [4]int{0, 1, 1, 1}, countPages(t, e, "acme"))
	require.NoError(t, e.Verify(ctx))

	s := usage.Settings{Retention: usage.Retention{QuarterHour: usage.KeepFor(400 * day), Hour: usage.KeepFor(500 * day)}}
	require.NoError(t, e.PutSettings(ctx, s, usage.Condition{}))
	clock.advance(390 * day)
	require.NoError(t, e.Expire(ctx))
	require.Equal(t, [4]int{0, 0, 1, 1}, countPages(t, e, "acme"))
	require.Equal(t, [4]int{0, 1, 1, 1}, countPages(t, e, "nepal"), "its days need quarter hours")
	sum, err = query("nepal", time.Date(2026, 3, 14, 18, 15, 0, 0, time.UTC), usage.WindowDay, "Asia/Kathmandu")
	require.NoError(t, err)
	require.EqualValues(t, 6, sum)
	_, err = query("acme", time.Date(2026, 3, 14, 18, 15, 0, 0, time.UTC), usage.WindowDay, "Asia/Kathmandu")
	require.Equal(t, usage.CodeResolution, usage.Code(err))
	// Nepal moves, and lets go once its open billing period has ended.
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "nepal", TimeZone: "Europe/Berlin"}))
	clock.advance(day)
	require.NoError(t, e.Expire(ctx))
	require.Equal(t, [4]int{0, 1, 1, 1}, countPages(t, e, "nepal"))
	clock.advance(100 * day)
	require.NoError(t, e.Expire(ctx))
	require.Equal(t, [4]int{0, 0, 0, 1}, countPages(t, e, "acme"))
	require.Equal(t, [4]int{0, 0, 1, 1}, countPages(t, e, "nepal"))
	require.NoError(t, e.Verify(ctx))
	index, digest := e.Digest()
	copyLog(t, e, clock, 3, 2, index, digest)

	require.NoError(t, e.Close())
	e = openMem(t, mem, clock, nil)
	again, digestAgain := e.Digest()
	require.Equal(t, index, again)
	require.Equal(t, digest, digestAgain)
	sum, err = query("acme", start.Truncate(day), usage.WindowDay, "UTC")
	require.NoError(t, err)
	require.EqualValues(t, 16, sum)
	require.Nil(t, e.dueExpiry(e.clock.now()), "once is enough")
}

// TestExpiryIsOfTheLogAlone records and expires at random, cuts the power, and compares with the model, with the fold of the
// log, and with the same log under other shards and checkpoints.
func TestExpiryIsOfTheLogAlone(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 11))
	ctx, clock, m := context.Background(), newTestClock(), newModel()
	mem := crashtest.New()
	e := openMem(t, mem, clock, func(o *Options) { o.CheckpointItems = 150 })
	require.NoError(t, e.PutSettings(ctx, keepShort(), usage.Condition{}))
	for _, agg := range []usage.Aggregation{usage.Count, usage.Min, usage.Max, usage.Avg, usage.UniqueCount} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "api_" + string(agg), EventType: "api_calls", Aggregation: agg}))
	}
	for i, zone := range []string{"Asia/Kathmandu", "Europe/Berlin", "Asia/Kolkata"} {
		require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: fmt.Sprint("tenant-", i), TimeZone: zone}))
	}
	first := clock.Now().Add(-36 * day).Truncate(day)
	for round := range 12 {
		for range 1 + rng.IntN(4) {
			evs := make([]usage.Event, 1+rng.IntN(60))
			for j := range evs {
				evs[j] = randomEvent(rng, rng.IntN(4000), clock.Now())
				if known, ok := m.byID[modelKey(&evs[j])]; ok {
					evs[j] = known
				}
				m.add(evs[j], clock.Now())
			}
			_, err := e.RecordBatch(ctx, evs)
			require.NoError(t, err)
		}
		if rng.IntN(3) > 0 {
			require.NoError(t, e.Expire(ctx))
		}
		if rng.IntN(3) == 0 {
			require.NoError(t, e.checkpoint(ctx))
		}
		if rng.IntN(4) == 0 { // the power fails; everything was acknowledged
			mem = mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50, RNG: rng})
			require.NoError(t, e.Close())
			e = openMem(t, mem, clock, func(o *Options) { o.CheckpointItems = 150 })
		}
		if round == 7 { // new counters start from what is left of the year
			require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "yearly", Quotas: []usage.Quota{
				{Slug: "year", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodYear}, Limit: usage.Num(usage.Int(1000))},
				{Slug: "ever", Meter: "data_transfer", Period: usage.Period{Kind: usage.PeriodLifetime}, Limit: usage.Num(usage.Int(1000))}}}))
			for i, zone := range []string{"Asia/Kolkata", "", "America/St_Johns", "Asia/Kathmandu"} {
				require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: fmt.Sprint("tenant-", i), TimeZone: zone, Plan: "yearly"}))
			}
		}
		m.check(t, e, first, clock.Now().Add(day).Truncate(day))
		if round%4 == 3 {
			require.NoError(t, e.Verify(ctx))
		}
		clock.advance(time.Duration(rng.IntN(60)) * time.Hour)
	}
	index, want := e.Digest()
	for _, tc := range []struct{ shards, every int }{{1, 0}, {3, 40}} {
		copyLog(t, e, clock, tc.shards, tc.every, index, want)
	}
	for _, tn := range e.state.dir.all() {
		keep := e.state.cfg.Load().kept.of(tn.num, rollup.KindSum)
		t.Logf("%s keeps %v", tn.name, keep)
	}
}
