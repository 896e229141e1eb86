package httpapi

import (
	"bytes"
	"errors"
	"io"
	"time"

	"github.com/weirhq/weir/usage"
)

// A stream is a body of lines, one event each, of any length. It is handled in chunks: memory
// does not grow with its length, and a chunk is durable before the next one is read.
//
//	read into doc until it is full, old, or the body ends
//	cut the complete lines into batches, parse and record each
//	carry the incomplete rest over to a new doc
//
// A doc is never used again, because the engine may still be reading its events when the
// client has gone.
type stream struct {
	call     *call
	in       io.Reader
	doc      []byte
	ended    bool // the body has ended
	short    bool // it broke off
	skipping bool // inside a line that was too long; its rest is thrown away
	next     int64
	extended time.Time // when the deadlines of the connection were last moved
	tally    tally
}

// chunkAgeMax is how long a line of a slow stream waits for others before it is recorded;
// it is looked at whenever something arrives.
const chunkAgeMax = 250 * time.Millisecond

// docBytesMin is the first size of a doc; it doubles while the stream fills it.
const docBytesMin = 16 << 10

func (c *call) postStream() {
	in, release, err := c.body(0)
	if err != nil {
		c.writeError(err)
		return
	}
	defer release()
	s := &stream{call: c, in: in, doc: make([]byte, 0, docBytesMin)}
	for !s.ended {
		err := s.fill()
		if err == nil || s.short { // what came whole before the end is recorded
			if recordErr := s.drain(); recordErr != nil {
				err = recordErr
			}
		}
		if err != nil {
			s.fail(err)
			return
		}
	}
	c.writeTally(&s.tally)
}

// fail answers a stream that was cut off: what was recorded, and where to go on.
func (s *stream) fail(err error) {
	p := problemOf(err)
	p.extra = func(a []byte) []byte {
		a = append(a, `,"accepted":`...)
		a = appendInt(a, s.tally.accepted)
		a = append(a, `,"duplicates":`...)
		a = appendInt(a, s.tally.duplicates)
		a = append(a, `,"rejected_total":`...)
		a = appendInt(a, s.tally.refused.total)
		a = append(a, `,"next_index":`...)
		return appendInt(a, s.next)
	}
	s.call.writeProblem(p)
}

// fill reads until there is a chunk.
func (s *stream) fill() error {
	var began time.Time
	for {
		if cap(s.doc)-len(s.doc) < docBytesMin/4 {
			grown := make([]byte, len(s.doc), 2*cap(s.doc))
			copy(grown, s.doc)
			s.doc = grown
		}
		if now := time.Now(); now.Sub(s.extended) > time.Second {
			s.extended = now
			s.call.deadlines(time.Now())
		}
		n, err := s.in.Read(s.doc[len(s.doc):cap(s.doc)])
		s.doc = s.doc[:len(s.doc)+n]
		if err == io.EOF {
			s.ended = true
			return nil
		}
		if err != nil {
			s.short = errors.Is(err, io.ErrUnexpectedEOF)
			return bodyError(err)
		}
		if len(s.doc) >= chunkBytesMax {
			return nil
		}
		if began.IsZero() {
			began = time.Now()
		} else if time.Since(began) > chunkAgeMax {
			return nil
		}
	}
}

// drain records every complete line of doc and leaves the rest in a new one.
func (s *stream) drain() error {
	rest := s.doc
	for {
		b := getBatch()
		rest = s.cut(b, rest)
		if b.refused.total == 0 && len(b.events) == 0 {
			putBatch(b)
			break
		}
		if err := s.call.record(b, &s.tally); err != nil {
			return err
		}
		s.next = b.next
		putBatch(b)
	}
	if !s.ended && !s.skipping && len(rest) > lineBytesMax {
		s.skipping = true
		s.refuseLong()
	}
	if s.skipping {
		rest = nil
	}
	if s.ended {
		return nil
	}
	s.doc = append(make([]byte, 0, max(docBytesMin, len(s.doc))), rest...)
	return nil
}

// refuseLong notes that the line at hand, whose end was not seen yet, is too long.
func (s *stream) refuseLong() {
	b := batch{next: s.next}
	b.refused.add(s.next, "", tooLong(b.pointer(s.next)))
	s.tally.add(&b, nil)
	s.next++
}

func tooLong(pointer string) *usage.Error {
	return refuse(usage.CodeTooLarge, pointer, "the line is longer than 65536 bytes")
}

// cut parses lines into b until it is full, and answers what is left of text. The last line
// of a body needs no line feed.
func (s *stream) cut(b *batch, text []byte) []byte {
	b.next = s.next
	for len(text) > 0 && b.next-s.next < chunkEventsMax {
		end := bytes.IndexByte(text, '\n')
		line := text
		switch {
		case end >= 0:
			line, text = text[:end], text[end+1:]
		case s.ended:
			text = nil
		default:
			return text
		}
		if s.skipping {
			s.skipping = false
			continue
		}
		line = bytes.TrimSuffix(line, []byte{'\r'})
		switch {
		case len(line) > lineBytesMax:
			b.refused.add(b.next, "", tooLong(b.pointer(b.next)))
			b.next++
		case len(bytes.TrimLeft(line, " \t")) > 0:
			b.parseLine(line)
		}
	}
	return text
}
