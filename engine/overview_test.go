package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestOverviewIsTheSumOfTenants records, corrects and refuses at random, with checkpoints and restarts in between, and asks
// for every range: sums must be those of Usage over all tenants, outcomes those that the calls were told, active tenants those
// of a plain list.
func TestOverviewIsTheSumOfTenants(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 21))
	fs, clock, ctx := vfs.NewMem(), newTestClock(), context.Background()
	tune := func(o *Options) { o.CheckpointItems = 60 }
	e := openMem(t, fs, clock, tune)
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "calls", EventType: "api_calls", Aggregation: usage.Count}))
	type told struct {
		hour   int64
		status usage.Status
	}
	var items []told
	active := map[string]time.Time{}
	var sent []usage.Event
	for n := range 40 {
		evs := make([]usage.Event, 1+rng.IntN(20))
		for i := range evs {
			switch rng.IntN(8) {
			case 0:
				if len(sent) > 0 {
					evs[i] = sent[rng.IntN(len(sent))]
					continue
				}
				fallthrough
			default:
				evs[i] = randomEvent(rng, len(sent), clock.Now())
			case 1:
				evs[i] = usage.Event{ID: fmt.Sprint("bad-", n, "-", i), TenantID: "acme", FeatureType: "no_such_feature"}
			}
			sent = append(sent, evs[i])
		}
		outs, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
		for i := range outs {
			items = append(items, told{floorDiv(clock.Now().Unix(), hourSeconds), outs[i].Status})
			if outs[i].Status == usage.StatusCounted && (evs[i].UserID != "" || evs[i].FeatureType != "") {
				active[evs[i].TenantID] = clock.Now()
			}
		}
		if rng.IntN(3) == 0 {
			_, err := e.Adjust(ctx, usage.Adjustment{ID: fmt.Sprint("adj-", n), TenantID: "tenant-1", Meter: "api_calls", Quantity: usage.Int(int64(rng.IntN(9) - 4)),
				Timestamp: clock.Now().Add(-time.Duration(rng.IntN(30*24)) * time.Hour), Reason: "test"})
			require.NoError(t, err)
			items = append(items, told{floorDiv(clock.Now().Unix(), hourSeconds), usage.StatusCounted})
			active["tenant-1"] = clock.Now()
		}
		if rng.IntN(10) == 0 {
			require.NoError(t, e.Close())
			e = openMem(t, fs, clock, tune)
		}
		clock.advance(time.Duration(rng.IntN(3*3600)) * time.Second)
		if n%4 > 0 {
			continue
		}
		for _, name := range []string{"", "1h", "5h", "4d", "7d", "30d", "month"} {
			o, err := e.Overview(ctx, usage.OverviewQuery{Range: name})
			require.NoError(t, err)
			requireTotals(t, e, &o)
			counts := func(from, to time.Time) (c usage.ItemCounts) {
				for _, it := range items {
					if at := it.hour * hourSeconds; at < from.Unix() || at >= to.Unix() {
						continue
					}
					switch it.status {
					case usage.StatusCounted:
						c.Counted++
					case usage.StatusDuplicate:
						c.Duplicates++
					case usage.StatusRejected:
						c.Rejected++
					}
				}
				return c
			}
			require.Equal(t, counts(o.From, o.To), o.Items.ItemCounts)
			require.Equal(t, counts(o.PreviousFrom, o.PreviousTo), o.Items.Previous)
			want := 0
			for _, at := range active { // order-free: a count
				if !at.Before(o.From) {
					want++
				}
			}
			require.Equal(t, want, o.ActiveTenants, "range %s", name)
		}
	}
	require.NoError(t, e.Verify(ctx))
}

// requireTotals holds the meters of an overview against Usage.
func requireTotals(t *testing.T, e *Engine, o *usage.Overview) {
	window := usage.WindowHour
	if o.StepSeconds != hourSeconds {
		window = usage.WindowDay
	}
	sum := 0
	for i, n := range o.Items.Series {
		sum += int(n)
		require.Less(t, i, int(o.To.Sub(o.From).Seconds())/int(o.StepSeconds))
	}
	require.EqualValues(t, o.Items.Counted, sum)
	checked := 0
	for _, m := range o.Meters {
		if m.Basis != usage.BasisRange {
			continue
		}
		checked++
		rows, err := e.Usage(context.Background(), usage.Query{Meter: m.Meter, From: o.From, To: o.To, Window: window, FillZero: true})
		require.NoError(t, err)
		total := usage.Int(0)
		require.Len(t, m.Series, len(rows.Data))
		for i, row := range rows.Data {
			require.Zero(t, row.Value.Cmp(m.Series[i]), "%s %s %s: %s, not %s", o.Range, m.Meter, row.WindowStart, row.Value, m.Series[i])
			total, err = total.Add(row.Value)
			require.NoError(t, err)
		}
		require.Zero(t, total.Cmp(m.Value))
		rows, err = e.Usage(context.Background(), usage.Query{Meter: m.Meter, From: o.PreviousFrom, To: o.PreviousTo})
		require.NoError(t, err)
		require.Zero(t, rows.Data[0].Value.Cmp(m.Previous), "%s %s before: %s, not %s", o.Range, m.Meter, rows.Data[0].Value, m.Previous)
	}
	require.GreaterOrEqual(t, checked, 4)
}

func TestOverviewRanges(t *testing.T) {
	now := time.Date(2026, 3, 31, 10, 30, 0, 0, time.UTC).Unix()
	at := func(hour int64) string { return hourTime(hour).Format("01-02T15") }
	for _, tc := range []struct {
		name, from, to, before, passed string
		step                           int64
	}{
		{"", "03-30T11", "03-31T11", "03-29T11", "03-31T11", 1},
		{"1h", "03-31T10", "03-31T11", "03-31T09", "03-31T11", 1},
		{"4d", "03-27T11", "03-31T11", "03-23T11", "03-31T11", 1},
		{"7d", "03-25T00", "04-01T00", "03-18T00", "03-31T11", 24},
		{"month", "03-01T00", "04-01T00", "02-01T00", "03-31T11", 24},
	} {
		r, err := overviewRangeOf(tc.name, now)
		require.NoError(t, err)
		require.Equal(t, []string{tc.from, tc.to, tc.before, tc.passed}, []string{at(r.from), at(r.to), at(r.before), at(r.passed)}, tc.name)
		require.Equal(t, tc.step, r.step)
	}
	r, err := overviewRangeOf("month", now)
	require.NoError(t, err)
	require.Equal(t, "03-01T00", at(r.before+r.compared()), "February ends where March begins")
	for _, name := range []string{"x", "90m", "0h", "100h", "800d", "-1h", "year"} {
		_, err := overviewRangeOf(name, now)
		require.Equal(t, usage.CodeInvalidValue, usage.Code(err), name)
	}
}

// What needs attention comes in the order of how much; the top tenants are those that used most.
func TestOverviewAttentionAndTop(t *testing.T) {
	clock := newTestClock() // the middle of March
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	putPlan(t, e, "p", monthly100)
	putPlan(t, e, "quiet", `[{"slug":"shadow","meter":"api_calls","period":"month","limit":1,"mode":"shadow"},{"slug":"rate","meter":"api_calls","rate":{"limit":1,"per":"1s"}}]`)
	use := func(tenant, plan string, n int64) {
		putTenant(t, e, tenant, plan)
		_, err := e.Record(ctx, usage.Event{ID: "1", TenantID: tenant, FeatureType: "api_calls", Quantity: usage.Int(n)})
		require.NoError(t, err)
	}
	for tenant, n := range map[string]int64{"over": 130, "full": 100, "near": 81, "fast": 60, "calm": 30} { // order-free
		use(tenant, "p", n)
	}
	use("worse", "p", 200)
	use("shadowed", "quiet", 500)
	o, err := e.Overview(ctx, usage.OverviewQuery{})
	require.NoError(t, err)
	var got []string
	for _, a := range o.Attention {
		got = append(got, a.Why+" "+a.TenantID)
	}
	require.Equal(t, []string{"over worse", "over over", "near full", "near near", "pace fast"}, got)
	require.Equal(t, 5, o.NeedAttention)
	require.Equal(t, "api_calls", o.Top.Meter)
	require.Equal(t, []any{"shadowed", "worse", "over"}, []any{o.Top.Data[0].TenantID, o.Top.Data[1].TenantID, o.Top.Data[2].TenantID})
	require.Equal(t, "200", o.Top.Data[1].Quota.Percentage.String())
	o, err = e.Overview(ctx, usage.OverviewQuery{Limit: 2, Top: 1, Meter: "seats"})
	require.NoError(t, err)
	require.Len(t, o.Attention, 2)
	require.Equal(t, 5, o.NeedAttention)
	require.Empty(t, o.Top.Data)
	_, err = e.Overview(ctx, usage.OverviewQuery{Meter: "nope"})
	require.Equal(t, usage.CodeNotFound, usage.Code(err))

	clock.advance(17 * 24 * time.Hour) // April, and nothing written since: quotas are read as of now
	o, err = e.Overview(ctx, usage.OverviewQuery{})
	require.NoError(t, err)
	require.Empty(t, o.Attention)
	require.Zero(t, o.ActiveTenants)
	require.Equal(t, 7, o.Tenants)
}

// Sums only grow while others write and checkpoints come and go: nothing is missed or counted twice in between.
func TestOverviewBesideWrites(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.CheckpointItems = 150 })
	ctx := context.Background()
	const writers, batches, size = 4, 25, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for b := range batches {
				evs := make([]usage.Event, size)
				for i := range evs {
					evs[i] = usage.Event{ID: fmt.Sprint(w, "-", b, "-", i), TenantID: fmt.Sprint("t", i), FeatureType: "api_calls"}
				}
				if _, err := e.RecordBatch(ctx, evs); err != nil {
					panic(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	last := usage.Int(0)
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
		}
		o, err := e.Overview(ctx, usage.OverviewQuery{})
		require.NoError(t, err)
		require.GreaterOrEqual(t, o.Meters[0].Value.Cmp(last), 0)
		last = o.Meters[0].Value
	}
	require.Equal(t, fmt.Sprint(writers*batches*size), last.String())
}
