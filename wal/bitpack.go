package wal

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"slices"
	"unsafe"
)

// Integer columns. All integers of a block are stored this way. The count is never stored:
// the reader knows it from the columns before.
//
//	+-------+----------------------+------------------------------------------+
//	| width | base                 | count x width bits                       |
//	| 1     | varint, zig-zag      | (count*width + 7) / 8 bytes              |
//	+-------+----------------------+------------------------------------------+
//
// This is frame of reference: value i is base + bits [i*width, (i+1)*width), counted from
// the least significant bit of the first byte (a little-endian bit stream). The base is the
// least value, so width is what the spread needs and a constant column has width 0 and no
// bits. A column of no values is no bytes at all.
//
// One outlier would widen the whole column, and one hostile item would cost eight bytes in
// each of its 4,095 neighbours. So there is a second form, which the writer takes when it
// is smaller; it also makes a bound per item possible (see [EncodedSizeBound]):
//
//	+-------+--------------------------+
//	| 0x80  | count zig-zag varints    |
//	+-------+--------------------------+
//
// Frame of reference after Goldstein, Ramakrishnan, Shaft (1998), without the patching of
// PFOR: the varint form takes its place and is simpler.

const columnVarints = 0x80

// columnHeaderMax is the largest header: the width and a ten-byte base.
const columnHeaderMax = 1 + binary.MaxVarintLen64

// appendInts appends the column of vals to dst.
func appendInts(dst []byte, vals []int64) []byte {
	base, width := columnFrame(vals)
	// A varint takes a byte at least, so up to eight bits the packed form cannot lose.
	if width > 8 {
		packed := columnHeaderMax + (len(vals)*width+7)/8
		if varintsSmaller(vals, packed) {
			dst = append(dst, columnVarints)
			for _, v := range vals {
				dst = binary.AppendVarint(dst, v)
			}
			return dst
		}
	}
	return appendPacked(dst, vals, base, width)
}

// appendInts60 is appendInts for values that are random over their whole range, as most of
// the bits of an id are: it does not try varints.
func appendInts60(dst []byte, vals []int64) []byte {
	base, width := columnFrame(vals)
	return appendPacked(dst, vals, base, width)
}

// columnFrame returns the least value and the bits that the spread above it needs.
func columnFrame(vals []int64) (base int64, width int) {
	if len(vals) == 0 {
		return 0, 0
	}
	// Constant columns are common: all values equal the value before. Compared as bytes that
	// is many times faster than value by value.
	raw := unsafe.Slice((*byte)(unsafe.Pointer(&vals[0])), 8*len(vals))
	if bytes.Equal(raw[8:], raw[:len(raw)-8]) {
		return vals[0], 0
	}
	least, most := vals[0], vals[0]
	for _, v := range vals {
		least = min(least, v)
		most = max(most, v)
	}
	return least, bits.Len64(uint64(most) - uint64(least))
}

// varintsSmaller reports whether the varints of vals take fewer than size bytes.
func varintsSmaller(vals []int64, size int) bool {
	sum := 0
	for len(vals) > 0 {
		n := min(len(vals), 256)
		for _, v := range vals[:n] {
			sum += varintSize(v)
		}
		if vals = vals[n:]; sum >= size {
			return false
		}
	}
	return true
}

// varintSize returns the bytes of v's zig-zag varint.
func varintSize(v int64) int { return uvarintSize(uint64(v)<<1 ^ uint64(v>>63)) }

// uvarintSize returns the bytes of v's varint: one per seven bits begun. The multiplication
// divides by seven exactly for the 64 values that occur.
func uvarintSize(v uint64) int { return (bits.Len64(v|1)*37 + 222) >> 8 }

// appendPacked appends a packed column.
func appendPacked(dst []byte, vals []int64, base int64, width int) []byte {
	if len(vals) == 0 {
		return dst
	}
	dst = append(dst, byte(width))
	dst = binary.AppendVarint(dst, base)
	if width == 0 {
		return dst
	}
	size := (len(vals)*width + 7) / 8
	dst = slices.Grow(dst, size+8) // the last store is a whole word
	out := dst[len(dst) : len(dst)+size+8]
	var word uint64
	fill, w, pos := uint(0), uint(width), 0
	for _, v := range vals {
		d := uint64(v) - uint64(base)
		word |= d << fill
		fill += w
		if fill >= 64 {
			binary.LittleEndian.PutUint64(out[pos:], word)
			pos += 8
			fill -= 64
			word = d >> (w - fill)
		}
	}
	binary.LittleEndian.PutUint64(out[pos:], word)
	return dst[:len(dst)+size]
}

// unpackInts fills vals with base plus the values of width bits at the start of data, which
// must hold them all. It reads whole words, also past the column where data goes on.
func unpackInts(vals []int64, data []byte, base int64, width int) {
	if width == 0 {
		for i := range vals {
			vals[i] = base
		}
		return
	}
	w := uint(width)
	mask := ^uint64(0) >> (64 - w)
	// Value i starts in byte i*width/8. While nine bytes from there are in data it may be
	// read by a word (and, if wide, a byte more).
	fast := 0
	if len(data) >= 9 {
		fast = min(len(vals), (len(data)-9)*8/width+1)
	}
	bit := uint(0)
	if w <= 57 { // at most seven bits of the word belong to the value before
		for i := range vals[:fast] {
			word := binary.LittleEndian.Uint64(data[bit>>3:])
			vals[i] = base + int64(word>>(bit&7)&mask)
			bit += w
		}
	} else {
		for i := range vals[:fast] {
			b := data[bit>>3:][:9]
			word := binary.LittleEndian.Uint64(b)>>(bit&7) | uint64(b[8])<<(64-bit&7)
			vals[i] = base + int64(word&mask)
			bit += w
		}
	}
	for i := fast; i < len(vals); i++ {
		vals[i] = base + int64(unpackTail(data[bit>>3:], bit&7)&mask)
		bit += w
	}
}

// unpackTail is one step of unpackInts where fewer than nine bytes are left.
func unpackTail(data []byte, shift uint) uint64 {
	var pad [9]byte
	copy(pad[:], data)
	return binary.LittleEndian.Uint64(pad[:])>>shift | uint64(pad[8])<<(64-shift)
}

// blockReader walks over the columns of a block. The first damage it meets sticks.
type blockReader struct {
	buf []byte
	off int
	err error
}

// fail records damage at the current offset.
func (r *blockReader) fail(what string) {
	if r.err == nil {
		r.err = &CorruptError{What: what, Offset: r.off}
	}
}

// byte reads one byte.
func (r *blockReader) byte(what string) byte {
	if r.err != nil || r.off >= len(r.buf) {
		r.fail(what)
		return 0
	}
	r.off++
	return r.buf[r.off-1]
}

// count reads a varint of at most limit.
func (r *blockReader) count(what string, limit int) int {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.buf[r.off:])
	if n <= 0 || v > uint64(limit) {
		r.fail(what)
		return 0
	}
	r.off += n
	return int(v)
}

// bytes reads size bytes, aliasing the block.
func (r *blockReader) bytes(what string, size int) []byte {
	if r.err != nil || size > len(r.buf)-r.off {
		r.fail(what)
		return nil
	}
	r.off += size
	return r.buf[r.off-size : r.off : r.off]
}

// ints reads a column into vals; after damage it leaves them as they are.
func (r *blockReader) ints(what string, vals []int64) {
	if len(vals) == 0 || r.err != nil {
		return
	}
	width := int(r.byte(what))
	if width == columnVarints {
		r.varints(what, vals)
		return
	}
	if width > 64 {
		r.fail(what)
		return
	}
	if r.err != nil {
		return
	}
	base, n := binary.Varint(r.buf[r.off:])
	size := (len(vals)*width + 7) / 8
	if n <= 0 || size > len(r.buf)-r.off-n {
		r.fail(what)
		return
	}
	r.off += n
	unpackInts(vals, r.buf[r.off:], base, width)
	r.off += size
}

// varints reads the varint form of a column.
func (r *blockReader) varints(what string, vals []int64) {
	for i := range vals {
		v, n := binary.Varint(r.buf[r.off:])
		if n <= 0 {
			r.fail(what)
			return
		}
		vals[i] = v
		r.off += n
	}
}

// intsBelow reads a column whose values are in [0, limit); anything else is damage.
func (r *blockReader) intsBelow(what string, vals []int64, limit uint64) {
	r.ints(what, vals)
	if r.err != nil {
		return
	}
	var most uint64
	for _, v := range vals {
		most = max(most, uint64(v))
	}
	if len(vals) > 0 && most >= limit {
		r.fail(what)
	}
}
