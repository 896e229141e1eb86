package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// Questions over a month of events with three dimensions, put to weir and to PostgreSQL with the same events.

const (
	analyticsEvents  = 10_000_000
	analyticsTenants = 10_000
	analyticsDays    = 30
	analyticsAsked   = 200 // times that a question is asked warm, of another tenant each
	analyticsMeter   = "tokens"
)

// analyticsValues are the values of the three dimensions.
var (
	analyticsModels  = [...]string{"small", "medium", "large", "huge", "tiny", "vision", "voice", "embed"}
	analyticsKinds   = [...]string{"input", "output", "cached"}
	analyticsRegions = [...]string{"eu-central", "eu-west", "us-east", "us-west", "ap-south"}
)

// analyticsEvent is event n, in numbers; a pure function of n.
type analyticsEvent struct {
	tenant, user, model, kind, region int
	quantity                          int64
	at                                time.Time
}

func analyticsEventOf(n uint64, end time.Time) analyticsEvent {
	a, b := mix(n), mix(n^0x5bd1e995)
	return analyticsEvent{
		tenant: int(a % analyticsTenants), user: int(a >> 20 % usersPerTenant), model: int(a >> 32 % 8), kind: int(a >> 40 % 3),
		region: int(a >> 48 % 5), quantity: int64(b % 1000),
		at: end.Add(-time.Duration(b >> 10 % (analyticsDays * 24 * 3600) * uint64(time.Second))),
	}
}

func (ev *analyticsEvent) tenantName() string { return fmt.Sprintf("tenant-%05d", ev.tenant) }

// usage is the event as weir takes it.
func (ev *analyticsEvent) usage(n uint64) usage.Event {
	return usage.Event{ID: fmt.Sprintf("%x", n), TenantID: ev.tenantName(), UserID: fmt.Sprintf("user-%03d", ev.user), FeatureType: analyticsMeter,
		Quantity: usage.Int(ev.quantity), Timestamp: ev.at,
		Metadata: fmt.Appendf(nil, `{"model":%q,"kind":%q,"region":%q}`, analyticsModels[ev.model], analyticsKinds[ev.kind], analyticsRegions[ev.region])}
}

func runAnalytics(ctx context.Context, o *options, r *report) error {
	events := analyticsEvents
	if o.events > 0 {
		events = o.events
	}
	r.Runs = 1 // every question is asked many times
	end := time.Now().UTC().Truncate(24 * time.Hour)
	err := inStore(o, func(dir string) error { return analyticsWeir(ctx, r, dir, events, end) })
	if err != nil {
		return err
	}
	return inStore(o, func(dir string) error { return analyticsPostgres(ctx, r, dir, events, end) })
}

// analyticsWeir loads the events and asks: first after the engine was opened again and the caches of the system were dropped, then warm.
func analyticsWeir(ctx context.Context, r *report, dir string, events int, end time.Time) error {
	e, err := engine.Open(dir, nil)
	if err != nil {
		return err
	}
	err = e.PutMeter(ctx, usage.Meter{Slug: analyticsMeter, Aggregation: usage.Sum, Scale: new(0), Dimensions: []string{"metadata.model", "metadata.kind", "metadata.region"}})
	if err == nil {
		start := time.Now()
		if err = loadEvents(ctx, e, events, func(n uint64) usage.Event { ev := analyticsEventOf(n, end); return ev.usage(n) }); err == nil {
			r.add(fmt.Sprintf("weir: load %d events, %d tenants, 3 dimensions, 30 days", events, analyticsTenants),
				figure{"acknowledged", float64(events) / time.Since(start).Seconds(), "ev/s"})
		}
	}
	if err = errors.Join(err, e.Close()); err != nil {
		return err
	}
	if os.WriteFile("/proc/sys/vm/drop_caches", []byte("3"), 0) != nil {
		r.note("the caches of the system could not be dropped: cold is cold for the engine only")
	}
	if e, err = engine.Open(dir, nil); err != nil {
		return err
	}
	defer e.Close()
	from := end.AddDate(0, 0, -analyticsDays)
	query := func(i int, q usage.Query) error {
		ev := analyticsEvent{tenant: int(mix(uint64(i)) % analyticsTenants)}
		q.Meter, q.TenantID, q.From, q.To, q.Window = analyticsMeter, ev.tenantName(), from, end, usage.WindowHour
		_, err := e.Usage(ctx, q)
		return err
	}
	for _, question := range []struct {
		what string
		ask  func(i int) error
	}{
		{"one tenant, 30 days by the hour", func(i int) error { return query(i, usage.Query{}) }},
		{"the same grouped by a dimension", func(i int) error { return query(i, usage.Query{GroupBy: []string{"metadata.model"}}) }},
		{"the same grouped by two, one filtered", func(i int) error {
			return query(i, usage.Query{GroupBy: []string{"metadata.model", "metadata.region"}, Filter: map[string][]string{"metadata.kind": {"input"}}})
		}},
		{"the same grouped by user", func(i int) error { return query(i, usage.Query{GroupBy: []string{"user_id"}}) }},
		{"top 10 tenants of 30 days", func(int) error {
			_, err := e.Top(ctx, usage.TopQuery{Meter: analyticsMeter, By: usage.TopByTenant, From: from, To: end})
			return err
		}},
		{"top 10 tenants of the open month", func(int) error {
			_, err := e.Top(ctx, usage.TopQuery{Meter: analyticsMeter, By: usage.TopByTenant})
			return err
		}},
	} {
		if err := askOften(r, "weir: "+question.what, question.ask); err != nil {
			return err
		}
	}
	return nil
}

// askOften asks once cold and then often, and reports the first and the median.
func askOften(r *report, what string, ask func(i int) error) error {
	var waits []time.Duration
	for i := range analyticsAsked + 1 {
		start := time.Now()
		if err := ask(i); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		waits = append(waits, time.Since(start))
		if len(waits) > 20 && waits[0] > time.Second { // it would take minutes
			break
		}
	}
	first := waits[0]
	rest := waits[1:]
	slices.Sort(rest)
	r.add(what, figure{"first", float64(first.Nanoseconds()), "ns"}, figure{"median", float64(rest[len(rest)/2].Nanoseconds()), "ns"},
		figure{"p99", float64(rest[len(rest)*99/100].Nanoseconds()), "ns"})
	return nil
}

// loadEvents records events 0 to n-1 in batches of 1,000 from 8 callers.
func loadEvents(ctx context.Context, e *engine.Engine, n int, event func(n uint64) usage.Event) error {
	const batch, callers = 1000, 8
	var next atomic.Int64
	var wg sync.WaitGroup
	errs := make([]error, callers)
	for c := range callers {
		wg.Go(func() {
			evs := make([]usage.Event, 0, batch)
			for errs[c] == nil {
				from := int(next.Add(batch)) - batch
				if from >= n {
					return
				}
				evs = evs[:0]
				for i := from; i < min(from+batch, n); i++ {
					evs = append(evs, event(uint64(i)))
				}
				outs, err := e.RecordBatch(ctx, evs)
				errs[c] = err
				for i := range outs {
					errs[c] = errors.Join(errs[c], outs[i].Err)
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
