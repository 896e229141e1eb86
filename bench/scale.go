package main

// How cost grows: one thing grows, the others stay.

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/weirhq/weir/engine"
)

// scalePoint is one store to measure.
type scalePoint struct {
	axis    string // what grows: tenants, events or values
	Tenants int
	Events  int
	Values  int // of the one dimension that the events have
}

// scalePoints without -full take a few minutes; with it hours, and 10 GB of disk.
func scalePoints(full bool, events int) (points []scalePoint) {
	tenants, sizes, each := []int{10, 1_000, 100_000}, []int{100_000, 300_000, 1_000_000}, 300_000
	if full {
		tenants, sizes, each = []int{10, 100, 1_000, 10_000, 100_000, 1_000_000}, []int{1_000_000, 3_000_000, 10_000_000, 30_000_000, 100_000_000}, 5_000_000
	}
	if events > 0 {
		sizes, each = []int{events / 10, events / 3, events}, events/3
	}
	for _, n := range tenants {
		points = append(points, scalePoint{"tenants", n, each, 1})
	}
	for _, n := range sizes {
		points = append(points, scalePoint{"events", 1_000, n, 1})
	}
	for _, n := range []int{1, 10, 100, 1_000} {
		points = append(points, scalePoint{"values", 1_000, each, n})
	}
	return points
}

// x is the value of what grows.
func (p scalePoint) x() int {
	switch p.axis {
	case "tenants":
		return p.Tenants
	case "events":
		return p.Events
	}
	return p.Values
}

func (p scalePoint) String() string {
	return fmt.Sprintf("by %s: %d tenants, %d events over 30 days, a dimension of %d values", p.axis, p.Tenants, p.Events, p.Values)
}

// scaleBytesPerEvent is more than an event takes on disk while it is loaded.
const scaleBytesPerEvent = 100

func runScale(ctx context.Context, o *options, r *report) error {
	r.Runs = 1
	r.note("events carry UUIDs and happen in order; restart is Open after kill -9, with a warm page cache; queries are medians of %d tenants", scaleAsked)
	for _, p := range scalePoints(o.full, o.events) {
		if free, ok := freeBytes(o.dir); ok && int64(p.Events)*scaleBytesPerEvent > free/2 {
			r.note("%s: left out, the disk has too little room", p)
			continue
		}
		var figures []figure
		err := inStore(o, func(dir string) (err error) {
			figures, err = scaleOnce(ctx, dir, p)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		r.add(p.String(), append([]figure{{p.axis, float64(p.x()), "count"}}, figures...)...)
	}
	return nil
}

// scaleName is the hidden first argument of a child that fills a store and measures it from the inside.
const scaleName = "child-scale"

// scaleOnce fills a store in a process of its own, whose memory is then its own, kills it, and opens the store again.
func scaleOnce(ctx context.Context, dir string, p scalePoint) ([]figure, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	args, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, scaleName, dir, string(args))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe() // the child ends when its parent does
	if err != nil {
		return nil, err
	}
	defer stdin.Close()
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var figures []figure
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	_ = cmd.Process.Kill() // as kill -9 does; it may have ended by itself
	_ = cmd.Wait()         // reports the signal
	if err == nil {
		err = json.Unmarshal(line, &figures)
	}
	if err != nil {
		return nil, fmt.Errorf("the child did not fill its store: %w", err)
	}
	start := time.Now()
	e, err := engine.Open(dir, nil)
	if err != nil {
		return nil, err
	}
	figures = append(figures, figure{"restart", float64(time.Since(start).Nanoseconds()), "ns"})
	if st := e.Stats(); st.Events < uint64(p.Events) {
		err = fmt.Errorf("LOST: %d events were acknowledged, %d are there", p.Events, st.Events)
	}
	if err := errors.Join(err, e.Close()); err != nil {
		return nil, err
	}
	total, _, err := usageOf(dir)
	return append(figures, figure{"on disk", float64(total.allocated) / float64(p.Events), "B/event"}), err
}

// runScaleChild is the child's main.
func runScaleChild(dir, point string) error {
	var p scalePoint
	if err := json.Unmarshal([]byte(point), &p); err != nil {
		return err
	}
	figures, err := p.measure(context.Background(), dir)
	if err != nil {
		return err
	}
	line, err := json.Marshal(figures)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", line)
	_, err = io.Copy(io.Discard, os.Stdin) // until it is killed
	return err
}
