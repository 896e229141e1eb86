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
)

// readsPerGoroutine takes about a second at 100 ns.
const readsPerGoroutine = 10_000_000

// runCurrent times reads of counters, uniform over 10,000 tenants x 4 meters.
func runCurrent(ctx context.Context, o *options, r *report) error {
	events := 1_000_000
	if o.events > 0 {
		events = o.events
	}
	src := newSource(10_000, 0)
	return inEngine(o, func(e *engine.Engine) error {
		s, err := record(ctx, e, src, load{events, 1000, 8, 0})
		if err != nil {
			return err
		}
		if err := verify(e, src, s); err != nil {
			return err
		}
		allocs := testing.AllocsPerRun(1000, func() { e.Current(src.tenants[1], features[1]) })
		for _, goroutines := range []int{1, 2} {
			figures, err := medians(o.runs, func(int) ([]figure, error) {
				perRead, err := readCurrent(e, src, goroutines)
				return []figure{{"per read", perRead, "ns"}, {"allocations", allocs, "count"}}, err
			})
			if err != nil {
				return err
			}
			r.add(fmt.Sprintf("%d tenants x %d meters, %d goroutines", len(src.tenants),
				len(features), goroutines), figures...)
		}
		return nil
	})
}

// readCurrent returns the nanoseconds one goroutine waits for one read. The names are looked up in
// a table, so picking them costs little beside the read.
func readCurrent(e *engine.Engine, src *source, goroutines int) (float64, error) {
	var wg sync.WaitGroup
	var found atomic.Int64
	start := time.Now()
	for g := range goroutines {
		wg.Go(func() {
			hits, dice := int64(0), uint64(g+1)
			for range readsPerGoroutine {
				dice = dice*6364136223846793005 + 1442695040888963407 // Knuth's MMIX
				i := dice >> 33
				if _, ok := e.Current(src.tenants[i%uint64(len(src.tenants))], features[i>>20%4]); ok {
					hits++
				}
			}
			found.Add(hits)
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if found.Load() == 0 {
		return 0, errors.New("no counter was found: nothing was measured")
	}
	return float64(elapsed.Nanoseconds()) / readsPerGoroutine, nil
}
