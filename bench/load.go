package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// The goals of the open-loop workloads; -rate and -for choose others.
const (
	loadChecksPerSecond  = 10_000
	loadEventsPerSecond  = 300_000
	loadSpan             = 60 * time.Second
	loadWarmUp           = 2 * time.Second // not counted
	soakSpan             = 10 * time.Minute
	soakSamples          = 20
	soakChecksPerSecond  = 2_000
	soakConsumePerSecond = 200
	soakBatchesPerSecond = 10
)

// runLoad measures how long single checks, and batches of events, take at a real weir serve when they come at a fixed rate, and checks
// also under wrk; a bare net/http handler has the same checks to answer.
func runLoad(ctx context.Context, o *options, r *report) error {
	checks := arrivals{perSecond: loadChecksPerSecond, span: loadSpan, callers: 128}
	if o.rate > 0 {
		checks.perSecond = o.rate
	}
	if o.span > 0 {
		checks.span = o.span
	}
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		err = withQuotas(ctx, o, binary, func(s *server) error { return s.load(ctx, r, "POST /v1/check", "/v1/check", checks) })
		if err != nil {
			return err
		}
		if err := withBare(ctx, func(s *server) error { return s.load(ctx, r, "bare net/http handler", "/", checks) }); err != nil {
			return err
		}
		return loadBatches(ctx, o, r, binary, checks)
	})
}

// load sends checks at their rate, then as many as wrk gets answered with one and with two connections.
func (s *server) load(ctx context.Context, r *report, name, path string, checks arrivals) error {
	body := func(i int) []byte { return fmt.Appendf(nil, `{"tenant_id":"t%d","feature_type":"api_calls"}`, i%1000) }
	addr, want := strings.TrimPrefix(s.url, "http://"), []byte(`"allowed":true`)
	warm := checks
	warm.span = loadWarmUp
	if _, _, err := warm.runWires(ctx, addr, path, s.key, body, want); err != nil {
		return err
	}
	waits, late, err := checks.runWires(ctx, addr, path, s.key, body, want)
	r.add(fmt.Sprintf("%s, %s", name, checks), spread(waits, late, "answered", checks.span)...)
	if err != nil {
		return err
	}
	for _, connections := range []int{1, 2} {
		figures, err := s.wrk(ctx, path, connections, checks.span)
		if errors.Is(err, exec.ErrNotFound) {
			r.note("wrk is not installed: its rows are missing")
			return nil
		}
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("%s, wrk with %d connections for %s", name, connections, checks.span), figures...)
	}
	return nil
}

// loadBatches sends batches of events at the rate that stands to their goal as the checks' rate to theirs.
func loadBatches(ctx context.Context, o *options, r *report, binary string, checks arrivals) error {
	batches := arrivals{perSecond: checks.perSecond / loadChecksPerSecond * loadEventsPerSecond / httpBatch, span: checks.span, callers: 16}
	bodies, _ := encodeBodies(newSource(httpTenants, 0), int(batches.perSecond*batches.span.Seconds())*httpBatch)
	return inStore(o, func(dir string) error {
		s, err := startServer(ctx, binary, dir)
		if err != nil {
			return err
		}
		waits, late, err := batches.run(ctx, func(i int) error {
			n, err := s.post(ctx, bodies[i])
			if err == nil && n != httpBatch {
				err = fmt.Errorf("%d of %d events were accepted", n, httpBatch)
			}
			return err
		})
		r.add(fmt.Sprintf("POST /v1/events, batches of %d, %s", httpBatch, batches), spread(waits, late, "batches", batches.span)...)
		return errors.Join(err, s.stop())
	})
}

// expect posts a body whose answer must hold a text.
func (s *server) expect(ctx context.Context, path string, body, want []byte) error {
	text, err := s.send(ctx, http.MethodPost, path, body)
	if err == nil && !bytes.Contains(text, want) {
		err = fmt.Errorf("%s: %.300s", path, text)
	}
	return err
}

// runSoak lets a real weir serve work for long at a moderate rate, and watches its memory and goroutines. Events are a fixed set sent
// again and again: what grows then is not what has to be remembered, but a leak.
func runSoak(ctx context.Context, o *options, r *report) error {
	span := soakSpan
	if o.span > 0 {
		span = o.span
	}
	scale := 1.0
	if o.rate > 0 {
		scale = o.rate / soakChecksPerSecond
	}
	bodies, _ := encodeBodies(newSource(httpTenants, 0), 100*httpBatch)
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		return withQuotas(ctx, o, binary, func(s *server) error {
			s.client.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
			ctx, stop := context.WithTimeout(ctx, span+time.Minute)
			defer stop()
			var sent atomic.Int64
			flows := []struct {
				perSecond float64
				callers   int
				send      func(i int) error
			}{
				{soakChecksPerSecond * scale, 16, func(i int) error {
					return s.expect(ctx, "/v1/check", fmt.Appendf(nil, `{"tenant_id":"t%d","feature_type":"api_calls"}`, i%1000), []byte(`"allowed":true`))
				}},
				{soakConsumePerSecond * scale, 16, func(i int) error {
					return s.expect(ctx, "/v1/consume", fmt.Appendf(nil, `{"id":"c%d","tenant_id":"t%d","feature_type":"api_calls"}`, i%5000, i%1000), []byte(`"allowed":true`))
				}},
				{soakBatchesPerSecond * scale, 4, func(i int) error {
					_, err := s.post(ctx, bodies[i%len(bodies)])
					return err
				}},
			}
			failed := make(chan error, len(flows))
			for _, f := range flows {
				go func() {
					_, _, err := arrivals{perSecond: f.perSecond, span: span, callers: f.callers}.run(ctx, func(i int) error {
						sent.Add(1)
						return f.send(i)
					})
					failed <- err
				}()
			}
			return s.watch(ctx, r, span, failed, len(flows), &sent)
		})
	})
}

// watch samples the server while flows run, and reports the first and the last samples.
func (s *server) watch(ctx context.Context, r *report, span time.Duration, failed <-chan error, flows int, sent *atomic.Int64) error {
	tick := time.NewTicker(span / soakSamples)
	defer tick.Stop()
	var resident, heap, goroutines []float64
	for running := flows; running > 0; {
		select {
		case err := <-failed:
			if err != nil {
				return err
			}
			running--
		case <-tick.C:
			page, err := s.send(ctx, http.MethodGet, "/metrics", nil)
			if err != nil {
				return err
			}
			rss, _ := residentBytes(s.cmd.Process.Pid)
			resident = append(resident, float64(rss))
			heap = append(heap, sample(page, "go_memstats_heap_inuse_bytes"))
			goroutines = append(goroutines, sample(page, "go_goroutines"))
		}
	}
	if len(resident) < 4 {
		return fmt.Errorf("only %d samples: run longer", len(resident))
	}
	r.add(fmt.Sprintf("%s, %d requests", span, sent.Load()),
		figure{"resident after a quarter", mean(resident, 1), "B"}, figure{"resident at the end", mean(resident, 3), "B"},
		figure{"heap after a quarter", mean(heap, 1), "B"}, figure{"heap at the end", mean(heap, 3), "B"},
		figure{"goroutines after a quarter", mean(goroutines, 1), ""}, figure{"goroutines at the end", mean(goroutines, 3), ""})
	return nil
}

// mean is of the samples in one of four quarters, counted from 0.
func mean(samples []float64, quarter int) float64 {
	part := samples[len(samples)*quarter/4 : len(samples)*(quarter+1)/4]
	sum := 0.0
	for _, x := range part {
		sum += x
	}
	return sum / float64(max(1, len(part)))
}

// sample finds the value of a metric without labels.
func sample(page []byte, name string) float64 {
	for line := range bytes.Lines(page) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+" ")); ok {
			var value float64
			_, _ = fmt.Sscan(string(rest), &value) // a metric that is not there is 0
			return value
		}
	}
	return 0
}
