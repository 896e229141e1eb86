package sim

import (
	"sync"
	"time"
)

// wallClock is the machine's clocks: virtual time, the hours that clients let pass at once (sleeping through them would fire every timer of
// every goroutine on the way), and a skew of the wall clock that operators and time servers change.
type wallClock struct {
	start time.Time

	mu     sync.Mutex
	passed time.Duration
	skew   time.Duration
	wrong  int // so many readings more are what nobody can believe
}

func newWallClock() *wallClock { return &wallClock{start: time.Now()} }

// Now implements usage.Clock.
func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	skew := c.skew
	if c.wrong > 0 {
		c.wrong--
		skew = -20 * time.Minute
	}
	return time.Now().Add(c.passed + skew)
}

// True is the time without skew: what the clients' own machines show.
func (c *wallClock) True() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed)
}

// Monotonic is time since the machine started; no one can set it.
func (c *wallClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.start) + c.passed
}

// pass lets time go by.
func (c *wallClock) pass(d time.Duration) {
	c.mu.Lock()
	c.passed += d
	c.mu.Unlock()
}

// set moves the wall clock, by less than what an engine refuses.
func (c *wallClock) set(skew time.Duration) {
	c.mu.Lock()
	c.skew = skew
	c.mu.Unlock()
}

// derange makes the next n readings of the wall clock wrong.
func (c *wallClock) derange(n int) {
	c.mu.Lock()
	c.wrong = n
	c.mu.Unlock()
}
