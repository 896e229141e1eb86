package wal

import (
	"encoding/binary"
	"math/bits"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// String columns. The bytes of the strings lie in the block's text heap, those of one
// column together and in order; the column says how to cut them.
//
//	+----------+---------------------------+-------------------------+
//	| distinct | lengths of the distinct   | number of each value    |
//	| uvar > 0 | strings: integer column   | integer column, 0-based |
//	+----------+---------------------------+-------------------------+
//
// Strings are numbered in the order of their first use, so numbers are dense and few bits
// wide. Where nearly all values differ a dictionary costs more than it saves, and the
// strings are written one after another:
//
//	+----------+-----------------------------+
//	| 0        | lengths of all the values   |
//	| uvar     | integer column              |
//	+----------+-----------------------------+

// dictionary collects the values of one string column. It keeps a copy of each distinct
// value, so that nothing of the caller's is held after Encode.
type dictionary struct {
	seed    uint64   // of the hash: who sends strings must not be able to make them collide
	table   []uint32 // open addressing by hash; 0 is empty, else the string's number + 1
	strings []dictionaryString
	bytes   []byte  // the distinct strings, in order
	refs    []int64 // the number of each value
	plain   int     // bytes of all values
}

// dictionaryString is a distinct string. Most are at most 16 bytes, and then the two words
// are the string itself (with its length), so that comparing two needs no memory; of a longer
// string they are a hash.
type dictionaryString struct {
	words    stringWords
	off, end uint32
}

// stringWords are two fields rather than an array because the compiler keeps those in registers.
type stringWords struct{ first, last uint64 }

// wordsOf returns the words of a string. The loads overlap, as those of short inputs in
// xxh3 and wyhash do: first and last eight bytes, or first and last four.
func wordsOf(s string, seed uint64) stringWords {
	b := viewBytes(s)
	switch n := len(b); {
	case n > 16:
		return stringWords{xxh3.HashSeed(b, seed), 0}
	case n >= 8:
		return stringWords{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])}
	case n >= 4:
		first, last := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[n-4:])
		return stringWords{uint64(first), uint64(last)}
	case n > 0:
		return stringWords{uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16, 0}
	}
	return stringWords{}
}

// wordsHash spreads words over a table.
func wordsHash(words stringWords, size int, seed uint64) uint64 {
	const odd = 0x9E3779B97F4A7C15
	hi, lo := bits.Mul64(words.first^seed, words.last^(seed>>32|seed<<32)^uint64(size)*odd)
	return (hi ^ lo) * odd >> 32
}

// reset empties the dictionary, keeping its memory.
func (d *dictionary) reset(seed uint64) {
	if len(d.strings) > 0 {
		clear(d.table)
	}
	d.seed = seed
	d.strings, d.bytes, d.refs, d.plain = d.strings[:0], d.bytes[:0], d.refs[:0], 0
}

// add appends a value and returns how many bytes it adds to the block, at most.
func (d *dictionary) add(s string) (sizeBound int) {
	d.plain += len(s)
	// At most a quarter full, most searches end at the first slot, and are well predicted.
	if 4*len(d.strings) >= len(d.table) {
		d.grow()
	}
	words := wordsOf(s, d.seed)
	mask := uint64(len(d.table) - 1)
	slot := wordsHash(words, len(s), d.seed) & mask
	for ; d.table[slot] != 0; slot = (slot + 1) & mask {
		ref := int(d.table[slot] - 1)
		t := &d.strings[ref]
		if t.words == words && int(t.end-t.off) == len(s) && (len(s) <= 16 || d.at(ref) == s) {
			d.refs = append(d.refs, int64(ref))
			return dictionaryRefMax
		}
	}
	d.table[slot] = uint32(len(d.strings) + 1)
	d.refs = append(d.refs, int64(len(d.strings)))
	off := uint32(len(d.bytes))
	d.bytes = append(d.bytes, s...)
	d.strings = append(d.strings, dictionaryString{words, off, uint32(len(d.bytes))})
	return dictionaryRefMax + dictionaryLengthMax + len(s)
}

const (
	dictionaryRefMax    = 2 // a varint below 2*BlockItemsMax
	dictionaryLengthMax = 3 // a varint of at most 2*ItemEncodedBytesMax
)

// at returns the string of a number. It is valid until the next add.
func (d *dictionary) at(ref int) string {
	s := d.strings[ref]
	return viewString(d.bytes[s.off:s.end])
}

// grow doubles the table and places every string again.
func (d *dictionary) grow() {
	d.table = make([]uint32, max(64, 2*len(d.table)))
	mask := uint64(len(d.table) - 1)
	for i, s := range d.strings {
		slot := wordsHash(s.words, int(s.end-s.off), d.seed) & mask
		for d.table[slot] != 0 {
			slot = (slot + 1) & mask
		}
		d.table[slot] = uint32(i + 1)
	}
}

// appendTo appends the column to dst and its strings to the heap. lengths is scratch.
func (d *dictionary) appendTo(dst, heap []byte, lengths *[]int64) (dst2, heap2 []byte) {
	if len(d.refs) == 0 {
		return dst, heap
	}
	mark := len(dst)
	dst = binary.AppendUvarint(dst, uint64(len(d.strings)))
	*lengths = (*lengths)[:0]
	for _, s := range d.strings {
		*lengths = append(*lengths, int64(s.end-s.off))
	}
	dst = appendInts(dst, *lengths)
	dst = appendInts(dst, d.refs)
	if 2*len(d.strings) < len(d.refs) {
		return dst, append(heap, d.bytes...)
	}
	// More than half of the values differ: see whether the plain form is smaller. It is
	// rarely wanted, so it is simply tried.
	size := len(dst) - mark + len(d.bytes)
	*lengths = (*lengths)[:0]
	for _, ref := range d.refs {
		s := d.strings[ref]
		*lengths = append(*lengths, int64(s.end-s.off))
	}
	tried := len(dst)
	dst = append(dst, 0)
	dst = appendInts(dst, *lengths)
	if len(dst)-tried+d.plain >= size {
		return dst[:tried], append(heap, d.bytes...)
	}
	dst = append(dst[:mark], dst[tried:]...)
	for _, ref := range d.refs {
		heap = append(heap, d.at(int(ref))...)
	}
	return dst, heap
}

// blockStrings is a decoded string column: value i is dict[refs[i]].
type blockStrings struct {
	dict    []string
	refs    []int64
	sizeMax int // length of the longest string
}

// at returns value i.
func (c *blockStrings) at(i int) string { return c.dict[c.refs[i]] }

// strings reads a string column of count values, and takes its bytes from the heap.
func (d *BlockDecoder) strings(
	r *blockReader, heap *blockHeap, what string, count int,
) (c blockStrings) {
	if count == 0 || r.err != nil {
		return c
	}
	distinct := r.count(what, count)
	plain := distinct == 0
	if plain {
		distinct = count
	}
	lengths := d.takeInts(distinct)
	r.intsBelow(what, lengths, BlockEncodedBytesMax)
	c.dict = d.takeStrings(distinct)
	for i, size := range lengths {
		c.dict[i] = viewString(heap.take(r, what, int(size)))
		c.sizeMax = max(c.sizeMax, int(size))
	}
	c.refs = d.takeInts(count)
	if plain {
		for i := range c.refs {
			c.refs[i] = int64(i)
		}
		return c
	}
	r.intsBelow(what, c.refs, uint64(distinct))
	return c
}

// viewString returns b's bytes as a string without copying: it changes when b does.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// viewBytes is the inverse of viewString, for reading only.
func viewBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }
