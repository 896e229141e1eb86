package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// wire is one connection that posts JSON and does no more than that takes: net/http's client spends longer on a request than
// weir does on its answer, and both run on the same cores.
type wire struct {
	conn net.Conn
	in   *bufio.Reader
	head []byte // of every request, up to the value of Content-Length
	out  []byte
	body []byte
	due  atomic.Int64 // when the request under way was, in nanoseconds since the start
}

// dialWire connects to addr; its requests go to path.
func dialWire(addr, path, key string) (*wire, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &wire{conn: conn, in: bufio.NewReaderSize(conn, 4096), head: fmt.Appendf(nil,
		"POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nAuthorization: Bearer %s\r\nContent-Length: ", path, addr, key)}, nil
}

// post sends body.
func (w *wire) post(body []byte) error {
	w.out = append(w.out[:0], w.head...)
	w.out = strconv.AppendInt(w.out, int64(len(body)), 10)
	w.out = append(w.out, "\r\n\r\n"...)
	w.out = append(w.out, body...)
	_, err := w.conn.Write(w.out)
	return err
}

// expect waits for an answer, which must be a 200 that holds want.
func (w *wire) expect(want []byte) error {
	length, status := -1, ""
	for {
		line, err := w.in.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			break
		}
		if status == "" {
			status = string(line)
		}
		if name, value, _ := bytes.Cut(line, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return fmt.Errorf("%s without a Content-Length", status)
	}
	if cap(w.body) < length {
		w.body = make([]byte, length)
	}
	w.body = w.body[:length]
	if _, err := io.ReadFull(w.in, w.body); err != nil {
		return err
	}
	if status != "HTTP/1.1 200 OK" || !bytes.Contains(w.body, want) {
		return fmt.Errorf("%s: %.300s", status, w.body)
	}
	return nil
}

func (w *wire) close() { _ = w.conn.Close() } // nothing is under way

// dialWires makes n wires, or none.
func dialWires(addr, path, key string, n int) ([]*wire, error) {
	wires := make([]*wire, n)
	for i := range wires {
		w, err := dialWire(addr, path, key)
		if err != nil {
			for _, w := range wires[:i] {
				w.close()
			}
			return nil, err
		}
		wires[i] = w
	}
	return wires, nil
}

// runWires is run with one wire for each caller, and without callers: whoever rings sends the request as well. To wake a goroutine for
// that took longer than the answer.
func (a arrivals) runWires(ctx context.Context, addr, path, key string, body func(i int) []byte, want []byte) (waits []time.Duration, late int64, err error) {
	var (
		n     = int(a.perSecond * a.span.Seconds())
		gap   = time.Duration(float64(time.Second) / a.perSecond)
		start = time.Now().Add(100 * time.Millisecond)
		idle  = make(chan *wire, a.callers)
		took  = make([][]time.Duration, a.callers)
		errs  = make([]error, a.callers+1)
		wg    sync.WaitGroup

		failed, closing atomic.Bool
	)
	wires, err := dialWires(addr, path, key, a.callers)
	if err != nil {
		return nil, 0, err
	}
	for c, w := range wires {
		idle <- w
		wg.Go(func() {
			for {
				err := w.expect(want)
				switch {
				case closing.Load():
					return
				case err != nil:
					errs[c] = err
					failed.Store(true) // before others can have the wire, of which nobody reads any more
					idle <- w
					return
				}
				took[c] = append(took[c], time.Since(start)-time.Duration(w.due.Load()))
				idle <- w
			}
		})
	}
	alarm(n, func(i int) time.Time { return start.Add(time.Duration(i) * gap) }, func(i int) bool {
		w := <-idle
		if failed.Load() {
			idle <- w
			return false
		}
		due := time.Duration(i) * gap
		if time.Since(start)-due > time.Millisecond {
			late++
		}
		w.due.Store(int64(due))
		if errs[a.callers] = w.post(body(i)); errs[a.callers] != nil {
			w.close() // who reads of it gives it back
		}
		return errs[a.callers] == nil && ctx.Err() == nil
	})
	for range wires {
		<-idle // answered
	}
	closing.Store(true)
	for _, w := range wires {
		w.close()
	}
	wg.Wait()
	waits = slices.Concat(took...)
	slices.Sort(waits)
	if err := errors.Join(append(errs, ctx.Err())...); err != nil {
		return waits, late, err
	}
	if len(waits) != n {
		return waits, late, fmt.Errorf("%d of %d requests were answered", len(waits), n)
	}
	return waits, late, nil
}
