package engine

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

const threeQuotas = `[{"slug":"m","meter":"api_calls","period":"month","limit":1000000000000},
	{"slug":"d","meter":"api_calls","period":"day","limit":1000000000000},{"slug":"r","meter":"api_calls","rate":{"limit":1000000,"per":"1s"}}]`

// quotaEngine is an engine with tenants on a plan of three quotas.
func quotaEngine(b *testing.B, tenants int) (*Engine, []string) {
	e, err := Open(b.TempDir(), nil)
	require.NoError(b, err)
	b.Cleanup(func() { _ = e.Close() })
	putPlan(b, e, "p", threeQuotas)
	require.NoError(b, e.PutSettings(context.Background(), usage.Settings{DefaultPlan: new("p")}, usage.Condition{}))
	names := make([]string, tenants)
	var evs []usage.Event
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%07d", i)
		if evs = append(evs, usage.Event{ID: fmt.Sprint(i), TenantID: names[i], FeatureType: "api_calls"}); len(evs) == 4000 || i == tenants-1 {
			_, err := e.RecordBatch(context.Background(), evs)
			require.NoError(b, err)
			evs = evs[:0]
		}
	}
	return e, names
}

func BenchmarkAllowed(b *testing.B) {
	for _, hot := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint("hot=", hot), func(b *testing.B) {
			e, names := quotaEngine(b, 100_000)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				i := 0
				for pb.Next() {
					i += 7919
					if !e.Allowed(names[i%hot], "api_calls", 1).Allowed {
						b.Fail()
					}
				}
			})
		})
	}
}

func BenchmarkTake(b *testing.B) {
	e, _ := quotaEngine(b, 1)
	l, err := e.Lease(context.Background(), usage.LeaseRequest{ID: "l", TenantID: "leaser", FeatureType: "data_transfer", Quantity: usage.Int(1 << 50)})
	require.NoError(b, err)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if !l.Take(1) {
				b.Fail()
			}
		}
	})
}

// BenchmarkConsume is a durable decision over three quotas, from many callers at once.
func BenchmarkConsume(b *testing.B) {
	for _, callers := range []int{64, 256} {
		b.Run(fmt.Sprint("callers=", callers), func(b *testing.B) {
			e, names := quotaEngine(b, 1000)
			var n, nanos atomic.Int64
			b.SetParallelism(callers / 2)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					start := time.Now()
					a, err := e.Consume(context.Background(), usage.Request{ID: fmt.Sprint("c", i), TenantID: names[i%1000],
						Items: []usage.Item{{FeatureType: "api_calls"}}})
					if err != nil || !a.Allowed {
						b.Error(a, err)
					}
					nanos.Add(int64(time.Since(start)))
				}
			})
			b.ReportMetric(float64(nanos.Load())/float64(b.N)/1e3, "us/call")
		})
	}
}
