package httpapi

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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
	f := checkFixture(b)
	body := bytes.NewReader([]byte(checkBody))
	r := httptest.NewRequest("POST", "/v1/check", nil)
	r.Header.Set("Authorization", "Bearer "+f.key)
	r.Header.Set("Content-Type", "application/json")
	r.Body, r.ContentLength = io.NopCloser(body), body.Size()
	w := &quickWriter{header: make(http.Header)}
	b.ReportAllocs()
	for b.Loop() {
		_, _ = body.Seek(0, io.SeekStart)
		clear(w.header)
		f.api.ServeHTTP(w, r)
		if w.status != 200 {
			b.Fatal(w.status)
		}
	}
}

const checkBody = `{"tenant_id":"acme","feature_type":"api_calls"}`

func checkFixture(b *testing.B) *fixture {
	f := newFixture(b)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/settings", `{"default_plan":"free"}`)
	f.do("POST", "/v1/events", `{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`)
	return f
}

// quickWriter keeps no body.
type quickWriter struct {
	header http.Header
	status int
}

func (w *quickWriter) Header() http.Header              { return w.header }
func (w *quickWriter) Write(p []byte) (int, error)      { return len(p), nil }
func (w *quickWriter) WriteHeader(status int)           { w.status = status }
func (w *quickWriter) SetReadDeadline(time.Time) error  { return nil }
func (w *quickWriter) SetWriteDeadline(time.Time) error { return nil }

// BenchmarkServed is one request over loopback, of a client that does next to nothing: a check, and a handler that reads the body and
// answers 600 bytes. cpu-ns/op is the processor time of both sides.
func BenchmarkServed(b *testing.B) {
	b.Run("check", func(b *testing.B) {
		f := checkFixture(b)
		ctx, stop := context.WithCancel(b.Context())
		defer stop()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(b, err)
		go func() { _ = f.api.Serve(ctx, l) }()
		overLoopback(b, l.Addr().String(), "/v1/check", f.key)
	})
	b.Run("bare", func(b *testing.B) {
		answer := bytes.Repeat([]byte(" "), 600)
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(answer)
		}))
		defer srv.Close()
		overLoopback(b, srv.Listener.Addr().String(), "/", "none")
	})
}

func overLoopback(b *testing.B, addr, path, key string) {
	request := fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s",
		path, addr, key, len(checkBody), checkBody)
	conn, err := net.Dial("tcp", addr)
	require.NoError(b, err)
	defer conn.Close()
	answer := make([]byte, 4096)
	ask := func() []byte {
		_, err := conn.Write(request)
		require.NoError(b, err)
		n, err := conn.Read(answer) // whole: it was written at once
		require.NoError(b, err)
		return answer[:n]
	}
	require.Contains(b, string(ask()), "HTTP/1.1 200 OK")
	b.ReportAllocs()
	b.ResetTimer()
	before := cpuTime()
	for range b.N {
		ask()
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is the processor time of this process.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
