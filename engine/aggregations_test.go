package engine

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// levelEvent is what the model of unit-hours knows of an event.
type levelEvent struct {
	at    time.Time
	id    string
	value int64
	add   bool
}

// unitNanos is the integral of the level over [from, to), by going through the events one by one.
func unitNanos(events []levelEvent, from, to time.Time) (sum int64) {
	slices.SortFunc(events, func(a, b levelEvent) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.id, b.id)) })
	level, since := int64(0), from
	for _, ev := range events {
		if !ev.at.Before(to) {
			break
		}
		if ev.at.After(since) {
			sum += level * int64(ev.at.Sub(since))
			since = ev.at
		}
		if ev.add {
			level += ev.value
		} else {
			level = ev.value
		}
	}
	return sum + level*int64(to.Sub(since))
}

// Unit-hours agree with a walk through the events, whatever their order of arrival, with checkpoints and restarts in between; so
// does the level itself, and the store verifies.
func TestWeightedSum(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 11))
	fs, clock := vfs.NewMem(), newTestClock()
	from := clock.Now().Add(-20 * 24 * time.Hour).Truncate(time.Hour)
	var events []levelEvent
	for round := range 4 {
		e := openMem(t, fs, clock, func(o *Options) { o.CheckpointItems = 20 })
		for i := range 60 {
			ev := levelEvent{at: clock.Now(), id: fmt.Sprintf("%d-%d", round, i), value: rng.Int64N(2000) - 300, add: rng.IntN(3) == 0}
			if rng.IntN(2) == 0 {
				ev.at = clock.Now().Add(-time.Duration(rng.Int64N(int64(19 * 24 * time.Hour))))
			}
			op := usage.OpSet
			if ev.add {
				op = usage.OpAdd
			}
			_, err := e.Record(context.Background(), usage.Event{ID: ev.id, TenantID: "acme", FeatureType: "storage", Timestamp: ev.at,
				Quantity: usage.Int(ev.value), Op: op})
			require.NoError(t, err)
			events = append(events, ev)
			clock.advance(time.Duration(rng.IntN(3600)) * time.Second)
		}
		now := clock.Now()
		for _, window := range []usage.Window{usage.WindowTotal, usage.WindowDay, usage.WindowHour} {
			rows, err := e.Usage(context.Background(), usage.Query{Meter: "storage_hours", TenantID: "acme", From: from,
				To: now.Add(48 * time.Hour).Truncate(time.Hour), Window: window, FillZero: true})
			require.NoError(t, err)
			for _, row := range rows.Data {
				start, end := earlierOf(row.WindowStart, now), earlierOf(row.WindowEnd, now)
				agg := rollup.Agg{Extra: &rollup.Extra{Area: rollup.Area{Integral: int128(unitNanos(events, start, end))}}}
				want, err := rollup.UnitHours(0, &agg)
				require.NoError(t, err)
				require.Equal(t, want.String(), row.Value.String(), "%s from %s, round %d", window, row.WindowStart, round)
			}
		}
		require.NoError(t, e.Verify(context.Background()))
		require.NoError(t, e.Close())
	}
}

func int128(n int64) rollup.Int128 { return rollup.Int128{Hi: n >> 63, Lo: uint64(n)} }

// A percentile is within its stated error of the nearest rank, over any window, and over all tenants.
func TestPercentiles(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, fs, clock, func(o *Options) { o.CheckpointItems = 100 })
	ctx := context.Background()
	for slug, aggregation := range map[string]usage.Aggregation{"p50": usage.P50, "p90": usage.P90, "p99": usage.P99} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: slug, EventType: "request", Aggregation: aggregation,
			ValueProperty: "metadata.ms", Scale: new(0)}))
	}
	rng := rand.New(rand.NewPCG(seed(t), 12))
	var values []int64
	for i := range 700 {
		v := int64(rng.ExpFloat64() * 5000)
		values = append(values, v)
		_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(i), TenantID: fmt.Sprint("t", i%3), FeatureType: "request",
			Metadata: fmt.Appendf(nil, `{"ms":%d}`, v)})
		require.NoError(t, err)
	}
	slices.Sort(values)
	for slug, num := range map[string]int{"p50": 50, "p90": 90, "p99": 99} {
		rows, err := e.Usage(ctx, usage.Query{Meter: slug})
		require.NoError(t, err)
		got, err := rows.Data[0].Value.Units(0)
		require.NoError(t, err)
		want := values[(len(values)*num+99)/100-1]
		require.InDelta(t, want, got, float64(want)/rollup.PercentileErrorDen+1, slug)
	}
	_, ok := e.Current("t0", "p90")
	require.False(t, ok, "a percentile is no whole number of units")
	_, err := e.Record(ctx, usage.Event{ID: "neg", TenantID: "t0", FeatureType: "request", Metadata: []byte(`{"ms":-1}`)})
	require.Equal(t, usage.CodeNegativeQuantity, usage.Code(err))
	require.NoError(t, e.Verify(ctx))
}

func TestFilters(t *testing.T) {
	item := &item{}
	item.User, item.Feature, item.Source = "alice", "tokens", "gw"
	item.Metadata = []byte(`{"model":"gpt-4","n":5,"text":"7.0","ok":true,"none":null,"deep":{"x":"y"},"list":[1]}`)
	c := func(property, op string, value any) usage.Filter {
		return usage.Filter{Property: property, Op: op, Value: value}
	}
	for _, tc := range []struct {
		f    usage.Filter
		want bool
	}{
		{c("metadata.model", "eq", "gpt-4"), true},
		{c("metadata.model", "eq", "GPT-4"), false},
		{c("metadata.model", "ne", "gpt-4"), false},
		{c("metadata.absent", "ne", "x"), true},
		{c("metadata.absent", "eq", "x"), false},
		{c("metadata.none", "exists", nil), false},
		{c("metadata.none", "exists", false), true},
		{c("metadata.deep", "exists", true), true},
		{c("metadata.deep.x", "eq", "y"), true},
		{c("metadata.list", "eq", "[1]"), false},
		{c("metadata.n", "eq", 5), true},
		{c("metadata.n", "eq", usage.FromUnits(50, 1)), true},
		{c("metadata.n", "eq", "5"), false},
		{c("metadata.n", "in", []any{"5", 4}), false},
		{c("metadata.n", "in", []any{"x", 5.0}), true},
		{c("metadata.n", "nin", []any{4, 6}), true},
		{c("metadata.text", "eq", 7), true},
		{c("metadata.text", "gt", "6.99"), true},
		{c("metadata.n", "gt", 5), false},
		{c("metadata.n", "gte", 5), true},
		{c("metadata.n", "lt", 5), false},
		{c("metadata.n", "lte", 5), true},
		{c("metadata.model", "lt", 5), false},
		{c("metadata.model", "gt", "gpt-3.5"), true},
		{c("metadata.model", "gte", "gpt-4"), true},
		{c("metadata.model", "lt", "gpt-4"), false},
		{c("metadata.model", "lt", "gpt-4o"), true},
		{c("metadata.n", "lt", "x"), false},
		{c("metadata.absent", "lt", "x"), false},
		{c("metadata.absent", "lt", 5), false},
		{c("metadata.ok", "eq", true), true},
		{c("metadata.ok", "eq", "true"), false},
		{c("metadata.model", "prefix", "gpt"), true},
		{c("metadata.model", "prefix", "claude"), false},
		{c("metadata.n", "prefix", "5"), false},
		{c("user_id", "eq", "alice"), true},
		{c("source", "in", []string{"gw", "batch"}), true},
		{c("feature_type", "eq", "tokens"), true},
		{usage.Filter{And: []usage.Filter{c("user_id", "exists", nil), c("metadata.n", "gt", 4)}}, true},
		{usage.Filter{And: []usage.Filter{c("user_id", "exists", nil), c("metadata.n", "gt", 5)}}, false},
		{usage.Filter{Or: []usage.Filter{c("metadata.n", "gt", 5), c("metadata.ok", "eq", true)}}, true},
		{usage.Filter{Or: []usage.Filter{c("metadata.n", "gt", 5), c("metadata.ok", "eq", false)}}, false},
	} {
		require.Equal(t, tc.want, compileFilter(&tc.f).admits(item), "%+v", tc.f)
	}
}

// An event that the filters of every meter exclude counts as an event and changes no number; quotas on an excluded meter are asked
// for a cost of 0.
func TestFilteredMeters(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "big", EventType: "call", Aggregation: usage.Sum, Scale: new(0),
		Filters: &usage.Filter{Property: "metadata.size", Op: "gte", Value: 100}}))
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "p", Quotas: []usage.Quota{{Slug: "q", Meter: "big",
		Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(2))}}}))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "p"}))
	consume := func(id string, size int, n int64) usage.Answer {
		a, err := e.Consume(ctx, usage.Request{ID: id, TenantID: "acme", Items: []usage.Item{{FeatureType: "call",
			Quantity: usage.Int(n), Metadata: fmt.Appendf(nil, `{"size":%d}`, size)}}})
		require.NoError(t, err)
		return a
	}
	require.True(t, consume("a", 100, 2).Allowed)
	require.False(t, consume("b", 100, 1).Allowed)
	small := consume("c", 99, 50)
	require.True(t, small.Allowed, "an excluded item costs nothing")
	require.Equal(t, "q", small.Quotas[0].Quota)
	require.Equal(t, "2", small.Quotas[0].Used.String())
	require.Equal(t, usage.StatusDuplicate, usage.Status(consume("c", 99, 50).Status))
	out, err := e.Record(ctx, usage.Event{ID: "d", TenantID: "acme", FeatureType: "call", Quantity: usage.Int(7)})
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
	units, _ := e.Current("acme", "big")
	require.EqualValues(t, 2, units)
	require.NoError(t, e.Verify(ctx))
}

// Billing windows and the period of an outcome follow the tenant's zone and anchor.
func TestBillingPeriodOfTenant(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock() // 15 March 2026, noon
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	anchor := time.Date(2026, 1, 30, 23, 0, 0, 0, time.UTC) // 31 January in Berlin
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", TimeZone: "Europe/Berlin", BillingAnchor: anchor}))
	out, err := e.Record(ctx, usage.Event{ID: "1", TenantID: "acme", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Equal(t, "2026-02-27T23:00:00Z", out.BillingPeriod.Start.Format(time.RFC3339))
	require.Equal(t, "2026-03-30T22:00:00Z", out.BillingPeriod.End.Format(time.RFC3339))
	other, err := e.Record(ctx, usage.Event{ID: "1", TenantID: "other", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Equal(t, "2026-03-01T00:00:00Z", other.BillingPeriod.Start.Format(time.RFC3339))
	rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", From: anchor, To: anchor.AddDate(0, 3, 0),
		Window: usage.WindowBilling, FillZero: true})
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", rows.TimeZone)
	var starts []string
	for _, r := range rows.Data {
		starts = append(starts, r.WindowStart.Format("01-02T15"))
	}
	require.Equal(t, []string{"01-30T23", "02-27T23", "03-30T22", "04-29T22"}, starts)
	require.True(t, rows.Data[3].Partial)
	require.Equal(t, "1", rows.Data[1].Value.String())
}

// Changed rules of a time zone, and another accepted age, enter the log at Open: what was decided before stays as it was, and the
// log alone explains it.
func TestSurroundingsEnterTheLog(t *testing.T) {
	fs, clock := vfs.NewMem(), newTestClock()
	ctx := context.Background()
	e := openMem(t, fs, clock, nil)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", TimeZone: "Asia/Tokyo"}))
	old := usage.Event{ID: "old", TenantID: "acme", FeatureType: "api_calls", Timestamp: clock.Now().Add(-48 * time.Hour)}
	out, err := e.Record(ctx, old)
	require.NoError(t, err)
	require.Equal(t, "2026-02-28T15:00:00Z", out.BillingPeriod.Start.Format(time.RFC3339))
	require.NoError(t, e.Close())

	e = openMem(t, fs, clock, func(o *Options) {
		o.MaxAge = time.Hour
		o.zoneTable = func(name string) (*civil.Table, error) {
			require.Equal(t, "Asia/Tokyo", name)
			return civil.NewTable("Asia/Kolkata")
		}
	})
	out, err = e.Record(ctx, usage.Event{ID: "new", TenantID: "acme", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Equal(t, "2026-02-28T18:30:00Z", out.BillingPeriod.Start.Format(time.RFC3339))
	again, err := e.Record(ctx, old)
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, again.Status)
	old.ID = "old2"
	_, err = e.Record(ctx, old)
	require.Equal(t, usage.CodeEventTooOld, usage.Code(err))
	require.NoError(t, e.Verify(ctx))
	before, _ := e.Digest()
	require.NoError(t, e.Close())

	e = openMem(t, fs, clock, nil)
	_, err = e.Record(ctx, old)
	require.NoError(t, err, "the default age holds again")
	require.NoError(t, e.Verify(ctx))
	after, _ := e.Digest()
	require.Equal(t, before+3, after, "age, zone and event")
}
