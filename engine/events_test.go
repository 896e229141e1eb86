package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestEventsList records random batches with duplicates, conflicts and refusals in them, and lists them in pages of random
// size, under every filter: what was counted, each once, the newest in the log first; while writing, after a checkpoint, after
// a restart.
func TestEventsList(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 4))
	clock, fs, ctx := newTestClock(), vfs.NewMem(), context.Background()
	tune := func(o *Options) { o.CheckpointItems = 700 }
	e := openMem(t, fs, clock, tune)
	var sent []usage.Event // that counted, in the order of the log
	known := map[string]usage.Event{}
	for round := range 60 {
		evs := make([]usage.Event, 1+rng.IntN(40))
		for i := range evs {
			evs[i] = randomEvent(rng, rng.IntN(2000), clock.Now())
			switch old, ok := known[modelKey(&evs[i])]; {
			case ok && rng.IntN(2) == 0:
				evs[i] = old // a duplicate; else a conflict
			case rng.IntN(10) == 0:
				evs[i].FeatureType = "nothing_counts_this"
			}
		}
		outs, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
		for i := range outs {
			if outs[i].Status == usage.StatusCounted {
				known[modelKey(&evs[i])] = evs[i]
				if evs[i].Timestamp.IsZero() {
					evs[i].Timestamp = clock.Now()
				}
				sent = append(sent, evs[i])
			}
		}
		clock.advance(time.Duration(rng.IntN(5000)) * time.Second)
		switch round {
		case 20, 45:
			checkEvents(t, rng, e, sent)
			require.NoError(t, e.checkpoint(ctx))
		case 30:
			require.NoError(t, e.Close())
			e = openMem(t, fs, clock, tune)
		}
	}
	checkEvents(t, rng, e, sent)
	require.NoError(t, e.Verify(ctx))

	_, err := e.Events(ctx, usage.EventFilter{Cursor: "7"})
	require.Equal(t, usage.CodeInvalidCursor, usage.Code(err))
	_, err = e.Event(ctx, "tenant-0", "", "no such id")
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	page, err := e.Events(ctx, usage.EventFilter{TenantID: "nobody"})
	require.NoError(t, err)
	require.Empty(t, page.Data)
}

// checkEvents compares every list with what was sent.
func checkEvents(t *testing.T, rng *rand.Rand, e *Engine, sent []usage.Event) {
	t.Helper()
	ctx := context.Background()
	for i := range 12 {
		f := usage.EventFilter{Limit: 1 + rng.IntN(300)}
		if i > 0 {
			f.TenantID = fmt.Sprintf("tenant-%d", rng.IntN(5))
		}
		if i > 5 {
			f.FeatureType = "api_calls"
		}
		if i%3 == 2 {
			f.From = sent[rng.IntN(len(sent))].Timestamp
			f.To = f.From.Add(time.Duration(1+rng.IntN(30*24*3600)) * time.Second)
		}
		var want, got []string
		for _, ev := range slices.Backward(sent) {
			if (f.TenantID == "" || ev.TenantID == f.TenantID) && (f.FeatureType == "" || ev.FeatureType == f.FeatureType) &&
				(f.From.IsZero() || !ev.Timestamp.Before(f.From) && ev.Timestamp.Before(f.To)) {
				want = append(want, eventText(t, &ev))
			}
		}
		for {
			page, err := e.Events(ctx, f)
			require.NoError(t, err)
			require.LessOrEqual(t, len(page.Data), f.Limit)
			for i := range page.Data {
				got = append(got, recordText(t, &page.Data[i]))
			}
			if f.Cursor = page.Next; f.Cursor == "" {
				break
			}
		}
		require.Equal(t, want, got, "%+v", f)
	}
	ev := sent[rng.IntN(len(sent))]
	rec, err := e.Event(ctx, ev.TenantID, ev.Source, ev.ID)
	require.NoError(t, err)
	require.Equal(t, eventText(t, &ev), recordText(t, &rec))
	require.Equal(t, usage.KindEvent, rec.Kind)
	require.Contains(t, rec.Meters, ev.FeatureType)
	require.Equal(t, ev.UserID != "", slices.Contains(rec.Meters, "active_users"))
}

func eventText(t *testing.T, ev *usage.Event) string {
	t.Helper()
	text, err := json.Marshal(ev)
	require.NoError(t, err)
	return string(text)
}

// recordText is the event of a record.
func recordText(t *testing.T, r *usage.EventRecord) string {
	t.Helper()
	require.Equal(t, usage.StatusCounted, r.Status)
	return eventText(t, &usage.Event{ID: r.ID, TenantID: r.TenantID, UserID: r.UserID, FeatureType: r.FeatureType, Quantity: r.Quantity,
		Timestamp: r.Timestamp, Source: r.Source, Metadata: r.Metadata, Op: r.Op})
}

// A consume is listed as one thing, with its items; what was denied is not.
func TestEventsOfConsumes(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":5}]`)
	putTenant(t, e, "acme", "p")
	consume(t, e, usage.Request{ID: "one", TenantID: "acme", UserID: "u", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(3)}}})
	consume(t, e, usage.Request{ID: "denied", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(3)}}})
	consume(t, e, usage.Request{ID: "two", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}, {FeatureType: "data_transfer", Quantity: usage.Int(9)}}})
	page, err := e.Events(ctx, usage.EventFilter{TenantID: "acme", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Len(t, page.Data, 2)
	two, one := page.Data[0], page.Data[1]
	require.Equal(t, []string{"two", usage.KindConsume}, []string{two.ID, two.Kind})
	require.Len(t, two.Items, 2)
	require.Equal(t, []string{"api_calls", "data_transfer"}, two.Meters)
	require.Equal(t, []string{"one", "u", "3"}, []string{one.ID, one.UserID, one.Quantity.String()})
	require.Equal(t, []string{"api_calls", "active_users"}, one.Meters)
	_, err = e.Event(ctx, "acme", "", "denied")
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
}

// The rows of the index are read only as they are written.
func FuzzFactsRow(f *testing.F) {
	var row factsRow
	row.set(3, blockFacts{span: timeSpan{100, 107}, skipped: []uint16{0, 1, 2, 9, 4095}})
	row.set(5, blockFacts{span: noTime})
	for level := range uint8(2) {
		f.Add(row.append(nil, level), level)
	}
	f.Fuzz(func(t *testing.T, src []byte, level uint8) {
		var r, again factsRow
		if r.decode(src, level%2) != nil {
			return
		}
		text := r.append(nil, level%2)
		require.NoError(t, again.decode(text, level%2))
		require.Equal(t, text, again.append(nil, level%2))
	})
}

func FuzzVoidMark(f *testing.F) {
	f.Add((&voidMark{block: 7, index: 12, nanos: 99, reason: "twice"}).appendRow(nil))
	f.Fuzz(func(t *testing.T, src []byte) {
		m, again := voidMark{block: 7}, voidMark{block: 7}
		if m.decode(src) != nil {
			return
		}
		require.NoError(t, again.decode(m.appendRow(nil)))
		require.Equal(t, m, again)
	})
}
