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
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
)

// everyAggregation is a meter of each aggregation on one feature.
func everyAggregation(t require.TestingT, e *Engine) {
	for _, agg := range []usage.Aggregation{usage.Sum, usage.Count, usage.Min, usage.Max, usage.Avg, usage.Latest, usage.UniqueCount, usage.WeightedSum, usage.P90} {
		require.NoError(t, e.PutMeter(context.Background(), usage.Meter{Slug: "m_" + string(agg), EventType: "work", Aggregation: agg, Scale: new(2), Dimensions: []string{"metadata.region"}}))
	}
	require.NoError(t, e.PutMeter(context.Background(), usage.Meter{Slug: "m_regions", EventType: "work", Aggregation: usage.UniqueCount, UniqueProperty: "metadata.region"}))
}

// everything is all that can be asked of a tenant: every meter, by total, day, hour and minute, and the counters.
func everything(t require.TestingT, e *Engine, tenant string, from, to time.Time) map[string]string {
	out := map[string]string{}
	for _, m := range e.Meters() {
		for _, w := range []usage.Window{usage.WindowTotal, usage.WindowDay, usage.WindowHour} {
			rows, err := e.Usage(context.Background(), usage.Query{Meter: m.Meter.Slug, TenantID: tenant, Window: w, TimeZone: "Asia/Kathmandu", From: from, To: to})
			require.NoError(t, err)
			for _, r := range rows.Data {
				if w != usage.WindowTotal && (!r.Value.IsSet() || r.Value.Sign() == 0) {
					continue // a window from which all was taken back is there or not
				}
				out[fmt.Sprint(m.Meter.Slug, " ", w, " ", r.WindowStart)] = r.Value.String()
			}
		}
		for _, by := range [][]string{{"user_id"}, m.Meter.Dimensions} {
			if len(by) == 0 {
				continue
			}
			rows, err := e.Usage(context.Background(), usage.Query{Meter: m.Meter.Slug, TenantID: tenant, Window: usage.WindowDay, From: from, To: to, GroupBy: by})
			require.NoError(t, err)
			for _, r := range rows.Data {
				if r.Value.IsSet() && r.Value.Sign() != 0 {
					out[fmt.Sprint(m.Meter.Slug, " by ", string(mustJSON(r.Group)), " ", r.WindowStart)] = r.Value.String()
				}
			}
		}
		units, ok := e.Current(tenant, m.Meter.Slug)
		out["current "+m.Meter.Slug] = fmt.Sprint(units, ok)
	}
	return out
}

// TestVoidModel records random events of every aggregation, late and twice, by Record and Consume, adjusts and voids at random, with
// checkpoints, restarts and power cuts in between, and compares every number with that of an engine that only ever saw what is left.
func TestVoidModel(t *testing.T) {
	skipRace(t)
	for run := range quicker(2) {
		s := seed(t) + uint64(run)
		rng := rand.New(rand.NewPCG(s, 5))
		m := &voidModel{t: t, rng: rng, clock: newTestClock(), fs: vfs.NewMem(), live: map[string]usage.Event{}}
		m.open()
		everyAggregation(t, m.e)
		for step := range quicker(280) {
			m.step(step)
			switch {
			case step%90 == 40:
				require.NoError(t, m.e.checkpoint(context.Background()))
			case step%170 == 100:
				require.NoError(t, m.e.Close())
				m.open()
			case step%140 == 120:
				m.compare()
			}
		}
		m.compare()
		require.NoError(t, m.e.Verify(context.Background()))
		require.NoError(t, m.e.Expire(context.Background())) // now, so that the ticker adds no entry behind the digest
		index, want := m.e.Digest()
		copyLog(t, m.e, m.clock, 1, 60, index, want)
		copyLog(t, m.e, m.clock, 3, 0, index, want)
		require.Positive(t, m.voided)
		t.Logf("%d voided of %d", m.voided, m.voided+len(m.live))
	}
}

// quicker is how much of n to do: the race detector makes everything ten times slower.
func quicker(n int) int {
	if race.Enabled {
		return (n + 1) / 2
	}
	return n
}

type voidModel struct {
	t       *testing.T
	rng     *rand.Rand
	clock   *testClock
	fs      *vfs.MemFS
	e       *Engine
	ids     []string // of all that was counted, in the order of the log
	live    map[string]usage.Event
	adjusts []usage.Adjustment
	voided  int
}

func (m *voidModel) open() {
	m.e = openMem(m.t, m.fs, m.clock, func(o *Options) { o.CheckpointItems = 90 })
}

func (m *voidModel) step(n int) {
	t, ctx, rng := m.t, context.Background(), m.rng
	if rng.IntN(3) == 0 {
		m.clock.advance(time.Duration(rng.IntN(90)) * time.Second)
	}
	if rng.IntN(60) == 0 {
		m.clock.advance(time.Duration(rng.IntN(20*24)) * time.Hour)
	}
	switch op := rng.IntN(10); {
	case op < 5:
		m.record(n)
	case op == 5:
		id := fmt.Sprint("c", n)
		a, err := m.e.Consume(ctx, usage.Request{ID: id, TenantID: "acme", UserID: fmt.Sprint("u", rng.IntN(3)),
			Items: []usage.Item{{FeatureType: "work", Quantity: usage.Int(rng.Int64N(9))}}})
		require.NoError(t, err)
		require.True(t, a.Allowed)
		if a.Status == usage.StatusCounted {
			m.count(usage.Event{ID: id, TenantID: "acme", UserID: fmt.Sprint("u", 0), FeatureType: "work"}, n)
			page, err := m.e.Event(ctx, "acme", "", id)
			require.NoError(t, err)
			m.live[id] = usage.Event{ID: id, TenantID: "acme", UserID: page.UserID, FeatureType: "work", Quantity: page.Quantity, Timestamp: page.Timestamp}
		}
	case op == 6:
		a := usage.Adjustment{ID: fmt.Sprint("a", n), TenantID: "acme", Meter: "m_sum", Quantity: usage.Int(rng.Int64N(20) - 10),
			Timestamp: m.clock.Now().Add(-time.Duration(rng.IntN(3600)) * time.Second), Reason: "test"}
		_, err := m.e.Adjust(ctx, a)
		require.NoError(t, err)
		m.adjusts = append(m.adjusts, a)
	default:
		m.void()
	}
}

func (m *voidModel) record(n int) {
	rng := m.rng
	evs := make([]usage.Event, 1+rng.IntN(4))
	for i := range evs {
		evs[i] = usage.Event{ID: fmt.Sprint("e", n, "-", i), TenantID: "acme", FeatureType: "work", UserID: fmt.Sprint("u", rng.IntN(4)),
			Quantity:  usage.FromUnits(rng.Int64N(5000), 2),
			Timestamp: m.clock.Now().Add(-time.Duration(rng.IntN(4)*rng.IntN(90)) * time.Second)}
		if rng.IntN(20) == 0 {
			evs[i].Timestamp = m.clock.Now().Add(-time.Duration(rng.IntN(34*24)) * time.Hour)
		}
		if rng.IntN(2) == 0 {
			evs[i].Metadata = fmt.Appendf(nil, `{"region":"r%d"}`, rng.IntN(3))
		}
		if rng.IntN(4) == 0 {
			evs[i].Op = usage.OpAdd
		}
	}
	evs = append(evs, evs[0]) // a retry in the same block
	outs, err := m.e.RecordBatch(context.Background(), evs)
	require.NoError(m.t, err)
	for i := range evs[:len(evs)-1] {
		require.NoError(m.t, outs[i].Err)
		m.count(evs[i], n)
	}
}

func (m *voidModel) count(ev usage.Event, _ int) {
	m.ids = append(m.ids, ev.ID)
	m.live[ev.ID] = ev
}

// void takes back something of late, or of long ago, or what was taken back before.
func (m *voidModel) void() {
	if len(m.ids) == 0 {
		return
	}
	i := m.rng.IntN(len(m.ids))
	if m.rng.IntN(3) > 0 {
		i = len(m.ids) - 1 - m.rng.IntN(min(12, len(m.ids)))
	}
	id := m.ids[i]
	out, err := m.e.Void(context.Background(), usage.Void{TenantID: "acme", ID: id, Reason: "sent by mistake"})
	if usage.Code(err) == usage.CodeEventArchived {
		return // its minutes have expired
	}
	require.NoError(m.t, err)
	want := usage.StatusDuplicate
	if _, live := m.live[id]; live {
		want = usage.StatusVoided
		m.voided++
		delete(m.live, id)
	}
	require.Equal(m.t, want, out.Status)
	rec, err := m.e.Event(context.Background(), "acme", "", id)
	require.NoError(m.t, err)
	require.Equal(m.t, usage.StatusVoided, rec.Status)
	require.Equal(m.t, "sent by mistake", rec.Voided.Reason)
}

// compare asks an engine that was only sent what is left, in the order of ids, the same.
func (m *voidModel) compare() {
	t := m.t
	other := openMem(t, vfs.NewMem(), m.clock, func(o *Options) { o.MaxAge = 2 * 365 * 24 * time.Hour })
	everyAggregation(t, other)
	var evs []usage.Event
	for _, ev := range m.live {
		evs = append(evs, ev)
	}
	slices.SortFunc(evs, func(a, b usage.Event) int { return a.Timestamp.Compare(b.Timestamp) })
	if len(evs) > 0 {
		outs, err := other.RecordBatch(context.Background(), evs)
		require.NoError(t, err)
		for i := range outs {
			require.NoError(t, outs[i].Err)
		}
	}
	for _, a := range m.adjusts {
		_, err := other.Adjust(context.Background(), a)
		require.NoError(t, err)
	}
	from, to := m.clock.Now().Add(-13*24*time.Hour).Truncate(time.Hour), m.clock.Now().Add(time.Hour).Truncate(time.Hour)
	require.Equal(t, everything(t, other, "acme", from, to), everything(t, m.e, "acme", from, to))
	require.NoError(t, other.Close())
}

func TestVoidRefusals(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":10}]`)
	putTenant(t, e, "acme", "p")
	_, err := e.Record(ctx, usage.Event{ID: "e", TenantID: "acme", FeatureType: "api_calls", Source: "s"})
	require.NoError(t, err)
	_, err = e.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(1)})
	require.NoError(t, err)
	_, err = e.Adjust(ctx, usage.Adjustment{ID: "a", TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(1), Reason: "x"})
	require.NoError(t, err)
	consume(t, e, usage.Request{ID: "denied", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(9)}}})
	for _, tc := range []struct {
		void usage.Void
		code usage.ErrorCode
	}{
		{usage.Void{TenantID: "acme", ID: "e", Reason: "x"}, usage.CodeNotFound}, // another source
		{usage.Void{TenantID: "acme", ID: "denied", Reason: "x"}, usage.CodeNotFound},
		{usage.Void{TenantID: "nobody", ID: "e", Reason: "x"}, usage.CodeNotFound},
		{usage.Void{TenantID: "acme", ID: "r", Reason: "x"}, usage.CodeInvalidValue},
		{usage.Void{TenantID: "acme", ID: "a", Reason: "x"}, usage.CodeInvalidValue},
		{usage.Void{TenantID: "acme", ID: "e", Source: "s"}, usage.CodeMissingField},
		{usage.Void{ID: "e", Source: "s", Reason: "x"}, usage.CodeMissingField},
	} {
		_, err := e.Void(ctx, tc.void)
		require.Equal(t, tc.code, usage.Code(err), "%+v: %v", tc.void, err)
	}
	index, _ := e.Digest()
	require.Zero(t, e.state.dir.tenant("nobody"))
	out, err := e.Void(WithActor(ctx, "ops"), usage.Void{TenantID: "acme", ID: "e", Source: "s", Reason: "sent twice"})
	require.NoError(t, err)
	require.Equal(t, usage.StatusVoided, out.Status)
	entries, err := e.Audit(ctx, 0, 100)
	require.NoError(t, err)
	last := entries[len(entries)-1]
	require.Equal(t, []any{"void", "ops", "tenant/acme/e", index + 1}, []any{last.Action, last.Actor, last.Target, last.Index})
	again, err := e.Record(ctx, usage.Event{ID: "e", TenantID: "acme", FeatureType: "api_calls", Source: "s"})
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, again.Status, "the id stays used")
	require.NoError(t, e.Verify(ctx))
}

// A voided consume frees exactly its units, in every quota of its period, and no tokens of a rate; a warning that fired stays.
func TestVoidFreesQuotas(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	fs := vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":10},{"slug":"u","meter":"api_calls","scope":"user","period":"day","limit":8},
		{"slug":"s","meter":"api_calls","period":{"sliding":"1h"},"limit":9},{"slug":"f","meter":"api_calls","period":{"first_use":"2h"},"limit":20},
		{"slug":"r","meter":"api_calls","rate":{"limit":1,"per":"1h","burst":30}},{"slug":"au","meter":"active_users","period":"month","limit":2},
		{"slug":"d","meter":"data_transfer","period":"month","limit":100}]`)
	putTenant(t, e, "acme", "p")
	ask := func(id, user string, n int64) bool {
		return consume(t, e, usage.Request{ID: id, TenantID: "acme", UserID: user, Items: []usage.Item{
			{FeatureType: "api_calls", Quantity: usage.Int(n)}, {FeatureType: "data_transfer", Quantity: usage.Int(2 * n)}}}).Allowed
	}
	used := func() map[string]string {
		out := map[string]string{}
		quotas, err := e.Quotas("acme", "u1")
		require.NoError(t, err)
		for _, q := range quotas {
			out[q.Quota] = q.Used.String()
		}
		return out
	}
	require.True(t, ask("a", "u1", 5))
	require.True(t, ask("b", "u1", 2))
	require.False(t, ask("c", "u1", 4), "the day of the user")
	crossings, err := e.Outbox(ctx, 0, 100)
	require.NoError(t, err)
	require.NotEmpty(t, crossings)
	for round := range 2 {
		out, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: "a", Reason: "x"})
		require.NoError(t, err)
		require.Equal(t, []usage.Status{usage.StatusVoided, usage.StatusDuplicate}[round], out.Status)
		require.Equal(t, map[string]string{"m": "2", "u": "2", "s": "2", "f": "2", "r": "7", "au": "1", "d": "4"}, used(), "round %d", round)
	}
	require.True(t, ask("c", "u1", 4))
	again, err := e.Outbox(ctx, 0, 100)
	require.NoError(t, err)
	require.Equal(t, crossings, again, "nothing fires twice")
	for _, id := range []string{"b", "c"} {
		_, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: id, Reason: "x"})
		require.NoError(t, err)
	}
	require.Equal(t, map[string]string{"m": "0", "u": "0", "s": "0", "f": "0", "r": "11", "au": "0", "d": "0"}, used())

	// Of a period that is over nothing comes back.
	require.True(t, ask("old", "u2", 3))
	clock.advance(40 * 24 * time.Hour)
	require.True(t, ask("new", "u1", 3))
	_, err = e.Void(ctx, usage.Void{TenantID: "acme", ID: "old", Reason: "x"})
	if usage.Code(err) != usage.CodeEventArchived {
		require.NoError(t, err)
	}
	want := used()
	require.Equal(t, []string{"3", "3", "3", "3"}, []string{want["m"], want["u"], want["s"], want["f"]})
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	require.Equal(t, want, used())
}

// TestPowerCutVoids cuts the power in the middle of records and voids: what was acknowledged is there afterwards, a void as much as
// an event; what was on its way is there or not, and the state is the fold of its log.
func TestPowerCutVoids(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 9))
	ctx, clock, fs := context.Background(), newTestClock(), crashtest.New()
	var live, gone []string // acknowledged
	n := 0
	for round := range quicker(max(8, *simRounds/5)) {
		e := openMem(t, fs, clock, func(o *Options) { o.CheckpointItems = 30 })
		if round == 0 {
			everyAggregation(t, e)
		}
		cut := rng.IntN(60)
		var clone *crashtest.FS
		var ackedLive, ackedGone []string
		for step := range 60 {
			if step == cut {
				clone = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * rng.IntN(3), RNG: rng})
				ackedLive, ackedGone = slices.Clone(live), slices.Clone(gone)
			}
			if len(live) > 3 && rng.IntN(3) == 0 {
				i := rng.IntN(len(live))
				_, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: live[i], Reason: "test"})
				require.NoError(t, err)
				gone = append(gone, live[i])
				live = slices.Delete(live, i, i+1)
				continue
			}
			n++
			_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(n), TenantID: "acme", UserID: fmt.Sprint("u", rng.IntN(3)), FeatureType: "work", Quantity: usage.Int(rng.Int64N(9))})
			require.NoError(t, err)
			live = append(live, fmt.Sprint(n))
			clock.advance(time.Duration(rng.IntN(40)) * time.Second)
		}
		require.NoError(t, e.Close())
		fs = clone
		re := openMem(t, fs, clock, nil)
		status := func(id string) usage.Status {
			rec, err := re.Event(ctx, "acme", "", id)
			require.NoError(t, err, "round %d: %s", round, id)
			return rec.Status
		}
		for _, id := range ackedGone {
			require.Equal(t, usage.StatusVoided, status(id), "round %d: an acknowledged void is lost", round)
		}
		live, gone = nil, nil // as the disk has them
		for _, id := range append(ackedLive, ackedGone...) {
			if status(id) == usage.StatusVoided {
				gone = append(gone, id)
			} else {
				live = append(live, id)
			}
		}
		require.NoError(t, re.Verify(ctx), "round %d", round)
		require.NoError(t, re.Close())
	}
	t.Logf("%d live, %d voided in the end", len(live), len(gone))
}
