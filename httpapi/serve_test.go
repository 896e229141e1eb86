package httpapi

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
)

// Stopping takes times of its own (a delay, bounds), so these tests run in a bubble of synctest, over connections in memory.

// pipes is a listener of connections in memory.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// serveInBubble serves a new store in memory until stop is called; done has what Serve returned.
func serveInBubble(t *testing.T, o *Options) (f *fixture, l *pipes, stop func(), done chan error) {
	t.Helper()
	f = newFixtureOf(t, &engine.Options{FS: vfs.NewMem()})
	api, err := New(f.eng, o)
	require.NoError(t, err)
	l, done = newPipes(), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { done <- api.Serve(ctx, l) }()
	return f, l, cancel, done
}

// TestServeDrains: when the context ends, /readyz turns 503 and is still answered for DrainDelay, a request in flight gets its
// answer, and Serve returns nil.
func TestServeDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const delay = 30 * time.Second
		f, l, stop, done := serveInBubble(t, &Options{DrainDelay: delay})
		client := &http.Client{Transport: &http.Transport{DialContext: l.dial}}
		in, out := io.Pipe()
		r, err := http.NewRequest("POST", "http://weir/v1/events", in)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+f.key)
		r.Header.Set("Content-Type", "application/x-ndjson")
		type answer struct {
			status int
			err    error
		}
		answered := make(chan answer, 1)
		go func() {
			res, err := client.Do(r)
			if err != nil {
				answered <- answer{0, err}
				return
			}
			_, err = io.Copy(io.Discard, res.Body)
			answered <- answer{res.StatusCode, errors.Join(err, res.Body.Close())}
		}()
		_, err = io.WriteString(out, `{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`+"\n")
		require.NoError(t, err)

		began := time.Now()
		stop()
		synctest.Wait()
		res, err := client.Get("http://weir/readyz")
		require.NoError(t, err)
		require.Equal(t, 503, res.StatusCode)
		require.NoError(t, res.Body.Close())
		_, err = io.WriteString(out, `{"id":"2","tenant_id":"acme","feature_type":"api_calls"}`)
		require.NoError(t, err)
		require.NoError(t, out.Close())
		got := <-answered
		require.NoError(t, got.err)
		require.Equal(t, 200, got.status)
		require.NoError(t, <-done)
		require.GreaterOrEqual(t, time.Since(began), delay)
		_, err = client.Get("http://weir/readyz")
		require.ErrorIs(t, err, net.ErrClosed)
		require.Equal(t, "2", f.total("api_calls"))
		client.CloseIdleConnections()
	})
}

// TestServeClosesUnusedConnections: a connection on which nothing was asked yet does not hold up a stop. net/http alone waits
// five seconds for it.
func TestServeClosesUnusedConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, l, stop, done := serveInBubble(t, nil)
		unused, err := l.dial(t.Context(), "", "")
		require.NoError(t, err)
		synctest.Wait() // the server has it
		began := time.Now()
		stop()
		require.NoError(t, <-done)
		require.Less(t, time.Since(began), time.Second)
		_, err = unused.Read(make([]byte, 1))
		require.ErrorIs(t, err, io.EOF)
	})
}
