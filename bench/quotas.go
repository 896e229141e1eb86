package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// quotaPlan has three quotas on api_calls, with more room than any workload needs.
func quotaPlan() usage.Plan {
	limit := usage.Num(usage.Int(1 << 50))
	return usage.Plan{Slug: "p", Quotas: []usage.Quota{
		{Slug: "month", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: limit},
		{Slug: "day", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodDay}, Limit: limit},
		{Slug: "rate", Meter: "api_calls", Rate: &usage.Rate{Limit: usage.Int(1 << 30), Per: usage.Duration(time.Second)}},
	}}
}

// quotaTenants puts tenants on the plan: each by one event, as the settings' default plan.
func quotaTenants(ctx context.Context, e *engine.Engine, tenants int) ([]string, error) {
	plan := "p"
	if err := e.PutPlan(ctx, quotaPlan()); err != nil {
		return nil, err
	}
	if err := e.PutSettings(ctx, usage.Settings{DefaultPlan: &plan}, usage.Condition{}); err != nil {
		return nil, err
	}
	names := make([]string, tenants)
	evs := make([]usage.Event, 0, 4000)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%07d", i)
		evs = append(evs, usage.Event{ID: "first", TenantID: names[i], FeatureType: "api_calls"})
		if len(evs) < cap(evs) && i < tenants-1 {
			continue
		}
		out, err := e.RecordBatch(ctx, evs)
		if err != nil {
			return nil, err
		}
		for i := range out {
			if out[i].Err != nil {
				return nil, out[i].Err
			}
		}
		evs = evs[:0]
	}
	return names, nil
}

const allowedTenants = 1_000_000

// runAllowed times Allowed over three quotas, of few hot tenants among many loaded, and of all of them.
func runAllowed(ctx context.Context, o *options, r *report) error {
	tenants := allowedTenants
	if o.events > 0 {
		tenants = o.events
	}
	return inEngine(o, func(e *engine.Engine) error {
		names, err := quotaTenants(ctx, e, tenants)
		if err != nil {
			return err
		}
		time.Sleep(5 * time.Second) // a checkpoint may still be writing
		allocs := testing.AllocsPerRun(1000, func() { e.Allowed(names[1], "api_calls", 1) })
		for _, hot := range []int{10_000, tenants} {
			for _, goroutines := range []int{1, 2} {
				figures, err := medians(o.runs, func(int) ([]figure, error) {
					perCall, err := timeCalls(goroutines, 5_000_000, func(_ int, dice uint64) bool {
						return e.Allowed(names[dice%uint64(hot)], "api_calls", 1).Allowed
					})
					return []figure{{"per call", perCall, "ns"}, {"allocations", allocs, "count"}}, err
				})
				if err != nil {
					return err
				}
				r.add(fmt.Sprintf("3 quotas, %d of %d tenants at random, %d goroutines", hot, tenants, goroutines), figures...)
			}
		}
		return addBareMap(o, r, names)
	})
}

// addBareMap times what the quickest limiter at home would do for each call: find the tenant's one counter in a Go map, read it,
// and read the clock. It has one number a tenant instead of three quotas, and nobody writes.
func addBareMap(o *options, r *report, names []string) error {
	counters := make(map[string]*atomic.Int64, len(names))
	for _, name := range names {
		counters[name] = new(atomic.Int64)
	}
	epoch := time.Now()
	for _, hot := range []int{10_000, len(names)} {
		figures, err := medians(o.runs, func(int) ([]figure, error) {
			perCall, err := timeCalls(1, 5_000_000, func(_ int, dice uint64) bool {
				return counters[names[dice%uint64(hot)]].Load() <= int64(time.Since(epoch))
			})
			return []figure{{"per call", perCall, "ns"}}, err
		})
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("a Go map and one counter, %d of %d tenants at random, 1 goroutines", hot, len(names)), figures...)
	}
	return nil
}

// timeCalls returns the nanoseconds that one goroutine waits for one call; every call must be true.
func timeCalls(goroutines, calls int, call func(g int, dice uint64) bool) (float64, error) {
	var wg sync.WaitGroup
	var denied atomic.Int64
	start := time.Now()
	for g := range goroutines {
		wg.Go(func() {
			no, dice := int64(0), uint64(g+1)
			for range calls {
				dice = dice*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
				if !call(g, dice>>33) {
					no++
				}
			}
			denied.Add(no)
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if denied.Load() > 0 {
		return 0, fmt.Errorf("%d calls were denied", denied.Load())
	}
	return float64(elapsed.Nanoseconds()) / float64(calls), nil
}

// runLease times Take.
func runLease(ctx context.Context, o *options, r *report) error {
	return inEngine(o, func(e *engine.Engine) error {
		l, err := e.Lease(ctx, usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(1 << 50)})
		if err != nil {
			return err
		}
		for _, goroutines := range []int{1, 2} {
			figures, err := medians(o.runs, func(int) ([]figure, error) {
				perCall, err := timeCalls(goroutines, 20_000_000, func(int, uint64) bool { return l.Take(1) })
				return []figure{{"per Take", perCall, "ns"}}, err
			})
			if err != nil {
				return err
			}
			r.add(fmt.Sprintf("one lease, %d goroutines", goroutines), figures...)
		}
		return l.Settle(ctx, true)
	})
}

const consumeCalls = 500_000

// runConsume times durable decisions over three quotas, one at a time from many callers.
func runConsume(ctx context.Context, o *options, r *report) error {
	calls := consumeCalls
	if o.events > 0 {
		calls = o.events
	}
	for _, callers := range []int{64, 256} {
		figures, err := medians(o.runs, func(int) (figures []figure, err error) {
			fsync, err := fsyncs(o.dir, 1000)
			if err != nil {
				return nil, err
			}
			err = inEngine(o, func(e *engine.Engine) error {
				figures, err = consumeOnce(ctx, e, callers, calls)
				return err
			})
			return append(figures, latencies("bare fsync", [][]time.Duration{fsync})[:1]...), err
		})
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("3 quotas, 1000 tenants, %d calls, %d callers", calls, callers), figures...)
	}
	return nil
}

func consumeOnce(ctx context.Context, e *engine.Engine, callers, calls int) ([]figure, error) {
	names, err := quotaTenants(ctx, e, 1000)
	if err != nil {
		return nil, err
	}
	var next, wrong atomic.Int64
	waits := make([][]time.Duration, callers)
	var wg sync.WaitGroup
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(calls) {
					return
				}
				sent := time.Now()
				a, err := e.Consume(ctx, usage.Request{ID: fmt.Sprint("c", i), TenantID: names[i%1000], Items: []usage.Item{{FeatureType: "api_calls"}}})
				waits[c] = append(waits[c], time.Since(sent))
				if err != nil || !a.Allowed {
					wrong.Add(1)
				}
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	total := int64(0)
	for _, name := range names {
		units, _ := e.Current(name, "api_calls")
		total += units
	}
	if wrong.Load() > 0 || total != int64(calls+len(names)) {
		return nil, errors.New("not every call was counted once")
	}
	return append([]figure{{"decided", float64(calls) / elapsed.Seconds(), "/s"}}, latencies("call", waits)...), nil
}
