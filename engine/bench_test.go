//go:build unix

package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// BenchmarkRecordBatch records batches of 1,000 fresh events from 8 callers, on the disk; bench/ is the program that
// reports it beside its rival.
var benchCallers = 8

func BenchmarkRecordBatch(b *testing.B) {
	for _, tenants := range []int{1000, 10000} {
		b.Run(fmt.Sprint("tenants=", tenants), func(b *testing.B) {
			e, err := Open(b.TempDir(), nil)
			require.NoError(b, err)
			defer e.Close()
			features := []string{"api_calls", "data_transfer", "compute_time", "session_time"}
			meta := make([][]byte, 4096)
			rng := rand.New(rand.NewPCG(1, 2))
			for i := range meta {
				meta[i] = fmt.Appendf(nil, `{"endpoint":"/v1/items/%d","method":"GET","response_size":%d,"duration_ms":%d}`, rng.IntN(20), rng.IntN(1<<14), rng.IntN(256))
			}
			names, users := make([]string, tenants), make([]string, 100)
			for i := range names {
				names[i] = fmt.Sprintf("tenant-%05d", i)
			}
			for i := range users {
				users[i] = fmt.Sprintf("user-%03d", i)
			}
			const batch = 1000
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ReportAllocs()
			cpu := cpuNanos()
			b.ResetTimer()
			var wg sync.WaitGroup
			for w := range benchCallers {
				wg.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(w), uint64(os.Getpid())))
					evs := make([]usage.Event, batch)
					for left.Add(-batch) > -batch {
						for i := range evs {
							var id uuid.UUID
							hi, lo := rng.Uint64(), rng.Uint64()
							for j := range 8 {
								id[j], id[8+j] = byte(hi>>(8*j)), byte(lo>>(8*j))
							}
							id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
							r := rng.Uint64()
							evs[i] = usage.Event{ID: id.String(), TenantID: names[r%uint64(tenants)], UserID: users[r>>20%100],
								FeatureType: features[r>>30&3], Quantity: usage.Int(int64(r >> 40 % 10)), Metadata: meta[r>>50&4095]}
						}
						if _, err := e.RecordBatch(context.Background(), evs); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric(float64(cpuNanos()-cpu)/float64(b.N), "cpu-ns/ev")
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ev/s")
			st := e.Stats()
			b.ReportMetric(float64(st.LogBytes)/float64(st.Counted), "logB/ev")
		})
	}
}

func BenchmarkCurrent(b *testing.B) {
	e, err := Open(b.TempDir(), nil)
	require.NoError(b, err)
	defer e.Close()
	names := make([]string, 10000)
	for i := range names {
		names[i] = fmt.Sprintf("tenant-%05d", i)
		if _, err := e.Record(context.Background(), usage.Event{ID: "a", TenantID: names[i], FeatureType: "api_calls"}); err != nil {
			b.Fatal(err)
		}
		if i == 0 {
			b.ResetTimer()
			b.StopTimer()
		}
	}
	b.ReportAllocs()
	b.StartTimer()
	b.RunParallel(func(pb *testing.PB) {
		i := 0
		for pb.Next() {
			i += 7919
			if _, ok := e.Current(names[i%len(names)], "api_calls"); !ok {
				b.Fail()
			}
		}
	})
}

// cpuNanos is the processor time of this process: steadier than the wall clock on a shared machine.
func cpuNanos() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkRecord records single events from 64 callers: what one durable event costs when many wait together.
func BenchmarkRecord(b *testing.B) {
	e, err := Open(b.TempDir(), nil)
	require.NoError(b, err)
	defer e.Close()
	var n atomic.Int64
	b.SetParallelism(32)
	b.ReportAllocs()
	cpu := cpuNanos()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			ev := usage.Event{ID: fmt.Sprint(i), TenantID: fmt.Sprint("t", i%1000), UserID: "u", FeatureType: "api_calls"}
			if _, err := e.Record(context.Background(), ev); err != nil {
				b.Error(err)
			}
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(cpuNanos()-cpu)/float64(b.N), "cpu-ns/ev")
	b.ReportMetric(float64(e.Stats().Blocks), "blocks")
}
