package main

import (
	"context"
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

const (
	scaleMeter = "scaled"
	scaleAsked = 200
	scaleReads = 1_000_000
)

// measure fills a store and asks it.
func (p scalePoint) measure(ctx context.Context, dir string) ([]figure, error) {
	debug.SetGCPercent(30) // as weir serve does for a heap of this size
	e, err := engine.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	if err := e.PutMeter(ctx, usage.Meter{Slug: scaleMeter, Aggregation: usage.Sum, Scale: new(0), Dimensions: []string{"metadata.model"}}); err != nil {
		return nil, err
	}
	end := time.Now().UTC().Truncate(time.Hour)
	s := newScaleSource(p, end)
	start := time.Now()
	if err := loadEvents(ctx, e, p.Events, s.event); err != nil {
		return nil, err
	}
	figures := []figure{{"acknowledged", float64(p.Events) / time.Since(start).Seconds(), "ev/s"}}
	perRead, err := s.reads(e)
	if err != nil {
		return nil, err
	}
	figures = append(figures, figure{"per counter read", perRead, "ns"})
	from := end.AddDate(0, 0, -analyticsDays)
	for _, question := range []struct {
		name  string
		query usage.Query
	}{
		{"30 days by the hour", usage.Query{}},
		{"the same by the dimension", usage.Query{GroupBy: []string{"metadata.model"}}},
	} {
		waits := make([]time.Duration, scaleAsked)
		for i := range waits {
			q := question.query
			q.Meter, q.TenantID, q.From, q.To, q.Window = scaleMeter, s.tenants[mix(uint64(i))%uint64(len(s.tenants))], from, end, usage.WindowHour
			began := time.Now()
			if _, err := e.Usage(ctx, q); err != nil && usage.Code(err) != usage.CodeInvalidValue { // more rows than one answer has
				return nil, err
			}
			waits[i] = time.Since(began)
		}
		slices.Sort(waits)
		figures = append(figures, figure{question.name, percentile(waits, 0.5), "ns"})
	}
	_, highest := residentBytes(os.Getpid())
	return append(figures, figure{"resident, highest", float64(highest), "B"}), nil
}

// scaleSource makes the events of a point.
type scaleSource struct {
	point    scalePoint
	began    time.Time
	tenants  []string
	users    []string
	metadata [][]byte
}

func newScaleSource(p scalePoint, end time.Time) *scaleSource {
	s := &scaleSource{point: p, began: end.AddDate(0, 0, -analyticsDays)}
	for i := range p.Tenants {
		s.tenants = append(s.tenants, fmt.Sprintf("tenant-%07d", i))
	}
	for i := range usersPerTenant {
		s.users = append(s.users, fmt.Sprintf("user-%04d", i))
	}
	for i := range p.Values {
		s.metadata = append(s.metadata, fmt.Appendf(nil, `{"model":"model-%04d"}`, i))
	}
	return s
}

// event is event n: all of them together pass evenly through 30 days.
func (s *scaleSource) event(n uint64) usage.Event {
	a := mix(n + 1)
	b := mix(a + n)
	id := make([]byte, 36)
	putUUID(id, a, b)
	return usage.Event{ID: string(id), TenantID: s.tenants[b%uint64(len(s.tenants))], UserID: s.users[b>>24%usersPerTenant], FeatureType: scaleMeter,
		Quantity: usage.Int(int64(a >> 40 % 10)), Metadata: s.metadata[a>>20%uint64(len(s.metadata))],
		Timestamp: s.began.Add(analyticsDays * 24 * time.Hour / time.Duration(s.point.Events) * time.Duration(n))}
}

// reads times the counter of the open month, of tenants at random.
func (s *scaleSource) reads(e *engine.Engine) (nanos float64, err error) {
	found := 0
	start := time.Now()
	for i := range uint64(scaleReads) {
		if _, ok := e.Current(s.tenants[mix(i)%uint64(len(s.tenants))], scaleMeter); ok {
			found++
		}
	}
	took := time.Since(start)
	if found == 0 {
		return 0, fmt.Errorf("none of %d tenants has a counter", len(s.tenants))
	}
	return float64(took.Nanoseconds()) / scaleReads, nil
}
