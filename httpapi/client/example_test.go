package client_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/httpapi/middleware"
	"github.com/weirhq/weir/usage"
)

// weir starts a server for the examples and answers its address.
func weir() (address string, stop func()) {
	dir, err := os.MkdirTemp("", "weir-example-")
	if err != nil {
		log.Fatal(err)
	}
	eng, err := engine.Open(dir, nil)
	if err != nil {
		log.Fatal(err)
	}
	api, err := httpapi.New(eng, &httpapi.Options{NoAuth: true})
	if err != nil {
		log.Fatal(err)
	}
	srv := httptest.NewServer(api)
	return srv.URL, func() {
		srv.Close()
		_ = eng.Close()
		_ = os.RemoveAll(dir)
	}
}

// Ask before something is done, and count it when it is allowed.
func ExampleClient_Consume() {
	address, stop := weir()
	defer stop()
	ctx := context.Background()
	c, err := client.New(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	answer, err := c.Consume(ctx, usage.Request{ID: "request-17", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(3)}}})
	if err != nil {
		log.Fatal(err) // outcome_unknown: consume again with the same id
	}
	fmt.Println(answer.Allowed, answer.Decision, answer.Status)
	// Output: true allow counted
}

// Put a tenant on a plan, and correct what was counted for it.
func ExampleClient_Adjust() {
	address, stop := weir()
	defer stop()
	ctx := context.Background()
	c, err := client.New(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	monthly := usage.Quota{Slug: "calls-monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(1000))}
	if err := c.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{monthly}}, ""); err != nil {
		log.Fatal(err)
	}
	if err := c.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"}); err != nil {
		log.Fatal(err)
	}
	out, err := c.Adjust(ctx, usage.Adjustment{ID: "import-2025", TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(250), Reason: "counted elsewhere until now"})
	if err != nil {
		log.Fatal(err) // outcome_unknown: adjust again with the same id
	}
	quotas, err := c.Quotas(ctx, "acme", "")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(out.Status, quotas[0].Used)
	for tenant, err := range c.Tenants(ctx, client.TenantFilter{Plan: "free"}) {
		fmt.Println(tenant.Tenant.ID, err)
	}
	// Output:
	// counted 250
	// acme <nil>
}

// Record events that need no answer: they are batched, retried, and safe on disk while weir is away.
func ExampleRecorder() {
	address, stop := weir()
	defer stop()
	ctx := context.Background()
	spool, err := os.MkdirTemp("", "spool-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(spool)
	c, err := client.New(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	r, err := c.NewRecorder(&client.RecorderOptions{SpoolDir: spool, OnError: func(err error) { log.Print(err) }})
	if err != nil {
		log.Fatal(err)
	}
	for range 3 {
		if err := r.Record(ctx, usage.Event{TenantID: "acme", FeatureType: "api_calls"}); err != nil {
			log.Fatal(err)
		}
	}
	if err := r.Close(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println(r.Stats().Counted)
	// Output: 3
}

// Spend units that were taken in advance: an atomic operation, no request.
func ExampleClient_Lease() {
	address, stop := weir()
	defer stop()
	ctx := context.Background()
	c, err := client.New(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	lease, err := c.Lease(ctx, "acme", "api_calls", 1000, time.Minute)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(lease.Take(3), lease.Left())
	if err := lease.Settle(ctx, true); err != nil {
		log.Fatal(err)
	}
	// Output: true 997
}

// Guard a handler of another process with leases that renew themselves.
func ExampleClient_middleware() {
	address, stop := weir()
	defer stop()
	c, err := client.New(address, nil)
	if err != nil {
		log.Fatal(err)
	}
	limiter, err := middleware.New(c, middleware.Options{
		Tenant: func(r *http.Request) string { return r.Header.Get("X-Tenant") }, Feature: "api_calls", Mode: middleware.Lease,
	})
	if err != nil {
		log.Fatal(err)
	}
	handler := limiter.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "done") }))
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("X-Tenant", "acme")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	fmt.Println(w.Code, w.Body)
	if err := limiter.Close(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output: 200 done
}
