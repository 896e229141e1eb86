package wal

import (
	"encoding/binary"
	"math/rand/v2"
)

// Metadata columns. The metadata of many events has the same skeleton and other values:
//
//	{"endpoint":"/v1/items","method":"GET","response_size":1234,"duration_ms":12}
//	{"endpoint":"........","method":"...","response_size":....,"duration_ms":..}
//
// The skeleton with its gaps is a shape: it is stored once per block. Each gap is a slot,
// and the values of one slot of one shape are a column, of integers or of strings. A shape
// that occurs only once is stored without slots: columns of one value save nothing.
//
//	+--------+-------------------------------------------------------------------+
//	| shapes | if shapes > 0, five integer columns:                              |
//	| uvar   |  - per item: 0 without metadata, else 1 + its shape's number      |
//	|        |  - per shape: bytes of its text, which is in the text heap        |
//	|        |  - per shape: its slots, at most 64                               |
//	|        |  - per slot: bytes of text since the slot before (or the start)   |
//	|        |  - per slot: 0 strings, 1 integers                                |
//	|        | then per shape, per slot: the column of its values, in item order |
//	+--------+-------------------------------------------------------------------+
//
// A value is an integer only when writing the integer in decimal gives back its bytes, so
// metadata comes back byte for byte whatever the spans claimed.

// metadataSlotsMax bounds the slots of a shape (metadata has at most 64 keys). Later spans
// stay in the shape's text.
const metadataSlotsMax = 64

const (
	metadataShapeBound = 4  // length (3) and slot count (1) of a shape
	metadataSlotBound  = 20 // gap (3), type (1), and the header of its column
)

// metadataEncoder splits the metadata of a block's items.
type metadataEncoder struct {
	seed    uint64   // of the hashes
	table   []uint32 // shapes by hash, open addressing; 0 is empty, else number + 1
	shapes  []metadataShape
	keys    []byte // the keys of the shapes, one after another
	columns []*slotColumn
	live    int     // columns in use; the others keep their memory for later blocks
	refs    []int64 // per item: 0 or 1 + shape

	parts []metadataPart // of the metadata being split
	key   []byte         // its key

	// guesses holds 1 + the shape of the last metadata whose spans looked alike: nearly
	// always the right one, and comparing with it costs less than hashing.
	guesses [64]uint32
}

// metadataShape is a distinct skeleton. Its key is the text outside the slots, followed by
// four bytes per slot: where the slot is in that text, and whether it holds integers.
type metadataShape struct {
	hash       uint64
	key        int // offset in keys
	text, size int // bytes of the text, of the whole key
	first      int // index of the first item of this shape
	count      int // items of this shape
	column     int // its first column; they exist from the second item on
}

func (s *metadataShape) slots() int { return (s.size - s.text) / 4 }

// metadataPart is one value of the metadata being split.
type metadataPart struct {
	start, end int
	number     int64
	isInt      bool
}

// slotColumn holds the values of one slot of one shape.
type slotColumn struct {
	isInt   bool
	ints    []int64
	strings dictionary
}

// reset forgets the block before.
func (m *metadataEncoder) reset() {
	if m.seed == 0 {
		m.seed = rand.Uint64() | 1
	}
	if len(m.shapes) > 0 {
		clear(m.table)
	}
	// Keep what ordinary blocks use, not what one strange block needed.
	const columnsKept = 1024
	if len(m.columns) > columnsKept {
		m.columns = append([]*slotColumn(nil), m.columns[:columnsKept]...)
	}
	m.guesses = [64]uint32{}
	m.shapes, m.keys, m.refs, m.live = m.shapes[:0], m.keys[:0], m.refs[:0], 0
}

// add appends the metadata of items[index] and returns how many bytes it adds to the block,
// at most.
func (m *metadataEncoder) add(items []*Item, index int) (sizeBound int) {
	it := items[index]
	if it.Metadata == nil {
		m.refs = append(m.refs, 0)
		return 1
	}
	number, isNew := m.find(it.Metadata, it.Spans)
	m.refs = append(m.refs, int64(number+1))
	s := &m.shapes[number]
	s.count++
	sizeBound = dictionaryRefMax
	switch {
	case isNew:
		s.first = index
		return sizeBound + metadataShapeBound + len(it.Metadata)
	case s.count == 2:
		m.newColumns(s)
		sizeBound += s.slots() * metadataSlotBound
		// The values of the first item come first; split it again.
		first := items[s.first]
		m.split(first.Metadata, first.Spans)
		sizeBound += m.addValues(s, first.Metadata)
		m.split(it.Metadata, it.Spans)
	}
	return sizeBound + m.addValues(s, it.Metadata)
}

// newColumns gives a shape its columns, empty.
func (m *metadataEncoder) newColumns(s *metadataShape) {
	s.column = m.live
	for _, p := range m.parts {
		if m.live == len(m.columns) {
			m.columns = append(m.columns, new(slotColumn))
		}
		c := m.columns[m.live]
		m.live++
		c.isInt = p.isInt
		c.ints = c.ints[:0]
		c.strings.reset(m.seed)
	}
}

// addValues appends the values that were split off last to their columns.
func (m *metadataEncoder) addValues(s *metadataShape, text []byte) (sizeBound int) {
	columns := m.columns[s.column : s.column+len(m.parts)]
	for i := range m.parts {
		p, c := &m.parts[i], columns[i]
		if p.isInt {
			c.ints = append(c.ints, p.number)
			sizeBound += varintSize(p.number)
		} else {
			sizeBound += c.strings.add(viewString(text[p.start:p.end]))
		}
	}
	return sizeBound
}

// appendTo appends the section to dst and its strings to the heap.
func (m *metadataEncoder) appendTo(
	dst, heap []byte, items []*Item, scratch *[]int64,
) (dst2, heap2 []byte) {
	dst = binary.AppendUvarint(dst, uint64(len(m.shapes)))
	if len(m.shapes) == 0 {
		return dst, heap
	}
	dst = appendInts(dst, m.refs)
	texts, slots := (*scratch)[:0], m.key[:0]
	for i := range m.shapes {
		s := &m.shapes[i]
		text := m.keys[s.key : s.key+s.text]
		if s.count == 1 {
			text = items[s.first].Metadata
		} else {
			slots = append(slots, m.keys[s.key+s.text:s.key+s.size]...)
		}
		texts = append(texts, int64(len(text)))
		heap = append(heap, text...)
	}
	dst = appendInts(dst, texts)
	m.key, *scratch = slots, texts
	dst = m.appendSlots(dst, scratch)
	for i := range m.shapes {
		s := &m.shapes[i]
		if s.count == 1 {
			continue
		}
		for _, c := range m.columns[s.column : s.column+s.slots()] {
			if c.isInt {
				dst = appendInts(dst, c.ints)
			} else {
				dst, heap = c.strings.appendTo(dst, heap, scratch)
			}
		}
	}
	return dst, heap
}

// appendSlots appends the columns that say where slots are: their number per shape, and
// from the marks in m.key the gap before each and its type.
func (m *metadataEncoder) appendSlots(dst []byte, scratch *[]int64) []byte {
	vals := (*scratch)[:0]
	for i := range m.shapes {
		n := 0
		if m.shapes[i].count > 1 {
			n = m.shapes[i].slots()
		}
		vals = append(vals, int64(n))
	}
	dst = appendInts(dst, vals)
	vals = vals[:0]
	mark := 0
	for i := range m.shapes {
		before := uint32(0)
		if m.shapes[i].count == 1 {
			continue
		}
		for range m.shapes[i].slots() {
			at := binary.LittleEndian.Uint32(m.key[mark:]) >> 1
			vals = append(vals, int64(at-before))
			before = at
			mark += 4
		}
	}
	dst = appendInts(dst, vals)
	vals = vals[:0]
	for mark = 0; mark < len(m.key); mark += 4 {
		vals = append(vals, int64(m.key[mark]&1))
	}
	dst = appendInts(dst, vals)
	*scratch = vals
	return dst
}
