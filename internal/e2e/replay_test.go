package e2e

// The clients of the exactly-once run.

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	replayClients = 8
	batchMax      = 1000
)

// batch is some events that are sent in one request.
type batch struct {
	events  []int // of the list
	variant uint64
	lines   bool // NDJSON, not a JSON array
	packed  bool // with gzip
}

// replay sends a list of events, every event twice, until all of it is acknowledged.
type replay struct {
	events  []modelEvent
	batches []*batch
	server  atomic.Pointer[server] // nil while it is down
	next    atomic.Int64           // the batch that is sent next

	accepted, duplicates atomic.Int64 // as answered, of copies
	retried              atomic.Int64 // batches that were sent more than once

	mu    sync.Mutex // guards the block below
	acked []bool     // by event
	order []*batch   // acknowledged, in this order

	ctx    context.Context
	cancel context.CancelCauseFunc
	wg     sync.WaitGroup
}

func newReplay(events []modelEvent, rng *rand.Rand) *replay {
	r := &replay{events: events, acked: make([]bool, len(events))}
	list := append(rng.Perm(len(events)), rng.Perm(len(events))...)
	rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	for len(list) > 0 {
		n := min(1+rng.IntN(batchMax), len(list))
		r.batches = append(r.batches, &batch{events: list[:n:n], variant: rng.Uint64(),
			lines: rng.IntN(2) == 0, packed: rng.IntN(3) == 0})
		list = list[n:]
	}
	return r
}

func (r *replay) start(ctx context.Context) {
	r.ctx, r.cancel = context.WithCancelCause(ctx)
	for range replayClients {
		r.wg.Go(func() {
			for i := r.next.Add(1) - 1; i < int64(len(r.batches)); i = r.next.Add(1) - 1 {
				if err := r.deliver(r.batches[i]); err != nil {
					r.fail(err)
					return
				}
			}
		})
	}
}

// fail ends the run.
func (r *replay) fail(err error) { r.cancel(err) }

// wait answers when everything is acknowledged, or why it will not be.
func (r *replay) wait() error {
	r.wg.Wait()
	err := context.Cause(r.ctx)
	r.cancel(nil)
	return err
}

// waitFor waits until so many batches were begun.
func (r *replay) waitFor(ctx context.Context, batches int64) error {
	for r.next.Load() < batches {
		if err := context.Cause(r.ctx); err != nil {
			return err
		}
		time.Sleep(200 * time.Microsecond)
	}
	return ctx.Err()
}

// deliver sends a batch until it is answered with 200.
func (r *replay) deliver(b *batch) error {
	for attempt := 1; ; attempt++ {
		if err := context.Cause(r.ctx); err != nil {
			return err
		}
		if attempt == 2 {
			r.retried.Add(1)
		}
		s := r.server.Load()
		for s == nil {
			time.Sleep(time.Millisecond)
			if err := context.Cause(r.ctx); err != nil {
				return err
			}
			s = r.server.Load()
		}
		got, err := r.post(r.ctx, s, b)
		if errors.Is(err, errAgain) {
			continue
		}
		if err != nil {
			return err
		}
		if got.Accepted+got.Duplicates != len(b.events) {
			return fmt.Errorf("a batch of %d events was answered %+v", len(b.events), got)
		}
		r.accepted.Add(int64(got.Accepted))
		r.duplicates.Add(int64(got.Duplicates))
		r.mu.Lock()
		for _, i := range b.events {
			r.acked[i] = true
		}
		r.order = append(r.order, b)
		r.mu.Unlock()
		return nil
	}
}

// errAgain is an attempt whose outcome is unknown, as after a cut connection.
var errAgain = errors.New("send it again")

// post sends a batch once.
func (r *replay) post(ctx context.Context, s *server, b *batch) (batchAnswer, error) {
	media, separator := "application/json", byte(',')
	var body []byte
	if b.lines {
		media, separator = "application/x-ndjson", '\n'
	} else {
		body = append(body, '[')
	}
	for n, i := range b.events {
		if n > 0 {
			body = append(body, separator)
		}
		body = r.events[i].appendJSON(body, b.variant>>(n%32))
	}
	if !b.lines {
		body = append(body, ']')
	}
	edits := []func(*http.Request){header("Content-Type", media)}
	if b.packed {
		var packed bytes.Buffer
		w, _ := gzip.NewWriterLevel(&packed, gzip.BestSpeed) // the level is valid
		_, _ = w.Write(body)                                 // into memory
		_ = w.Close()
		body = packed.Bytes()
		edits = append(edits, header("Content-Encoding", "gzip"))
	}
	var got batchAnswer
	a, err := s.Ask(ctx, http.MethodPost, "/v1/events", body, edits...)
	switch {
	case err != nil:
		return got, fmt.Errorf("%w: %w", errAgain, err)
	case a.Status == http.StatusServiceUnavailable:
		return got, fmt.Errorf("%w: %s", errAgain, a.Body)
	case a.Status != http.StatusOK:
		return got, fmt.Errorf("status %d: %s", a.Status, a.Body)
	}
	if err := json.Unmarshal(a.Body, &got); err != nil {
		return got, fmt.Errorf("%w: %s", err, a.Body)
	}
	if got.RejectedTotal > 0 {
		return got, fmt.Errorf("an event was rejected: %+v", got.Rejected[0])
	}
	return got, nil
}

// recentBatches is how many of the batches acknowledged last are asked for after a restart: they
// are what a server that answers before the disk does would lose.
const recentBatches = 2 * replayClients

// checkAcknowledged asks a server that has just recovered, and that nobody else asks, for what
// was acknowledged: as many events, and the newest of them as duplicates.
func (r *replay) checkAcknowledged(ctx context.Context, s *server) error {
	r.mu.Lock()
	acked := 0
	for _, is := range r.acked {
		if is {
			acked++
		}
	}
	recent := append([]*batch(nil), r.order[max(0, len(r.order)-recentBatches):]...)
	r.mu.Unlock()
	stats, err := s.stats(ctx)
	if err != nil {
		return err
	}
	if stats.Events < uint64(acked) {
		return fmt.Errorf("%d events were acknowledged, after the restart there are %d", acked, stats.Events)
	}
	for _, b := range recent {
		got, err := r.post(ctx, s, b)
		if err != nil {
			return err
		}
		if got.Duplicates != len(b.events) {
			return fmt.Errorf("%d of %d acknowledged events were lost", got.Accepted, len(b.events))
		}
	}
	return nil
}
