package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// arrivals is an open loop: requests are due at fixed moments, whether or not the ones before were answered, and a request took from
// the moment when it was due until it was answered. A closed loop, which sends the next request when the last one is answered, stops
// asking while the server stands still, and so leaves the worst moments out ("coordinated omission").
type arrivals struct {
	perSecond float64
	span      time.Duration
	callers   int // requests under way at once; more than are needed, so that a slow answer delays no other
}

// run calls send for every arrival. It returns how long each took, sorted, how many were
// sent more than a millisecond late, and the first error.
func (a arrivals) run(ctx context.Context, send func(i int) error) (waits []time.Duration, late int64, err error) {
	n := int(a.perSecond * a.span.Seconds())
	gap := time.Duration(float64(time.Second) / a.perSecond)
	var (
		behind  atomic.Int64
		stopped atomic.Bool
		wg      sync.WaitGroup
		took    = make([][]time.Duration, a.callers)
		errs    = make([]error, a.callers)
		ring    = make(chan int, n)                      // as many as there are: who rings does not wait for a caller
		start   = time.Now().Add(100 * time.Millisecond) // time for the callers to be there
		due     = func(i int) time.Time { return start.Add(time.Duration(i) * gap) }
	)
	wg.Go(func() {
		defer close(ring)
		alarm(n, due, func(i int) bool {
			ring <- i
			return !stopped.Load() && ctx.Err() == nil
		})
	})
	for c := range a.callers {
		wg.Go(func() {
			for i := range ring {
				if stopped.Load() || ctx.Err() != nil {
					return
				}
				if time.Since(due(i)) > time.Millisecond {
					behind.Add(1)
				}
				if err := send(i); err != nil {
					errs[c] = err
					stopped.Store(true)
					return
				}
				took[c] = append(took[c], time.Since(due(i)))
			}
		})
	}
	wg.Wait()
	all := slices.Concat(took...)
	slices.Sort(all)
	return all, behind.Load(), errors.Join(append(errs, ctx.Err())...)
}

// spread is what an open loop has seen.
func spread(waits []time.Duration, late int64, per string, span time.Duration) []figure {
	if len(waits) == 0 {
		return nil
	}
	return []figure{
		{per, float64(len(waits)) / span.Seconds(), "/s"},
		{"p50", percentile(waits, 0.50), "ns"}, {"p99", percentile(waits, 0.99), "ns"}, {"p99.9", percentile(waits, 0.999), "ns"},
		{"max", float64(waits[len(waits)-1]), "ns"}, {"late", float64(late), ""},
	}
}

func (a arrivals) String() string {
	return fmt.Sprintf("%.0f/s for %s, open loop", a.perSecond, a.span)
}
