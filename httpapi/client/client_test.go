package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"regexp"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

func TestCalls(t *testing.T) {
	f := newFixture(t)
	ctx, c := t.Context(), f.client
	require.NoError(t, c.PutMeter(ctx, usage.Meter{Slug: "mails", Aggregation: usage.Sum, Scale: new(0)}))
	require.NoError(t, c.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{
		{Slug: "mails-monthly", Meter: "mails", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(100))}}}, ""))
	require.NoError(t, c.PutTenant(ctx, usage.Tenant{ID: "a/b c", Plan: "free"}))

	out, err := c.Record(ctx, usage.Event{ID: "1", TenantID: "a/b c", FeatureType: "mails", Quantity: usage.Int(5)})
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
	require.False(t, out.BillingPeriod.End.IsZero())
	batch := []usage.Event{{TenantID: "a/b c", FeatureType: "mails"}, {TenantID: "a/b c", FeatureType: "male"}}
	for round := range 2 {
		result, err := c.RecordBatch(ctx, batch)
		require.NoError(t, err)
		require.Equal(t, 1-round, result.Accepted)
		require.Equal(t, round, result.Duplicates, "the ids stay in the slice")
		require.Len(t, result.Refused, 1)
		require.Equal(t, usage.CodeUnknownFeature, result.Refused[0].Err().Code)
	}
	result, err := c.RecordBatch(ctx, batch[1:])
	require.NoError(t, err, "all refused is an answer, too")
	require.Equal(t, 1, result.RefusedTotal)

	a, err := c.Consume(ctx, usage.Request{TenantID: "a/b c", Items: []usage.Item{{FeatureType: "mails", Quantity: usage.Int(4)}}})
	require.NoError(t, err)
	require.True(t, a.Allowed)
	require.Equal(t, "10", a.Quotas[0].Used.String())
	a, err = c.Check(ctx, usage.Request{TenantID: "a/b c", Items: []usage.Item{{FeatureType: "mails", Quantity: usage.Int(91)}}})
	require.NoError(t, err)
	require.False(t, a.Allowed)
	require.Equal(t, usage.ReasonExceeded, a.Reason)
	answers, errs, err := c.ConsumeBatch(ctx, []usage.Request{{TenantID: "a/b c", Items: []usage.Item{{FeatureType: "mails"}}},
		{TenantID: "a/b c", Items: []usage.Item{{FeatureType: "male"}}}}, true)
	require.NoError(t, err)
	require.True(t, answers[0].Allowed)
	require.NoError(t, errs[0])
	var refusal *usage.Error
	require.ErrorAs(t, errs[1], &refusal)
	require.Equal(t, usage.CodeUnknownFeature, refusal.Code)
	require.Equal(t, "/requests/1/items/0/feature_type", refusal.Pointer)

	answers, errs, err = c.ConsumeBatch(ctx, []usage.Request{{TenantID: "a/b c", Items: []usage.Item{{FeatureType: "male"}}}}, false)
	require.NoError(t, err, "all refused is an answer, too")
	require.Len(t, answers, 1)
	require.Equal(t, usage.CodeUnknownFeature, usage.Code(errs[0]))

	a, err = c.Reserve(ctx, usage.Reservation{ID: "r", TenantID: "a/b c", FeatureType: "mails", Quantity: usage.Int(20)})
	require.NoError(t, err)
	require.Equal(t, "r", a.ReservationID)
	_, err = c.Extend(ctx, "a/b c", "r", usage.Int(30), time.Minute)
	require.NoError(t, err)
	_, err = c.Commit(ctx, "a/b c", "r", usage.Int(9))
	require.NoError(t, err)
	_, err = c.Release(ctx, "a/b c", "r")
	require.Equal(t, usage.CodeCommitted, usage.Code(err))
	quotas, err := c.Quotas(ctx, "a/b c", "")
	require.NoError(t, err)
	require.Equal(t, "20", quotas[0].Used.String())
	rows, err := c.Usage(ctx, usage.Query{Meter: "mails", TenantID: "a/b c", Window: usage.WindowDay})
	require.NoError(t, err)
	require.NotEmpty(t, rows.Data)
	require.Equal(t, usage.CodeNotFound, usage.Code(c.Do(ctx, "GET", "/v1/plans/none", nil, nil)))
	require.NoError(t, c.PutPlan(ctx, usage.Plan{Slug: "pro", Quotas: []usage.Quota{
		{Slug: "mails-monthly", Meter: "mails", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(1000))}}}, "now"))
	require.NoError(t, c.ChangePlan(ctx, usage.PlanChange{TenantID: "a/b c", Plan: "pro"}))
}

func TestLease(t *testing.T) {
	f := newFixture(t)
	ctx, c := t.Context(), f.client
	require.NoError(t, c.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{
		{Slug: "q", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(100))}}}, ""))
	require.NoError(t, c.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"}))
	l, err := c.Lease(ctx, "acme", "api_calls", 60, time.Minute)
	require.NoError(t, err)
	_, err = c.Lease(ctx, "acme", "api_calls", 60, time.Minute)
	require.Equal(t, usage.CodeQuotaExceeded, usage.Code(err))
	require.True(t, l.Take(40))
	require.False(t, l.Take(21))
	require.NoError(t, l.Settle(ctx, false))
	require.True(t, l.Take(5))
	require.Zero(t, testing.AllocsPerRun(100, func() { l.Take(0) }))
	for range 2 { // a retry of a settlement changes nothing
		require.NoError(t, l.Settle(ctx, true))
		require.False(t, l.Take(1))
		quotas, err := c.Quotas(ctx, "acme", "")
		require.NoError(t, err)
		require.Equal(t, "45", quotas[0].Used.String())
		require.True(t, quotas[0].Reserved.Sign() == 0)
	}
	require.Zero(t, l.Left())
}

// TestShortLease: a lease of a second can be spent, and one of less is no lease of the server's five minutes.
func TestShortLease(t *testing.T) {
	f := newFixture(t)
	ctx, c := t.Context(), f.client
	for _, ttl := range []time.Duration{100 * time.Millisecond, time.Second, 2 * time.Second} {
		l, err := c.Lease(ctx, "acme", "api_calls", 10, ttl)
		require.NoError(t, err)
		require.True(t, l.Take(1), ttl)
		st, err := c.LeaseState(ctx, "acme", l.ID())
		require.NoError(t, err)
		require.Less(t, time.Until(st.ExpiresAt), 3*time.Second)
		require.NoError(t, l.Settle(ctx, true))
	}
	_, err := c.Lease(ctx, "acme", "api_calls", 10, -time.Second)
	require.Equal(t, usage.CodeInvalidValue, usage.Code(err))
}

// TestRetries: a call goes on through everything that can go wrong on the way, and counts once.
func TestRetries(t *testing.T) {
	f := newFixture(t)
	f.chaos.set(0.6, false)
	c, err := New(f.client.base, &Options{Timeout: time.Second, Attempts: 30})
	require.NoError(t, err)
	const n = 12
	for range n {
		a, err := c.Consume(t.Context(), usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
		require.NoError(t, err)
		require.True(t, a.Allowed)
	}
	f.chaos.set(0, false)
	units, _ := f.eng.Current("acme", "api_calls")
	require.EqualValues(t, n, units)

	f.chaos.set(0, true)
	c, err = New(f.client.base, &Options{Timeout: 100 * time.Millisecond, Attempts: 2})
	require.NoError(t, err)
	_, err = c.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.ErrorIs(t, err, usage.ErrUnknownOutcome, "never: not done")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Record(ctx, usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.Error(t, err)
}

// TestSameIDAndBody: every try of a call sends the same bytes, with the key.
func TestSameIDAndBody(t *testing.T) {
	var bodies []string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body json.RawMessage
		_ = json.NewDecoder(r.Body).Decode(&body) // checked below
		bodies = append(bodies, r.Header.Get("Authorization")+string(body))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	c, err := New(srv.URL, &Options{Key: "weir_a_b", Attempts: 3})
	require.NoError(t, err)
	_, err = c.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.Error(t, err)
	require.Len(t, bodies, 3)
	require.Regexp(t, regexp.MustCompile(`^Bearer weir_a_b{"id":"[0-9a-f-]{36}",`), bodies[0])
	require.Equal(t, bodies[0], bodies[1])
	require.Equal(t, bodies[0], bodies[2])
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{ // order-free: each by itself
		"": 0, "0": 0, "3": 3 * time.Second, " 7 ": 7 * time.Second, "-1": 0, "soon": 0, "1.5": 0, "99999999": retryAfterMax,
		"Sat, 31 Jan 2026 10:00:20 GMT": 20 * time.Second, "Sat, 31 Jan 2026 09:00:00 GMT": 0, "Sat, 31 Jan 2027 09:00:00 GMT": retryAfterMax,
	} {
		require.Equal(t, want, parseRetryAfter(text, now), text)
	}
	var calls atomic.Int32
	var first time.Time
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if calls.Add(1) == 1 {
			first = time.Now()
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("X-Waited", time.Since(first).String())
		_, _ = w.Write([]byte(`{}`))
	}))
	defer srv.Close()
	c, err := New(srv.URL, nil)
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, c.Do(t.Context(), "GET", "/v1/settings", nil, nil))
	require.GreaterOrEqual(t, time.Since(begin), time.Second)
	require.EqualValues(t, 2, calls.Load())
}

func TestBackoff(t *testing.T) {
	for n := 1; n < 40; n++ {
		d := backoff(n)
		require.GreaterOrEqual(t, d, waitFirst/2)
		require.LessOrEqual(t, d, waitMax)
	}
}

func TestWrongOptions(t *testing.T) {
	for _, base := range []string{"", "127.0.0.1:7070", "ftp://x", "http://"} {
		_, err := New(base, nil)
		require.Error(t, err, base)
	}
	_, err := New("http://x", &Options{Attempts: 101})
	require.Error(t, err)
	c, err := New("http://x", nil)
	require.NoError(t, err)
	for _, o := range []RecorderOptions{{BatchEvents: 1001}, {BatchBytes: -1}, {QueueEventsMax: -1}, {SpoolBytesMax: 1}, {FlushInterval: -1}} {
		_, err := c.NewRecorder(&o)
		require.Error(t, err)
	}
}

func TestNewID(t *testing.T) {
	seen := make(map[string]bool)
	for range 1000 {
		id := NewID()
		require.Regexp(t, `^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`, id)
		require.False(t, seen[id])
		seen[id] = true
	}
}

// TestUsageValues: every field of a query reaches the server. A field that is new must be written, and named here.
func TestUsageValues(t *testing.T) {
	at := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	q := usage.Query{Meter: "m", TenantID: "t", From: at, To: at.Add(time.Hour), Window: usage.WindowDay, TimeZone: "Europe/Berlin", FillZero: true,
		GroupBy: []string{"user_id", "metadata.a"}, Filter: map[string][]string{"metadata.b": {"x", ""}}, Compare: usage.ComparePrevious, Limit: 7, Cursor: "c",
		AsOfTime: at}
	require.Equal(t, url.Values{"meter": {"m"}, "tenant_id": {"t"}, "from": {"2026-01-31T10:00:00Z"}, "to": {"2026-01-31T11:00:00Z"}, "window": {"day"},
		"time_zone": {"Europe/Berlin"}, "fill": {"zero"}, "group_by": {"user_id,metadata.a"}, "filter[metadata.b]": {"x", ""}, "compare": {"previous"},
		"limit": {"7"}, "cursor": {"c"}, "as_of": {"2026-01-31T10:00:00Z"}}, usageValues(&q))
	require.Equal(t, url.Values{"meter": {"m"}, "as_of": {"41"}}, usageValues(&usage.Query{Meter: "m", AsOfIndex: 41}))
	require.Equal(t, 14, reflect.TypeFor[usage.Query]().NumField(), "a field of usage.Query is new: write it in usageValues")
}

// The error of a context that ended is in the chain, beside what is known of the call, whenever it ended.
func TestContextEnds(t *testing.T) {
	hang := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer hang.Close()
	c, err := New(hang.URL, nil)
	require.NoError(t, err)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	for _, ctx := range []context.Context{over, soon} {
		_, err = c.Consume(ctx, usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
		require.ErrorIs(t, err, usage.ErrUnknownOutcome)
		require.ErrorIs(t, err, ctx.Err())
	}
	r, err := c.NewRecorder(nil)
	require.NoError(t, err)
	err = r.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls", Metadata: []byte(`{"a":`)})
	require.Equal(t, usage.CodeMalformedJSON, usage.Code(err))
	require.NoError(t, r.Close(t.Context()))
}

// TestEmptyAnswer: a success without a word is not one of weir's, and an event that nobody counted must not pass for counted.
func TestEmptyAnswer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	c, err := New(srv.URL, nil)
	require.NoError(t, err)
	_, err = c.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.ErrorIs(t, err, usage.ErrUnknownOutcome)
	_, err = c.Consume(t.Context(), usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
	require.ErrorIs(t, err, usage.ErrUnknownOutcome)
}

// TestGiveUp: the cause of a try that failed can be told, and ends the call when the caller says so.
func TestGiveUp(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	srv.Close()
	tries := 0
	refused := func(err error) bool { tries++; return errors.Is(err, syscall.ECONNREFUSED) }
	c, err := New(srv.URL, &Options{GiveUp: refused})
	require.NoError(t, err)
	_, err = c.Record(t.Context(), usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.ErrorIs(t, err, usage.ErrUnknownOutcome)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.Equal(t, 1, tries)
}
