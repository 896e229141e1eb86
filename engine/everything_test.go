package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

// TestEverythingWithEverything has no model of the numbers: it looks for what no model has together. Meters of all aggregations with
// dimensions, filters and properties are under plans with quotas of all sorts, every operation and question comes in any order, and
// nothing may panic or answer with an error that is none of the caller's. Now and then the log is folded again, and the store is
// opened in another way, with the same digest.
func TestEverythingWithEverything(t *testing.T) {
	skipRace(t) // TestEverythingAtOnce runs under it
	for n := range quicker(max(4, *simRounds/10)) {
		s := seed(t) + uint64(n)
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			m := &monkey{t: t, rng: rand.New(rand.NewPCG(s, 11)), clock: newTestClock(), fs: crashtest.New(), seen: map[string]int{}}
			m.open()
			m.setUp()
			for range 1200 {
				m.act()
			}
			m.reopen()
			require.NoError(t, m.e.Close())
			t.Log(m.seen)
		})
	}
}

// TestEverythingAtOnce is the same from several goroutines, with verification beside them: nobody may wait for himself, or for one who
// waits for him.
func TestEverythingAtOnce(t *testing.T) {
	for n := range quicker(max(2, *simRounds/20)) {
		s := seed(t) + uint64(n)
		t.Run(fmt.Sprint(s), func(t *testing.T) {
			first := &monkey{t: t, rng: rand.New(rand.NewPCG(s, 12)), clock: newTestClock(), fs: crashtest.New(), seen: map[string]int{}}
			first.open()
			first.setUp()
			var group sync.WaitGroup
			for g := range uint64(4) {
				m := &monkey{t: t, rng: rand.New(rand.NewPCG(s, 13+g)), clock: first.clock, e: first.e, name: fmt.Sprint(g, "-"), shared: true, seen: map[string]int{}}
				group.Go(func() {
					for range quicker(200) {
						m.act()
					}
				})
			}
			done := make(chan struct{})
			go func() {
				group.Wait()
				close(done)
			}()
			select {
			case <-done:
			case <-time.After(5 * time.Minute):
				panic("somebody waits for ever") // which shows where all goroutines stand
			}
			first.reopen()
			require.NoError(t, first.e.Close())
		})
	}
}

type monkey struct {
	t      *testing.T
	rng    *rand.Rand
	clock  *testClock
	fs     *crashtest.FS
	e      *Engine
	tune   func(*Options)
	name   string // before ids, beside others
	shared bool   // the engine stays open
	ids    []sent
	holds  []sent
	leases []sent
	doing  string         // what is done
	seen   map[string]int // how often it went well, or what the engine said instead
}

// sent is what something was sent under.
type sent struct{ tenant, source, id string }

var (
	monkeyMeters = []string{"m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "m9", "llm_tokens", "seats", "storage_hours", "active_users"}
	monkeyTypes  = []string{"x", "y", "z", "llm_tokens", "seats", "storage"}
	monkeyPlans  = []string{"p0", "p1", "p2"}
	monkeyZones  = []string{"", "UTC", "Europe/Berlin", "Australia/Lord_Howe", "America/Santiago"}
)

func (m *monkey) pick(list ...string) string { return list[m.rng.IntN(len(list))] }
func (m *monkey) one(in int) bool            { return m.rng.IntN(in) == 0 }
func (m *monkey) tenant() string             { return m.pick("t0", "t1", "t2") }
func (m *monkey) user() string               { return m.pick("", "ann", "bob", "cat") }
func (m *monkey) quantity() usage.Decimal {
	switch m.rng.IntN(16) {
	case 0, 1:
		return usage.Decimal{}
	case 2:
		return usage.Int(0)
	case 3:
		return usage.FromUnits(m.rng.Int64N(300), 1)
	case 4:
		return usage.Int(-m.rng.Int64N(5))
	}
	return usage.Int(m.rng.Int64N(20))
}

// old is something that was sent lately, or never.
func (m *monkey) old(list []sent) sent {
	if len(list) > 0 && !m.one(20) {
		return list[len(list)-1-m.rng.IntN(min(len(list), 30))]
	}
	return sent{m.tenant(), "", "none"}
}

// new is something to be sent, now and then again.
func (m *monkey) new(list *[]sent, source string) sent {
	if len(m.ids) > 0 && m.one(10) {
		return m.old(m.ids)
	}
	x := sent{m.tenant(), source, fmt.Sprint("i", m.name, len(m.ids))}
	m.ids = append(m.ids, x)
	if list != nil {
		*list = append(*list, x)
	}
	return x
}

func (m *monkey) metadata() json.RawMessage {
	if m.one(3) {
		return nil
	}
	return fmt.Appendf(nil, `{"a":%s,"b":{"c":%s},"v":%d}`, m.pick(`"one"`, `"two"`, `null`, `7`, `true`, `{}`), m.pick(`"k"`, `""`, `"__other__"`, `1.50`), m.rng.IntN(9))
}

func (m *monkey) open() {
	m.tune = func(o *Options) {
		o.Shards, o.CheckpointItems, o.decodeAlways = 1+m.rng.IntN(3), []int{5, 40, 300, 1 << 20}[m.rng.IntN(4)], m.one(2)
	}
	m.e = openMem(m.t, m.fs, m.clock, m.tune)
}

// reopen closes the store, or cuts its power, opens it in another way, and wants the same digest; then the log is folded again.
func (m *monkey) reopen() {
	index, sum := m.e.Digest()
	require.NoError(m.t, m.e.Verify(context.Background()))
	if m.one(2) {
		require.NoError(m.t, m.e.Close())
	} else {
		m.act() // something that is in no checkpoint yet
		m.fs = m.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: m.rng.IntN(101), RNG: m.rng})
		require.NoError(m.t, m.e.Close()) // to the disk that was left behind
	}
	m.open()
	after, again := m.e.Digest()
	if after == index { // nothing was due meanwhile
		require.Equal(m.t, sum, again, "the digest after a restart")
	}
	require.NoError(m.t, m.e.Verify(context.Background()))
}

// ok takes what the engine said: an error must be of the caller's making.
func (m *monkey) ok(err error) {
	m.t.Helper()
	if err == nil {
		m.seen[m.doing]++
		return
	}
	var e *usage.Error
	require.True(m.t, errors.As(err, &e), "an error without a code: %v", err)
	m.seen[m.doing+" "+string(e.Code)]++
	require.NotContains(m.t, []usage.ErrorCode{usage.CodeFailed, usage.CodeOutcomeUnknown, usage.CodeOverloaded}, e.Code, "%v", err)
	require.NotContains(m.t, err.Error(), "BUG")
}

func (m *monkey) setUp() {
	ctx := context.Background()
	for i := range 10 {
		def := usage.Meter{Slug: fmt.Sprint("m", i), EventType: m.pick("x", "y", "z"), Scale: new(m.rng.IntN(3)),
			Aggregation: []usage.Aggregation{usage.Sum, usage.Count, usage.Min, usage.Max, usage.Avg, usage.Latest, usage.UniqueCount, usage.WeightedSum, usage.P50, usage.P99}[(i+m.rng.IntN(2))%10]}
		if def.EventType == "z" && def.Aggregation != usage.Sum { // what can be held
			def.Aggregation = usage.Count
		}
		for _, d := range []string{"metadata.a", "metadata.b.c", "source", "user_id"} {
			if m.one(3) {
				def.Dimensions = append(def.Dimensions, d)
			}
		}
		if m.one(4) {
			def.ValueProperty = "metadata.v"
		}
		if def.Aggregation == usage.UniqueCount && m.one(2) {
			def.UniqueProperty = "metadata.a"
		}
		if m.one(4) {
			def.Filters = &usage.Filter{Or: []usage.Filter{{Property: "metadata.a", Op: "exists", Value: true}, {Property: "user_id", Op: "eq", Value: "ann"}}}
		}
		m.ok(m.e.PutMeter(ctx, def))
	}
	for _, p := range monkeyPlans {
		m.plan(p, "now")
	}
	m.ok(m.e.PutSettings(ctx, usage.Settings{DefaultPlan: new("p0")}, usage.Condition{}))
}

func (m *monkey) quota(i int) string {
	limit := m.pick("0", "3", "20", "100", "1000", "null", "12.5")
	q := fmt.Sprintf(`"slug":"q%d","meter":%q`, i, m.pick(monkeyMeters...))
	switch {
	case m.one(5):
		q += fmt.Sprintf(`,"rate":{"limit":%s,"per":"1m","burst":%d}`, m.pick("3", "20", "100"), 100+m.rng.IntN(50))
	default:
		q += fmt.Sprintf(`,"limit":%s,"period":%s`, limit, m.pick(`"minute"`, `"hour"`, `"day"`, `"week"`, `"month"`, `"year"`, `"lifetime"`, `"billing"`, `{"sliding":"1h"}`, `{"first_use":"3h"}`))
	}
	if m.one(3) {
		q += `,"scope":"user"`
	}
	if m.one(3) {
		q += fmt.Sprintf(`,"mode":%q`, m.pick("enforce", "soft", "shadow"))
	}
	if m.one(4) {
		q += `,"overage":5,"grace_period":"10m"`
	}
	if m.one(4) {
		q += `,"throttle_at":0.5,"max_delay":"2s"`
	}
	return "{" + q + "}"
}

func (m *monkey) plan(slug, apply string) {
	p := usage.Plan{Slug: slug}
	for i := range 1 + m.rng.IntN(5) {
		var q usage.Quota
		if json.Unmarshal([]byte(m.quota(i)), &q) != nil {
			continue
		}
		if _, err := m.e.PlanTrial(usage.Plan{Slug: slug, Quotas: []usage.Quota{q}}); err == nil {
			p.Quotas = append(p.Quotas, q)
		}
	}
	_, _, err := m.e.PutPlanIf(context.Background(), p, apply, usage.Condition{})
	m.ok(err)
}

func (m *monkey) event() usage.Event {
	x := m.new(nil, m.pick("", "", "s"))
	ev := usage.Event{ID: x.id, TenantID: x.tenant, Source: x.source, UserID: m.user(), FeatureType: m.pick(monkeyTypes...), Quantity: m.quantity(), Metadata: m.metadata()}
	if m.one(3) {
		ev.Op = m.pick(usage.OpAdd, usage.OpSet)
	}
	if m.one(2) {
		ev.Timestamp = m.clock.Now().Add(-time.Duration(m.rng.Int64N(int64(40 * time.Hour))))
	}
	return ev
}

func (m *monkey) request() usage.Request {
	x := m.new(nil, "")
	r := usage.Request{ID: x.id, TenantID: x.tenant, UserID: m.user()}
	for range 1 + m.rng.IntN(3) {
		r.Items = append(r.Items, usage.Item{FeatureType: m.pick(monkeyTypes...), Quantity: m.quantity(), Metadata: m.metadata(), Op: m.pick("", "", usage.OpAdd)})
	}
	return r
}

func (m *monkey) act() {
	ctx := context.Background()
	op := m.rng.IntN(34)
	m.doing = fmt.Sprint("op", op)
	switch op {
	case 0, 1, 2, 3:
		_, err := m.e.Record(ctx, m.event())
		m.ok(err)
	case 4, 5:
		var evs []usage.Event
		for range m.rng.IntN(30) {
			evs = append(evs, m.event())
		}
		_, err := m.e.RecordBatch(ctx, evs)
		m.ok(err)
	case 6, 7, 8:
		_, err := m.e.Consume(ctx, m.request())
		m.ok(err)
	case 9:
		_, err := m.e.ConsumeBatch(ctx, []usage.Request{m.request(), m.request(), m.request()})
		m.ok(err)
	case 10:
		_, err := m.e.Check(m.request())
		m.ok(err)
		m.e.Allowed(m.tenant(), m.pick(monkeyTypes...), m.rng.Int64N(9))
	case 11, 12:
		x := m.new(&m.holds, "")
		_, err := m.e.Reserve(ctx, usage.Reservation{ID: x.id, TenantID: x.tenant, UserID: m.user(), FeatureType: m.held(), Quantity: usage.Int(m.rng.Int64N(8)),
			TTLSeconds: m.rng.IntN(4000), OnExpiry: m.pick("", usage.ExpiryCharge, usage.ExpiryRelease)})
		m.ok(err)
	case 13, 14:
		x := m.old(m.holds)
		_, err := m.e.Commit(ctx, x.tenant, x.id, m.quantity())
		m.ok(err)
	case 15:
		x := m.old(m.holds)
		_, err := m.e.Extend(ctx, x.tenant, x.id, m.quantity(), time.Duration(m.rng.IntN(4000))*time.Second)
		m.ok(err)
	case 16:
		x := m.old(m.holds)
		_, err := m.e.Release(ctx, x.tenant, x.id)
		m.ok(err)
	case 17:
		x := m.new(&m.leases, "")
		_, err := m.e.GrantLease(ctx, usage.LeaseRequest{ID: x.id, TenantID: x.tenant, FeatureType: m.held(), Quantity: usage.Int(m.rng.Int64N(8)), TTLSeconds: m.rng.IntN(4000)})
		m.ok(err)
	case 18:
		x := m.old(m.leases)
		_, err := m.e.SettleLease(ctx, x.tenant, x.id, m.quantity(), m.one(2))
		m.ok(err)
	case 19, 20:
		x := m.old(m.ids)
		_, err := m.e.Void(ctx, usage.Void{ID: x.id, TenantID: x.tenant, Source: x.source, Reason: "r"})
		m.ok(err)
	case 21:
		x := m.new(nil, "")
		_, err := m.e.Adjust(ctx, usage.Adjustment{ID: x.id, TenantID: x.tenant, Meter: m.pick(monkeyMeters...), Quantity: m.quantity(), UserID: m.user(), Metadata: m.metadata(), Reason: "r"})
		m.ok(err)
	case 22:
		x := m.new(nil, "")
		_, err := m.e.ResetQuota(ctx, usage.Reset{ID: x.id, TenantID: x.tenant, Quota: fmt.Sprint("q", m.rng.IntN(5)), UserID: m.user(), Reason: "r"})
		m.ok(err)
	case 23:
		m.configure()
	case 24, 25, 26:
		m.clock.advance(time.Duration(m.rng.Int64N(int64([]time.Duration{time.Minute, time.Hour, 30 * time.Hour}[m.rng.IntN(3)]))))
	case 27:
		switch {
		case m.one(6) && !m.shared:
			m.reopen()
		case m.one(6):
			m.ok(m.e.Verify(ctx))
		case m.one(3):
			m.ok(m.e.Expire(ctx))
		}
	default:
		m.ask()
	}
}

// held is what is reserved or leased: mostly what can be.
func (m *monkey) held() string { return m.pick("z", "z", "llm_tokens", "llm_tokens", "x") }

func (m *monkey) configure() {
	ctx := context.Background()
	switch m.rng.IntN(8) {
	case 0:
		m.plan(m.pick(monkeyPlans...), m.pick("now", "period_end"))
	case 1, 2:
		tenant := usage.Tenant{ID: m.tenant(), Plan: m.pick("", monkeyPlans[0], monkeyPlans[1], monkeyPlans[2]), TimeZone: m.pick(monkeyZones...)}
		if m.one(2) {
			tenant.BillingAnchor = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
		}
		m.ok(m.e.PutTenant(ctx, tenant))
	case 3:
		m.ok(m.e.PutOverride(ctx, usage.Override{TenantID: m.tenant(), Quota: fmt.Sprint("q", m.rng.IntN(5)), Fields: fmt.Appendf(nil, `{"limit":%s}`, m.pick("null", "5", "70"))}))
	case 4:
		m.ok(m.e.DeleteOverride(ctx, m.tenant(), fmt.Sprint("q", m.rng.IntN(5))))
	case 5:
		m.ok(m.e.ChangePlan(ctx, usage.PlanChange{TenantID: m.tenant(), Plan: m.pick(monkeyPlans...), Effective: m.pick("now", "period_end", m.clock.Now().Add(time.Hour).Format(time.RFC3339))}))
	case 6:
		keep := usage.Retention{Minute: usage.KeepFor(24 * time.Hour), QuarterHour: usage.KeepFor(72 * time.Hour)}
		m.ok(m.e.PutSettings(ctx, usage.Settings{DefaultPlan: new(m.pick(monkeyPlans...)), Retention: keep}, usage.Condition{}))
	case 7:
		if m.one(4) {
			m.ok(m.e.DeleteTenant(ctx, m.tenant(), usage.Condition{}))
		} else {
			m.ok(m.e.PutMeter(ctx, usage.Meter{Slug: fmt.Sprint("late", m.rng.IntN(3)), EventType: m.pick("x", "y"), Aggregation: usage.Sum, Dimensions: []string{"metadata.a"}}))
		}
	}
}

func (m *monkey) ask() {
	ctx := context.Background()
	now := m.clock.Now()
	from := now.Add(-time.Duration(m.rng.Int64N(int64(100 * time.Hour)))).Truncate(time.Minute)
	q := usage.Query{Meter: m.pick(monkeyMeters...), TenantID: m.pick("t0", "t1", "t2", "nobody", ""), From: from, To: from.Add(time.Duration(1+m.rng.IntN(100)) * time.Hour),
		Window: []usage.Window{"", usage.WindowMinute, usage.WindowHour, usage.WindowDay, usage.WindowTotal}[m.rng.IntN(5)], TimeZone: m.pick(monkeyZones...), FillZero: m.one(3)}
	if m.one(2) {
		q.GroupBy = []string{m.pick("metadata.a", "user_id", "source")}
	}
	if m.one(4) {
		q.Filter = map[string][]string{m.pick("metadata.a", "user_id"): {m.pick("one", "ann", "")}}
	}
	if m.one(6) {
		q.Compare = usage.ComparePrevious
	}
	if m.one(5) {
		q.AsOfIndex = uint64(m.rng.IntN(300))
	}
	var err error
	switch m.rng.IntN(11) {
	case 0, 1, 2:
		_, err = m.e.Usage(ctx, q)
	case 3:
		_, err = m.e.Explain(ctx, q, 20, "")
	case 4:
		x := m.old(m.ids)
		_, err = m.e.ExplainDecision(ctx, x.tenant, x.id)
	case 5:
		_, err = m.e.Events(ctx, usage.EventFilter{TenantID: m.tenant(), Limit: 20})
	case 6:
		x := m.old(m.ids)
		_, err = m.e.Event(ctx, x.tenant, x.source, x.id)
	case 7:
		_, err = m.e.Top(ctx, usage.TopQuery{Meter: q.Meter, By: m.pick("tenant", "user", "metadata.a"), From: q.From, To: q.To})
	case 8:
		_, err = m.e.Summary(ctx, m.tenant())
	case 9:
		_, err = m.e.Overview(ctx, usage.OverviewQuery{})
	case 10:
		_, err = m.e.Quotas(m.tenant(), m.user())
		m.ok(err)
		_, _, err = m.e.Users(m.tenant(), fmt.Sprint("q", m.rng.IntN(5)), m.one(2), 0, 10)
		m.ok(err)
		_, err = m.e.Changed(ctx, q, uint64(m.rng.IntN(200)))
		m.ok(err)
		x := m.old(m.holds)
		_, err = m.e.Reservation(x.tenant, x.id)
	}
	m.ok(err)
}
