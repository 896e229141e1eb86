package client

import (
	"context"
	"sync"

	"github.com/weirhq/weir/usage"
)

// memory keeps events in this process until they are delivered.
type memory struct {
	eventsMax int
	grown     chan struct{}
	freed     chan struct{}
	refusing  chan struct{} // closed by refuse
	once      sync.Once     // for it

	mu     sync.Mutex // guards the block below
	events [][]byte
	bytes  int64
	first  uint64 // number of events[0]
}

func newMemory(eventsMax int) *memory {
	return &memory{eventsMax: eventsMax, grown: make(chan struct{}, 1), freed: make(chan struct{}, 1), refusing: make(chan struct{})}
}

// append waits for room.
func (m *memory) append(ctx context.Context, events [][]byte) error {
	for {
		m.mu.Lock()
		if len(m.events)+len(events) <= m.eventsMax || len(m.events) == 0 {
			m.events = append(m.events, events...)
			for _, e := range events {
				m.bytes += int64(len(e))
			}
			room := len(m.events) < m.eventsMax
			m.mu.Unlock()
			if room {
				signal(m.freed) // for the next that waits
			}
			signal(m.grown)
			return nil
		}
		m.mu.Unlock()
		select {
		case <-m.freed:
		case <-m.refusing:
			return errRecorderClosed
		case <-ctx.Done():
			return &usage.Error{Code: usage.CodeOverloaded, Detail: "the recorder's queue is full (" + ctx.Err().Error() + "); the event was not taken; a spool holds more"}
		}
	}
}

func (m *memory) read(eventsMax, bytesMax int) ([][]byte, place, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, size := 0, 0
	for n < len(m.events) && n < eventsMax && size < bytesMax {
		size += len(m.events[n])
		n++
	}
	return m.events[:n:n], place{segment: m.first + uint64(n)}, nil
}

func (m *memory) ack(n int, _ place) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events[:n] {
		m.bytes -= int64(len(e))
	}
	clear(m.events[:n])
	m.events = m.events[n:]
	m.first += uint64(n)
	signal(m.freed)
	return nil
}

// refuse implements queue.
func (m *memory) refuse() { m.once.Do(func() { close(m.refusing) }) }

func (m *memory) more() <-chan struct{} { return m.grown }

func (m *memory) size() (int, int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.events), m.bytes
}

func (m *memory) close() error { return nil }
