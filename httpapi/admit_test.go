package httpapi

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Queries wait for each other, and checks do not wait for queries.
func TestChecksGoBeforeQueries(t *testing.T) {
	f := scopeFixture(t)
	a := f.api.admission
	a.waitMax = 50 * time.Millisecond
	for range cap(a.heavy) {
		a.heavy <- struct{}{}
	}
	w := f.get("/v1/usage?meter=api_calls")
	require.Equal(t, 503, w.Code)
	require.Equal(t, "overloaded", f.problem(w).Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	w, _ = f.do("POST", "/v1/check", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 200, w.Code)
	w, _ = f.do("POST", "/v1/consume", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, 200, f.get("/v1/tenants/acme/quotas").Code)
	<-a.heavy
	for range 3 { // each gives its place back
		require.Equal(t, 200, f.get("/v1/usage?meter=api_calls").Code)
		require.Equal(t, 422, f.get("/v1/usage").Code)
	}
	require.Len(t, a.heavy, cap(a.heavy)-1)

	a.inFlight.Store(inFlightMax)
	w, _ = f.do("POST", "/v1/check", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 503, w.Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, 200, f.get("/healthz").Code)
	a.inFlight.Store(0)
	for _, pattern := range heavyReads {
		require.True(t, strings.HasPrefix(pattern, "/v1/"), pattern)
	}
	require.True(t, slices.Contains(heavyReads, "/v1/usage"))
}

// A tenant that sends more than its pace is refused the rest, one by one; others are not.
func TestTenantRate(t *testing.T) {
	f := scopeFixture(t)
	api, err := New(f.eng, &Options{TenantRate: 5})
	require.NoError(t, err)
	now := time.Now()
	p := api.whole.(*paced)
	p.now = func() time.Time { return now }
	f.api = api
	body := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `{"id":"%d","tenant_id":"acme","feature_type":"api_calls"},`, i)
		}
		return "[" + b.String() + `{"id":"g","tenant_id":"globex","feature_type":"api_calls"}]`
	}
	w, got := f.do("POST", "/v1/events", body(8))
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{6.0, 3.0}, []any{got["accepted"], got["rejected_total"]})
	require.Equal(t, "rate_limited", got["rejected"].([]any)[0].(map[string]any)["code"])
	w, _ = f.do("POST", "/v1/consume", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 429, w.Code)
	require.Equal(t, "rate_limited", f.problem(w).Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	w, _ = f.do("POST", "/v1/check", `{"tenant_id":"globex","feature_type":"api_calls"}`)
	require.Equal(t, 200, w.Code)
	now = now.Add(200 * time.Millisecond)
	w, _ = f.do("POST", "/v1/consume", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 200, w.Code, "one comes in every fifth of a second")
	w, _ = f.do("POST", "/v1/consume", `{"tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 429, w.Code)
	now = now.Add(time.Second)
	for _, target := range []string{"/v1/reservations", "/v1/leases", "/v1/reservations/r/extend", "/v1/check/batch", "/v1/check", "/v1/consume/batch"} { // five, then none
		body := `{"id":"h","tenant_id":"acme","feature_type":"api_calls","quantity":1}`
		switch {
		case strings.HasSuffix(target, "extend"):
			body = `{"tenant_id":"acme","quantity":1}`
		case target == "/v1/check/batch":
			body = `{"tenants":["acme"],"features":["api_calls"]}`
		case target == "/v1/consume/batch":
			body = `{"requests":[` + body + `]}`
		}
		w, _ = f.do("POST", target, body)
		if target != "/v1/consume/batch" {
			require.NotContains(t, w.Body.String(), "rate_limited", target)
		} else {
			require.Contains(t, w.Body.String(), "rate_limited", "each of the five took one")
		}
	}
	for i := range pacedTenantsMax + 10 {
		require.NoError(t, p.spend(fmt.Sprint("t", i)))
	}
	require.LessOrEqual(t, len(p.left), pacedTenantsMax)
}

// More connections than there may be wait, and get their turn when one is closed.
func TestConnectionsMax(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := limitConnections(inner, 2)
	accepted := make(chan net.Conn, 8)
	done := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				done <- err
				return
			}
			accepted <- c
		}
	}()
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		defer c.Close()
	}
	first, second := <-accepted, <-accepted
	require.Len(t, l.(*limited).places, 2)
	select {
	case <-accepted:
		t.Fatal("a third connection was accepted")
	default:
	}
	require.NoError(t, first.Close())
	_ = first.Close() // gives one place back, not two
	third := <-accepted
	require.NoError(t, l.Close())
	require.ErrorIs(t, <-done, net.ErrClosed)
	require.NoError(t, second.Close())
	require.NoError(t, third.Close())
}
