package httpapi

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestLazyConnIsPunctual: whatever deadlines are set, before an operation or while it waits, it ends at the same moment and in the same
// way as on a connection without laziness.
func TestLazyConnIsPunctual(t *testing.T) {
	for seed := range uint64(200) {
		type end struct {
			at      time.Duration
			timeout bool
		}
		// run does the same things to a connection, and tells when its operations ended.
		run := func(wrap func(net.Conn) net.Conn) (ends []end) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, 1))
				near, far := net.Pipe()
				defer far.Close()
				conn := wrap(near)
				defer conn.Close()
				start := time.Now()
				for range 20 {
					set, op := conn.SetReadDeadline, conn.Read
					if rng.IntN(2) == 0 {
						set, op = conn.SetWriteDeadline, conn.Write
					}
					if rng.IntN(8) == 0 {
						set = conn.SetDeadline
					}
					moment := func() time.Time {
						switch rng.IntN(6) {
						case 0:
							return time.Time{}
						case 1:
							return time.Unix(1, 0) // how net/http cuts off a read
						case 2:
							return time.Now()
						default:
							return time.Now().Add(time.Duration(rng.IntN(20_000)) * time.Millisecond)
						}
					}
					for range rng.IntN(4) {
						require.NoError(t, set(moment()))
					}
					time.Sleep(time.Duration(rng.IntN(8)) * time.Second)
					done := make(chan error, 1)
					go func() {
						_, err := op(make([]byte, 1))
						done <- err
					}()
					for range rng.IntN(3) { // moved while the operation waits
						time.Sleep(time.Duration(rng.IntN(9_000)) * time.Millisecond)
						require.NoError(t, set(moment()))
					}
					time.Sleep(time.Hour) // longer than any deadline; none is cut off below
					require.NoError(t, set(time.Now().Add(time.Second)))
					err := <-done
					ends = append(ends, end{time.Since(start), errors.Is(err, os.ErrDeadlineExceeded)})
				}
			})
			return ends
		}
		plain := run(func(c net.Conn) net.Conn { return c })
		require.Equal(t, plain, run(func(c net.Conn) net.Conn { return &lazyConn{Conn: c} }), "seed %d", seed)
	}
}

// TestLazyConnPassesData: a timer that fires early loses and repeats no byte, in either direction.
func TestLazyConnPassesData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		conn := &lazyConn{Conn: near}
		defer conn.Close()
		require.NoError(t, conn.SetDeadline(time.Now().Add(time.Hour)))
		text := strings.Repeat("0123456789", 100)
		go func() {
			defer far.Close()
			got := make([]byte, 0, len(text))
			for len(got) < len(text) { // three bytes in seven seconds, so that writes are cut off in the middle
				time.Sleep(7 * time.Second)
				n, err := far.Read(got[len(got) : len(got)+min(3, len(text)-len(got))][:])
				got = got[:len(got)+n]
				if err != nil {
					break
				}
			}
			for len(got) > 0 {
				time.Sleep(7 * time.Second)
				n, err := far.Write(got[:min(3, len(got))])
				if err != nil {
					return
				}
				got = got[n:]
			}
		}()
		n, err := conn.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.NoError(t, conn.SetReadDeadline(time.Now().Add(2*time.Hour)))
		back, err := io.ReadAll(conn)
		require.NoError(t, err)
		require.Equal(t, text, string(back))
	})
}

// countingConn counts how often its timers are moved.
type countingConn struct {
	net.Conn
	reads, writes *atomic.Int64
}

func (c countingConn) SetReadDeadline(t time.Time) error {
	c.reads.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c countingConn) SetWriteDeadline(t time.Time) error {
	c.writes.Add(1)
	return c.Conn.SetWriteDeadline(t)
}

type countingListener struct {
	net.Listener
	reads, writes atomic.Int64
}

func (l *countingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countingConn{c, &l.reads, &l.writes}, err
}

// TestRequestsMoveFewTimers: of the eight deadlines of a request two move a timer, both because net/http cuts off its own read.
func TestRequestsMoveFewTimers(t *testing.T) {
	f := newFixture(t)
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := &countingListener{Listener: tcp}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.api.Serve(ctx, l) }()
	client := &http.Client{Transport: &http.Transport{MaxConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	const requests = 200
	for range requests {
		r, err := http.NewRequest("POST", "http://"+tcp.Addr().String()+"/v1/check", strings.NewReader(`{"tenant_id":"a","feature_type":"api_calls"}`))
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+f.key)
		res, err := client.Do(r)
		require.NoError(t, err)
		_, err = io.Copy(io.Discard, res.Body)
		require.NoError(t, errors.Join(err, res.Body.Close()))
		require.Equal(t, 200, res.StatusCode)
	}
	// Beside those two, a timer fires early every deadlineSlack, which a slow machine may see.
	require.Less(t, l.reads.Load(), int64(3*requests))
	require.Less(t, l.writes.Load(), int64(requests/2))
	client.CloseIdleConnections()
	stop()
	require.NoError(t, <-ended)
}
