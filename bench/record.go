package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// load is what a run sends to an engine.
type load struct {
	events            int // in all, duplicates included
	batch             int // events per RecordBatch; 1 calls Record
	callers           int // goroutines that wait for their acknowledgement before they go on
	duplicatesPer1000 int
}

// sent is what a run did.
type sent struct {
	elapsed  time.Duration
	counted  uint64            // different ids
	repeated uint64            // ids that had been sent before
	quantity int64             // sum over different ids
	waits    [][]time.Duration // by caller: time until a call was acknowledged
}

// rate returns acknowledged events per second.
func (s *sent) rate() float64 {
	return float64(s.counted+s.repeated) / s.elapsed.Seconds()
}

// record sends l to e and returns when everything is acknowledged.
func record(ctx context.Context, e *engine.Engine, src *source, l load) (*sent, error) {
	var (
		s      = &sent{waits: make([][]time.Duration, l.callers)}
		left   atomic.Int64
		wg     sync.WaitGroup
		mu     sync.Mutex // guards s.counted, s.repeated, s.quantity and failed
		failed error      // the first; the other callers mostly repeat it
		start  = time.Now()
	)
	left.Store(int64(l.events))
	for c := range l.callers {
		wg.Go(func() {
			w := &writer{e: e, src: src, load: l, numbers: newNumbering(c, l.callers, l.duplicatesPer1000)}
			err := w.run(ctx, &left)
			s.waits[c] = w.waits
			mu.Lock()
			defer mu.Unlock()
			s.counted += w.numbers.fresh
			s.repeated += w.total - w.numbers.fresh
			s.quantity += w.quantity
			failed = cmp.Or(failed, err)
		})
	}
	wg.Wait()
	s.elapsed = time.Since(start)
	return s, failed
}

// writer is one caller.
type writer struct {
	e        *engine.Engine
	src      *source
	load     load
	numbers  *numbering
	total    uint64 // events sent
	quantity int64  // sum over different ids
	waits    []time.Duration
}

func (w *writer) run(ctx context.Context, left *atomic.Int64) error {
	evs := make([]usage.Event, w.load.batch)
	isNew := make([]bool, w.load.batch)
	for {
		n := min(int64(w.load.batch), left.Add(-int64(w.load.batch))+int64(w.load.batch))
		if n <= 0 {
			return nil
		}
		w.src.fill(evs[:n], func(i int) uint64 {
			before := w.numbers.fresh
			v := w.numbers.take(i)
			isNew[i] = w.numbers.fresh > before
			return v
		})
		w.total += uint64(n)
		start := time.Now()
		if err := w.send(ctx, evs[:n]); err != nil {
			return err
		}
		w.waits = append(w.waits, time.Since(start))
		for i := range evs[:n] {
			if isNew[i] {
				whole, _ := evs[i].Quantity.Parts()
				w.quantity += whole
			}
		}
	}
}

// send records evs and wants every one of them counted or known.
func (w *writer) send(ctx context.Context, evs []usage.Event) error {
	if w.load.batch == 1 {
		o, err := w.e.Record(ctx, evs[0])
		if err != nil {
			return err
		}
		return judge(o)
	}
	outcomes, err := w.e.RecordBatch(ctx, evs)
	if err != nil {
		return err
	}
	if len(outcomes) != len(evs) {
		return fmt.Errorf("%d outcomes for %d events", len(outcomes), len(evs))
	}
	for _, o := range outcomes {
		if err := judge(o); err != nil {
			return err
		}
	}
	return nil
}

func judge(o usage.Outcome) error {
	if o.Status != usage.StatusCounted && o.Status != usage.StatusDuplicate {
		return fmt.Errorf("event %s: %s: %w", o.ID, o.Status, o.Err)
	}
	return nil
}

// verify compares what e counted with what was sent.
func verify(e *engine.Engine, src *source, s *sent) error {
	st := e.Stats()
	if st.Counted != s.counted || st.Duplicates != s.repeated {
		return fmt.Errorf("wrong counts: counted %d of %d, duplicates %d of %d",
			st.Counted, s.counted, st.Duplicates, s.repeated)
	}
	if total := counterTotal(e, src); total != s.quantity {
		return fmt.Errorf("wrong sums: the counters hold %d, %d was sent", total, s.quantity)
	}
	return nil
}

// counterTotal adds up the counters of every tenant and feature. Counters are in the units of their
// meter; quantities here are whole, so the division is exact.
func counterTotal(e *engine.Engine, src *source) (total int64) {
	for _, slug := range features {
		m, _ := e.Meter(slug)
		unitsPerOne := int64(1)
		for range m.Meter.ScaleOf() {
			unitsPerOne *= 10
		}
		for _, tenant := range src.tenants {
			n, _ := e.Current(tenant, slug)
			total += n / unitsPerOne
		}
	}
	return total
}

// inStore runs f on a fresh store below o.dir and removes it. The heap of the run before is given
// back first, so that runs do not pay for one another.
func inStore(o *options, f func(dir string) error) error {
	debug.FreeOSMemory()
	dir, err := os.MkdirTemp(o.dir, "weir-bench-")
	if err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}

// inEngine is inStore with an open engine of default options.
func inEngine(o *options, f func(e *engine.Engine) error) error {
	return inStore(o, func(dir string) error {
		e, err := engine.Open(dir, nil)
		if err != nil {
			return err
		}
		return errors.Join(f(e), e.Close())
	})
}
