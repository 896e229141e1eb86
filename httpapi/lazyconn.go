package httpapi

import (
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// lazyConn is a connection whose deadlines cost next to nothing to move on. net/http and the API set eight of them for a request, nearly
// always to a later moment than the one before, and each would move a timer of the runtime: together a microsecond or two, as long as a
// check takes. Here a timer that fires too early is left as it is. When it fires, the operation that it cuts off looks whether its time
// has really come, and goes on if not.
type lazyConn struct {
	net.Conn
	read, write deadline
}

// deadline is when an operation has to end. The zero deadline is none.
type deadline struct {
	mu    sync.Mutex // guards the block below
	want  time.Time  // zero: never
	armed time.Time  // when the connection's own timer fires, not after want; zero: there is none
}

// deadlineSlack is how far ahead a timer is armed at most, so that the deadlines of the next requests are later ones. It is below every
// deadline that net/http is configured with here; an idle connection looks that often whether its time has come.
const deadlineSlack = 5 * time.Second

// change makes t the deadline; arm sets the connection's timer.
func (d *deadline) change(t time.Time, arm func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want = t
	switch {
	case !d.armed.IsZero() && (t.IsZero() || !t.Before(d.armed)) && !d.aborted():
		return nil
	case t.IsZero() && d.aborted():
		return nil // the next operation finds out, or a deadline to come
	}
	return d.arm(arm)
}

// aborted tells that the timer was set to a moment long ago, which is how net/http cuts off a read.
func (d *deadline) aborted() bool { return !d.armed.IsZero() && d.armed.Unix() < 1e6 }

// arm sets the timer to the deadline or to deadlineSlack from now, whichever is first. The caller holds mu.
func (d *deadline) arm(arm func(time.Time) error) error {
	at := d.want
	if !at.IsZero() {
		if soon := time.Now().Add(deadlineSlack); at.After(soon) {
			at = soon
		}
	}
	d.armed = at
	return arm(at)
}

// early tells whether err is that of a timer that fired before the deadline; it is set anew then.
func (d *deadline) early(err error, arm func(time.Time) error) bool {
	if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.want.IsZero() && !time.Now().Before(d.want) {
		return false
	}
	return d.arm(arm) == nil
}

// Read implements net.Conn.
func (c *lazyConn) Read(p []byte) (int, error) {
	for {
		n, err := c.Conn.Read(p)
		if n > 0 || !c.read.early(err, c.Conn.SetReadDeadline) {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *lazyConn) Write(p []byte) (int, error) {
	for written := 0; ; {
		n, err := c.Conn.Write(p[written:])
		written += n
		if !c.write.early(err, c.Conn.SetWriteDeadline) {
			return written, err
		}
	}
}

// SetReadDeadline implements net.Conn.
func (c *lazyConn) SetReadDeadline(t time.Time) error {
	return c.read.change(t, c.Conn.SetReadDeadline)
}

// SetWriteDeadline implements net.Conn.
func (c *lazyConn) SetWriteDeadline(t time.Time) error {
	return c.write.change(t, c.Conn.SetWriteDeadline)
}

// SetDeadline implements net.Conn.
func (c *lazyConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
