package wal

import (
	"encoding/binary"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/zeebo/xxh3"
)

// This file finds the shape of a metadata text; metadata.go says what a shape is.

// find splits a metadata text and returns the number of its shape.
func (m *metadataEncoder) find(text []byte, spans []strictjson.Span) (number int, isNew bool) {
	look := uint(len(spans))
	if len(spans) > 0 {
		look += uint(spans[0].Start)*5 + uint(len(text)-int(spans[len(spans)-1].End))*11
	}
	guess := &m.guesses[look%uint(len(m.guesses))]
	if *guess > 0 && m.matches(&m.shapes[*guess-1], text, spans) {
		return int(*guess - 1), false
	}
	m.split(text, spans)
	number, isNew = m.shape()
	*guess = uint32(number + 1)
	return number, isNew
}

// matches reports whether a text has a shape, and if so leaves its values in m.parts. A
// false may be wrong, when there are strange spans.
func (m *metadataEncoder) matches(s *metadataShape, text []byte, spans []strictjson.Span) bool {
	if len(spans) != s.slots() {
		return false
	}
	key := m.keys[s.key : s.key+s.size]
	shape, marks := key[:s.text], key[s.text:]
	m.parts = m.parts[:0]
	pos := 0 // in text
	for i, span := range spans {
		start, end := int(span.Start), int(span.End)
		mark := binary.LittleEndian.Uint32(marks[4*i:])
		gap := start - pos
		if gap < 0 || end < start || end > len(text) || gap > len(shape) ||
			string(shape[:gap]) != string(text[pos:start]) {
			return false
		}
		shape = shape[gap:]
		if s.text-len(shape) != int(mark>>1) {
			return false
		}
		p := metadataPart{start: start, end: end}
		if span.Int {
			p.number, p.isInt = parseCanonicalInt(text[start:end])
		}
		if p.isInt != (mark&1 == 1) {
			return false
		}
		m.parts = append(m.parts, p)
		pos = end
	}
	return string(shape) == string(text[pos:])
}

// split finds the values of a metadata text (parts) and its key. Spans that cannot be true
// make it one text without values.
func (m *metadataEncoder) split(text []byte, spans []strictjson.Span) {
	m.parts, m.key = m.parts[:0], m.key[:0]
	pos := 0
	for _, span := range spans[:min(len(spans), metadataSlotsMax)] {
		start, end := int(span.Start), int(span.End)
		if start < pos || end < start || end > len(text) {
			m.parts, m.key = m.parts[:0], append(m.key[:0], text...)
			return
		}
		p := metadataPart{start: start, end: end}
		if span.Int {
			p.number, p.isInt = parseCanonicalInt(text[start:end])
		}
		m.key = append(m.key, text[pos:start]...)
		m.parts = append(m.parts, p)
		pos = end
	}
	m.key = append(m.key, text[pos:]...)
	at := 0
	pos = 0
	for _, p := range m.parts {
		at += p.start - pos
		pos = p.end
		mark := uint32(at) << 1
		if p.isInt {
			mark |= 1
		}
		m.key = binary.LittleEndian.AppendUint32(m.key, mark)
	}
}

// shape returns the number of the shape whose key was split off last.
func (m *metadataEncoder) shape() (number int, isNew bool) {
	if 2*len(m.shapes) >= len(m.table) {
		m.grow()
	}
	text := len(m.key) - 4*len(m.parts)
	hash := xxh3.HashSeed(m.key, m.seed)
	mask := uint64(len(m.table) - 1)
	slot := hash & mask
	for ; m.table[slot] != 0; slot = (slot + 1) & mask {
		number = int(m.table[slot] - 1)
		s := &m.shapes[number]
		if s.hash == hash && s.text == text &&
			string(m.keys[s.key:s.key+s.size]) == string(m.key) {
			return number, false
		}
	}
	m.table[slot] = uint32(len(m.shapes) + 1)
	m.shapes = append(m.shapes, metadataShape{
		hash: hash, key: len(m.keys), text: text, size: len(m.key),
	})
	m.keys = append(m.keys, m.key...)
	return len(m.shapes) - 1, true
}

// grow doubles the table and places every shape again.
func (m *metadataEncoder) grow() {
	m.table = make([]uint32, max(32, 2*len(m.table)))
	mask := uint64(len(m.table) - 1)
	for i := range m.shapes {
		slot := m.shapes[i].hash & mask
		for m.table[slot] != 0 {
			slot = (slot + 1) & mask
		}
		m.table[slot] = uint32(i + 1)
	}
}

// parseCanonicalInt parses an integer; ok only when formatting it gives back the text.
func parseCanonicalInt(text []byte) (v int64, ok bool) {
	digits := text
	if len(text) > 0 && text[0] == '-' {
		digits = text[1:]
	}
	// 18 digits always fit. Longer integers are rare and kept as text.
	if len(digits) == 0 || len(digits) > 18 || digits[0] == '0' && len(text) > 1 {
		return 0, false
	}
	for _, c := range digits {
		if c -= '0'; c > 9 {
			return 0, false
		} else {
			v = v*10 + int64(c)
		}
	}
	if len(digits) < len(text) {
		v = -v
	}
	return v, true
}
