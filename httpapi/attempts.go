package httpapi

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// attempts is a budget of wrong keys for every address. It is there for the log and the processor: a secret of 256 bits cannot be
// guessed. So a right key is always let in: behind a proxy all clients share one address, and one of them must not lock
// out the others.
type attempts struct {
	now func() time.Time // a seam for tests

	mu   sync.Mutex // guards left
	left map[string]*allowance
}

// allowance is a token bucket.
type allowance struct {
	tokens float64
	at     time.Time
}

func newAttempts() *attempts {
	return &attempts{now: time.Now, left: make(map[string]*allowance)}
}

// spend takes one attempt from the budget of an address; false: it has none left.
func (b *attempts) spend(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.now()
	a := b.left[address]
	if a == nil {
		if len(b.left) >= attemptAddressesMax {
			b.sweep(now)
		}
		a = &allowance{tokens: attemptsBurst, at: now}
		b.left[address] = a
	}
	a.tokens = min(attemptsBurst, a.tokens+now.Sub(a.at).Seconds()*attemptsPerSecond)
	a.at = now
	if a.tokens < 1 {
		return false
	}
	a.tokens--
	return true
}

// sweep makes room: addresses whose budget is full again are as good as new. When there are none, all are forgotten: whoever has so
// many addresses is not stopped by a budget for each.
func (b *attempts) sweep(now time.Time) {
	for address, a := range b.left { // order-free: each by itself
		if a.tokens+now.Sub(a.at).Seconds()*attemptsPerSecond >= attemptsBurst {
			delete(b.left, address)
		}
	}
	if len(b.left) >= attemptAddressesMax {
		clear(b.left)
	}
}

// remoteAddress is the address of the peer, without its port. Headers that proxies set are not looked at: anybody can send them.
func remoteAddress(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
