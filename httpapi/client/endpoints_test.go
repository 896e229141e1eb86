package client

import (
	"context"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// all collects a list.
func all[T any](t *testing.T, list iter.Seq2[T, error]) (out []T) {
	t.Helper()
	for x, err := range list {
		require.NoError(t, err)
		out = append(out, x)
	}
	return out
}

func refusedAs[T any](t *testing.T, want usage.ErrorCode, list iter.Seq2[T, error]) {
	t.Helper()
	n := 0
	for _, err := range list {
		require.Equal(t, want, usage.Code(err))
		n++
	}
	require.Equal(t, 1, n, "the error is the last thing that comes")
}

func limited(slug string, limit int64, scope string) usage.Quota {
	return usage.Quota{Slug: slug, Meter: "api_calls", Scope: scope, Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(limit))}
}

// calls is what of the API a server was asked for.
type calls struct {
	mu   sync.Mutex
	next http.Handler
	seen []string // method and path
}

func (c *calls) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	c.seen = append(c.seen, r.Method+" "+r.URL.EscapedPath())
	c.mu.Unlock()
	c.next.ServeHTTP(w, r)
}

// asked reports whether an endpoint was called, whose path has names in braces.
func (c *calls) asked(method, pattern string) bool {
	want := strings.Split(pattern, "/")
	for _, s := range c.seen {
		m, p, _ := strings.Cut(s, " ")
		parts := strings.Split(p, "/")
		same := m == method && len(parts) == len(want)
		for i := 0; same && i < len(want); i++ {
			same = parts[i] == want[i] || strings.HasPrefix(want[i], "{")
		}
		if same {
			return true
		}
	}
	return false
}

// TestEveryEndpoint: of events, decisions, configuration and keys the client has everything that the server's own document lists. Each part
// makes its calls against a real server; at the end the document is gone through.
func TestEveryEndpoint(t *testing.T) {
	f := newFixture(t)
	seen := &calls{next: f.chaos.next}
	f.chaos.next = seen
	for _, part := range []struct {
		name string
		run  func(*testing.T, context.Context, *Client)
	}{{"meters", callMeters}, {"plans", callPlans}, {"tenants", callTenants}, {"settings", callSettings}, {"events", callEvents},
		{"decisions", callDecisions}, {"holds", callHolds}, {"journals", callJournals}, {"keys", callKeys}, {"backup", callBackup}} {
		t.Run(part.name, func(t *testing.T) { part.run(t, t.Context(), f.client) })
	}
	var doc struct {
		Paths map[string]map[string]struct {
			Tags []string `json:"tags"`
		} `json:"paths"`
	}
	require.NoError(t, f.client.Do(t.Context(), "GET", "/openapi.json", nil, &doc))
	notHere := map[string]bool{
		"GET /v1/forward-auth": true, // for gateways: it is consume by headers
		"GET /v1/config":       true, // how the process was started, for people
	}
	n := 0
	for p, methods := range doc.Paths { // order-free: each by itself
		for m, op := range methods {
			m = strings.ToUpper(m)
			if len(op.Tags) == 0 || !strings.Contains("events decisions configuration keys", op.Tags[0]) || notHere[m+" "+p] {
				continue
			}
			n++
			if !seen.asked(m, p) {
				t.Errorf("no method of the client calls %s %s", m, p)
			}
		}
	}
	require.Greater(t, n, 40)
}

func callMeters(t *testing.T, ctx context.Context, c *Client) {
	require.NoError(t, c.PutMeter(ctx, usage.Meter{Slug: "mails", Aggregation: usage.Sum, Unit: "mail", Scale: new(0)}))
	m, err := c.Meter(ctx, "mails")
	require.NoError(t, err)
	require.Equal(t, "mail", m.Unit)
	trial, err := c.TryEvent(ctx, "mails", usage.Event{TenantID: "a", FeatureType: "mails", Quantity: usage.Int(3)})
	require.NoError(t, err)
	require.True(t, trial.Counted)
	require.Equal(t, "3", trial.Value.String())
	require.NotEmpty(t, trial.Meters)
	found := false
	for _, m := range all(t, c.Meters(ctx)) {
		found = found || m.Slug == "mails"
	}
	require.True(t, found)
	require.NoError(t, c.DeleteMeter(ctx, "mails"))
	_, err = c.Meter(ctx, "mails")
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
}

func callPlans(t *testing.T, ctx context.Context, c *Client) {
	p := usage.Plan{Slug: "free", Quotas: []usage.Quota{limited("m", 100, ""), limited("u", 5, usage.ScopeUser)}}
	require.NoError(t, c.PutPlan(ctx, p, ""))
	require.NoError(t, c.PutPlan(ctx, usage.Plan{Slug: "gone"}, ""))
	trial, err := c.PlanTrial(ctx, p)
	require.NoError(t, err)
	require.True(t, trial.Identical)
	p.Quotas[0] = limited("m", 200, "")
	require.NoError(t, c.PutPlan(ctx, p, "now"))
	st, err := c.Plan(ctx, "free")
	require.NoError(t, err)
	require.Equal(t, 2, st.Number)
	require.False(t, st.Created.IsZero())
	limit := st.Plan.Quotas[0].Limit.Decimal()
	require.Equal(t, "200", limit.String())
	versions := all(t, c.PlanVersions(ctx, "free"))
	require.Len(t, versions, 2)
	require.Equal(t, 1, versions[0].Number)
	refusedAs(t, usage.CodeNotFound, c.PlanVersions(ctx, "none"))
	require.Len(t, all(t, c.Plans(ctx)), 2)
	require.NoError(t, c.DeletePlan(ctx, "gone"))
	require.Equal(t, usage.CodeNotFound, usage.Code(c.DeletePlan(ctx, "gone")))
}

func callTenants(t *testing.T, ctx context.Context, c *Client) {
	anchor := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	require.NoError(t, c.PutTenant(ctx, usage.Tenant{ID: "a/b c", Name: "Acme", Plan: "free", TimeZone: "Europe/Berlin", BillingAnchor: anchor,
		Metadata: []byte(`{"k":1}`)}))
	for i := range 120 { // more than a page
		require.NoError(t, c.PutTenant(ctx, usage.Tenant{ID: "t" + string(rune('a'+i/26)) + string(rune('a'+i%26)), Plan: "free"}))
	}
	patch := usage.QuotaPatch{Limit: []byte("50"), EffectiveUntil: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}
	o, errs := patch.Override("a/b c", "m")
	require.Empty(t, errs)
	require.NoError(t, c.PutOverride(ctx, o))
	st, err := c.Tenant(ctx, "a/b c")
	require.NoError(t, err)
	require.Equal(t, []any{"Acme", "free", "Europe/Berlin", anchor, 2}, []any{st.Tenant.Name, st.Tenant.Plan, st.Tenant.TimeZone, st.Tenant.BillingAnchor, st.PlanVersion})
	require.Equal(t, []usage.Override{o}, st.Overrides)
	require.NoError(t, c.DeleteOverride(ctx, "a/b c", "m"))
	require.Equal(t, usage.CodeNotFound, usage.Code(c.DeleteOverride(ctx, "a/b c", "m")))
	require.Equal(t, usage.CodeMalformedJSON, usage.Code(c.PutOverride(ctx, usage.Override{TenantID: "a/b c", Quota: "m"})))
	require.NoError(t, c.ChangePlan(ctx, usage.PlanChange{TenantID: "a/b c", Plan: "free", Version: 1}))
	require.Len(t, all(t, c.Tenants(ctx, TenantFilter{})), 121)
	list := all(t, c.Tenants(ctx, TenantFilter{Query: "acme", Plan: "free", Sort: "-usage"}))
	require.Len(t, list, 1)
	require.Equal(t, "a/b c", list[0].Tenant.ID)
	require.Equal(t, "m", list[0].Quota.Quota)
	require.Empty(t, all(t, c.Tenants(ctx, TenantFilter{NearLimit: true})))
	for range c.Tenants(ctx, TenantFilter{}) {
		break
	}
	require.NoError(t, c.DeleteTenant(ctx, "taa"))
	_, err = c.Tenant(ctx, "taa")
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
}

func callSettings(t *testing.T, ctx context.Context, c *Client) {
	s, err := c.Settings(ctx)
	require.NoError(t, err)
	require.Equal(t, usage.UnknownCreate, s.UnknownTenants)
	s.DefaultPlan = new("free")
	s.Retention = usage.Retention{Raw: usage.KeepFor(40 * 24 * time.Hour)} // the others at their defaults, not for ever
	require.NoError(t, c.PutSettings(ctx, s))
	s, err = c.Settings(ctx)
	require.NoError(t, err)
	require.Equal(t, "free", *s.DefaultPlan)
	require.Equal(t, "40d 14d", s.Retention.Raw.String()+" "+s.Retention.Minute.String())
	s.Retention = usage.Retention{Minute: usage.KeepForever(), QuarterHour: usage.KeepForever()}
	require.NoError(t, c.PutSettings(ctx, s))
	s, err = c.Settings(ctx)
	require.NoError(t, err)
	require.Equal(t, "for ever", s.Retention.Minute.String())
}

func callEvents(t *testing.T, ctx context.Context, c *Client) {
	_, err := c.Record(ctx, usage.Event{ID: "e/1", Source: "s", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(5)})
	require.NoError(t, err)
	_, err = c.RecordBatch(ctx, []usage.Event{{ID: "e2", TenantID: "acme", FeatureType: "api_calls"}})
	require.NoError(t, err)
	rec, err := c.Event(ctx, "acme", "s", "e/1")
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, rec.Status)
	require.Equal(t, []string{"api_calls"}, rec.Meters)
	for _, want := range []usage.Status{usage.StatusVoided, usage.StatusDuplicate} {
		out, err := c.Void(ctx, usage.Void{TenantID: "acme", Source: "s", ID: "e/1", Reason: "a test"})
		require.NoError(t, err)
		require.Equal(t, []any{"e/1", want}, []any{out.ID, out.Status})
	}
	_, err = c.Void(ctx, usage.Void{TenantID: "acme", ID: "e/1", Reason: "of another source"})
	require.Equal(t, usage.CodeNotFound, usage.Code(err))
	events := all(t, c.Events(ctx, usage.EventFilter{TenantID: "acme", FeatureType: "api_calls", From: time.Now().Add(-time.Hour), Limit: 1}))
	require.Len(t, events, 2)
	require.Equal(t, "e2", events[0].ID)
	require.Equal(t, usage.StatusVoided, events[1].Status)
	require.Equal(t, "a test", events[1].Voided.Reason)
	out, err := c.Adjust(ctx, usage.Adjustment{TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(41), Reason: "a test"})
	require.NoError(t, err)
	require.NotEmpty(t, out.ID)
	require.False(t, out.BillingPeriod.End.IsZero())
	quotas, err := c.Quotas(ctx, "acme", "")
	require.NoError(t, err)
	require.Equal(t, "42", quotas[0].Used.String())
	for _, want := range []usage.Status{usage.StatusCounted, usage.StatusDuplicate} {
		out, err = c.ResetQuota(ctx, usage.Reset{ID: "r1", TenantID: "acme", Quota: "m", Reason: "a test"})
		require.NoError(t, err)
		require.Equal(t, want, out.Status)
	}
	_, err = c.ResetQuota(ctx, usage.Reset{TenantID: "acme", Quota: "m", UserID: "alice", Reason: "not of HTTP"})
	require.Equal(t, usage.CodeUnknownField, usage.Code(err), "never left out in silence")
	quotas, err = c.Quotas(ctx, "acme", "")
	require.NoError(t, err)
	require.Equal(t, "0", quotas[0].Used.String())
}

func callDecisions(t *testing.T, ctx context.Context, c *Client) {
	r := usage.Request{TenantID: "acme", UserID: "alice", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(5)}}}
	a, err := c.Consume(ctx, r)
	require.NoError(t, err)
	require.True(t, a.Allowed)
	a, err = c.Check(ctx, r)
	require.NoError(t, err)
	require.False(t, a.Allowed)
	answers, errs, err := c.ConsumeBatch(ctx, []usage.Request{r}, false)
	require.NoError(t, err)
	require.NoError(t, errs[0])
	require.Equal(t, usage.ReasonExceeded, answers[0].Reason)
	results, err := c.CheckBatch(ctx, []string{"acme", "t2"}, []string{"feature_use", "none"})
	require.NoError(t, err)
	require.Len(t, results, 4)
	require.Equal(t, CheckResult{TenantID: "acme", FeatureType: "feature_use", Allowed: true, Decision: usage.DecisionAllow, Quotas: []usage.QuotaStatus{}}, results[0])
	require.Equal(t, usage.CodeUnknownFeature, usage.Code(results[3].Err))
	results, err = c.CheckBatch(ctx, []string{"acme"}, []string{"none"})
	require.NoError(t, err, "all refused is an answer, too")
	require.Error(t, results[0].Err)
	denied := all(t, c.Decisions(ctx, "acme", usage.DecisionBlock, time.Now().Add(-time.Hour)))
	require.Len(t, denied, 1)
	require.Equal(t, "u", *denied[0].BindingQuota)
	require.Len(t, all(t, c.Decisions(ctx, "acme", "", time.Time{})), 2)
	for _, near := range []bool{false, true} {
		users := all(t, c.Users(ctx, "acme", "u", near))
		require.Len(t, users, 1)
		require.Equal(t, []any{"alice", "5"}, []any{users[0].UserID, users[0].Quotas[0].Used.String()})
	}
	refusedAs(t, usage.CodeNotFound, c.Users(ctx, "acme", "none", false))
}

func callHolds(t *testing.T, ctx context.Context, c *Client) {
	a, err := c.Reserve(ctx, usage.Reservation{TenantID: "globex", UserID: "bob", FeatureType: "api_calls", Quantity: usage.Int(3)})
	require.NoError(t, err)
	id := a.ReservationID
	_, err = c.Extend(ctx, "globex", id, usage.Int(4), time.Minute)
	require.NoError(t, err)
	_, err = c.Extend(ctx, "globex", id, usage.Int(4), -time.Minute)
	require.Equal(t, usage.CodeInvalidValue, usage.Code(err))
	st, err := c.Reservation(ctx, "globex", id)
	require.NoError(t, err)
	require.Equal(t, []any{usage.HoldHeld, "4"}, []any{st.State, st.Quantity.String()})
	for _, want := range []usage.Status{usage.StatusCounted, usage.StatusDuplicate} {
		a, err = c.Commit(ctx, "globex", id, usage.Int(2))
		require.NoError(t, err)
		require.Equal(t, want, a.Status)
	}
	a, err = c.Reserve(ctx, usage.Reservation{TenantID: "globex", UserID: "bob", FeatureType: "api_calls", Quantity: usage.Int(3)})
	require.NoError(t, err)
	for range 2 {
		_, err = c.Release(ctx, "globex", a.ReservationID)
		require.NoError(t, err)
	}
	st, err = c.Reservation(ctx, "globex", a.ReservationID)
	require.NoError(t, err)
	require.Equal(t, usage.HoldReleased, st.State)
	_, err = c.LeaseState(ctx, "globex", id)
	require.Equal(t, usage.CodeNotFound, usage.Code(err))

	require.NoError(t, c.PutTenant(ctx, usage.Tenant{ID: "initech"}))
	l, err := c.Lease(ctx, "initech", "feature_use", 7, time.Minute)
	require.NoError(t, err)
	require.True(t, l.Take(2))
	require.NoError(t, l.Settle(ctx, false))
	st, err = c.LeaseState(ctx, "initech", l.ID())
	require.NoError(t, err)
	require.Equal(t, []any{usage.HoldHeld, "7", "2", true}, []any{st.State, st.Quantity.String(), st.Committed.String(), st.Lease})
}

func callJournals(t *testing.T, ctx context.Context, c *Client) {
	_, err := c.Record(ctx, usage.Event{TenantID: "hooli", FeatureType: "api_calls", Quantity: usage.Int(150)})
	require.NoError(t, err)
	crossings := all(t, c.Crossings(ctx, "hooli", OldestFirst))
	require.NotEmpty(t, crossings)
	require.Equal(t, []any{"hooli", "m", 50}, []any{crossings[0].TenantID, crossings[0].Quota, crossings[0].Threshold})
	require.Equal(t, crossings[0], all(t, c.Crossings(ctx, "hooli", NewestFirst))[len(crossings)-1])
	entries := all(t, c.Audit(ctx, "", OldestFirst))
	require.Greater(t, len(entries), 100, "more than a page")
	require.EqualValues(t, 1, entries[0].Number)
	require.Len(t, entries[0].Hash, 64)
	require.Equal(t, "tenant/initech", all(t, c.Audit(ctx, "initech", NewestFirst))[0].Target)
	refusedAs(t, usage.CodeInvalidValue, c.Audit(ctx, "", "sideways"))
}

func callKeys(t *testing.T, ctx context.Context, c *Client) {
	made, err := c.CreateKey(ctx, usage.Key{Name: "app", Scopes: []usage.Scope{usage.ScopeIngest}, Tenants: []string{"acme"}})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(made.Text, "weir_"+made.ID+"_"))
	turned, err := c.RotateKey(ctx, made.ID, 1500*time.Millisecond)
	require.NoError(t, err)
	require.NotEqual(t, made.Text, turned.Text)
	require.WithinDuration(t, turned.Rotated.Add(2*time.Second), turned.PreviousUntil, time.Second/2)
	st, err := c.Key(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, []any{"app", []string{"acme"}}, []any{st.Name, st.Tenants})
	require.Len(t, all(t, c.Keys(ctx)), 1)
	require.NoError(t, c.DeleteKey(ctx, made.ID))
	require.Equal(t, usage.CodeNotFound, usage.Code(c.DeleteKey(ctx, made.ID)))
	s, err := c.NewPortalSession(ctx, "acme", time.Minute)
	require.NoError(t, err)
	require.Equal(t, "/portal#token="+s.Token, s.URL)
	require.WithinDuration(t, time.Now().Add(time.Minute), s.ExpiresAt, 10*time.Second)
}

func callBackup(t *testing.T, ctx context.Context, c *Client) {
	var text strings.Builder
	require.NoError(t, c.Backup(ctx, &text))
	require.Greater(t, text.Len(), 1024)
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"code":"forbidden","detail":"no"}`)
	}))
	defer refusing.Close()
	other, err := New(refusing.URL, nil)
	require.NoError(t, err)
	require.Equal(t, usage.CodeForbidden, usage.Code(other.Backup(ctx, io.Discard)))
}

// TestCorrectionsOnce: corrections count once through everything that goes wrong on the way; keys are made in one try.
func TestCorrectionsOnce(t *testing.T) {
	f := newFixture(t)
	ctx := t.Context()
	_, err := f.client.Record(ctx, usage.Event{ID: "e", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(100)})
	require.NoError(t, err)
	f.chaos.set(0.6, false)
	c, err := New(f.client.base, &Options{Timeout: time.Second, Attempts: 40})
	require.NoError(t, err)
	for range 6 {
		_, err = c.Adjust(ctx, usage.Adjustment{TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(-1), Reason: "a test"})
		require.NoError(t, err)
	}
	units, _ := f.eng.Current("acme", "api_calls")
	require.EqualValues(t, 94, units)
	_, err = c.Void(ctx, usage.Void{TenantID: "acme", ID: "e", Reason: "a test"})
	require.NoError(t, err)
	f.chaos.set(0, true)
	before := f.chaos.seen()
	_, err = c.CreateKey(ctx, usage.Key{Scopes: []usage.Scope{usage.ScopeRead}})
	require.ErrorIs(t, err, usage.ErrUnknownOutcome)
	_, err = c.RotateKey(ctx, "k", 0)
	require.ErrorIs(t, err, usage.ErrUnknownOutcome)
	require.Equal(t, before+2, f.chaos.seen())
}
