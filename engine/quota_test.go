package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// putPlan makes a plan from the JSON of its quotas.
func putPlan(t require.TestingT, e *Engine, slug, quotas string) {
	p := usage.Plan{Slug: slug}
	require.NoError(t, json.Unmarshal([]byte(quotas), &p.Quotas))
	require.NoError(t, e.PutPlan(context.Background(), p))
}

func putTenant(t require.TestingT, e *Engine, id, plan string) {
	require.NoError(t, e.PutTenant(context.Background(), usage.Tenant{ID: id, Plan: plan}))
}

func ask(id string, n int64) usage.Request {
	return usage.Request{ID: id, TenantID: "acme", UserID: "alice", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(n)}}}
}

func consume(t require.TestingT, e *Engine, r usage.Request) usage.Answer {
	a, err := e.Consume(context.Background(), r)
	require.NoError(t, err)
	return a
}

const monthly100 = `[{"slug":"monthly","meter":"api_calls","period":"month","limit":100}]`

func TestConsume(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")

	a := consume(t, e, ask("a", 80))
	require.Equal(t, []any{true, usage.DecisionAllow, usage.StatusCounted}, []any{a.Allowed, a.Decision, a.Status})
	require.Equal(t, "monthly", *a.BindingQuota)
	require.Equal(t, []string{"80", "20", "100"}, []string{a.Quotas[0].Used.String(), a.Quotas[0].Remaining.String(), a.Quotas[0].Limit.String()})
	require.Equal(t, "2026-04-01T00:00:00Z", a.Quotas[0].ResetAt.Format(time.RFC3339))

	a = consume(t, e, ask("b", 1))
	require.Equal(t, usage.DecisionWarn, a.Decision)
	a = consume(t, e, ask("c", 20))
	require.Equal(t, []any{false, usage.DecisionBlock, usage.ReasonExceeded, usage.StatusDenied}, []any{a.Allowed, a.Decision, a.Reason, a.Status})
	require.Equal(t, "81", a.Quotas[0].Used.String(), "a denial counts nothing")
	require.NotNil(t, a.RetryAfterMS)

	a = consume(t, e, ask("a", 80)) // a retry repeats the decision of the first time, with the quotas of now
	require.Equal(t, []any{true, usage.DecisionAllow, usage.StatusDuplicate, "81"}, []any{a.Allowed, a.Decision, a.Status, a.Quotas[0].Used.String()})
	_, err := e.Consume(ctx, ask("a", 81))
	require.ErrorIs(t, err, usage.ErrConflict)
	_, err = e.Record(ctx, usage.Event{ID: "a", TenantID: "acme", UserID: "alice", FeatureType: "api_calls", Quantity: usage.Int(80)})
	require.ErrorIs(t, err, usage.ErrConflict, "another operation under the id")

	a = consume(t, e, ask("c", 19)) // the denied id may be sent again, and 100 is exactly the limit
	require.True(t, a.Allowed)
	require.False(t, consume(t, e, ask("d", 1)).Allowed)
	peek := consume(t, e, ask("e", 0))
	require.Equal(t, usage.StatusChecked, peek.Status)

	check, err := e.Check(ask("", 1))
	require.NoError(t, err)
	require.Equal(t, usage.ReasonExceeded, check.Reason)
	require.False(t, e.Allowed("acme", "api_calls", 1).Allowed)
	require.True(t, e.Allowed("acme", "api_calls", 0).Allowed)

	clock.advance(31 * 24 * time.Hour) // April
	require.True(t, e.Allowed("acme", "api_calls", 100).Allowed)
	require.False(t, e.Allowed("acme", "api_calls", 101).Allowed)
	require.True(t, consume(t, e, ask("f", 100)).Allowed)
	require.False(t, e.Allowed("acme", "api_calls", 1).Allowed)
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 100, units)
	require.NoError(t, e.Verify(ctx))
}

// A call over several quotas counts in all of them or in none.
func TestConsumeAllOrNothing(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"calls","meter":"api_calls","period":"day","limit":10},
		{"slug":"bytes","meter":"data_transfer","period":"month","limit":1000},
		{"slug":"rate","meter":"api_calls","rate":{"limit":5,"per":"1m"}},
		{"slug":"quiet","meter":"api_calls","period":"hour","limit":1,"mode":"shadow"}]`)
	putTenant(t, e, "acme", "p")
	both := usage.Request{ID: "x", TenantID: "acme", Items: []usage.Item{
		{FeatureType: "api_calls", Quantity: usage.Int(2)}, {FeatureType: "data_transfer", Quantity: usage.Int(1001)}, {FeatureType: "api_calls"}}}
	a := consume(t, e, both)
	require.Equal(t, []any{false, "bytes", usage.ReasonCostTooHigh}, []any{a.Allowed, *a.BindingQuota, a.Reason})
	both.Items[1].Quantity = usage.Int(1000)
	a = consume(t, e, both)
	require.True(t, a.Allowed)
	used := map[string]string{}
	for _, q := range a.Quotas {
		used[q.Quota] = q.Used.String()
		if q.Quota == "quiet" {
			require.Equal(t, usage.DecisionBlock, *q.Would, "a shadow says what it would do, and does nothing")
			require.Equal(t, usage.DecisionAllow, q.Decision)
		}
	}
	require.Equal(t, map[string]string{"calls": "3", "bytes": "1000", "rate": "3", "quiet": "3"}, used)
	require.NoError(t, e.Verify(context.Background()))
}

func TestUserScope(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "p", `[{"slug":"each","meter":"api_calls","scope":"user","period":"day","limit":5},{"slug":"all","meter":"api_calls","period":"day","limit":8}]`)
	putTenant(t, e, "acme", "p")
	r := ask("1", 5)
	require.True(t, consume(t, e, r).Allowed)
	r.ID = "2"
	a := consume(t, e, r)
	require.Equal(t, []any{false, "each", "alice"}, []any{a.Allowed, *a.BindingQuota, *a.Quotas[0].UserID})
	r.ID, r.UserID, r.Items[0].Quantity = "3", "bob", usage.Int(3)
	require.True(t, consume(t, e, r).Allowed)
	r.ID = "4"
	require.Equal(t, "all", *consume(t, e, r).BindingQuota)
	r.ID, r.UserID = "5", ""
	_, err := e.Consume(context.Background(), r)
	require.Equal(t, usage.CodeUserRequired, usage.Code(err))
	users, _, err := e.Users("acme", "", false, 0, 10)
	require.NoError(t, err)
	require.Len(t, users, 2)
	require.Equal(t, "5", users[0].Quotas[0].Used.String())
	require.NoError(t, e.Verify(context.Background()))
}

func TestReservationLife(t *testing.T) {
	clock := newTestClock()
	fs := vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	reserve := func(id string, n int64) usage.Answer {
		a, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n)})
		require.NoError(t, err)
		return a
	}
	standing := func() string {
		q, err := e.Quotas("acme", "")
		require.NoError(t, err)
		return q[0].Used.String() + "+" + q[0].Reserved.String()
	}
	a := reserve("r1", 60)
	require.Equal(t, []any{true, "r1", "0+60"}, []any{a.Allowed, a.ReservationID, standing()})
	require.Equal(t, 5*time.Minute, a.ExpiresAt.Sub(clock.Now()))
	require.False(t, reserve("r2", 50).Allowed)
	require.Equal(t, usage.StatusDuplicate, reserve("r1", 60).Status)
	_, err := e.Commit(ctx, "acme", "r1", usage.Int(25)) // below
	require.NoError(t, err)
	require.Equal(t, "25+0", standing())
	again, err := e.Commit(ctx, "acme", "r1", usage.Int(25))
	require.NoError(t, err)
	require.Equal(t, usage.StatusDuplicate, again.Status)
	_, err = e.Commit(ctx, "acme", "r1", usage.Int(26))
	require.ErrorIs(t, err, usage.ErrConflict)
	_, err = e.Release(ctx, "acme", "r1")
	require.Equal(t, usage.CodeCommitted, usage.Code(err))

	reserve("r3", 10)
	_, err = e.Commit(ctx, "acme", "r3", usage.Int(90)) // above, even past the limit
	require.NoError(t, err)
	require.Equal(t, "115+0", standing())
	require.False(t, e.Allowed("acme", "api_calls", 1).Allowed)
	clock.advance(31 * 24 * time.Hour)

	reserve("r4", 30)
	_, err = e.Release(ctx, "acme", "r4")
	require.NoError(t, err)
	require.Equal(t, "0+0", standing())
	_, err = e.Commit(ctx, "acme", "r4", usage.Int(1))
	require.Equal(t, usage.CodeReleased, usage.Code(err))

	reserve("r5", 40)
	a, err = e.Extend(ctx, "acme", "r5", usage.Int(70), time.Hour)
	require.NoError(t, err)
	require.Equal(t, "0+70", standing())
	require.Equal(t, time.Hour, a.ExpiresAt.Sub(clock.Now()))
	a, err = e.Extend(ctx, "acme", "r5", usage.Int(101), 0)
	require.NoError(t, err)
	require.False(t, a.Allowed)

	require.NoError(t, e.Close()) // it expires while the server is down
	clock.advance(2 * time.Hour)
	e = openMem(t, fs, clock, nil)
	require.Equal(t, "0+0", standing())
	st, err := e.Reservation("acme", "r5")
	require.NoError(t, err)
	require.Equal(t, "expired", st.State)
	a, err = e.Commit(ctx, "acme", "r5", usage.Int(7))
	require.NoError(t, err)
	require.True(t, a.Late)
	require.Equal(t, "7+0", standing())
	_, err = e.Reserve(ctx, usage.Reservation{ID: "r6", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(9), OnExpiry: "charge", TTLSeconds: 1})
	require.NoError(t, err)
	clock.advance(2 * time.Second)
	require.Equal(t, "16+0", standing())
	_, err = e.Reserve(ctx, usage.Reservation{ID: "s", TenantID: "acme", FeatureType: "seats", Quantity: usage.Int(1)})
	require.Equal(t, usage.CodeInvalidValue, usage.Code(err))
	_, err = e.Commit(ctx, "acme", "nothing", usage.Int(1))
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}

// Twenty reservations of 75 on 500: never more than six are held.
func TestReservationsConcurrent(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":500}]`)
	putTenant(t, e, "acme", "p")
	granted := make(chan bool, 20)
	for i := range 20 {
		go func() {
			a, err := e.Reserve(context.Background(), usage.Reservation{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(75)})
			granted <- err == nil && a.Allowed
		}()
	}
	n := 0
	for range 20 {
		if <-granted {
			n++
		}
	}
	require.Equal(t, 6, n)
}

// Plans: a change of plan keeps what was used, under whatever slug; a lowered limit blocks, a raised one lets go.
func TestPlanChanges(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	_, err := e.Record(ctx, event("before")) // 2, before any plan
	require.NoError(t, err)
	putPlan(t, e, "free", monthly100)
	putPlan(t, e, "pro", `[{"slug":"pro-calls","meter":"api_calls","period":"month","limit":1000}]`)
	putTenant(t, e, "acme", "free")
	used := func() string {
		q, err := e.Quotas("acme", "")
		require.NoError(t, err)
		return q[0].Quota + " " + q[0].Used.String() + "/" + q[0].Limit.String()
	}
	require.Equal(t, "monthly 2/100", used())
	consume(t, e, ask("1", 98))
	require.False(t, e.Allowed("acme", "api_calls", 1).Allowed)
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "pro"}))
	require.Equal(t, "pro-calls 100/1000", used())
	require.True(t, consume(t, e, ask("2", 50)).Allowed)
	require.NoError(t, e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "free", Effective: "period_end"}))
	require.Equal(t, "pro-calls 150/1000", used())

	putPlan(t, e, "pro", `[{"slug":"pro-calls","meter":"api_calls","period":"month","limit":2000}]`) // moves nobody
	require.Equal(t, "pro-calls 150/1000", used())
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "pro-calls", Fields: []byte(`{"limit":151}`), EffectiveUntil: clock.Now().Add(time.Hour)}))
	require.Equal(t, "pro-calls 150/151", used())
	clock.advance(2 * time.Hour)
	require.Equal(t, "pro-calls 150/1000", used())
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "extra", Fields: []byte(`{"meter":"api_calls","period":"day","limit":1}`)}))
	require.Equal(t, "extra", *consume(t, e, ask("3", 5)).BindingQuota)
	require.NoError(t, e.DeleteOverride(ctx, "acme", "extra"))

	clock.advance(31 * 24 * time.Hour)
	require.Equal(t, "monthly 0/100", used(), "the change at the end of the period")
	require.Equal(t, usage.CodeInUse, usage.Code(e.DeletePlan(ctx, "free", usage.Condition{})))
	require.NoError(t, e.DeletePlan(ctx, "pro", usage.Condition{}))
	_, _, err = e.PutPlanIf(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{{Slug: "monthly", Meter: "api_calls",
		Period: usage.Period{Kind: "month"}, Limit: usage.Num(usage.Int(7))}}}, "now", usage.Condition{})
	require.NoError(t, err)
	require.Equal(t, "monthly 0/7", used())

	for _, bad := range []usage.Override{
		{TenantID: "acme", Quota: "monthly", Fields: []byte(`{"limit":-1}`)}, {TenantID: "acme", Quota: "new", Fields: []byte(`{"limit":1}`)},
		{TenantID: "acme", Quota: "monthly", Fields: []byte(`{"period":"fortnight"}`)}, {TenantID: "acme", Quota: "monthly", Fields: []byte(`{"limit":0.5}`)},
	} {
		require.Error(t, e.PutOverride(ctx, bad), "%s", bad.Fields)
	}
	require.Equal(t, usage.CodeUnknownPlan, usage.Code(e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "fre"})))
	entries, err := e.Audit(ctx, 0, 1000)
	require.NoError(t, err)
	require.Equal(t, "settings", func() string {
		require.NoError(t, e.PutSettings(WithActor(ctx, "ann"), usage.Settings{DefaultPlan: new("free")}, usage.Condition{}))
		after, err := e.Audit(ctx, entries[len(entries)-1].Number, 10)
		require.NoError(t, err)
		require.Equal(t, "ann", after[0].Actor)
		return after[0].Target
	}())
	a, err := e.Check(usage.Request{TenantID: "stranger", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(8)}}})
	require.NoError(t, err)
	require.Equal(t, usage.ReasonCostTooHigh, a.Reason, "an unknown tenant is judged on the default plan")
	require.NoError(t, e.Verify(ctx))
}

func TestThresholds(t *testing.T) {
	clock := newTestClock()
	fs := vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	ctx := context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	consume(t, e, ask("1", 49))
	consume(t, e, ask("2", 41)) // 90: three at once
	for i := range 10 {         // recorded: past the limit
		_, err := e.Record(ctx, event(fmt.Sprint("e", i)))
		require.NoError(t, err)
	}
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	clock.advance(31 * 24 * time.Hour)
	consume(t, e, ask("3", 50))
	late := event("late")
	late.Timestamp, late.Quantity = clock.Now().Add(-20*24*time.Hour), usage.Int(1000)
	_, err := e.Record(ctx, late) // into a closed period: alerts nobody
	require.NoError(t, err)
	rows, err := e.Outbox(ctx, 0, 100)
	require.NoError(t, err)
	var got []string
	for i, c := range rows {
		require.EqualValues(t, i+1, c.Number)
		got = append(got, fmt.Sprintf("%s %d%% %s", c.PeriodStart.Format("Jan"), c.Threshold, c.Used))
	}
	require.Equal(t, []string{"Mar 50% 90", "Mar 75% 90", "Mar 90% 90", "Mar 100% 100", "Apr 50% 50"}, got)
	rows, err = e.Outbox(ctx, 4, 100)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}

func TestSeats(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"seats","meter":"seats","period":"lifetime","limit":5}]`)
	putTenant(t, e, "acme", "p")
	seats := func(id string, n int64, op string) usage.Answer {
		return consume(t, e, usage.Request{ID: id, TenantID: "acme", Items: []usage.Item{{FeatureType: "seats", Quantity: usage.Int(n), Op: op}}})
	}
	require.True(t, seats("1", 4, "").Allowed)
	require.False(t, seats("2", 6, "set").Allowed)
	require.True(t, seats("3", 1, "add").Allowed)
	require.False(t, seats("4", 1, "add").Allowed)
	require.True(t, seats("5", -2, "add").Allowed)
	require.Equal(t, "3", seats("6", 3, "set").Quotas[0].Used.String())
	require.NoError(t, e.Verify(context.Background()))
}

// An event stamped before midnight and applied after it, and one stamped after it and applied before, count in their own day.
func TestDayEdges(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	putPlan(t, e, "p", `[{"slug":"d","meter":"api_calls","period":"day","limit":100}]`)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "p", TimeZone: "Asia/Kathmandu"}))
	kathmandu, _ := time.LoadLocation("Asia/Kathmandu")
	now := clock.Now().In(kathmandu)
	midnight := time.Date(now.Year(), now.Month(), now.Day()+1, 0, 0, 0, 0, kathmandu)
	clock.advance(midnight.Add(-time.Minute).Sub(clock.Now()))
	ahead := event("ahead")
	ahead.Timestamp, ahead.Quantity = midnight.Add(time.Second), usage.Int(7)
	_, err := e.Record(ctx, ahead)
	require.NoError(t, err)
	used := func() string { q, _ := e.Quotas("acme", ""); return q[0].Used.String() }
	require.Equal(t, "0", used())
	clock.advance(2 * time.Minute)
	require.Equal(t, "7", used(), "projected, before anything touches the counter")
	behind := event("behind")
	behind.Timestamp, behind.Quantity = midnight.Add(-time.Second), usage.Int(50)
	_, err = e.Record(ctx, behind)
	require.NoError(t, err)
	require.Equal(t, "7", used())
	require.True(t, consume(t, e, ask("x", 93)).Allowed)
	require.False(t, consume(t, e, ask("y", 1)).Allowed)
	require.NoError(t, e.Verify(ctx))
}

// Corrections are entries of the log: a negative one gives room back at once, a positive one may pass the limit, a reset books
// minus what was used.
func TestAdjust(t *testing.T) {
	clock := newTestClock()
	fs := vfs.NewMem()
	e := openMem(t, fs, clock, nil)
	ctx := WithActor(context.Background(), "ann")
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	require.True(t, consume(t, e, ask("1", 100)).Allowed)
	adjust := func(id string, n int64, at time.Time) usage.Status {
		out, err := e.Adjust(ctx, usage.Adjustment{ID: id, TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(n), Timestamp: at, Reason: "a bug of ours"})
		require.NoError(t, err)
		return out.Status
	}
	require.Equal(t, usage.StatusCounted, adjust("a1", -30, time.Time{}))
	require.Equal(t, usage.StatusDuplicate, adjust("a1", -30, time.Time{}))
	_, err := e.Adjust(ctx, usage.Adjustment{ID: "a1", TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(-31), Reason: "a bug of ours"})
	require.ErrorIs(t, err, usage.ErrConflict)
	require.True(t, consume(t, e, ask("2", 30)).Allowed)
	require.Equal(t, usage.StatusCounted, adjust("a2", 50, time.Time{}))
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 150, units)
	require.Equal(t, usage.StatusCounted, adjust("a3", -1000, clock.Now().Add(-20*24*time.Hour))) // another month
	units, _ = e.Current("acme", "api_calls")
	require.EqualValues(t, 150, units)
	out, err := e.ResetQuota(ctx, usage.Reset{ID: "r1", TenantID: "acme", Quota: "monthly", Reason: "goodwill"})
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
	require.True(t, e.Allowed("acme", "api_calls", 100).Allowed)
	_, err = e.Adjust(ctx, usage.Adjustment{ID: "a4", TenantID: "acme", Meter: "seats", Quantity: usage.Int(1), Reason: "x"})
	require.Equal(t, "/meter", asError(err).Pointer)
	_, err = e.ResetQuota(ctx, usage.Reset{ID: "r2", TenantID: "acme", Quota: "none", Reason: "x"})
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	for i, n := range []int64{5, -5, 7, -7} { // pages come and go
		_, err = e.Adjust(ctx, usage.Adjustment{ID: fmt.Sprint("g", i), TenantID: "ghost", Meter: "api_calls", Quantity: usage.Int(n), Reason: "x"})
		require.NoError(t, err)
		require.NoError(t, e.Verify(ctx))
	}
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	require.True(t, e.Allowed("acme", "api_calls", 100).Allowed)
	entries, err := e.Audit(ctx, 0, 1000)
	require.NoError(t, err)
	reset := entries[len(entries)-5]
	require.Equal(t, []string{"reset", "ann", "tenant/acme/api_calls"}, []string{reset.Action, reset.Actor, reset.Target})
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}

// A call that two quotas block may come back when both are open: never, when one of them has no end, or the cost is beyond it.
func TestRetryAfterOfSeveral(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"d","meter":"api_calls","period":"day","limit":10},{"slug":"r","meter":"api_calls","rate":{"limit":10,"per":"1m","burst":20}},
		{"slug":"l","meter":"api_calls","period":"lifetime","limit":15}]`)
	putTenant(t, e, "acme", "p")
	require.True(t, consume(t, e, ask("a", 10)).Allowed)
	for n, want := range map[int64]time.Duration{1: 12 * time.Hour, 5: 12 * time.Hour, 6: 0, 11: 0, 16: 0} {
		a := consume(t, e, ask(fmt.Sprint("n", n), n))
		require.False(t, a.Allowed)
		v := e.Allowed("acme", "api_calls", n)
		require.Equal(t, want, v.RetryAfter, n)
		if want == 0 {
			require.Nil(t, a.RetryAfterMS, n)
		} else {
			require.Equal(t, want.Milliseconds(), *a.RetryAfterMS, n)
		}
	}
}

// Allowed agrees with Check about tenants that nobody made, when the settings reject those.
func TestAllowedOfStrangers(t *testing.T) {
	e, ctx := openMem(t, vfs.NewMem(), newTestClock(), nil), context.Background()
	require.True(t, e.Allowed("stranger", "api_calls", 1).Allowed)
	require.NoError(t, e.PutSettings(ctx, usage.Settings{UnknownTenants: usage.UnknownReject}, usage.Condition{}))
	require.False(t, e.Allowed("stranger", "api_calls", 1).Allowed)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "stranger"}))
	require.True(t, e.Allowed("stranger", "api_calls", 1).Allowed)
	require.Zero(t, testing.AllocsPerRun(100, func() { e.Allowed("stranger", "api_calls", 1) }))
}
