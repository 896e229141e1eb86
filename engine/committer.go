package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// The committer is one goroutine that turns everything waiting into one block: group commit without
// a timer. While a block is being encoded and synced, the next callers gather, so blocks grow
// with the load and an idle engine answers a single event after one fsync.

// request is a caller's items on their way. Its memory is the caller's again when done is
// closed; a caller that stops waiting before leaves it to the garbage collector.
type request struct {
	items   []item
	spans   []strictjson.Span
	results []Result
	err     error
	left    int           // items not yet resolved; the resolver's
	done    chan struct{} // closed when results or err is final
}

// committer collects requests into blocks and submits them to the log.
type committer struct {
	log     CommitLog
	clock   *logClock
	hand    *handoff // nil: apply reads every block from its bytes
	hub     *hub     // told of what is durable
	queue   chan *request
	futures chan *flight // submitted, to be resolved in order
	waiting atomic.Int64 // items in queue
	times   latencies    // of blocks, written by resolve

	flying atomic.Int64  // blocks submitted and not resolved
	landed chan struct{} // a token when flying fell to 0

	stop struct {
		sync.RWMutex // held for reading while a caller sends on queue
		closed       bool
	}
	done sync.WaitGroup

	encoder wal.BlockEncoder
	load    []*item // collected, not yet in a block
	parts   []part  // the requests that load is of, in order
	entries []*wal.Item
}

// flight is a submitted block and the parts of requests that are in it.
type flight struct {
	future Future
	began  time.Time
	err    error // the block was never submitted
	parts  []part
}

type part struct {
	req      *request
	from, to int // items of req; they stand in the block one after another
}

func newCommitter(log CommitLog, clock *logClock, hand *handoff, hub *hub) *committer {
	c := &committer{
		log: log, clock: clock, hand: hand, hub: hub,
		queue:   make(chan *request, queueRequestsMax),
		futures: make(chan *flight, pipelineBlocksMax),
		landed:  make(chan struct{}, 1),
	}
	c.done.Add(2)
	go c.run()
	go c.resolve()
	return c
}

// submit queues r and waits for its fate. A ctx that ends before r is queued is a definite no
// (overloaded); one that ends later leaves the outcome unknown.
func (c *committer) submit(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return gaveUp(err)
	}
	r.done = make(chan struct{}) // never one of before: a test in a bubble (testing/synctest) may not wait on one from outside
	r.left = len(r.items)
	c.stop.RLock()
	if c.stop.closed {
		c.stop.RUnlock()
		return usage.ErrClosed
	}
	c.waiting.Add(int64(len(r.items)))
	select {
	case c.queue <- r:
		c.stop.RUnlock()
	default:
		select {
		case c.queue <- r:
			c.stop.RUnlock()
		case <-ctx.Done():
			c.stop.RUnlock()
			c.waiting.Add(-int64(len(r.items)))
			return gaveUp(ctx.Err())
		}
	}
	select {
	case <-r.done:
		return r.err
	case <-ctx.Done():
		select {
		case <-r.done:
			return r.err
		default:
		}
		return fmt.Errorf("%w (%w)", &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "the call gave up waiting for a write that is on its way; retry with the same id"}, ctx.Err())
	}
}

// gaveUp is the error of a call that ended before it was queued.
func gaveUp(why error) error {
	return fmt.Errorf("%w (%w)", &usage.Error{Code: usage.CodeOverloaded, Detail: "the call gave up waiting; nothing was written; retry later"}, why)
}

// close refuses new requests, commits those queued, and waits.
func (c *committer) close() {
	c.stop.Lock()
	if !c.stop.closed {
		c.stop.closed = true
		close(c.queue)
	}
	c.stop.Unlock()
	c.done.Wait()
}

func (c *committer) run() {
	defer c.done.Done()
	defer close(c.futures)
	for c.collect() {
		f := c.propose()
		c.flying.Add(1)
		c.futures <- f
	}
}

// collect fills the load for a block. It returns false when the queue is closed and everything is committed.
//
// It takes what is there, and what comes while it lets others run: callers that the last block released are
// on their way back, and one block for all of them costs one fsync, where a block for the first and a
// block for the rest would cost two. A small load then waits for the block under way to land, for the same reason; a
// large one is worth a place in the pipeline.
func (c *committer) collect() bool {
	for open := true; len(c.load) < wal.BlockItemsMax; {
		r, ok := c.next(len(c.load) == 0)
		switch {
		case ok:
			c.take(r)
			continue
		case len(c.load) == 0:
			return false
		case open && c.gather():
			continue
		case c.flying.Load() == 0 || len(c.load) >= pipelineItemsMin || !open:
			return true
		}
		select {
		case r, open = <-c.queue:
			if open {
				c.take(r)
			}
		case <-c.landed:
		}
	}
	return true
}

// gather lets callers that are ready run, and reports whether one of them has sent something.
func (c *committer) gather() bool {
	for range gatherYields {
		runtime.Gosched()
		if len(c.queue) > 0 {
			return true
		}
	}
	return false
}

func (c *committer) take(r *request) {
	for i := range r.items {
		c.load = append(c.load, &r.items[i])
	}
	c.parts = append(c.parts, part{r, 0, len(r.items)})
}

// next takes a request from the queue, waiting only when wait is set.
func (c *committer) next(wait bool) (*request, bool) {
	if wait {
		r, ok := <-c.queue
		return r, ok
	}
	select {
	case r, ok := <-c.queue:
		return r, ok
	default:
		return nil, false
	}
}

// propose stamps, encodes and submits one block of what is loaded: as much from the front as fits. A
// configuration item travels alone. Nothing is lost when the stamp is refused: the whole load fails with it.
func (c *committer) propose() *flight {
	nanos, err := c.clock.stamp()
	if err != nil {
		_, parts := c.unload(len(c.load))
		return &flight{err: err, parts: parts}
	}
	limit := min(len(c.load), wal.BlockItemsMax)
	for i, it := range c.load[:limit] {
		if it.Kind == wal.KindConfig {
			limit = max(i, 1)
			break
		}
	}
	c.entries = c.entries[:0]
	for _, it := range c.load[:limit] {
		c.entries = append(c.entries, &it.Item)
	}
	data, n := c.encoder.EncodeFront(nil, wal.BlockHeader{LogTimeNanos: nanos}, c.entries)
	items, parts := c.unload(n)
	if c.hand != nil {
		c.hand.put(&proposal{data: data, nanos: nanos, items: items})
	}
	began := time.Now() // of this process only: it never reaches the log
	return &flight{future: c.log.Submit(data), began: began, parts: parts}
}

// unload takes the first n items off the load, with the parts of requests that they are.
func (c *committer) unload(n int) ([]*item, []part) {
	items := c.load[:n:n]
	rest := c.load[n:]
	c.load = make([]*item, len(rest), max(len(rest), 64, n)) // the block keeps the old one
	copy(c.load, rest)
	c.waiting.Add(-int64(n))
	for i := range c.parts {
		p := c.parts[i]
		if size := p.to - p.from; n >= size {
			n -= size
			continue
		}
		taken := append(c.parts[:i:i], part{p.req, p.from, p.from + n})
		if n == 0 {
			taken = taken[:i]
		}
		c.parts = append([]part{{p.req, p.from + n, p.to}}, c.parts[i+1:]...)
		return items, taken
	}
	taken := c.parts
	c.parts = make([]part, 0, max(16, len(taken)))
	return items, taken
}

// resolve hands results back, block by block.
func (c *committer) resolve() {
	defer c.done.Done()
	for f := range c.futures {
		var results []Result
		err := f.err
		if f.future != nil {
			_, results, err = f.future.Wait()
			c.times.add(time.Since(f.began))
		}
		at := 0
		for _, p := range f.parts {
			n := p.to - p.from
			p.req.resolve(p.from, p.to, results, at, err)
			if err == nil {
				c.hub.landed(p.req.items[p.from:p.to], results[at:at+n])
			}
			at += n
			if p.req.left -= n; p.req.left == 0 {
				close(p.req.done)
			}
		}
		if c.flying.Add(-1) == 0 {
			select {
			case c.landed <- struct{}{}:
			default: // told already
			}
		}
	}
}

// resolve takes the fate of items [from, to): results from at on, or err. A request that was refused in
// part after another part was written is of unknown outcome as a whole.
func (r *request) resolve(from, to int, results []Result, at int, err error) {
	written := r.left < len(r.items) && r.err == nil
	switch {
	case err == nil:
		copy(r.results[from:to], results[at:])
		if r.err != nil {
			r.err = partlyWritten(r.err)
		}
	case written:
		r.err = partlyWritten(err)
	case r.err == nil || usage.Code(err) == usage.CodeOutcomeUnknown:
		r.err = err
	}
}
