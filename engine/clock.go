package engine

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// Log time starts at max(newest log time, wall clock) and runs on the monotonic clock: it never
// goes back, it does not freeze when the wall clock is set back, and does not jump when it is set
// forward (SEMANTICS 1).

// monotonicClock is a Clock that measures elapsed time itself.
type monotonicClock interface{ Monotonic() time.Duration }

// systemClock is the default Clock.
type systemClock struct{ start time.Time }

func newSystemClock() *systemClock { return &systemClock{start: time.Now()} }

func (c *systemClock) Now() time.Time           { return time.Now() }
func (c *systemClock) Monotonic() time.Duration { return time.Since(c.start) }

// logClock stamps blocks. The committer is the only caller of stamp; now may be called by anyone.
type logClock struct {
	clock usage.Clock
	mono  monotonicClock // nil: elapsed time is the difference of two Now()

	mu struct {
		sync.Mutex
		base     time.Time     // the reading of clock at the last step (monoless clocks)
		baseMono time.Duration // the reading of mono at start
	}
	startNanos int64        // log time at start; constant after start
	startMono  int64        // mono's reading at start; constant after start
	lastNanos  atomic.Int64 // newest log time handed out; never decreases
	accepted   atomic.Bool  // the operator accepted the divergence at start
}

func newLogClock(clock usage.Clock) *logClock {
	c := &logClock{clock: clock}
	c.mono, _ = clock.(monotonicClock)
	return c
}

// start sets log time going after the newest log time of the state (0: an empty store).
// A divergence is not an error here: check reports it on every write until it is gone.
func (c *logClock) start(newest int64, accept bool) {
	wall := c.clock.Now()
	nanos := max(newest, wall.UnixNano())
	if newest > 0 && !accept && wall.UnixNano()-newest > int64(clockAheadMax) {
		nanos = newest // too far ahead to be believed: stay, and check refuses
	}
	c.startNanos = nanos
	c.mu.base = wall
	if c.mono != nil {
		c.startMono = int64(c.mono.Monotonic())
	}
	c.lastNanos.Store(nanos)
	c.accepted.Store(accept)
}

// now is log time, in unix nanoseconds. Lock-free when the clock has a monotonic reading.
func (c *logClock) now() int64 {
	if c.mono != nil {
		return max(c.startNanos+int64(c.mono.Monotonic())-c.startMono, c.lastNanos.Load())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t, last := c.clock.Now(), c.lastNanos.Load()
	elapsed := max(0, t.Sub(c.mu.base))
	if t == t.Round(0) && !c.accepted.Load() && last-c.mu.base.UnixNano() > int64(clockBehindMax) {
		// A clock without any monotonic reading that was refused for being behind is set right: only what is beyond log time has
		// passed. Were all of it counted, log time would keep its distance, and the difference would never be gone.
		elapsed = min(elapsed, max(0, time.Duration(t.UnixNano()-last)))
	}
	c.mu.base = t
	return c.lastNanos.Add(int64(elapsed))
}

// stamp returns log time for a new block, or an error when wall clock and log time disagree by
// more than the bounds.
func (c *logClock) stamp() (int64, error) {
	t := c.now()
	if err := c.check(t); err != nil {
		return 0, err
	}
	if c.mono != nil {
		c.lastNanos.Store(t) // else now has moved it already
	}
	return t, nil
}

// check compares log time t with the wall clock.
func (c *logClock) check(t int64) error {
	if c.accepted.Load() {
		return nil
	}
	wall := c.clock.Now().UnixNano()
	switch {
	case t-wall > int64(clockBehindMax):
		return &usage.Error{Code: usage.CodeClock, Detail: "the wall clock is " +
			time.Duration(t-wall).Round(time.Second).String() +
			" behind the log; set the clock right, or start with --accept-clock"}
	case wall-t > int64(clockAheadMax):
		return &usage.Error{Code: usage.CodeClock, Detail: "the wall clock is " +
			time.Duration(wall-t).Round(time.Second).String() +
			" ahead of the newest event; set the clock right, or start with --accept-clock"}
	}
	return nil
}
