package httpapi

import (
	"net/http"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/weirhq/weir/usage"
)

// metrics is what /metrics answers: our own registry, never the default one, so that an
// embedder's metrics and ours do not meet.
type metrics struct {
	requests *prometheus.CounterVec   // by route, method, status
	duration *prometheus.HistogramVec // by route
	handler  http.Handler
}

func newMetrics(reg *prometheus.Registry, eng Engine) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_http_requests_total", Help: "HTTP requests answered.",
		}, []string{"route", "method", "status"}),
		// 100 us to 3.3 s by doubling: an fsync is about 150 us, a full chunk some ms.
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_http_request_duration_seconds", Help: "Time from the headers of a request to the end of its answer.",
			Buckets: prometheus.ExponentialBuckets(100e-6, 2, 16),
		}, []string{"route"}),
		handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}),
	}
	reg.MustRegister(m.requests, m.duration, newEngineCollector(eng),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// request counts one answer. Methods are a client's words: those that no route knows share one
// label, else anybody could grow the series without bound.
func (m *metrics) request(route, method string, status int) {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(status)).Inc()
}

func (c *call) getMetrics() {
	c.status = http.StatusOK
	c.api.metrics.handler.ServeHTTP(c.w, c.r)
}

// engineCollector reads the figures of an engine when it is scraped, so nothing is counted
// twice and the hot path pays nothing.
type engineCollector struct {
	eng    Engine
	health *prometheus.Desc
	rows   []statRow
}

type statRow struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  func(*usage.Stats) float64
}

func newEngineCollector(eng Engine) *engineCollector {
	c := &engineCollector{eng: eng, health: prometheus.NewDesc("weir_healthy",
		"1 when the check is well, else 0.", []string{"check"}, nil)}
	outcomes := prometheus.NewDesc("weir_events_total", "Events handled since the start, by outcome.",
		[]string{"outcome"}, nil)
	outcome := func(name string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{outcomes, prometheus.CounterValue, []string{name}, f})
	}
	outcome("counted", func(s *usage.Stats) float64 { return float64(s.Counted) })
	outcome("duplicate", func(s *usage.Stats) float64 { return float64(s.Duplicates) })
	outcome("conflict", func(s *usage.Stats) float64 { return float64(s.Conflicts) })
	outcome("rejected", func(s *usage.Stats) float64 { return float64(s.Rejected) })

	counter := func(name, help string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, nil, f})
	}
	gauge := func(name, help string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, nil, f})
	}
	counter("weir_blocks_total", "Blocks committed since the start.", func(s *usage.Stats) float64 { return float64(s.Blocks) })
	counter("weir_log_bytes_total", "Bytes of blocks committed since the start.", func(s *usage.Stats) float64 { return float64(s.LogBytes) })
	gauge("weir_store_events", "Events counted in the life of the store.", func(s *usage.Stats) float64 { return float64(s.Events) })
	gauge("weir_applied_index", "Log index of the newest applied block.", func(s *usage.Stats) float64 { return float64(s.AppliedIndex) })
	gauge("weir_durable_index", "Log index of the newest block on disk.", func(s *usage.Stats) float64 { return float64(s.DurableIndex) })
	gauge("weir_checkpoint_index", "Log index that the newest checkpoint holds.", func(s *usage.Stats) float64 { return float64(s.CheckpointIndex) })
	gauge("weir_tenants", "Tenants known.", func(s *usage.Stats) float64 { return float64(s.Tenants) })
	gauge("weir_series", "Pairs of tenant and meter with usage.", func(s *usage.Stats) float64 { return float64(s.Series) })
	gauge("weir_users", "Distinct pairs of tenant and user.", func(s *usage.Stats) float64 { return float64(s.Users) })
	gauge("weir_queue_items", "Items that wait for the committer.", func(s *usage.Stats) float64 { return float64(s.QueueItems) })
	gauge("weir_dedup_runs", "Runs of the index of ids on disk.", func(s *usage.Stats) float64 { return float64(s.DedupRuns) })
	gauge("weir_dedup_bytes", "Memory of open generations and filters.", func(s *usage.Stats) float64 { return float64(s.DedupBytes) })
	gauge("weir_disk_bytes", "Bytes on disk.", func(s *usage.Stats) float64 { return float64(s.DiskBytes) })
	gauge("weir_disk_free_bytes", "Bytes free on the disk.", func(s *usage.Stats) float64 { return float64(s.DiskFreeBytes) })
	gauge("weir_replayed_items", "Items folded again when the store was opened.", func(s *usage.Stats) float64 { return float64(s.Replayed) })
	return c
}

// Describe implements prometheus.Collector.
func (c *engineCollector) Describe(out chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		out <- r.desc
	}
	out <- c.health
}

// Collect implements prometheus.Collector.
func (c *engineCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.eng.Stats()
	for _, r := range c.rows {
		out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(&stats), r.labels...)
	}
	for _, check := range c.eng.Health() {
		value := 0.0
		if check.OK {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(c.health, prometheus.GaugeValue, value, check.Name)
	}
}
