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
	perHour  float64       // events in an average working hour
	offset   time.Duration // where its working day lies, against UTC
	weekends float64       // share of a working day's traffic on Saturday and Sunday
	growth   float64       // a week
	users    int
}

var demoTenants = []demoTenant{
	{"acme", 60, -5 * time.Hour, 0.25, 1.10, 40},
	{"globex", 35, 1 * time.Hour, 0.30, 1.00, 25},
	{"initech", 20, -6 * time.Hour, 0.05, 0.95, 12},
	{"umbrella", 25, 9 * time.Hour, 0.60, 1.20, 30},
	{"hooli", 90, -8 * time.Hour, 0.70, 1.15, 80},
}

func demoNames() string {
	names := make([]string, len(demoTenants))
	for i, t := range demoTenants {
		names[i] = t.name
	}
	return strings.Join(names, ", ")
}

var demoEndpoints = []string{"/v1/items", "/v1/items/{id}", "/v1/search", "/v1/orders", "/v1/reports", "/v1/files", "/v1/users", "/v1/login"}

// backfill records two weeks up to now. Ids and payloads follow from tenant and hour, so that
// a directory that is opened again holds its history once.
func backfill(ctx context.Context, eng *engine.Engine, now time.Time) (int, error) {
	const hours = 14 * 24
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
	for h := -hours; h < 0; h++ {
		hour := end.Add(time.Duration(h) * time.Hour)
		for i := range demoTenants {
			t := &demoTenants[i]
			rng := hourRand(t.name, hour)
			n := poisson(rng, t.rate(hour))
			for k := range n {
				at := hour.Add(time.Duration(rng.Int64N(int64(time.Hour/time.Millisecond))) * time.Millisecond)
				ev := t.event(rng)
				ev.ID = fmt.Sprintf("demo-%d-%d", hour.Unix()/3600, k)
				ev.Timestamp = at
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

// rate is the events an hour of a tenant at a time: a bell around 14:00 of its day over a
// low floor, fewer on weekends, growing by the week. The growth is anchored to a fixed day, so
// that an hour has the same rate whenever it is asked.
func (t *demoTenant) rate(at time.Time) float64 {
	local := at.UTC().Add(t.offset)
	clock := float64(local.Hour()) + float64(local.Minute())/60
	day := 0.08 + math.Exp(-(clock-14)*(clock-14)/(2*3.5*3.5))
	if w := local.Weekday(); w == time.Saturday || w == time.Sunday {
		day *= t.weekends
	}
	year := time.Date(at.UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC)
	weeks := at.Sub(year).Hours() / (24 * 7)
	return t.perHour * day * math.Pow(t.growth, math.Mod(weeks, 6))
}

// event makes one event of a tenant, without id and time.
func (t *demoTenant) event(rng *rand.Rand) usage.Event {
	// The square makes few users busy and many quiet.
	u := rng.Float64()
	ev := usage.Event{
		TenantID: t.name, UserID: fmt.Sprintf("user-%02d", int(u*u*float64(t.users))+1), Source: "demo",
	}
	switch p := rng.IntN(100); {
	case p < 70:
		ev.FeatureType = "api_calls"
		status, method := 200, "GET"
		if rng.IntN(3) == 0 {
			method = "POST"
		}
		if rng.IntN(50) == 0 {
			status = 500
		}
		ev.Metadata = fmt.Appendf(nil, `{"endpoint":%q,"method":%q,"status":%d,"response_size":%d,"duration_ms":%d}`,
			demoEndpoints[rng.IntN(len(demoEndpoints))], method, status, 200+rng.IntN(16000), 3+int(rng.ExpFloat64()*40))
	case p < 85:
		ev.FeatureType = "data_transfer"
		ev.Quantity = usage.Int(int64(math.Exp(8 + 3*rng.NormFloat64())))
	case p < 95:
		ev.FeatureType = "compute_time"
		ev.Quantity = usage.FromUnits(int64(50+rng.ExpFloat64()*2000), 3)
	default:
		ev.FeatureType = "session_time"
		ev.Quantity = usage.Int(30 + int64(rng.ExpFloat64()*600))
	}
	return ev
}

// liveTraffic records events at the tenants' rates, a hundredfold, until ctx ends: a page that
// is watched should move.
func liveTraffic(ctx context.Context, eng *engine.Engine, log *slog.Logger) {
	const tick = 250 * time.Millisecond
	const boost = 100
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
				for range poisson(rng, boost*t.rate(now)*tick.Hours()) {
					ev := t.event(rng)
					ev.ID = httpapi.NewEventID()
					events = append(events, ev)
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

// hourRand is a random source that depends on a tenant and an hour only.
func hourRand(tenant string, hour time.Time) *rand.Rand {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tenant)) // never fails
	return rand.New(rand.NewPCG(h.Sum64(), uint64(hour.Unix())))
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
