package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// tempEngine opens an engine in a directory of its own, which done removes.
func tempEngine() (e *engine.Engine, done func()) {
	dir, err := os.MkdirTemp("", "weir-example")
	if err != nil {
		log.Fatal(err)
	}
	if e, err = engine.Open(dir+"/usage.weir", nil); err != nil {
		log.Fatal(err)
	}
	return e, func() {
		_ = e.Close()
		_ = os.RemoveAll(dir)
	}
}

// Record an event, see the number at once, and send it again without harm.
func Example() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	ev := usage.Event{ID: "req-1", TenantID: "acme", UserID: "alice", FeatureType: "api_calls", Quantity: usage.Int(3)}
	for range 2 {
		out, err := e.Record(ctx, ev)
		if err != nil {
			log.Fatal(err)
		}
		units, _ := e.Current("acme", "api_calls")
		fmt.Println(out.Status, units)
	}
	// Output:
	// counted 3
	// duplicate 3
}

// A batch tells the fate of each event by itself.
func ExampleEngine_RecordBatch() {
	e, done := tempEngine()
	defer done()
	outs, err := e.RecordBatch(context.Background(), []usage.Event{
		{ID: "1", TenantID: "acme", FeatureType: "api_calls"},
		{ID: "2", TenantID: "acme", FeatureType: "api_cals"},
	})
	if err != nil {
		log.Fatal(err) // nothing is known of any event: send the same batch again
	}
	for _, o := range outs {
		fmt.Printf("%s %s %q\n", o.ID, o.Status, usage.Code(o.Err))
	}
	// Output:
	// 1 counted ""
	// 2 rejected "unknown_feature"
}

// Usage answers in windows of any time zone.
func ExampleEngine_Usage() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	now := time.Now()
	for i := range 5 {
		ev := usage.Event{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "data_transfer", Quantity: usage.Int(1 << 20), Timestamp: now}
		if _, err := e.Record(ctx, ev); err != nil {
			log.Fatal(err)
		}
	}
	rows, err := e.Usage(ctx, usage.Query{Meter: "data_transfer", TenantID: "acme", Window: usage.WindowDay, TimeZone: "Europe/Berlin",
		From: now.AddDate(0, 0, -1).Truncate(24 * time.Hour), To: now.AddDate(0, 0, 2).Truncate(24 * time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	for _, r := range rows.Data {
		fmt.Println(r.Value, rows.Unit)
	}
	// Output: 5242880 byte
}

// A meter says which events are counted and how.
func ExampleEngine_PutMeter() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	err := e.PutMeter(ctx, usage.Meter{
		Slug: "slowest_ms", EventType: "api_calls", Aggregation: usage.Max, ValueProperty: "metadata.duration_ms", Unit: "ms",
	})
	if err != nil {
		log.Fatal(err)
	}
	for i, ms := range []int{12, 250, 31} {
		ev := usage.Event{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "api_calls", Metadata: fmt.Appendf(nil, `{"duration_ms":%d}`, ms)}
		if _, err := e.Record(ctx, ev); err != nil {
			log.Fatal(err)
		}
	}
	rows, err := e.Usage(ctx, usage.Query{Meter: "slowest_ms", TenantID: "acme"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(rows.Data[0].Value, rows.Unit)
	// Output: 250 ms
}

// Verify folds the whole log again and compares it with everything that is stored.
func ExampleEngine_Verify() {
	e, done := tempEngine()
	defer done()
	fmt.Println(e.Verify(context.Background()))
	// Output: <nil>
}

// A plan, a tenant on it, and calls that ask before they count.
func ExampleEngine_Consume() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	_ = e.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{{
		Slug: "monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(3)),
	}}})
	_ = e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"})
	for i := range 3 {
		a, err := e.Consume(ctx, usage.Request{ID: fmt.Sprint("req-", i), TenantID: "acme",
			Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(2)}}})
		if err != nil {
			log.Fatal(err)
		}
		q := a.Quotas[0]
		fmt.Println(a.Allowed, a.Decision, a.Reason, q.Used, "of", q.Limit)
	}
	// Output:
	// true allow  2 of 3
	// false block quota_exceeded 2 of 3
	// false block quota_exceeded 2 of 3
}

// Reserve what a job may use, commit what it did use.
func ExampleEngine_Reserve() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	_ = e.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{{
		Slug: "bytes", Meter: "data_transfer", Period: usage.Period{Kind: usage.PeriodDay}, Limit: usage.Num(usage.Int(1000)),
	}}})
	_ = e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"})
	a, err := e.Reserve(ctx, usage.Reservation{ID: "job-1", TenantID: "acme", FeatureType: "data_transfer", Quantity: usage.Int(800)})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(a.Allowed, "reserved", a.Quotas[0].Reserved, "remaining", a.Quotas[0].Remaining)
	a, err = e.Commit(ctx, "acme", "job-1", usage.Int(120))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("used", a.Quotas[0].Used, "remaining", a.Quotas[0].Remaining)
	// Output:
	// true reserved 800 remaining 200
	// used 120 remaining 880
}

// A lease is spent without asking anybody, and settled afterwards.
func ExampleEngine_Lease() {
	e, done := tempEngine()
	defer done()
	ctx := context.Background()
	l, err := e.Lease(ctx, usage.LeaseRequest{ID: "lease-1", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(100)})
	if err != nil {
		log.Fatal(err)
	}
	for range 42 {
		l.Take(1) // one atomic operation
	}
	if err := l.Settle(ctx, true); err != nil {
		log.Fatal(err)
	}
	units, _ := e.Current("acme", "api_calls")
	fmt.Println(units)
	// Output: 42
}
