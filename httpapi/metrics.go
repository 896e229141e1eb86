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
	repeats  *prometheus.CounterVec   // by peer, outcome
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
		repeats: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_compat_repeats_total", Help: "Events of other products' clients whose id was known: the same payload (duplicate), or another (conflict).",
		}, []string{"peer", "outcome"}),
		handler: promhttp.HandlerFor(reg, promhttp.HandlerOpts{}),
	}
	reg.MustRegister(m.requests, m.duration, m.repeats, newEngineCollector(eng),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// countedMethods have labels of their own. Methods are a client's words: those that no route knows share one label, else anybody could
// grow the series without bound.
var countedMethods = [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, "other"}

// request counts one answer.
func (m *metrics) request(r *route, method string, status int) {
	i := 0
	for i < len(countedMethods)-1 && countedMethods[i] != method {
		i++
	}
	if status != http.StatusOK {
		m.requests.WithLabelValues(r.pattern, countedMethods[i], strconv.Itoa(status)).Inc()
		return
	}
	known := r.answered[i].Load() // to find it by its labels takes as long as to judge a quota
	if known == nil {
		known = new(m.requests.WithLabelValues(r.pattern, countedMethods[i], "200"))
		r.answered[i].Store(known)
	}
	(*known).Inc()
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
	commit *prometheus.Desc
	fsync  *prometheus.Desc
	stores map[string]*prometheus.Desc // figures of both key-value stores, by name
	rows   []statRow
}

type statRow struct {
	desc   *prometheus.Desc
	kind   prometheus.ValueType
	labels []string
	value  func(*usage.Stats) float64
}

func newEngineCollector(eng Engine) *engineCollector {
	c := &engineCollector{
		eng: eng, stores: make(map[string]*prometheus.Desc),
		health: prometheus.NewDesc("weir_healthy", "1 when the check is well, else 0.", []string{"check"}, nil),
		commit: prometheus.NewDesc("weir_commit_duration_seconds", "From the proposal of a block until it was durable and applied.", nil, nil),
		fsync:  prometheus.NewDesc("weir_fsync_duration_seconds", "Of the log.", nil, nil),
	}
	outcomes := prometheus.NewDesc("weir_events_total", "Events handled since the start, by outcome.",
		[]string{"outcome"}, nil)
	outcome := func(name string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{outcomes, prometheus.CounterValue, []string{name}, f})
	}
	outcome("counted", func(s *usage.Stats) float64 { return float64(s.Counted) })
	outcome("duplicate", func(s *usage.Stats) float64 { return float64(s.Duplicates) })
	outcome("conflict", func(s *usage.Stats) float64 { return float64(s.Conflicts) })
	outcome("rejected", func(s *usage.Stats) float64 { return float64(s.Rejected) })
	outcome("denied", func(s *usage.Stats) float64 { return float64(s.Denied) })

	counter := func(name, help string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{prometheus.NewDesc(name, help, nil, nil), prometheus.CounterValue, nil, f})
	}
	gauge := func(name, help string, f func(*usage.Stats) float64) {
		c.rows = append(c.rows, statRow{prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, nil, f})
	}
	counter("weir_other_groups_total", "Combinations of values counted as __other__ since the start, as the day has too many.",
		func(s *usage.Stats) float64 { return float64(s.OtherGroups) })
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
	counter("weir_other_users_total", "Events of users beyond max_users, counted as __other__.", func(s *usage.Stats) float64 { return float64(s.OtherUsers) })
	gauge("weir_space_tripped", "1 while writes are refused for lack of space.", func(s *usage.Stats) float64 { return one(s.SpaceTripped) })
	gauge("weir_cache_bytes", "Memory of the store's block cache.", func(s *usage.Stats) float64 { return float64(s.CacheBytes) })
	counter("weir_cache_hits_total", "Reads that the block cache answered.", func(s *usage.Stats) float64 { return float64(s.CacheHits) })
	counter("weir_cache_misses_total", "Reads that went to the disk.", func(s *usage.Stats) float64 { return float64(s.CacheMisses) })
	c.decisions()
	c.pebble("log", func(s *usage.Stats) *usage.PebbleStats { return &s.LogStore })
	c.pebble("state", func(s *usage.Stats) *usage.PebbleStats { return &s.StateStore })
	return c
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// decisions adds a counter for each decision.
func (c *engineCollector) decisions() {
	desc := prometheus.NewDesc("weir_decisions_total", "Answers of consume since the start, by decision.", []string{"decision"}, nil)
	for _, d := range []usage.Decision{usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock} {
		c.rows = append(c.rows, statRow{desc, prometheus.CounterValue, []string{string(d)}, func(s *usage.Stats) float64 { return float64(s.Decisions[d]) }})
	}
}

// pebble adds the figures of one of the two key-value stores.
func (c *engineCollector) pebble(store string, of func(*usage.Stats) *usage.PebbleStats) {
	add := func(name, help string, kind prometheus.ValueType, f func(*usage.PebbleStats) float64) {
		desc, ok := c.stores[name]
		if !ok {
			desc = prometheus.NewDesc("weir_pebble_"+name, help, []string{"store"}, nil)
			c.stores[name] = desc
		}
		c.rows = append(c.rows, statRow{desc, kind, []string{store}, func(s *usage.Stats) float64 { return f(of(s)) }})
	}
	gauge, counter := prometheus.GaugeValue, prometheus.CounterValue
	add("disk_bytes", "Bytes on disk.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.DiskBytes) })
	add("tables", "Sorted tables.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.Tables) })
	add("l0_tables", "Tables of level 0; many of them say that compactions are behind.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.L0Tables) })
	add("read_amplification", "Tables that a lookup may have to ask.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.ReadAmp) })
	add("compaction_debt_bytes", "Bytes that compactions have still to rewrite.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.CompactionDebt) })
	add("memtable_bytes", "Memory of tables not yet written.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.MemTableBytes) })
	add("wal_bytes", "Bytes of the write-ahead log.", gauge, func(p *usage.PebbleStats) float64 { return float64(p.WALBytes) })
	add("compactions_total", "Compactions since the start.", counter, func(p *usage.PebbleStats) float64 { return float64(p.Compactions) })
	add("flushes_total", "Flushes since the start.", counter, func(p *usage.PebbleStats) float64 { return float64(p.Flushes) })
	add("written_bytes_total", "Bytes written to tables since the start.", counter, func(p *usage.PebbleStats) float64 { return float64(p.WriteBytes) })
}

// Describe implements prometheus.Collector.
func (c *engineCollector) Describe(out chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		out <- r.desc
	}
	out <- c.health
	out <- c.commit
	out <- c.fsync
}

// Collect implements prometheus.Collector.
func (c *engineCollector) Collect(out chan<- prometheus.Metric) {
	stats := c.eng.Stats()
	for _, r := range c.rows {
		out <- prometheus.MustNewConstMetric(r.desc, r.kind, r.value(&stats), r.labels...)
	}
	for _, check := range c.eng.Health() {
		out <- prometheus.MustNewConstMetric(c.health, prometheus.GaugeValue, one(check.OK), check.Name)
	}
	out <- constHistogram(c.commit, &stats.CommitTime)
	out <- constHistogram(c.fsync, &stats.FsyncTime)
}

// constHistogram writes a histogram of nanoseconds in seconds.
func constHistogram(desc *prometheus.Desc, h *usage.Histogram) prometheus.Metric {
	buckets := make(map[float64]uint64, len(h.BoundsNanos))
	count := uint64(0)
	for i, n := range h.Counts {
		count += n
		if i < len(h.BoundsNanos) {
			buckets[float64(h.BoundsNanos[i])/1e9] = count
		}
	}
	return prometheus.MustNewConstHistogram(desc, count, float64(h.SumNanos)/1e9, buckets)
}
