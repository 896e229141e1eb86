package torture

// Everything that was acknowledged is sent once more: it must be a duplicate.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
)

// repeat sends an acknowledged request once more. It changes no entry: another goroutine may own it.
func (c *client) repeat(ctx context.Context, a acked) (n int, err error) {
	switch {
	case a.entry == nil:
		return c.repeatEvents(ctx, a.first, int(a.last-a.first))
	case a.closing:
		path, body := a.entry.ending(a.units)
		return 1, c.repeatOne(ctx, path, body, "")
	}
	path, body := a.entry.request()
	return 1, c.repeatOne(ctx, path, body, "duplicate")
}

// errOver is a run that ended before there was an answer.
var errOver = errors.New("the run is over")

func (c *client) repeatOne(ctx context.Context, path string, body []byte, status string) error {
	o, ok := c.send(ctx, http.MethodPost, path, body)
	if !ok {
		return errOver
	}
	var d decision
	err := json.Unmarshal(o.Body, &d)
	if err != nil || !o.ok() || d.Allowed != nil && !*d.Allowed || status != "" && d.Status != status {
		c.lost.Add(1)
		return fmt.Errorf("%s %s was acknowledged, and now: %d %s", path, body, o.Status, o.Body)
	}
	return nil
}

func (c *client) repeatEvents(ctx context.Context, first uint64, n int) (int, error) {
	o, ok := c.send(ctx, http.MethodPost, "/v1/events", eventsBody(c.makeRange(first, n), c.rng.IntN(2) == 0))
	if !ok {
		return 0, errOver
	}
	var a batchAnswer
	if err := json.Unmarshal(o.Body, &a); err != nil || !o.ok() || a.Duplicates != n {
		c.lost.Add(int64(a.Accepted))
		return 0, fmt.Errorf("events %d to %d were acknowledged, and now: %d %s", first, first+uint64(n), o.Status, o.Body)
	}
	return n, nil
}

const (
	replayEvents   = 5000 // in a batch
	replayConsumes = 500
)

// replay sends everything that all clients know to count once more, and returns how many requests and events that were.
func replay(ctx context.Context, clients []*client) (requests int, err error) {
	var mu sync.Mutex
	var all sync.WaitGroup
	errs := make([]error, len(clients))
	for i, c := range clients {
		all.Go(func() {
			n, err := c.replayShare(ctx, i, len(clients))
			mu.Lock()
			requests += n
			mu.Unlock()
			errs[i] = err
		})
	}
	all.Wait()
	return requests, errors.Join(errs...)
}

// replayShare replays a client's own entries, and its share of the events.
func (c *client) replayShare(ctx context.Context, share, of int) (done int, err error) {
	count := func(n int, err error) error {
		done += n
		return err
	}
	for first := uint64(share * replayEvents); first < c.events.next; first += uint64(of * replayEvents) {
		if err := count(c.repeatEvents(ctx, first, int(min(replayEvents, c.events.next-first)))); err != nil {
			return done, err
		}
	}
	for n := range c.events.voided {
		if n%uint64(of) != uint64(share) {
			continue
		}
		e := makeEvent(c.seed, n, c.began)
		if err := count(1, c.repeatVoid(ctx, fmt.Sprint("record-", e.tenant), e.id())); err != nil {
			return done, err
		}
	}
	var consumes []*entry
	for _, e := range c.entries {
		if !e.is(counts) {
			continue
		}
		if e.kind == opConsume {
			if consumes = append(consumes, e); len(consumes) == replayConsumes {
				if err := count(len(consumes), c.repeatConsumes(ctx, consumes)); err != nil {
					return done, err
				}
				consumes = consumes[:0]
			}
		} else if err := count(c.repeat(ctx, acked{entry: e})); err != nil {
			return done, err
		}
		if e.is(settled) {
			if err := count(c.repeat(ctx, acked{entry: e, closing: true, units: e.closing})); err != nil {
				return done, err
			}
		}
		if e.is(voided) {
			if err := count(1, c.repeatVoid(ctx, e.tenantName(), e.id())); err != nil {
				return done, err
			}
		}
	}
	return done + len(consumes), c.repeatConsumes(ctx, consumes)
}

func (c *client) repeatVoid(ctx context.Context, tenant, id string) error {
	return c.repeatOne(ctx, "/v1/events/"+id+"/void", fmt.Appendf(nil, `{"tenant_id":"%s","reason":"test"}`, tenant), "duplicate")
}

func (c *client) repeatConsumes(ctx context.Context, list []*entry) error {
	if len(list) == 0 {
		return nil
	}
	o, ok := c.send(ctx, http.MethodPost, "/v1/consume/batch", consumesBody(list))
	if !ok {
		return errOver
	}
	var a struct {
		Results []decision `json:"results"`
	}
	if err := json.Unmarshal(o.Body, &a); err != nil || len(a.Results) != len(list) {
		return fmt.Errorf("a batch of consumes: %d %s", o.Status, o.Body)
	}
	for i, d := range a.Results {
		if d.Status != "duplicate" {
			c.lost.Add(1)
			return fmt.Errorf("%s was acknowledged, and now: %+v %s", list[i].id(), d, d.Error)
		}
	}
	return nil
}
