package httpapi

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// BenchmarkConsumeBatch decides batches of 1,000 requests, without a network.
func BenchmarkConsumeBatch(b *testing.B) {
	f := newFixture(b)
	f.do("PUT", "/v1/plans/free", `{"quotas":[{"slug":"m","meter":"api_calls","period":"month","limit":1000000000000}]}`)
	f.do("PUT", "/v1/settings", `{"default_plan":"free"}`)
	var n atomic.Int64
	b.SetParallelism(4)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			i := n.Add(1)
			body := []byte(`{"requests":[`)
			for k := range 1000 {
				if k > 0 {
					body = append(body, ',')
				}
				body = fmt.Appendf(body, `{"id":"r%d-%d","tenant_id":"t%d","feature_type":"api_calls","quantity":1}`, i, k, k)
			}
			w := f.send("POST", "/v1/consume/batch", bytes.NewReader(append(body, "]}"...)), "Content-Type", "application/json")
			require.Equal(b, 200, w.Code)
		}
	})
	b.StopTimer()
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "decisions/s")
}

// BenchmarkCheck is one check, without a network.
func BenchmarkCheck(b *testing.B) {
	f := newFixture(b)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/settings", `{"default_plan":"free"}`)
	f.do("POST", "/v1/events", `{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`)
	body := []byte(`{"tenant_id":"acme","feature_type":"api_calls"}`)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		r := httptest.NewRequest("POST", "/v1/check", bytes.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+f.key)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		f.api.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}
