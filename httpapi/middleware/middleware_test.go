package middleware_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/httpapi/middleware"
	"github.com/weirhq/weir/usage"
)

// open is an engine with tenant acme on a plan of limit calls a month.
func open(t testing.TB, limit int64) *engine.Engine {
	e, err := engine.Open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	ctx := context.Background()
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "p", Quotas: []usage.Quota{{Slug: "m", Meter: "api_calls",
		Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(limit))}}}))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "p"}))
	return e
}

// engines is the embedded engine, and the same one over HTTP.
func engines(t *testing.T, e *engine.Engine) map[string]middleware.Engine {
	api, err := httpapi.New(e, &httpapi.Options{NoAuth: true})
	require.NoError(t, err)
	server := httptest.NewServer(api.Handler())
	t.Cleanup(server.Close)
	return map[string]middleware.Engine{"embedded": e, "remote": &middleware.Remote{BaseURL: server.URL}}
}

func options(mode middleware.Mode) middleware.Options {
	return middleware.Options{Mode: mode, Feature: "api_calls",
		Tenant: func(r *http.Request) string { return r.Header.Get("X-Tenant") }}
}

func wrap(t testing.TB, eng middleware.Engine, o middleware.Options, next http.HandlerFunc) (*middleware.Limiter, http.Handler) {
	l, err := middleware.New(eng, o)
	require.NoError(t, err)
	return l, l.Wrap(next)
}

func get(h http.Handler, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Tenant", "acme")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func used(t testing.TB, e *engine.Engine) (used, reserved string) {
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	return q[0].Used.String(), q[0].Reserved.String()
}

func ok(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") }

func TestConsume(t *testing.T) {
	for _, name := range []string{"embedded", "remote"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, 3)
			ran := 0
			_, h := wrap(t, engines(t, e)[name], options(middleware.Consume), func(w http.ResponseWriter, r *http.Request) { ran++; ok(w, r) })
			w := get(h, "Idempotency-Key", "a")
			require.Equal(t, 200, w.Code)
			require.Equal(t, "1", w.Header().Get("X-Usage-Current"))
			require.Contains(t, w.Header().Get("RateLimit"), `"m";r=2;t=`)
			require.Contains(t, w.Header().Get("RateLimit-Policy"), map[string]string{"embedded": `;qu="weir-call"`, "remote": `;qu="weir-api_calls"`}[name])
			require.Equal(t, 200, get(h, "Idempotency-Key", "a").Code, "a retry counts once")
			get(h)
			get(h)
			w = get(h)
			require.Equal(t, 429, w.Code)
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
			require.NotEmpty(t, w.Header().Get("Retry-After"))
			var p map[string]any
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
			require.Equal(t, []any{"quota_exceeded", 429.0, "m"}, []any{p["code"], p["status"], p["binding_quota"]})
			require.Equal(t, 4, ran, "three calls and a retry")
			require.Equal(t, 200, get(h, "X-Tenant", "").Code, "no tenant, no limit")
			n, _ := used(t, e)
			require.Equal(t, "3", n)
		})
	}
}

func TestSettle(t *testing.T) {
	for _, name := range []string{"embedded", "remote"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, 100)
			o := options(middleware.Settle)
			o.Cost = func(*http.Request) usage.Decimal { return usage.Int(40) }
			o.Actual = func(_ *http.Request, res *middleware.Response) usage.Decimal {
				if res.Status != 200 {
					return usage.Int(0)
				}
				return usage.Int(res.Bytes)
			}
			status := 200
			_, h := wrap(t, engines(t, e)[name], o, func(w http.ResponseWriter, _ *http.Request) {
				_, reserved := used(t, e)
				require.Equal(t, "40", reserved)
				require.NoError(t, http.NewResponseController(w).Flush())
				w.WriteHeader(status)
				fmt.Fprint(w, "12345")
			})
			require.Equal(t, 200, get(h).Code)
			n, reserved := used(t, e)
			require.Equal(t, []string{"5", "0"}, []string{n, reserved})
			require.Panics(t, func() {
				_, bad := wrap(t, e, o, func(http.ResponseWriter, *http.Request) { panic("oh") })
				get(bad)
			})
			n, reserved = used(t, e)
			require.Equal(t, []string{"5", "0"}, []string{n, reserved}, "a panic costs nothing and holds nothing")
		})
	}
}

// Lease mode admits exactly the limit, from many goroutines, and counts what was spent when it is closed.
func TestLease(t *testing.T) {
	for _, name := range []string{"embedded", "remote"} {
		t.Run(name, func(t *testing.T) {
			const limit = 2500
			e := open(t, limit)
			o := options(middleware.Lease)
			o.LeaseUnits, o.NoHeaders = 400, true
			o.OnError = func(err error) { t.Error(err) }
			eng := engines(t, e)[name]
			if r, remote := eng.(*middleware.Remote); remote {
				r.Client = http.DefaultClient // which waits: an answer that is late is no error here
			}
			l, h := wrap(t, eng, o, ok)
			var admitted atomic.Int64
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					for range 450 {
						if get(h).Code == 200 {
							admitted.Add(1)
						}
					}
				})
			}
			wg.Wait()
			require.NoError(t, l.Close(context.Background()))
			n, reserved := used(t, e)
			require.Equal(t, fmt.Sprint(admitted.Load()), n, "what was admitted is what is counted")
			require.Equal(t, "0", reserved)
			require.LessOrEqual(t, admitted.Load(), int64(limit))
			for get(h).Code == 200 { // closed: one by one, up to the limit
				admitted.Add(1)
			}
			require.EqualValues(t, limit, admitted.Load())
		})
	}
}

// broken is an engine that does not answer.
type broken struct{ middleware.Engine }

func (broken) Consume(context.Context, usage.Request) (usage.Answer, error) {
	return usage.Answer{}, errors.New("no route to host 10.0.0.7")
}

func TestFailOpenAndClosed(t *testing.T) {
	o := options(middleware.Consume)
	heard := 0
	o.OnError = func(error) { heard++ }
	o.FailOpen = func(r *http.Request) bool { return r.Header.Get("X-Open") != "" }
	_, h := wrap(t, broken{}, o, ok)
	w := get(h)
	require.Equal(t, 503, w.Code)
	require.NotContains(t, w.Body.String(), "10.0.0.7", "what a stranger sees has no internals")
	require.Equal(t, 200, get(h, "X-Open", "1").Code)
	require.Equal(t, 2, heard)
	_, err := middleware.New(broken{}, middleware.Options{Feature: "x"})
	require.Error(t, err)
	_, err = middleware.New(broken{}, options(middleware.Lease))
	require.Error(t, err, "this engine has no leases")
}

// BenchmarkLease is what a request costs in lease mode beside the handler itself.
func BenchmarkLease(b *testing.B) {
	for name, leased := range map[string]bool{"bare": false, "leased": true} {
		b.Run(name, func(b *testing.B) {
			e := open(b, 1<<50)
			o := options(middleware.Lease)
			o.LeaseUnits = 1_000_000
			h := http.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			if leased {
				_, h = wrap(b, e, o, func(http.ResponseWriter, *http.Request) {})
			}
			r := httptest.NewRequest("GET", "/", nil)
			r.Header.Set("X-Tenant", "acme")
			w := httptest.NewRecorder()
			b.ReportAllocs()
			b.ResetTimer()
			for range b.N {
				h.ServeHTTP(w, r)
			}
		})
	}
}

// TestLeaseBehindProxy: a proxy that answers for weir may have passed the call on, so its lease is given back and not counted whole later.
func TestLeaseBehindProxy(t *testing.T) {
	e := open(t, 100)
	api, err := httpapi.New(e, &httpapi.Options{NoAuth: true})
	require.NoError(t, err)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/leases" {
			api.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(httptest.NewRecorder(), r)
		http.Error(w, "<html>bad gateway</html>", http.StatusBadGateway)
	}))
	defer proxy.Close()
	o := options(middleware.Lease)
	o.LeaseUnits = 60
	l, h := wrap(t, &middleware.Remote{BaseURL: proxy.URL}, o, ok)
	require.Equal(t, 200, get(h).Code)
	n, reserved := used(t, e)
	require.Equal(t, []string{"1", "0"}, []string{n, reserved})
	require.NoError(t, l.Close(context.Background()))
}
