package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/usage"
)

// SubscribeOptions say what a subscription is told of.
type SubscribeOptions struct {
	TenantID  string // empty: all tenants
	Usage     bool   // counters of the open month as they change
	Crossings bool   // thresholds, as they are entered in the outbox
	Decisions bool   // what Consume answered

	// Resume goes on after Cursor: every crossing after it, each once, and the value of every counter that may have changed
	// since. Without it crossings are those from now on; counters of a tenant that is named are told as they stand, those
	// of all tenants once they change.
	Resume bool
	Cursor Cursor
}

// Cursor is how far a subscriber has come: up to the crossing of a number, and up to a second of log time.
type Cursor struct {
	Crossing uint64
	Seconds  int64
}

// Update is one thing that a subscriber is told; one of the pointers is set. Whoever got it has everything up to Cursor.
type Update struct {
	Cursor   Cursor
	Counter  *Counter
	Crossing *usage.Crossing
	Decision *Decision
}

// Counter is what a tenant used of a meter in the open calendar month, UTC; of a latest meter the value now.
type Counter struct {
	TenantID    string        `json:"tenant_id"`
	Meter       string        `json:"meter"`
	Value       usage.Decimal `json:"value"`
	PeriodStart time.Time     `json:"period_start"`
}

// ErrSlow is returned by Next when more came than a subscription holds and was not fetched: something is missing. Subscribe again.
var ErrSlow = fmt.Errorf("more came than the subscriber took: %w", usage.ErrOverloaded)

// Subscription is told what happens, as far as it is on the disk. One goroutine uses it; Close ends it.
//
// It holds little: changed counters are looked up when they are fetched, so that however slow the subscriber is it gets the newest
// values and no queue grows; crossings are read from the outbox. Only decisions wait in a queue, and [ErrSlow] says that it was full.
type Subscription struct {
	hub   *hub
	opts  SubscribeOptions
	wake  chan struct{} // a token: something may have come
	left  chan struct{} // closed by Close
	once  sync.Once
	done  Cursor // fetched
	after uint64 // place in the hub's order of changes that counters were fetched up to

	// The counters to tell first: those of tenants from snapshot on that were touched at since or later.
	snapshot []*tenant
	since    int64

	// Guarded by hub.mu.
	decisions []Decision
	slow      bool
}

// Subscribe begins a subscription. At most 256 are open at a time, more are refused as overloaded.
func (e *Engine) Subscribe(opts SubscribeOptions) (*Subscription, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return nil, err
	}
	s := &Subscription{hub: e.hub, opts: opts, wake: make(chan struct{}, 1), left: make(chan struct{}), done: opts.Cursor}
	newest := e.state.outbox.next() - 1
	if opts.Resume && opts.Cursor.Crossing > newest {
		return nil, &usage.Error{Code: usage.CodeInvalidCursor, Detail: fmt.Sprintf("crossing %d has not happened; the newest is %d", opts.Cursor.Crossing, newest)}
	}
	if err := e.hub.join(s); err != nil {
		return nil, err
	}
	s.since = opts.Cursor.Seconds
	if !opts.Resume {
		s.done = Cursor{newest, s.hub.caughtUp()}
		s.since = 0
	}
	if opts.Usage {
		switch t := e.state.dir.tenant(opts.TenantID); {
		case t != nil:
			s.snapshot = []*tenant{t}
		case opts.TenantID == "" && opts.Resume:
			s.snapshot = e.state.dir.all()
		}
	}
	return s, nil
}

// Close ends the subscription; it is idempotent.
func (s *Subscription) Close() {
	s.hub.leave(s)
	s.once.Do(func() { close(s.left) })
}

// Cursor is how far the subscriber has come before the next update.
func (s *Subscription) Cursor() Cursor { return s.done }

// Next waits until there is something to tell, and returns at most updatesMax of it. It returns the error of ctx when that ends
// first, ErrSlow, ErrClosed when the engine or the subscription is closed, and that of the engine when it has failed.
func (s *Subscription) Next(ctx context.Context) ([]Update, error) {
	for {
		out, err := s.collect(ctx)
		if err != nil || len(out) > 0 {
			return out, err
		}
		select {
		case <-s.wake:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-s.hub.stopped:
			return nil, usage.ErrClosed
		case <-s.left:
			return nil, usage.ErrClosed
		}
	}
}

func (s *Subscription) collect(ctx context.Context) ([]Update, error) {
	if err := s.hub.engine.store.Failed(); err != nil {
		return nil, err
	}
	var out []Update
	if s.opts.Usage {
		counters, caughtUp, err := s.counters(ctx)
		if err != nil {
			return nil, err
		}
		for i := range counters {
			out = append(out, Update{Cursor: s.done, Counter: &counters[i]})
		}
		if caughtUp > s.done.Seconds {
			s.done.Seconds = caughtUp
			if len(out) > 0 {
				out[len(out)-1].Cursor = s.done
			}
		}
	}
	if s.opts.Crossings {
		if err := s.crossings(ctx, &out); err != nil {
			return nil, err
		}
	}
	if s.opts.Decisions {
		decisions, err := s.hub.takeDecisions(s)
		if err != nil {
			return nil, err
		}
		for i := range decisions {
			out = append(out, Update{Cursor: s.done, Decision: &decisions[i]})
		}
	}
	return out, nil
}

// crossings adds those after the cursor.
func (s *Subscription) crossings(ctx context.Context, out *[]Update) error {
	e := s.hub.engine
	for len(*out) < updatesMax && s.done.Crossing+1 < e.state.outbox.next() {
		rows, err := e.Outbox(ctx, s.done.Crossing, updatesMax-len(*out))
		if err != nil || len(rows) == 0 { // none: they are not on the disk yet, and the hub will wake us
			return err
		}
		for i := range rows {
			s.done.Crossing = rows[i].Number
			if s.opts.TenantID == "" || rows[i].TenantID == s.opts.TenantID {
				*out = append(*out, Update{Cursor: s.done, Crossing: &rows[i]})
			}
		}
	}
	if len(*out) == updatesMax {
		s.wakeUp() // there may be more
	}
	return nil
}

// counters fetches what is left of the snapshot, then what has changed. caughtUp is not 0 when nothing is left.
func (s *Subscription) counters(ctx context.Context) (out []Counter, caughtUp int64, err error) {
	h, left := s.hub, s.snapshot
	for len(left) > 0 && len(out) < updatesMax {
		out = append(out, h.countersOf(left[0], s.since)...)
		left = left[1:]
	}
	if len(out) > 0 {
		if err := h.engine.log.Barrier(ctx); err != nil { // what was read may be ahead of the disk
			return nil, 0, err // the next call reads it again
		}
		s.snapshot = left
		s.wakeUp()
		return out, 0, nil
	}
	s.snapshot = left
	out, s.after, caughtUp = h.changes(s)
	if caughtUp == 0 {
		s.wakeUp()
	}
	return out, caughtUp, nil
}

// wakeUp makes the next wait end at once.
func (s *Subscription) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// countersOf reads the counters of a tenant that were touched at a second of log time or later.
func (h *hub) countersOf(t *tenant, since int64) (out []Counter) {
	if !t.listed.Load() {
		return nil
	}
	start, before := h.engine.state.months.of(h.engine.clock.now())
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	t.eachSeries(func(s *series) {
		if s.touched >= since && s.meter.hasCounter() {
			out = append(out, s.counter(start, s.current(start, before)))
		}
	})
	return out
}

// counter is a value of the series in the words of the API.
func (s *series) counter(monthStart, value int64) Counter {
	return Counter{s.tenant.name, s.meter.def.Slug, usage.FromUnits(value, s.meter.scale), time.Unix(monthStart, 0).UTC()}
}
