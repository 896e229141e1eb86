package middleware_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/httpapi/middleware"
	"github.com/weirhq/weir/usage"
)

// A retry of a request that failed, and so cost nothing, is reserved and counted like a first one, under every engine; a retry of one that
// counted is not, nor one beside a copy that is still running.
func TestSettleRetry(t *testing.T) {
	for _, name := range []string{"embedded", "remote"} {
		t.Run(name, func(t *testing.T) {
			e := open(t, 100)
			status := 500
			o := options(middleware.Settle)
			o.OnError = func(err error) { t.Error(err) }
			var inside func()
			_, h := wrap(t, engines(t, e)[name], o, func(w http.ResponseWriter, _ *http.Request) {
				if inside != nil {
					f := inside
					inside = nil
					f()
				}
				w.WriteHeader(status)
			})
			long := strings.Repeat("k", usage.IdentifierBytesMax)
			for i, key := range []string{"a", long} {
				total := func(want int, why string) {
					t.Helper()
					n, reserved := used(t, e)
					require.Equal(t, []string{fmt.Sprint(3*i + want), "0"}, []string{n, reserved}, why)
				}
				status = 500
				get(h, "Idempotency-Key", key)
				get(h, "Idempotency-Key", key)
				total(0, "failures cost nothing")
				status = 200
				require.Equal(t, 200, get(h, "Idempotency-Key", key).Code)
				total(1, "the third copy did the work")
				require.Equal(t, 200, get(h, "Idempotency-Key", key).Code)
				total(1, "a retry of what was counted")
				other := key[1:] + "b"
				inside = func() { require.Equal(t, 200, get(h, "Idempotency-Key", other).Code) }
				get(h, "Idempotency-Key", other)
				total(2, "a copy beside the first one")
				third := key[1:] + "c"
				inside = func() { status = 500; get(h, "Idempotency-Key", third); status = 200 }
				get(h, "Idempotency-Key", third)
				total(3, "a copy that fails beside the first one takes nothing from it")
			}
		})
	}
}

// What weir refuses for what it is is refused, however the route fails: failing open is no way around a quota.
func TestRefusalsDoNotFailOpen(t *testing.T) {
	for _, mode := range []middleware.Mode{middleware.Consume, middleware.Settle} {
		e := open(t, 3)
		cost := int64(1)
		o := options(mode)
		o.FailOpen = func(*http.Request) bool { return true }
		o.Cost = func(*http.Request) usage.Decimal { return usage.Int(cost) }
		_, h := wrap(t, e, o, ok)
		require.Equal(t, 200, get(h, "Idempotency-Key", "a").Code)
		cost = 2
		require.Equal(t, 409, get(h, "Idempotency-Key", "a").Code)
		cost = -1
		require.Equal(t, 400, get(h).Code)
		require.NoError(t, e.PutSettings(context.Background(), usage.Settings{UnknownTenants: usage.UnknownReject}, usage.Condition{}))
		cost = 1
		w := get(h, "X-Tenant", "stranger")
		require.Equal(t, 403, w.Code)
		require.Contains(t, w.Body.String(), "unknown_tenant")
		o.Feature = "no_such_feature"
		_, h = wrap(t, e, o, ok)
		require.Equal(t, 200, get(h).Code, "that is for the operator to put right")
	}
}

// A cost that was read from the request is read once; one that is absent is 1.
func TestCostOnce(t *testing.T) {
	for _, mode := range []middleware.Mode{middleware.Consume, middleware.Settle, middleware.Lease} {
		e := open(t, 10_000)
		asked := 0
		o := options(mode)
		o.Cost = func(*http.Request) usage.Decimal { asked++; return usage.Decimal{} }
		l, h := wrap(t, e, o, ok)
		require.Equal(t, 200, get(h).Code)
		require.NoError(t, l.Close(context.Background()))
		n, _ := used(t, e)
		require.Equal(t, []any{1, "1"}, []any{asked, n})
	}
}

// A throttled request waits as it was told, and one whose client leaves meanwhile holds nothing.
func TestThrottledRequestsWait(t *testing.T) {
	e := open(t, 10)
	ctx := context.Background()
	slow := usage.Quota{Slug: "m", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodBilling}, ThrottleAt: usage.Num(usage.Int(0)),
		Limit: usage.Num(usage.Int(15 * 24 * 3600 * 20)), MaxDelay: new(usage.Duration(time.Minute))} // a twentieth of a second each
	require.NoError(t, e.PutPlan(ctx, usage.Plan{Slug: "slow", Quotas: []usage.Quota{slow}}))
	ends := time.Now().Add(15 * 24 * time.Hour).Truncate(15 * time.Minute) // whatever day it is
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "slow", Plan: "slow", BillingAnchor: ends}))
	for _, mode := range []middleware.Mode{middleware.Consume, middleware.Settle} {
		o, ran := options(mode), 0
		cost := int64(1)
		o.Cost = func(*http.Request) usage.Decimal { return usage.Int(cost) }
		run := func(w http.ResponseWriter, _ *http.Request) { ran++ }
		_, h := wrap(t, e, o, run)
		a, err := e.Check(usage.Request{TenantID: "slow", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(cost)}}})
		require.NoError(t, err)
		require.Greater(t, a.DelayMS, int64(40))
		start := time.Now()
		require.Equal(t, 200, get(h, "X-Tenant", "slow").Code)
		require.GreaterOrEqual(t, time.Since(start), time.Duration(a.DelayMS-1)*time.Millisecond)

		cost = 100
		leaving, cancel := context.WithTimeout(ctx, time.Millisecond*time.Duration(min(100, a.DelayMS)))
		r := httptest.NewRequest("GET", "/", nil).WithContext(leaving)
		r.Header.Set("X-Tenant", "slow")
		h.ServeHTTP(httptest.NewRecorder(), r)
		cancel()
		require.Equal(t, 1, ran)
		quotas, err := e.Quotas("slow", "")
		require.NoError(t, err)
		require.Equal(t, "0", quotas[0].Reserved.String())

		o.NoDelay = true
		_, h = wrap(t, e, o, run)
		get(h, "X-Tenant", "slow")
		require.Equal(t, 2, ran)
	}
}

// Libraries for WebSockets ask the writer itself whether it can be hijacked.
func TestHijack(t *testing.T) {
	for _, mode := range []middleware.Mode{middleware.Consume, middleware.Settle, middleware.Lease} {
		e := open(t, 10_000)
		o := options(mode)
		o.Tenant = func(*http.Request) string { return "acme" }
		l, h := wrap(t, e, o, func(w http.ResponseWriter, _ *http.Request) {
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			fmt.Fprint(buf, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			_ = buf.Flush()
			_ = conn.Close()
		})
		server := httptest.NewServer(h)
		conn, err := net.Dial("tcp", server.Listener.Addr().String())
		require.NoError(t, err)
		fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
		line, err := bufio.NewReader(conn).ReadString('\n')
		require.NoError(t, err)
		require.Equal(t, "HTTP/1.1 101 Switching Protocols\r\n", line)
		require.NoError(t, conn.Close())
		server.Close()
		require.NoError(t, l.Close(context.Background()))
		require.Eventually(t, func() bool { n, reserved := used(t, e); return n == "1" && reserved == "0" }, 5*time.Second, time.Millisecond)
	}
}
