package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirhq/weir/engine"
)

// fillEvents and fillTenants are the size of the stores that are not about throughput.
const (
	fillEvents  = 10_000_000
	fillTenants = 10_000
)

// runRecover times Open of a store whose process was killed while it was writing.
func runRecover(ctx context.Context, o *options, r *report) error {
	events := fillEvents
	if o.events > 0 {
		events = o.events
	}
	figures, err := medians(o.runs, func(int) (figures []figure, err error) {
		err = inStore(o, func(dir string) error {
			figures, err = recoverOnce(ctx, dir, events)
			return err
		})
		return figures, err
	})
	if err != nil {
		return err
	}
	r.note("the page cache stays warm: the process is killed, not the machine")
	r.add(fmt.Sprintf("%d events acknowledged, killed while writing more", events), figures...)
	return nil
}

func recoverOnce(ctx context.Context, dir string, events int) (_ []figure, err error) {
	c, err := startChild(ctx, dir, events, fillTenants, true)
	if err != nil {
		return nil, err
	}
	time.Sleep(300 * time.Millisecond) // well into the writes after the report
	c.kill()
	start := time.Now()
	e, err := engine.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	opened := time.Since(start)
	defer func() { err = errors.Join(err, e.Close()) }()
	st := e.Stats()
	if st.Events < c.counted {
		return nil, fmt.Errorf("LOST: %d events were acknowledged, %d are there", c.counted, st.Events)
	}
	if total := counterTotal(e, newSource(fillTenants, 0)); total < c.quantity {
		return nil, fmt.Errorf("LOST: %d was acknowledged, the counters hold %d", c.quantity, total)
	}
	return []figure{
		{"until ready", float64(opened.Nanoseconds()), "ns"},
		{"events found", float64(st.Events), "count"},
		{"items folded again", float64(st.Replayed), "count"},
	}, nil
}
