package engine

import (
	"context"
	"fmt"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

const (
	// subscriptionsMax bounds what all subscriptions hold: 256 x 1,024 decisions of about 250 bytes are 64 MiB at the very worst.
	subscriptionsMax = 256
	decisionsMax     = 1024 // decisions that wait for a subscriber
	updatesMax       = 256  // updates of one call of Next

	// flushPause is the least time between two looks at what has changed: a counter is told at most so often.
	flushPause = 250 * time.Millisecond

	// resumeSlack is how far back a subscriber that resumes is told of changed counters again: longer than a write may
	// take from its log time to the disk. Telling a value twice is harmless.
	resumeSlack = 120
)

// hub passes on to subscriptions what is on the disk. Without any it costs one atomic load a block and decision.
//
//	committer   a block is durable: mark its tenants                          (landed)
//	run         every 250 ms, when something is marked: read their counters,
//	            pass a barrier, so that all that was read is on the disk,
//	            enter what changed in the order of changes, wake everyone     (flush)
//	subscriber  fetches what comes after its place in that order              (changes)
type hub struct {
	engine  *Engine
	open    atomic.Int64  // subscriptions; changed under mu, read by whoever has something to tell
	wake    chan struct{} // a token: something was marked
	stopped chan struct{} // closed when the engine closes

	mu struct {
		sync.Mutex
		subscriptions map[*Subscription]struct{}
		deciding      map[string][]*Subscription // that want decisions, by tenant; "": of all
		numbers       map[uint32]struct{}        // tenants that changed, by number
		names         map[string]struct{}        // those whose number their caller did not know
		changed       changeOrder
		caughtUp      int64 // second of log time up to which changes are entered
	}
}

func newHub(e *Engine) *hub {
	h := &hub{engine: e, wake: make(chan struct{}, 1), stopped: make(chan struct{})}
	h.mu.subscriptions = make(map[*Subscription]struct{})
	h.mu.deciding = make(map[string][]*Subscription)
	h.forgetLocked()
	return h
}

// forgetLocked drops what was noted for subscribers that are gone.
func (h *hub) forgetLocked() {
	h.mu.numbers, h.mu.names = make(map[uint32]struct{}), make(map[string]struct{})
	h.mu.changed = changeOrder{values: make(map[seriesKey]changedValue)}
}

func (h *hub) join(s *Subscription) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.mu.subscriptions) >= subscriptionsMax {
		return &usage.Error{Code: usage.CodeOverloaded, Detail: fmt.Sprintf("%d streams are open, and no more are; retry later", subscriptionsMax)}
	}
	if len(h.mu.subscriptions) == 0 {
		h.mu.caughtUp = floorDiv(h.engine.clock.now(), 1e9) - resumeSlack
	}
	h.mu.subscriptions[s] = struct{}{}
	if s.opts.Decisions {
		h.mu.deciding[s.opts.TenantID] = append(h.mu.deciding[s.opts.TenantID], s)
	}
	s.after = h.mu.changed.last
	h.open.Add(1)
	return nil
}

func (h *hub) leave(s *Subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.mu.subscriptions[s]; !ok {
		return
	}
	delete(h.mu.subscriptions, s)
	h.open.Add(-1)
	var rest []*Subscription
	for _, other := range h.mu.deciding[s.opts.TenantID] {
		if other != s {
			rest = append(rest, other)
		}
	}
	if h.mu.deciding[s.opts.TenantID] = rest; len(rest) == 0 {
		delete(h.mu.deciding, s.opts.TenantID)
	}
	if len(h.mu.subscriptions) == 0 {
		h.forgetLocked()
	}
}

func (h *hub) caughtUp() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.caughtUp
}

// landed marks the tenants of items of a block that is applied and durable. The items are still the hub's to read.
func (h *hub) landed(items []item, results []Result) {
	if h.open.Load() == 0 {
		return
	}
	h.mu.Lock()
	for i := range items {
		switch it := &items[i]; {
		case results[i].verdict != counted:
		case it.TenantNum != 0:
			h.mu.numbers[it.TenantNum] = struct{}{}
		case it.Tenant != "":
			if _, known := h.mu.names[it.Tenant]; !known {
				h.mu.names[cloneString(it.Tenant)] = struct{}{}
			}
		}
	}
	h.mu.Unlock()
	h.nudge()
}

// charged marks a tenant whose usage has changed by itself, in a block that is being applied. It holds no item of the tenant, so landed
// will not tell. Whoever reads the counters waits for the disk anyway.
func (h *hub) charged(tenant uint32) {
	if h.open.Load() == 0 {
		return
	}
	h.mu.Lock()
	h.mu.numbers[tenant] = struct{}{}
	h.mu.Unlock()
	h.nudge()
}

// decided passes on a decision that is durable.
func (h *hub) decided(kept *keptDecision) {
	if h.open.Load() == 0 {
		return
	}
	d := kept.decisionOf()
	h.mu.Lock()
	for _, list := range [2][]*Subscription{h.mu.deciding[""], h.mu.deciding[d.TenantID]} {
		for _, s := range list {
			if len(s.decisions) >= decisionsMax {
				s.slow = true
				continue
			}
			s.decisions = append(s.decisions, d)
		}
	}
	h.mu.Unlock()
	h.nudge()
}

// takeDecisions empties the queue of s.
func (h *hub) takeDecisions(s *Subscription) ([]Decision, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.slow {
		return nil, ErrSlow
	}
	out := s.decisions
	s.decisions = nil
	return out, nil
}

func (h *hub) nudge() {
	select {
	case h.wake <- struct{}{}:
	default: // told already
	}
}

// run ends when stop is closed, and ends every wait of a subscriber then.
func (h *hub) run(stop <-chan struct{}) {
	defer close(h.stopped)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-stop:
			return
		case <-pause.C:
		}
		select {
		case <-stop:
			return
		case <-h.wake:
		}
		h.flush(ctx)
		pause.Reset(flushPause)
	}
}

// flush enters what has changed in the order of changes, once it is on the disk, and wakes everyone.
func (h *hub) flush(ctx context.Context) {
	caughtUp := floorDiv(h.engine.clock.now(), 1e9) - resumeSlack
	h.mu.Lock()
	numbers, names := h.mu.numbers, h.mu.names
	h.mu.numbers, h.mu.names = make(map[uint32]struct{}), make(map[string]struct{})
	h.mu.Unlock()
	dir := h.engine.state.dir
	for name := range names { // order-free: a set
		if t := dir.tenant(name); t != nil {
			numbers[t.num] = struct{}{}
		}
	}
	start, before := h.engine.state.months.of(h.engine.clock.now())
	type reading struct {
		series *series
		value  int64
	}
	var read []reading
	for number := range numbers { // order-free: each counter has its own place
		dir.number(number).eachSeries(func(s *series) {
			if s.meter.hasCounter() {
				read = append(read, reading{s, s.current(start, before)})
			}
		})
	}
	if len(read) > 0 && h.engine.log.Barrier(ctx) != nil {
		read = nil // the engine has failed or closes: subscribers find out by themselves
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, r := range read {
		h.mu.changed.put(r.series, changedValue{value: r.value, month: start})
	}
	h.mu.caughtUp = max(h.mu.caughtUp, caughtUp)
	for s := range h.mu.subscriptions { // order-free: each by itself
		s.wakeUp()
	}
}

// changes returns counters that changed after the place of s, at most updatesMax, its next place, and, when nothing is left, up
// to which second it is caught up.
func (h *hub) changes(s *Subscription) (out []Counter, after uint64, caughtUp int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := &h.mu.changed
	if s.opts.TenantID != "" {
		if t := h.engine.state.dir.tenant(s.opts.TenantID); t != nil {
			t.eachSeries(func(x *series) {
				if v, ok := c.values[keyOf(x)]; ok && v.place > s.after {
					out = append(out, x.counter(v.month, v.value))
				}
			})
		}
		return out, c.last, h.mu.caughtUp
	}
	after = s.after
	for _, entry := range c.entries[c.find(after+1):] {
		if len(out) == updatesMax {
			return out, after, 0
		}
		after = entry.place
		if v := c.values[keyOf(entry.series)]; v.place == entry.place {
			out = append(out, entry.series.counter(v.month, v.value))
		}
	}
	return out, after, h.mu.caughtUp
}

// changeOrder is the counters that have changed, in the order of their newest change. Each has one place; the entry of
// an older change of it is passed over, and dropped when such entries are the most. So memory is bounded by the number of
// counters, however far behind a subscriber is.
type changeOrder struct {
	values  map[seriesKey]changedValue
	entries []changeEntry // ascending by place
	last    uint64        // place of the newest
}

type seriesKey struct{ tenant, meter uint32 }

func keyOf(s *series) seriesKey { return seriesKey{s.tenant.num, s.meter.num} }

type changedValue struct {
	value, month int64
	place        uint64
}

type changeEntry struct {
	place  uint64
	series *series
}

// put gives a counter the newest place, unless its value is what it was.
func (c *changeOrder) put(s *series, v changedValue) {
	key := keyOf(s)
	if old, ok := c.values[key]; ok && old.value == v.value && old.month == v.month {
		return
	}
	c.last++
	v.place = c.last
	c.values[key] = v
	c.entries = append(c.entries, changeEntry{c.last, s})
	if len(c.entries) < 2*len(c.values)+updatesMax {
		return
	}
	kept := c.entries[:0]
	for _, e := range c.entries {
		if c.values[keyOf(e.series)].place == e.place {
			kept = append(kept, e)
		}
	}
	clear(c.entries[len(kept):])
	c.entries = kept
}

// find is the position of the first entry at a place or after it.
func (c *changeOrder) find(place uint64) int {
	return sort.Search(len(c.entries), func(i int) bool { return c.entries[i].place >= place })
}
