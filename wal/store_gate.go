package wal

import (
	"sync"
	"sync/atomic"

	"github.com/weirhq/weir/usage"
)

// gate lets calls in until it is closed, and lets its closer wait for those inside.
//
// A sync.RWMutex would do, but for one thing: a callback inside a call may make another call,
// and a second read lock deadlocks when a writer is waiting between the two. Here the second
// call is refused instead, and the first comes to its end.
type gate struct {
	// state counts the calls inside in its lower bits; gateClosed is set by close. One word,
	// so that entering sees either "open" or "closed" together with its own count.
	state   atomic.Int64
	empty   chan struct{} // made by close; closed by the last to leave
	closing sync.Mutex    // held while close shuts the gate: a second closer must not make another empty
}

const gateClosed = 1 << 62

// enter lets a call in, or returns ErrClosed. A nil error must be followed by leave.
func (g *gate) enter() error {
	for {
		n := g.state.Load()
		if n&gateClosed != 0 {
			return usage.ErrClosed
		}
		if g.state.CompareAndSwap(n, n+1) {
			return nil
		}
	}
}

// leave ends a call.
func (g *gate) leave() {
	if g.state.Add(-1) == gateClosed {
		close(g.empty)
	}
}

// shut tells whoever is inside for long that close waits for him.
func (g *gate) shut() bool { return g.state.Load()&gateClosed != 0 }

// close shuts the gate and waits for the calls inside. It reports whether this call shut it.
func (g *gate) close() bool {
	g.closing.Lock()
	if g.state.Load()&gateClosed != 0 {
		g.closing.Unlock()
		return false
	}
	// leave reads empty only after it saw gateClosed, which is set after this write.
	g.empty = make(chan struct{})
	inside := g.state.Or(gateClosed)
	g.closing.Unlock()
	if inside > 0 {
		<-g.empty
	}
	return true
}
