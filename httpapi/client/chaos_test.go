package client

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
)

// chaos is a real API behind something that is not reliable: it refuses, answers late, or loses the answer of a call that was done.
type chaos struct {
	next http.Handler

	mu    sync.Mutex // guards the block below
	rand  *rand.Rand
	rate  float64 // of requests that go wrong
	down  bool    // every request is cut off
	calls int
}

func (c *chaos) set(rate float64, down bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rate, c.down = rate, down
}

func (c *chaos) seen() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.calls
}

func (c *chaos) choose() (kind int, wrong bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	if c.down {
		return 0, true
	}
	return c.rand.IntN(6), c.rand.Float64() < c.rate
}

func (c *chaos) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind, wrong := c.choose()
	if !wrong {
		c.next.ServeHTTP(w, r)
		return
	}
	switch kind {
	case 0: // cut off before it is done
		panic(http.ErrAbortHandler)
	case 1: // done, and the answer is lost: the outcome is unknown
		c.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case 2: // a proxy's own page
		w.WriteHeader(http.StatusBadGateway)
	case 3: // done, and half of the answer is lost
		answer := httptest.NewRecorder()
		c.next.ServeHTTP(answer, r)
		w.Header().Set("Content-Length", "100000")
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // the client sees a short body
	case 4:
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"overloaded","detail":"too much is waiting"}`))
	case 5: // later than the client waits; done or not
		if c.choose2() {
			c.next.ServeHTTP(httptest.NewRecorder(), r)
		}
		select {
		case <-r.Context().Done():
		case <-time.After(2 * time.Second):
		}
		panic(http.ErrAbortHandler)
	}
}

func (c *chaos) choose2() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rand.IntN(2) == 0
}

// fixture is a client of a real API behind chaos, which is switched off at first. It is patient: an answer that was late would be
// asked for again, and say duplicate.
type fixture struct {
	eng    *engine.Engine
	chaos  *chaos
	client *Client
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	eng, err := engine.Open(t.TempDir(), nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, eng.Close()) })
	api, err := httpapi.New(eng, &httpapi.Options{NoAuth: true})
	require.NoError(t, err)
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	f := &fixture{eng: eng, chaos: &chaos{next: api, rand: rand.New(rand.NewPCG(seed, 0))}}
	srv := httptest.NewServer(f.chaos)
	t.Cleanup(srv.Close)
	f.client, err = New(srv.URL, nil)
	require.NoError(t, err)
	return f
}
