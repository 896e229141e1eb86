package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// spread records n events of a tenant, each with its own value of metadata.k, user and model.
func spread(t *testing.T, e *Engine, tenant, id string, n int, at time.Time, event func(i int) usage.Event) {
	t.Helper()
	evs := make([]usage.Event, n)
	for i := range evs {
		evs[i] = event(i)
		evs[i].ID, evs[i].TenantID, evs[i].Timestamp = fmt.Sprint(id, i), tenant, at
	}
	outs, err := e.RecordBatch(context.Background(), evs)
	require.NoError(t, err)
	for i := range outs {
		require.NoError(t, outs[i].Err)
	}
}

// groupValues is an answer grouped by one dimension.
func groupValues(t *testing.T, e *Engine, meter, by string, from, to time.Time) map[string]string {
	t.Helper()
	rows, err := e.Usage(context.Background(), usage.Query{Meter: meter, TenantID: "acme", From: from, To: to, GroupBy: []string{by}})
	require.NoError(t, err)
	out := make(map[string]string, len(rows.Data))
	for _, r := range rows.Data {
		name := "null"
		if v := r.Group[by]; v != nil {
			name = *v
		}
		out[name] = r.Value.String()
	}
	return out
}

// TestTuplesBeyondTheBound: the first 10,000 values of a day are told apart, the rest is __other__, which a counter reports; what was told
// apart stays so, another day begins anew, users do not take the room of models, and hostile values get no number. The rule is
// one of the log: other shards and checkpoints come to the same digest, and a restart goes on where it was.
func TestTuplesBeyondTheBound(t *testing.T) {
	skipRace(t)
	fs, clock := vfs.NewMem(), newTestClock()
	tune := func(o *Options) { o.CheckpointItems = 3000 }
	e := openMem(t, fs, clock, tune)
	ctx := context.Background()
	for slug, dims := range map[string][]string{"k": {"metadata.k"}, "models": {"metadata.model"}} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: slug, Aggregation: usage.Count, Dimensions: dims}))
	}
	today := clock.Now().Truncate(24 * time.Hour)
	value := func(prefix string) func(int) usage.Event {
		return func(i int) usage.Event {
			return usage.Event{FeatureType: "k", Metadata: fmt.Appendf(nil, `{"k":"%s%d"}`, prefix, i)}
		}
	}
	spread(t, e, "acme", "a", 9_000, today, value("v"))
	spread(t, e, "acme", "b", 3_000, today.Add(time.Hour), value("w"))
	users := e.Stats().Users
	spread(t, e, "acme", "c", 500, today.Add(2*time.Hour), value("x"))
	require.Equal(t, users, e.Stats().Users, "a value that is not told apart has no number")
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, tune)
	spread(t, e, "acme", "d", 10, today.Add(3*time.Hour), value("v"))
	spread(t, e, "acme", "e", 10, today.Add(-time.Hour), value("x"))

	got := groupValues(t, e, "k", "metadata.k", today, today.Add(24*time.Hour))
	require.Len(t, got, tuplesPerDayMax+1)
	require.Equal(t, "2500", got[usage.OtherValue])
	require.Equal(t, "2", got["v7"])
	require.Equal(t, "1", got["w999"])
	require.NotContains(t, got, "w1000")
	require.Equal(t, "1", groupValues(t, e, "k", "metadata.k", today.Add(-time.Hour), today)["x3"], "another day has room")
	rows, err := e.Usage(ctx, usage.Query{Meter: "k", TenantID: "acme", From: today, To: today.Add(24 * time.Hour)})
	require.NoError(t, err)
	require.Equal(t, "12510", rows.Data[0].Value.String(), "groups add up to the whole")

	spread(t, e, "acme", "f", 12_000, today, func(i int) usage.Event {
		return usage.Event{FeatureType: "models", UserID: fmt.Sprint("u", i), Metadata: fmt.Appendf(nil, `{"model":"m%d"}`, i%3)}
	})
	require.Equal(t, map[string]string{"m0": "4000", "m1": "4000", "m2": "4000"}, groupValues(t, e, "models", "metadata.model", today, today.Add(24*time.Hour)))
	byUser := groupValues(t, e, "models", "user_id", today, today.Add(24*time.Hour))
	require.Len(t, byUser, tuplesPerDayMax+1)
	require.Equal(t, "2000", byUser[usage.OtherValue])
	require.EqualValues(t, 2000, e.Stats().OtherGroups, "since the restart, in which the log was not folded again")
	require.NoError(t, e.Verify(ctx))
	index, want := e.Digest()
	for _, tc := range []struct{ shards, every int }{{1, 0}, {2, 700}, {3, 50_000}, {5, 4_000}} {
		copyLog(t, e, clock, tc.shards, tc.every, index, want)
	}
}

// TestOddValues: what is no value, and what is too long to be one.
func TestOddValues(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := context.Background()
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "m", Aggregation: usage.Sum, Scale: new(0), Dimensions: []string{"metadata.a.b", "source", "user_id"}}))
	long := make([]byte, 129)
	for i := range long {
		long[i] = 'x'
	}
	at := newTestClock().Now()
	for i, metadata := range []string{`{}`, `{"a":1}`, `{"a":{"b":null}}`, `{"a":{"b":""}}`, `{"a":{"b":[1]}}`, `{"a":{"b":{"c":1}}}`,
		`{"a":{"b":1.50}}`, `{"a":{"b":true}}`, `{"a":{"b":"1.50"}}`, `{"a":{"b":"\u0061\n"}}`, `{"a":{"b":"__other__"}}`,
		`{"a":{"b":"` + string(long) + `"}}`, `{"a":{"b":"` + string(long[1:]) + `"}}`} {
		_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(i), TenantID: "acme", Source: "s", FeatureType: "m", Quantity: usage.Int(1 << i), Metadata: []byte(metadata), Timestamp: at})
		require.NoError(t, err)
	}
	got := groupValues(t, e, "m", "metadata.a.b", at.Add(-time.Hour), at.Add(time.Hour))
	require.Equal(t, map[string]string{"null": "63", "1.50": fmt.Sprint(1<<6 + 1<<8), "true": "128", "a\n": "512", "__other__": fmt.Sprint(1<<10 + 1<<11),
		string(long[1:]): "4096"}, got)
	require.Equal(t, map[string]string{"s": "8191"}, groupValues(t, e, "m", "source", at.Add(-time.Hour), at.Add(time.Hour)))
	require.Equal(t, map[string]string{"null": "8191"}, groupValues(t, e, "m", "user_id", at.Add(-time.Hour), at.Add(time.Hour)))
	_, err := e.Usage(ctx, usage.Query{Meter: "m", GroupBy: []string{"metadata.a"}})
	require.ErrorContains(t, err, "it has metadata.a.b, source, user_id")
}
