package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// rangeChunk is how many tenants one goroutine reads with one view of the store: their pending parts are in memory
// meanwhile, and a view costs a few reads.
const rangeChunk = 256

// eachRange answers a plan's spans for the series of each of many tenants and calls fn with the place of the tenant and its answer, from several
// goroutines at once; tenants without a series are left out. It is rangeOf with fewer views and iterators: keys ascend from tenant to
// tenant, so an iterator goes forward instead of down from the root.
func (e *Engine) eachRange(ctx context.Context, p *queryPlan, tenants []*tenant, now int64, fn func(i int, aggs []rollup.Agg)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	workers := min(runtime.GOMAXPROCS(0), (len(tenants)+rangeChunk-1)/rangeChunk)
	errs := make([]error, workers)
	for w := range workers {
		wg.Go(func() {
			for errs[w] == nil {
				from := int(next.Add(rangeChunk)) - rangeChunk
				if from >= len(tenants) {
					return
				}
				if errs[w] = ctx.Err(); errs[w] == nil {
					errs[w] = e.rangeChunkOf(p, tenants, from, min(from+rangeChunk, len(tenants)), now, fn)
				}
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// rangeChunkOf is eachRange for the tenants [from, to). Pending parts are taken first, the view second, as in rangeOf.
func (e *Engine) rangeChunkOf(p *queryPlan, tenants []*tenant, from, to int, now int64, fn func(i int, aggs []rollup.Agg)) error {
	var parts [rangeChunk][2]*pending
	for i := from; i < to; i++ {
		if s := tenants[i].seriesOf(p.meter); s != nil {
			sh := tenants[i].shard
			sh.mu.Lock()
			parts[i-from] = s.unsaved()
			sh.mu.Unlock()
		}
	}
	view := e.state.store.View()
	defer view.Close()
	gen := viewGen(view)
	src := &seekPages{rows: view.Seeker(wal.ClassBounds(wal.ClassPage)), days: view.Seeker(wal.ClassBounds(wal.ClassDay)), meter: p.meter.num}
	defer func() { _, _ = src.rows.Close(), src.days.Close() }()
	kept := e.state.cfg.Load().kept
	for i := from; i < to; i++ {
		t := tenants[i]
		if t.seriesOf(p.meter) == nil {
			continue
		}
		var deltas []*rollup.Delta
		for _, part := range parts[i-from] {
			if part != nil && part.gen > gen {
				deltas = append(deltas, &part.delta)
			}
		}
		src.tenant = t.num
		aggs, err := rollup.RangeUntil(p.meter.kind, src, deltas, p.spans, now)
		if err == nil {
			err = kept.checkResolution(t.num, p.meter.kind, p.spans)
		}
		if err != nil {
			return fmt.Errorf("usage of tenant %q, meter %s: %w", t.name, p.meter.def.Slug, err)
		}
		fn(i, aggs)
	}
	return nil
}

// seekPages is the rollup.Source of one series after another, in the order of their keys.
type seekPages struct {
	rows, days    *wal.Seeker
	tenant, meter uint32
	lower, upper  []byte
}

var _ rollup.Source = (*seekPages)(nil)

// Pages implements rollup.Source.
func (s *seekPages) Pages(l rollup.Level, from, to int64, fn func(page int64, data []byte) error) error {
	s.lower = appendPageKey(s.lower[:0], s.tenant, s.meter, l, from)
	s.upper = appendPageKey(s.upper[:0], s.tenant, s.meter, l, to)
	rows := s.rows
	if l == rollup.Day {
		rows = s.days
	}
	return rows.Scan(s.lower, s.upper, func(key, value []byte) error {
		page, err := pageOfKey(key)
		if err != nil {
			return err
		}
		return fn(page, value)
	})
}
