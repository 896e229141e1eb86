package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// runDimensions measures what dimensions cost: ingest of the same events with three declared dimensions and with none, and what a
// dimension of a new value for every event, and a million users, take of memory and disk.
func runDimensions(ctx context.Context, o *options, r *report) error {
	events := 3_000_000
	if o.events > 0 {
		events = o.events
	}
	r.note("without dimensions, too, usage is kept by user")
	for _, declared := range [][]string{nil, {"metadata.model", "metadata.kind", "metadata.region"}} {
		figures, err := medians(o.runs, func(int) (figures []figure, err error) {
			err = inEngine(o, func(e *engine.Engine) error {
				if err := e.PutMeter(ctx, usage.Meter{Slug: analyticsMeter, Aggregation: usage.Sum, Scale: new(0), Dimensions: declared}); err != nil {
					return err
				}
				start := time.Now()
				if err := loadEvents(ctx, e, events, presentEvent); err != nil {
					return err
				}
				figures = []figure{{"acknowledged", float64(events) / time.Since(start).Seconds(), "ev/s"}}
				return nil
			})
			return figures, err
		})
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("%d dimensions, %d events of now, %d tenants", len(declared), events, analyticsTenants), figures...)
	}
	if err := manyValues(ctx, o, r, "hostile dimension: a new value for every event", 10_000_000, hostileEvent,
		usage.Meter{Slug: analyticsMeter, Aggregation: usage.Count, Dimensions: []string{"metadata.model"}}); err != nil {
		return err
	}
	return manyValues(ctx, o, r, "a million users of one tenant", 1_000_000, userEvent,
		usage.Meter{Slug: analyticsMeter, Aggregation: usage.UniqueCount})
}

// presentEvent is an event of now.
func presentEvent(n uint64) usage.Event {
	ev := analyticsEventOf(n, time.Time{})
	out := ev.usage(n)
	out.Timestamp = time.Time{}
	return out
}

func hostileEvent(n uint64) usage.Event {
	return usage.Event{ID: strconv.FormatUint(n, 16), TenantID: "mallory", FeatureType: analyticsMeter, Metadata: fmt.Appendf(nil, `{"model":"m%d"}`, n)}
}

func userEvent(n uint64) usage.Event {
	return usage.Event{ID: strconv.FormatUint(n, 16), TenantID: "acme", UserID: fmt.Sprintf("user-%07d", n), FeatureType: analyticsMeter}
}

// manyValues loads events and reports the process's resident set, the disk, and how many values were told apart.
func manyValues(ctx context.Context, o *options, r *report, what string, events int, event func(uint64) usage.Event, m usage.Meter) error {
	if o.events > 0 {
		events = min(events, o.events)
	}
	return inEngine(o, func(e *engine.Engine) error {
		if err := e.PutMeter(ctx, m); err != nil {
			return err
		}
		before, _ := residentBytes(os.Getpid())
		if err := loadEvents(ctx, e, events, event); err != nil {
			return err
		}
		rows, err := e.Usage(ctx, usage.Query{Meter: m.Slug})
		if err != nil {
			return err
		}
		e.Digest() // saves a checkpoint
		after, highest := residentBytes(os.Getpid())
		st := e.Stats()
		value, _ := rows.Data[0].Value.Units(0)
		r.add(fmt.Sprintf("%s, %d events", what, events), figure{"counted", float64(value), "count"}, figure{"other", float64(st.OtherGroups), "count"},
			figure{"values known", float64(st.Users), "count"}, figure{"memory grown", float64(max(after-before, 0)), "B"}, figure{"highest", float64(highest), "B"},
			figure{"per event in memory", float64(max(after-before, 0)) / float64(events), "B"}, figure{"per event on disk", float64(st.DiskBytes) / float64(events), "B"})
		return nil
	})
}

func medianOf(times []time.Duration) time.Duration {
	times = slices.Clone(times)
	slices.Sort(times)
	return times[len(times)/2]
}
