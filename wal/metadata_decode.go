package wal

import (
	"strconv"

	"github.com/weirhq/weir/internal/strictjson"
)

// decodedShape is a shape of the block being decoded: text, slot, text, slot, ..., tail.
type decodedShape struct {
	slots     []decodedSlot
	tail      []byte // the text after the last slot
	next      int    // the number of the next item of this shape: an index into the columns
	itemBytes int    // bytes of the largest item of this shape, at most
	plain     bool   // no slots: all its items are tail
}

// decodedSlot is a slot and the values of its items.
type decodedSlot struct {
	before  []byte // the text between the slot before and this
	isInt   bool
	ints    []int64
	strings blockStrings
}

// intTextMax is the longest decimal int64: a sign and 19 digits.
const intTextMax = 20

// readMetadata reads the shapes and their columns, and returns the shape of each of the n
// items (0: none), nil when no item has metadata.
func (d *BlockDecoder) readMetadata(r *blockReader, text *blockHeap, n int) []int64 {
	const what = "metadata shapes"
	count := r.count(what, n)
	if count == 0 {
		return nil
	}
	refs, sizes, slots := d.takeInts(n), d.takeInts(count), d.takeInts(count)
	r.intsBelow(what, refs, uint64(count)+1)
	r.intsBelow(what, sizes, BlockEncodedBytesMax)
	r.intsBelow(what, slots, metadataSlotsMax+1)
	if r.err != nil {
		return nil
	}
	total := 0
	for _, k := range slots {
		total += int(k)
	}
	// Each slot has a column of two bytes at least: so the memory for slots is bounded by the
	// bytes that are there.
	if total > (len(r.buf)-r.off)/2 {
		r.fail(what)
		return nil
	}
	gaps, types := d.takeInts(total), d.takeInts(total)
	r.intsBelow(what, gaps, BlockEncodedBytesMax)
	r.intsBelow(what, types, 2)
	if r.err != nil {
		return nil
	}
	if cap(d.shapes) < count {
		d.shapes = make([]decodedShape, count)
	}
	if cap(d.slots) < total {
		d.slots = make([]decodedSlot, total)
	}
	d.shapes, d.slots = d.shapes[:count], d.slots[:total]
	free := d.slots
	for i := range d.shapes {
		s := &d.shapes[i]
		k := int(slots[i])
		*s = decodedShape{slots: free[:k], plain: k == 0}
		s.itemBytes = int(sizes[i])
		s.cut(r, text.take(r, what, int(sizes[i])), gaps[:k], types[:k])
		free, gaps, types = free[k:], gaps[k:], types[k:]
	}
	d.readValues(r, text, refs)
	return refs
}

// cut divides the text of a shape at its slots.
func (s *decodedShape) cut(r *blockReader, text []byte, gaps, types []int64) {
	for i, gap := range gaps {
		if int(gap) > len(text) {
			r.fail("metadata slot outside its shape")
			return
		}
		s.slots[i] = decodedSlot{before: text[:gap], isInt: types[i] == 1}
		text = text[gap:]
	}
	s.tail = text
}

// readValues reads the columns of all slots.
func (d *BlockDecoder) readValues(r *blockReader, text *blockHeap, refs []int64) {
	for _, ref := range refs {
		if ref > 0 {
			d.shapes[ref-1].next++
		}
	}
	for i := range d.shapes {
		s := &d.shapes[i]
		count := s.next
		if count == 0 {
			r.fail("metadata shape without items")
			return
		}
		s.next = 0
		for j := range s.slots {
			slot := &s.slots[j]
			if r.err != nil {
				return
			}
			if slot.isInt {
				slot.ints = d.takeInts(count)
				r.ints("metadata integers", slot.ints)
				s.itemBytes += intTextMax
			} else {
				slot.strings = d.strings(r, text, "metadata strings", count)
				s.itemBytes += slot.strings.sizeMax
			}
		}
	}
}

// buildMetadata writes the metadata of the next item of a shape.
func (d *BlockDecoder) buildMetadata(r *blockReader, it *Item, s *decodedShape) {
	index := s.next
	s.next++
	if s.plain {
		it.Metadata = notNil(s.tail)
		return
	}
	if cap(d.text)-len(d.text) < s.itemBytes && !d.growText(r, s, index) {
		return
	}
	start := len(d.text)
	buf := d.text
	spans := d.takeSpans(len(s.slots))
	for j := range s.slots {
		slot := &s.slots[j]
		buf = append(buf, slot.before...)
		from := len(buf) - start
		if slot.isInt {
			buf = strconv.AppendInt(buf, slot.ints[index], 10)
		} else {
			buf = append(buf, slot.strings.at(index)...)
		}
		spans[j] = strictjson.Span{
			Start: uint16(from), End: uint16(len(buf) - start), Int: slot.isInt,
		}
	}
	buf = append(buf, s.tail...)
	d.text = buf
	it.Metadata = notNil(buf[start:len(buf):len(buf)])
	it.Spans = spans
	if len(it.Metadata) > maxSpanOffset {
		r.fail("metadata too large")
	}
}

const maxSpanOffset = 1<<16 - 1

// growText makes room for the next metadata of a shape. It first sees how large this one is,
// because s.itemBytes may be far more.
func (d *BlockDecoder) growText(r *blockReader, s *decodedShape, index int) bool {
	size := len(s.tail)
	for j := range s.slots {
		slot := &s.slots[j]
		size += len(slot.before)
		if slot.isInt {
			size += intTextMax
		} else {
			size += len(slot.strings.at(index))
		}
	}
	if size > maxSpanOffset+metadataSlotsMax*intTextMax {
		r.fail("metadata too large")
		return false
	}
	if cap(d.text)-len(d.text) < size {
		d.text = make([]byte, 0, max(2*cap(d.text), 2*size, 64<<10))
	}
	return true
}

// takeSpans returns n spans of the arena, of any value.
func (d *BlockDecoder) takeSpans(n int) []strictjson.Span {
	if cap(d.spans)-len(d.spans) < n {
		d.spans = make([]strictjson.Span, 0, max(2*cap(d.spans), n, 1024))
	}
	end := len(d.spans) + n
	d.spans = d.spans[:end]
	return d.spans[end-n : end : end]
}
