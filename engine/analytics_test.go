package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
)

// analyticsMeters are one of each aggregation, with two dimensions; those that follow a level count another event.
func analyticsMeters() (out []usage.Meter) {
	for _, a := range usage.Aggregations() {
		m := usage.Meter{Slug: "m_" + string(a), EventType: "job", Aggregation: a, Scale: new(0), Dimensions: []string{"metadata.model", "metadata.job"}}
		if a == usage.Latest || a == usage.WeightedSum {
			m.EventType = "level"
		}
		out = append(out, m)
	}
	return out
}

// analyticsRun records random events and asks random questions.
type analyticsRun struct {
	t     *testing.T
	rng   *rand.Rand
	clock *testClock
	fs    *vfs.MemFS
	e     *Engine
	model facts
	sent  []usage.Event
}

func (r *analyticsRun) open() {
	if r.e != nil {
		require.NoError(r.t, r.e.Close())
	}
	r.e = openMem(r.t, r.fs, r.clock, func(o *Options) { o.CheckpointItems, o.Shards = 1+r.rng.IntN(200), 1+r.rng.IntN(4) })
}

func (r *analyticsRun) pick(list ...string) string { return list[r.rng.IntN(len(list))] }

// record sends a batch: new events, late and present, and copies of old ones.
func (r *analyticsRun) record(n int) {
	ctx := context.Background()
	var evs []usage.Event
	for range n {
		if len(r.sent) > 0 && r.rng.IntN(5) == 0 {
			evs = append(evs, r.sent[r.rng.IntN(len(r.sent))])
			continue
		}
		f := fact{tenant: r.pick("acme", "globex", "initech"), id: fmt.Sprintf("%06d", len(r.sent)), user: r.pick("", "ann", "bob", "cyd", "dan"),
			model: r.pick("", "small", "large", "huge"), job: r.pick("", "in", "out"), value: max(0, r.rng.Int64N(5000)-200), at: r.clock.Now(), feature: r.pick("job", "job", "level")}
		if r.rng.IntN(3) > 0 {
			f.at = r.clock.Now().Add(-time.Duration(r.rng.Int64N(int64(34 * 24 * time.Hour)))).Truncate(time.Second)
		}
		ev := usage.Event{ID: f.id, TenantID: f.tenant, UserID: f.user, FeatureType: f.feature, Quantity: usage.Int(f.value), Timestamp: f.at}
		if f.feature == "level" && r.rng.IntN(3) == 0 {
			f.add, ev.Op = true, usage.OpAdd
		}
		ev.Metadata = []byte(`{"other":1}`)
		switch {
		case f.model != "" && f.job != "":
			ev.Metadata = fmt.Appendf(nil, `{"model":%q,"job":%q}`, f.model, f.job)
		case f.model != "":
			ev.Metadata = fmt.Appendf(nil, `{"job":null,"model":%q}`, f.model)
		case f.job != "":
			ev.Metadata = fmt.Appendf(nil, `{"job":%q,"model":{"name":"x"}}`, f.job)
		}
		evs, r.sent = append(evs, ev), append(r.sent, ev)
		r.model.all = append(r.model.all, f)
	}
	outs, err := r.e.RecordBatch(ctx, evs)
	require.NoError(r.t, err)
	for i := range outs {
		require.NoError(r.t, outs[i].Err, "%+v", evs[i])
	}
	r.clock.advance(time.Duration(r.rng.IntN(7200)) * time.Second)
}

// adjust corrects a sum or count, with and without dimensions.
func (r *analyticsRun) adjust() {
	f := fact{tenant: r.pick("acme", "globex"), id: fmt.Sprintf("%06d", len(r.sent)), user: r.pick("", "ann"), model: r.pick("", "small", "rare"),
		value: r.rng.Int64N(2000) - 1500, at: r.clock.Now().Add(-time.Duration(r.rng.Int64N(int64(20 * 24 * time.Hour)))).Truncate(time.Second),
		feature: "job", meter: r.pick("m_sum", "m_count")}
	a := usage.Adjustment{ID: "adj" + f.id + fmt.Sprint(len(r.model.all)), TenantID: f.tenant, UserID: f.user, Meter: f.meter, Quantity: usage.Int(f.value), Timestamp: f.at, Reason: "test"}
	if f.model != "" {
		a.Metadata = fmt.Appendf(nil, `{"model":%q}`, f.model)
	}
	_, err := r.e.Adjust(context.Background(), a)
	require.NoError(r.t, err)
	r.model.all = append(r.model.all, f)
}

// void takes back an event that counts.
func (r *analyticsRun) void() {
	ev := r.sent[r.rng.IntN(len(r.sent))]
	counts := func(f fact) bool { return f.meter == "" && f.id == ev.ID && f.tenant == ev.TenantID }
	if !slices.ContainsFunc(r.model.all, counts) {
		return // taken back before
	}
	_, err := r.e.Void(context.Background(), usage.Void{TenantID: ev.TenantID, ID: ev.ID, Reason: "test"})
	require.NoError(r.t, err)
	r.model.all = slices.DeleteFunc(r.model.all, counts)
}

// ask compares a random query with the model.
func (r *analyticsRun) ask() {
	ctx := context.Background()
	meters := analyticsMeters()
	def := meters[r.rng.IntN(len(meters))]
	zone := r.pick("UTC", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Los_Angeles", "Pacific/Apia")
	loc, err := civil.LoadZone(zone)
	require.NoError(r.t, err)
	q := usage.Query{Meter: def.Slug, TenantID: r.pick("", "acme", "acme", "globex", "nobody"), TimeZone: zone, FillZero: r.rng.IntN(4) == 0,
		Window: usage.Window(r.pick("total", "minute", "15m", "hour", "day", "week", "month"))}
	for _, property := range []string{"metadata.job", "user_id", "metadata.model"} {
		if r.rng.IntN(3) == 0 {
			q.GroupBy = append(q.GroupBy, property)
		}
		if r.rng.IntN(5) == 0 {
			if q.Filter == nil {
				q.Filter = map[string][]string{}
			}
			for range 1 + r.rng.IntN(2) {
				q.Filter[property] = append(q.Filter[property], r.pick("", "in", "out", "ann", "bob", "small", "large", "unheard of"))
			}
		}
	}
	span := map[usage.Window]time.Duration{"minute": 3 * time.Hour, "15m": 30 * time.Hour, "hour": 5 * 24 * time.Hour}[q.Window]
	if span == 0 {
		span = 33 * 24 * time.Hour
	}
	latest := r.clock.Now().Add(-time.Minute).Truncate(time.Minute)
	q.From = latest.Add(-time.Duration(r.rng.Int64N(int64(35 * 24 * time.Hour)))).Truncate(time.Minute)
	q.To = earlierOf(q.From.Add(time.Minute+time.Duration(r.rng.Int64N(int64(span)))).Truncate(time.Minute), latest)
	if r.rng.IntN(2) == 0 { // whole days of the zone
		day := func(t time.Time) time.Time { y, m, d := t.In(loc).Date(); return time.Date(y, m, d, 0, 0, 0, 0, loc) }
		q.From, q.To = day(q.From), day(q.To)
	}
	if !q.From.Before(q.To) {
		return
	}
	windows := []civil.Window{{Start: q.From, End: q.To}}
	if kind, ok := windowKinds[q.Window]; ok {
		windows, err = civil.Windows(q.From, q.To, kind, loc, rowsMax)
		require.NoError(r.t, err)
	}
	want := r.model.rows(def, &q, windows, r.clock.Now())
	rows, err := r.e.Usage(ctx, q)
	require.NoError(r.t, err, "%+v", q)
	require.Equal(r.t, want, spoken(rows.Data, &q, want), "%+v", q)
	r.page(q, rows.Data)
}

// page asks the same page by page.
func (r *analyticsRun) page(q usage.Query, want []usage.Row) {
	if len(want) > 400 || r.rng.IntN(3) > 0 {
		return
	}
	q.Limit = 1 + r.rng.IntN(40)
	var got []usage.Row
	for {
		rows, err := r.e.Usage(context.Background(), q)
		require.NoError(r.t, err)
		require.LessOrEqual(r.t, len(rows.Data), q.Limit)
		got = append(got, rows.Data...)
		if rows.NextCursor == nil {
			break
		}
		require.Len(r.t, rows.Data, q.Limit)
		q.Cursor = *rows.NextCursor
	}
	require.Equal(r.t, len(want), len(got), "%+v", q)
	for i := range want {
		require.Equal(r.t, want[i], got[i])
	}
}

// TestAnalyticsModel: every answer is that of a walk through the list of events: all aggregations, windows, zones (over both DST
// days of the year), groups and filters, with late, duplicate, voided and adjusted events, before and after checkpoints and restarts.
func TestAnalyticsModel(t *testing.T) {
	skipRace(t)
	s := seed(t)
	for i, start := range []string{"2026-03-15T12:00:00Z", "2026-04-08T03:07:00Z", "2026-11-05T21:40:00Z"} {
		t.Run(start, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, start)
			require.NoError(t, err)
			clock := newTestClock()
			clock.now = at
			r := &analyticsRun{t: t, rng: rand.New(rand.NewPCG(s, uint64(i))), clock: clock, fs: vfs.NewMem()}
			r.open()
			for _, m := range analyticsMeters() {
				require.NoError(t, r.e.PutMeter(context.Background(), m))
			}
			for round := range 3 {
				for range 4 {
					r.record(60)
					r.adjust()
					for range 5 {
						r.void()
					}
				}
				for range 60 {
					r.ask()
				}
				require.NoError(t, r.e.Verify(context.Background()))
				if r.open(); round < 2 {
					continue
				}
				for range 60 {
					r.ask()
				}
			}
		})
	}
}
