package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"
)

// Serve answers requests on l until ctx ends, then drains: /readyz answers 503, after
// Options.DrainDelay the listener closes, and requests in flight have Options.DrainMax to
// end. It returns nil after a clean drain, else the error of the listener or of the drain.
// It closes l. An API serves once.
func (a *API) Serve(ctx context.Context, l net.Listener) error {
	l = limitConnections(l, a.connsMax)
	var unused unusedConns
	srv := &http.Server{
		ConnState:         unused.track,
		Handler:           a,
		ReadHeaderTimeout: headerMax,
		IdleTimeout:       idleMax,
		MaxHeaderBytes:    headerBytesMax,
		// Read and write deadlines are set for each request (deadlines): a stream of
		// events may be of any length, as long as it keeps coming.
	}
	done := make(chan error, 1)
	go func() {
		if a.tls != nil {
			srv.TLSConfig = a.tls
			done <- srv.ServeTLS(l, "", "") // the certificate is the configuration's
			return
		}
		done <- srv.Serve(l)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	a.draining.Store(true)
	close(a.stopping)
	if a.drainDelay > 0 {
		select {
		case err := <-done:
			return err
		case <-time.After(a.drainDelay):
		}
	}
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), a.drainMax)
	defer cancel()
	closing := time.AfterFunc(unusedMax, unused.close)
	defer closing.Stop()
	err := srv.Shutdown(limit)
	if err != nil {
		err = errors.Join(err, srv.Close())
	}
	<-done // http.ErrServerClosed
	return err
}

// unusedMax is how long a drain waits for the first request of a connection that has had none.
const unusedMax = 250 * time.Millisecond

// unusedConns are the connections on which no request has begun. Browsers and pools open them
// ahead of need, and http.Server.Shutdown waits five seconds for each of them, so that Ctrl-C
// seemed to hang. Nothing is lost when they are closed: no request was read from them.
type unusedConns struct{ set sync.Map } // of net.Conn

// track is an http.Server.ConnState.
func (u *unusedConns) track(c net.Conn, state http.ConnState) {
	l, plain := c.(*limitedConn) // a call for each request: a look into the map of all connections only at the first
	switch state {
	case http.StateNew:
		u.set.Store(c, nil)
	case http.StateActive, http.StateClosed:
		if !plain || !l.used {
			u.set.Delete(c)
		}
		if plain {
			l.used = true
		}
	}
}

func (u *unusedConns) close() {
	u.set.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close() // whoever is on the other side opens another
		return true
	})
}

// deadlines gives the body, or its next chunk, bodyIdleMax to arrive, and the answer
// answerMax after that. A writer that knows no deadlines, as in tests, is left alone.
func (c *call) deadlines(now time.Time) {
	rc := http.NewResponseController(c.w)
	_ = rc.SetReadDeadline(now.Add(bodyIdleMax))
	_ = rc.SetWriteDeadline(now.Add(bodyIdleMax + answerMax))
}
