package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/usage"
)

// demoTenant is one made-up customer.
type demoTenant struct {
	name     string
	perHour  float64       // events in an average working hour of its history
	offset   time.Duration // where its working day lies, against UTC
	weekends float64       // share of a working day's traffic on Saturday and Sunday
	tokens   int           // percent of its events that are of a language model
	users    int
}

var demoTenants = []demoTenant{
	{"acme", 30, -5 * time.Hour, 0.25, 20, 40},
	{"globex", 18, 1 * time.Hour, 0.30, 5, 25},
	{"initech", 10, -6 * time.Hour, 0.05, 5, 12},
	{"umbrella", 13, 9 * time.Hour, 0.60, 15, 30},
	{"hooli", 45, -8 * time.Hour, 0.70, 20, 80},
}

const (
	// demoDays is the history: the open billing period and the one before it, and no crumb of a third, against which these would be peaks.
	demoDays = 49
	// demoBoost is how many live events one call of the history stands for. A page that is watched should move, a history should be made
	// in a second, and neither should dwarf the other in a chart.
	demoBoost = 120
)

func demoNames() string {
	names := make([]string, len(demoTenants))
	for i, t := range demoTenants {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

var demoEndpoints = []string{"/v1/items", "/v1/items/{id}", "/v1/search", "/v1/orders", "/v1/reports", "/v1/files", "/v1/users", "/v1/login"}

// backfill records seven weeks up to now. Ids and payloads follow from tenant and hour, so that
// a directory that is opened again holds its history once.
func backfill(ctx context.Context, eng *engine.Engine, now time.Time) (int, error) {
	ctx = engine.WithBackfill(ctx)
	end := now.UTC().Truncate(time.Hour)
	events := make([]usage.Event, 0, 1000)
	total := 0
	flush := func() error {
		outcomes, err := eng.RecordBatch(ctx, events)
		if err != nil {
			return err
		}
		for i := range outcomes {
			if outcomes[i].Err != nil {
				return fmt.Errorf("event %s: %w", events[i].ID, outcomes[i].Err)
			}
		}
		total += len(events)
		events = events[:0]
		return nil
	}
	for hour := end.Add(-demoDays * 24 * time.Hour); !hour.After(end); hour = hour.Add(time.Hour) {
		for i := range demoTenants {
			for _, ev := range demoTenants[i].history(hour) {
				if ev.Timestamp.After(now) {
					continue
				}
				if events = append(events, ev); len(events) == cap(events) {
					if err := flush(); err != nil {
						return total, err
					}
				}
			}
		}
	}
	return total, flush()
}

// history is what a tenant did, or will do, in an hour: its calls, each for many, and two sums of each other feature, as a collector that
// adds up would send them. Single heavy events would be peaks that weir has advice against.
func (t *demoTenant) history(hour time.Time) []usage.Event {
	const sums = 2
	rng := seeded(t.name, hour)
	rate := t.rate(hour)
	var events []usage.Event
	for i, f := range demoFeatures {
		share := float64(t.shares()[i]) / 100
		n, size := sums, rate*share*demoBoost/sums
		if f.slug == "api_calls" {
			n, size = poisson(rng, rate*share), demoBoost
		}
		for range n {
			ev := t.event(rng, f, f.mean*size*(0.5+rng.Float64()))
			ev.ID = fmt.Sprintf("demo-%d-%d", hour.Unix()/3600, len(events))
			ev.Timestamp = hour.Add(time.Duration(rng.Int64N(int64(time.Hour/time.Millisecond))) * time.Millisecond)
			events = append(events, ev)
		}
	}
	return events
}

// rate is the events an hour of a tenant at a time: a bell around 14:00 of its day over a
// low floor, fewer on weekends, some days busier than others. It follows from the time alone, so that an hour has the same rate whenever
// it is asked.
func (t *demoTenant) rate(at time.Time) float64 {
	local := at.UTC().Add(t.offset)
	clock := float64(local.Hour()) + float64(local.Minute())/60
	day := 0.08 + math.Exp(-(clock-14)*(clock-14)/(2*3.5*3.5))
	if w := local.Weekday(); w == time.Saturday || w == time.Sunday {
		day *= t.weekends
	}
	return t.perHour * day * (0.85 + 0.3*seeded(t.name, local.Truncate(24*time.Hour)).Float64())
}

// demoFeature is a feature that is used, and how much of it an event uses.
type demoFeature struct {
	slug  string
	mean  float64
	scale int
}

var demoFeatures = []demoFeature{{"llm_tokens", 1250, 0}, {"api_calls", 1, 0}, {"data_transfer", 330_000, 0}, {"compute_time", 2, 3}, {"session_time", 600, 0}}

// shares is how many of a hundred events are of each feature.
func (t *demoTenant) shares() []int { return []int{t.tokens, 80 - t.tokens, 10, 6, 4} }

// live is an event of now, without id.
func (t *demoTenant) live(rng *rand.Rand) usage.Event {
	p := rng.IntN(100)
	for i, share := range t.shares() {
		if p -= share; p < 0 {
			f := demoFeatures[i]
			if f.slug == "api_calls" {
				return t.event(rng, f, 1)
			}
			return t.event(rng, f, f.mean*(0.2+0.8*rng.ExpFloat64()))
		}
	}
	panic("BUG: the shares are less than a hundred")
}

var demoModels = []string{"large-3", "small-3", "embed-2"}

// event makes one event of a tenant, without id and time.
func (t *demoTenant) event(rng *rand.Rand, f demoFeature, quantity float64) usage.Event {
	// The square makes few users busy and many quiet.
	u := rng.Float64()
	ev := usage.Event{
		TenantID: t.name, UserID: fmt.Sprintf("user-%02d", int(u*u*float64(t.users))+1), FeatureType: f.slug, Source: "demo",
		Quantity: usage.FromUnits(max(1, int64(quantity*math.Pow10(f.scale))), f.scale),
	}
	switch f.slug {
	case "llm_tokens":
		kind := "input"
		if rng.IntN(3) == 0 {
			kind = "output"
		}
		ev.Metadata = fmt.Appendf(nil, `{"model":%q,"kind":%q}`, demoModels[min(rng.IntN(3), rng.IntN(3))], kind)
	case "api_calls":
		status, method := 200, "GET"
		if rng.IntN(3) == 0 {
			method = "POST"
		}
		if rng.IntN(50) == 0 {
			status = 500
		}
		ev.Metadata = fmt.Appendf(nil, `{"endpoint":%q,"method":%q,"status":%d,"response_size":%d,"duration_ms":%d}`,
			demoEndpoints[rng.IntN(len(demoEndpoints))], method, status, 200+rng.IntN(16000), 3+int(rng.ExpFloat64()*40))
	}
	return ev
}

// liveTraffic records events at the tenants' rates until ctx ends, and asks now and then for more than there is: a page that is watched
// should move.
func liveTraffic(ctx context.Context, eng *engine.Engine, log *slog.Logger) {
	const tick = 250 * time.Millisecond
	rng := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var events []usage.Event
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			events = events[:0]
			for i := range demoTenants {
				t := &demoTenants[i]
				for range poisson(rng, demoBoost*t.rate(now)*tick.Hours()) {
					ev := t.live(rng)
					ev.ID = httpapi.NewEventID()
					events = append(events, ev)
				}
			}
			if rng.IntN(80) == 0 {
				if err := denied(ctx, eng, rng.IntN(40)+1); err != nil && ctx.Err() == nil {
					log.Warn("demo traffic", "err", err)
				}
			}
			if len(events) == 0 {
				continue
			}
			// Demo traffic that is lost is no harm, but the engine may keep the slice after
			// an error.
			if _, err := eng.RecordBatch(ctx, events); err != nil {
				events = nil
				if ctx.Err() == nil {
					log.Warn("demo traffic", "err", err)
				}
			}
		}
	}
}

// seeded is a random source that depends on a tenant and a time only.
func seeded(tenant string, at time.Time) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tenant)) // never fails
	return rand.New(rand.NewPCG(h.Sum64(), uint64(at.Unix())))
}

// poisson draws how many events happen when mean are expected (Knuth, TAOCP vol. 2, 3.4.1); for
// large means the normal approximation, as the product would underflow.
func poisson(rng *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(mean+math.Sqrt(mean)*rng.NormFloat64()+0.5))
	}
	limit, n := math.Exp(-mean), 0
	for p := rng.Float64(); p > limit; p *= rng.Float64() {
		n++
	}
	return n
}
