package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// commitsMax bounds the calls that one caller makes in a row of the matrix: each may cost an
// fsync, and 20,000 of 150 us take 3 s.
const commitsMax = 20_000

// ingestRow is one row of the table.
type ingestRow struct {
	tenants int
	load
	latency bool // also report how long calls wait
}

// headline are the rows without -full.
var headline = []ingestRow{
	{1_000, load{5_000_000, 1000, 8, 0}, false},
	{10_000, load{10_000_000, 1000, 8, 0}, false},
	{1_000, load{500_000, 1, 64, 0}, true},
}

// matrix are the rows with -full, each of about n events.
func matrix(n int) []ingestRow {
	var rows []ingestRow
	for _, tenants := range []int{1_000, 10_000, 100_000} {
		for _, duplicates := range []int{0, 50} {
			for _, callers := range []int{1, 8, 64} {
				for _, batch := range []int{1, 10, 100, 1000, 5000} {
					events := min(n, commitsMax*callers*batch)
					rows = append(rows, ingestRow{tenants, load{events, batch, callers, duplicates}, true})
				}
			}
		}
	}
	return rows
}

func (w ingestRow) String() string {
	return fmt.Sprintf("%d tenants x %d meters, %d events, batch %d, %d callers, %.3g %% duplicates",
		w.tenants, len(features), w.events, w.batch, w.callers, float64(w.duplicatesPer1000)/10)
}

func runIngest(ctx context.Context, o *options, r *report) error {
	rows := slices.Clone(headline)
	if o.full {
		n := 2_000_000
		if o.events > 0 {
			n = o.events
		}
		rows = matrix(n)
	} else if o.events > 0 {
		for i := range rows {
			rows[i].events = o.events
		}
	}
	r.add("making an event, one goroutine, in no row subtracted",
		figure{"per event", generatorCost(), "ns"})
	for _, w := range rows {
		src := newSource(w.tenants, 0)
		figures, err := medians(o.runs, func(int) ([]figure, error) { return ingestOnce(ctx, o, src, w) })
		if err != nil {
			return fmt.Errorf("%v: %w", w, err)
		}
		r.add(w.String(), figures...)
	}
	return nil
}

// ingestOnce measures w once. The bare fsync is timed on the same disk just before.
func ingestOnce(ctx context.Context, o *options, src *source, w ingestRow) (figures []figure, err error) {
	err = inEngine(o, func(e *engine.Engine) error {
		var fsync []figure
		if w.latency {
			waits, err := fsyncs(o.dir, 1000)
			if err != nil {
				return err
			}
			fsync = latencies("bare fsync", [][]time.Duration{waits})[:1]
		}
		s, err := record(ctx, e, src, w.load)
		if err != nil {
			return err
		}
		figures = append(figures, figure{"acknowledged", s.rate(), "ev/s"})
		if w.latency {
			figures = append(figures, latencies("call", s.waits)...)
			figures = append(figures, fsync...)
		}
		return verify(e, src, s)
	})
	return figures, err
}

// generatorCost returns the nanoseconds that making one event takes, alone and on one goroutine.
func generatorCost() float64 {
	const rounds, batch = 500, 1000
	src := newSource(10_000, 0)
	evs := make([]usage.Event, batch)
	numbers := newNumbering(0, 1, 0)
	start := time.Now()
	for range rounds {
		src.fill(evs, numbers.take)
	}
	return float64(time.Since(start).Nanoseconds()) / (rounds * batch)
}

// fsyncs appends 4 KiB and waits for the disk, n times, and returns how long each took.
func fsyncs(dir string, n int) ([]time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "weir-bench-fsync"))
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	page := make([]byte, 4096)
	waits := make([]time.Duration, n)
	for i := range waits {
		start := time.Now()
		if _, err := f.Write(page); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		waits[i] = time.Since(start)
	}
	return waits, nil
}
