package httpapi

import (
	"net"
	"sync"
)

// limited is a listener that has so many connections at once; others wait to be accepted. A connection that dribbles its headers is
// closed after headerMax, and one that does nothing after idleMax, so that places come free.
type limited struct {
	net.Listener
	places chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limitConnections(l net.Listener, n int) net.Listener {
	return &limited{Listener: l, places: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept waits for a place, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &limitedConn{lazyConn: lazyConn{Conn: c}, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends the waiting too.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// limitedConn gives its place back when it is closed.
type limitedConn struct {
	lazyConn
	leave func()
	used  bool // unusedConns.track knows that a request has begun; http.Server calls it from one goroutine at a time
}

func (c *limitedConn) Close() error {
	err := c.Conn.Close()
	c.leave()
	return err
}
