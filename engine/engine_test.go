package engine

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	// An Open of Pebble that fails (TestIOError makes it) leaves this goroutine of its behind.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/cockroachdb/pebble/v2.(*ConcurrencyLimitScheduler).periodicGranter"))
}

func event(id string) usage.Event {
	return usage.Event{ID: id, TenantID: "acme", UserID: "alice", FeatureType: "api_calls", Quantity: usage.Int(2)}
}

func TestRecordCountsOnceAndIsVisible(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := context.Background()
	out, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
	require.Equal(t, "2026-03-01T00:00:00Z", out.BillingPeriod.Start.Format(time.RFC3339))
	require.Equal(t, "2026-04-01T00:00:00Z", out.BillingPeriod.End.Format(time.RFC3339))

	out, err = e.Record(ctx, event("a"))
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, out.Status)

	other := event("a")
	other.Quantity = usage.Int(3)
	out, err = e.Record(ctx, other)
	require.ErrorIs(t, err, usage.ErrConflict)
	require.Equal(t, usage.StatusConflict, out.Status)

	units, ok := e.Current("acme", "api_calls")
	require.True(t, ok)
	require.EqualValues(t, 2, units)
	units, ok = e.Current("acme", "active_users")
	require.True(t, ok)
	require.EqualValues(t, 1, units)
	_, ok = e.Current("acme", "no_such_meter")
	require.False(t, ok)
	require.NoError(t, e.Verify(ctx))
}

// A retry is the same payload whatever was left out and however numbers and metadata are spelt.
func TestRetryIsDuplicate(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	first := usage.Event{ID: "r", TenantID: "acme", FeatureType: "api_calls", Metadata: []byte(`{"a":1,"b":[1,{"c":"x"}]}`)}
	_, err := e.Record(ctx, first)
	require.NoError(t, err)
	clock.advance(40 * 24 * time.Hour) // a retry is a duplicate however late it is
	retry := first
	retry.Metadata = []byte(` { "b" : [1.0, {"c":"\u0078"}], "a" : 10e-1 } `)
	out, err := e.Record(ctx, retry)
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, out.Status)
	retry.Quantity = usage.Int(1) // sent now, absent then: another payload
	_, err = e.Record(ctx, retry)
	require.ErrorIs(t, err, usage.ErrConflict)
	old := first
	old.ID, old.Timestamp = "late", clock.Now().Add(-36*24*time.Hour)
	_, err = e.Record(ctx, old)
	require.Equal(t, usage.CodeEventTooOld, usage.Code(err))
}

func TestCopiesInOneBatch(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	bad := event("c")
	bad.FeatureType = "api_cals"
	outs, err := e.RecordBatch(context.Background(), []usage.Event{event("a"), event("a"), event("b"), bad, {ID: "x"}})
	require.NoError(t, err)
	var got []usage.Status
	for _, o := range outs {
		got = append(got, o.Status)
	}
	require.Equal(t, []usage.Status{"counted", "duplicate", "counted", "rejected", "rejected"}, got)
	require.Equal(t, usage.CodeUnknownFeature, usage.Code(outs[3].Err))
	require.Contains(t, outs[3].Err.Error(), `did you mean "api_calls"`)
	require.Equal(t, usage.CodeMissingField, usage.Code(outs[4].Err))
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 4, units)
}

func TestRefusalsChangeNothing(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	tests := []struct {
		name string
		code usage.ErrorCode
		edit func(*usage.Event)
	}{
		{"too old", usage.CodeEventTooOld, func(ev *usage.Event) { ev.Timestamp = clock.Now().Add(-35*24*time.Hour - time.Second) }},
		{"future", usage.CodeEventInFuture, func(ev *usage.Event) { ev.Timestamp = clock.Now().Add(5*time.Minute + time.Second) }},
		{"year 9999", usage.CodeEventInFuture, func(ev *usage.Event) { ev.Timestamp = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"year 1600", usage.CodeEventTooOld, func(ev *usage.Event) { ev.Timestamp = time.Date(1600, 1, 1, 0, 0, 0, 0, time.UTC) }},
		{"decimals", usage.CodeTooManyDecimals, func(ev *usage.Event) { ev.Quantity = usage.FromUnits(15, 1) }},
		{"negative", usage.CodeNegativeQuantity, func(ev *usage.Event) { ev.Quantity = usage.Int(-1) }},
		{"unknown", usage.CodeUnknownFeature, func(ev *usage.Event) { ev.FeatureType = "nope" }},
		{"huge", usage.CodeOverflow, func(ev *usage.Event) { ev.Quantity = usage.Int(1<<63 - 1) }},
		{"metadata", usage.CodeMalformedJSON, func(ev *usage.Event) { ev.Metadata = []byte(`{"a":`) }},
		{"array", usage.CodeWrongType, func(ev *usage.Event) { ev.Metadata = []byte(`[1]`) }},
		{"twice", usage.CodeDuplicateKey, func(ev *usage.Event) { ev.Metadata = []byte(`{"a":1,"\u0061":2}`) }},
	}
	for _, tc := range tests {
		ev := event("x")
		tc.edit(&ev)
		out, err := e.Record(ctx, ev)
		require.Equal(t, tc.code, usage.Code(err), "%s: %v", tc.name, err)
		require.Equal(t, usage.StatusRejected, out.Status, tc.name)
	}
	st := e.Stats()
	require.Zero(t, st.Events)
	require.Zero(t, st.Tenants)
	_, err := e.Record(ctx, event("x")) // the id is still free
	require.NoError(t, err)
	require.NoError(t, e.Verify(ctx))
}

func TestOverflowOfTotalIsRefused(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := context.Background()
	big := event("1")
	big.Quantity = usage.Int(1<<61 + 5)
	_, err := e.Record(ctx, big)
	require.NoError(t, err)
	big.ID = "2"
	_, err = e.Record(ctx, big)
	require.Equal(t, usage.CodeOverflow, usage.Code(err))
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 1<<61+5, units)
}

// State survives: with a checkpoint, without one, in the middle of many.
func TestReopenKeepsEverything(t *testing.T) {
	for _, every := range []int{0, 50, 1000} {
		t.Run(fmt.Sprint("every ", every), func(t *testing.T) {
			fs, clock, m := vfs.NewMem(), newTestClock(), newModel()
			rng := rand.New(rand.NewPCG(7, uint64(every)))
			tune := func(o *Options) { o.CheckpointItems = every }
			n := 0
			for range 4 {
				e := openMem(t, fs, clock, tune)
				for range 20 {
					evs := make([]usage.Event, 1+rng.IntN(30))
					for i := range evs {
						if len(m.events) > 0 && rng.IntN(4) == 0 {
							evs[i] = m.byID[modelKey(&m.events[rng.IntN(len(m.events))])]
						} else {
							evs[i] = randomEvent(rng, n, clock.Now())
							n++
						}
					}
					outs, err := e.RecordBatch(context.Background(), evs)
					require.NoError(t, err)
					for i := range outs {
						require.NoError(t, outs[i].Err)
						m.add(evs[i], clock.Now())
					}
					clock.advance(time.Duration(rng.IntN(7200)) * time.Second)
				}
				m.check(t, e, clock.Now().AddDate(0, -3, 0).Truncate(time.Hour), clock.Now().AddDate(0, 0, 1).Truncate(time.Hour))
				require.NoError(t, e.Verify(context.Background()))
				require.NoError(t, e.Close())
			}
		})
	}
}

var oldIDs = flag.Int("old.ids", 300_000, "how many ids TestOldIDs records before it sends the first again; the full run has 10,000,000")

// An id is a duplicate however many came after it, also when only a merged run on the disk knows it, and also after a restart.
func TestOldIDs(t *testing.T) {
	skipRace(t)
	dir := t.TempDir()
	tune := &Options{CheckpointItems: max(1000, min(checkpointItems, *oldIDs/12))}
	e, err := Open(dir, tune)
	require.NoError(t, err)
	ctx := context.Background()
	send := func(from, n int) (duplicates int) {
		evs := make([]usage.Event, 0, 4000)
		for at := from; at < from+n; at += len(evs) {
			evs = evs[:0]
			for i := at; i < min(at+4000, from+n); i++ {
				evs = append(evs, usage.Event{ID: fmt.Sprint("id-", i), TenantID: fmt.Sprint("t", i%50), FeatureType: "api_calls"})
			}
			out, err := e.RecordBatch(ctx, evs)
			require.NoError(t, err)
			for i := range out {
				require.NoError(t, out[i].Err)
				if out[i].Status == usage.StatusDuplicate {
					duplicates++
				}
			}
		}
		return duplicates
	}
	require.Zero(t, send(0, *oldIDs))
	require.Equal(t, 5000, send(0, 5000), "%d ids ago", *oldIDs)
	require.NoError(t, e.Close())
	e, err = Open(dir, tune)
	require.NoError(t, err)
	require.Equal(t, 5000, send(*oldIDs/3, 5000))
	require.EqualValues(t, *oldIDs, e.Stats().Events)
	t.Logf("the first of %d ids are duplicates; %d dedup runs", *oldIDs, e.Stats().DedupRuns)
	require.NoError(t, e.Close())
}
