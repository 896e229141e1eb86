package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// runMemory reads the resident set of a process that has recorded events and keeps its store open.
// Once right after the last acknowledgement, and once when the collector and the background merges
// have had time to settle.
func runMemory(ctx context.Context, o *options, r *report) error {
	events := fillEvents
	if o.events > 0 {
		events = o.events
	}
	figures, err := medians(o.runs, func(int) (figures []figure, err error) {
		err = inStore(o, func(dir string) error {
			c, err := startChild(ctx, dir, events, fillTenants, false)
			if err != nil {
				return err
			}
			defer c.kill()
			full, _ := residentBytes(c.cmd.Process.Pid)
			time.Sleep(5 * time.Second)
			settled, highest := residentBytes(c.cmd.Process.Pid)
			if full == 0 {
				return errors.New("no resident set in /proc: this workload needs Linux")
			}
			figures = []figure{{"at the last ack", float64(full), "B"},
				{"5 s later", float64(settled), "B"}, {"highest", float64(highest), "B"}}
			return nil
		})
		return figures, err
	})
	if err != nil {
		return err
	}
	r.note("the child also holds the generator's %d metadata texts, about 8 MiB", metadataCount)
	r.add(fmt.Sprintf("%d ids, %d active counters", events, fillTenants*len(features)), figures...)
	return nil
}
