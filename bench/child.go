package main

// Some things can only be seen from outside a process: its memory, and what it leaves behind when
// it is killed. The program then starts itself as a child that fills a store.

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"sync/atomic"

	"github.com/weirhq/weir/engine"
)

// childName is the hidden first argument of a child.
const childName = "child-fill"

// child is a running process that has filled its store.
type child struct {
	cmd      *exec.Cmd
	stdin    io.Closer
	counted  uint64 // events acknowledged before it reported
	quantity int64  // the sum of theirs
}

// startChild fills dir in another process and returns when everything is acknowledged. With
// goOn the child then keeps writing; without, it waits.
func startChild(ctx context.Context, dir string, events, tenants int, goOn bool) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.CommandContext(ctx, self, childName, "-dir", dir,
		"-events", fmt.Sprint(events), "-tenants", fmt.Sprint(tenants), fmt.Sprintf("-go-on=%t", goOn))}
	c.cmd.Stderr = os.Stderr
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.stdin = stdin
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if _, err := fmt.Fscanf(bufio.NewReader(stdout), "filled %d %d\n", &c.counted, &c.quantity); err != nil {
		c.kill()
		return nil, fmt.Errorf("the child did not fill its store: %w", err)
	}
	return c, nil
}

// kill is kill -9: nothing in the child gets a chance to tidy up.
func (c *child) kill() {
	_ = c.cmd.Process.Kill() // it may have ended by itself
	_ = c.cmd.Wait()         // reports the signal
	_ = c.stdin.Close()
}

// runChild is the child's main. It ends when its standard input does, so that it cannot outlive
// its parent.
func runChild(args []string) error {
	flags := flag.NewFlagSet(childName, flag.ContinueOnError)
	dir := flags.String("dir", "", "store")
	events := flags.Int("events", 0, "events to record")
	tenants := flags.Int("tenants", 0, "tenants to spread them over")
	goOn := flags.Bool("go-on", false, "keep writing afterwards")
	if err := flags.Parse(args); err != nil {
		return err
	}
	debug.SetGCPercent(30) // as weir serve does for a heap of this size
	e, err := engine.Open(*dir, nil)
	if err != nil {
		return err
	}
	src := newSource(*tenants, 0)
	s, err := record(context.Background(), e, src, load{*events, 1000, 8, 0})
	if err != nil {
		return err
	}
	if err := verify(e, src, s); err != nil {
		return err
	}
	s.waits = nil
	fmt.Printf("filled %d %d\n", s.counted, s.quantity)
	var stop atomic.Bool
	written := make(chan error, 1)
	go func() { written <- keepWriting(e, *tenants, *goOn, &stop) }()
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	stop.Store(true)
	if err := <-written; err != nil {
		return err
	}
	return e.Close()
}

// keepWriting records fresh events until stop is set.
func keepWriting(e *engine.Engine, tenants int, goOn bool, stop *atomic.Bool) error {
	src := newSource(tenants, 1)
	numbers := newNumbering(0, 1, 0)
	for goOn && !stop.Load() {
		var left atomic.Int64
		left.Store(10_000)
		w := &writer{e: e, src: src, load: load{batch: 1000}, numbers: numbers}
		if err := w.run(context.Background(), &left); err != nil {
			return err
		}
	}
	return nil
}
