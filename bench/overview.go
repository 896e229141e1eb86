package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

const (
	overviewTenants = 10_000
	overviewSpread  = 30 * 24 * time.Hour // over which events are stamped
	overviewCalls   = 51                  // of one row; its figure is their median
)

// runOverview times Engine.Overview over all tenants and Engine.Summary of one, after events of thirty days: the first call after
// an Open, whose caches are empty, and many after it.
func runOverview(ctx context.Context, o *options, r *report) error {
	events := 10_000_000
	if o.events > 0 {
		events = o.events
	}
	dir, err := os.MkdirTemp(o.dir, "weir-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	store := filepath.Join(dir, "store")
	src := newSource(overviewTenants, 0)
	e, err := engine.Open(store, nil)
	if err != nil {
		return err
	}
	rate, err := recordSpread(ctx, e, src, events)
	if cerr := e.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	r.add(fmt.Sprintf("recorded %d events of %d tenants over 30 days, with a plan", events, overviewTenants), figure{"rate", rate, "ev/s"})
	for _, name := range []string{"24h", "7d", "30d", "month"} {
		q := usage.OverviewQuery{Range: name}
		if err := timeRead(store, r, "overview, "+name, func(e *engine.Engine) error {
			_, err := e.Overview(ctx, q)
			return err
		}); err != nil {
			return err
		}
	}
	return timeRead(store, r, "summary of one tenant", func(e *engine.Engine) error {
		_, err := e.Summary(ctx, src.tenants[1])
		return err
	})
}

// recordSpread records events with times of the last thirty days, of tenants on a plan, and returns events a second.
func recordSpread(ctx context.Context, e *engine.Engine, src *source, events int) (float64, error) {
	plan := quotaPlan()
	plan.Quotas[0].Limit = usage.Num(usage.Int(int64(2 * events / overviewTenants))) // some tenants come near it
	if err := e.PutPlan(ctx, plan); err != nil {
		return 0, err
	}
	if err := e.PutSettings(ctx, usage.Settings{DefaultPlan: &plan.Slug}, usage.Condition{}); err != nil {
		return 0, err
	}
	const callers, batch = 8, 1000
	var next atomic.Uint64
	var wg sync.WaitGroup
	errs := make([]error, callers)
	start := time.Now()
	for c := range callers {
		wg.Go(func() {
			evs, ids := make([]usage.Event, batch), make([]byte, 36*batch)
			for errs[c] == nil {
				first := next.Add(batch) - batch
				if first >= uint64(events) {
					return
				}
				for i := range evs {
					n := first + uint64(i)
					src.event(&evs[i], n, ids[36*i:36*i+36])
					evs[i].Timestamp = start.Add(-time.Duration(mix(n) % uint64(overviewSpread)))
				}
				_, errs[c] = e.RecordBatch(ctx, evs)
			}
		})
	}
	wg.Wait()
	rate := float64(events) / time.Since(start).Seconds()
	for _, err := range errs {
		if err != nil {
			return 0, err
		}
	}
	return rate, nil
}

// timeRead opens the store and adds a row: the first call, and the median of those after it.
func timeRead(store string, r *report, what string, call func(*engine.Engine) error) error {
	e, err := engine.Open(store, nil)
	if err != nil {
		return err
	}
	defer e.Close()
	took := make([]float64, overviewCalls)
	for i := range took {
		start := time.Now()
		if err := call(e); err != nil {
			return err
		}
		took[i] = float64(time.Since(start).Microseconds()) / 1000
	}
	cold := took[0]
	slices.Sort(took[1:])
	r.add(what, figure{"cold", cold, "ms"}, figure{"median", took[1+(overviewCalls-1)/2], "ms"}, figure{"worst", took[overviewCalls-1], "ms"})
	return nil
}
