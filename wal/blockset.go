package wal

import (
	"encoding/binary"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// BlockSet is which of 65,536 neighbouring blocks hold items of one tenant: one roaring container. The zero BlockSet is
// empty. It is not safe for concurrent use.
//
// A row is the set in roaring's portable format (https://github.com/RoaringBitmap/RoaringFormatSpec). Rows are under the
// digest, so a set has exactly one: a run container where that is strictly the smallest, else an array up to 4,096 members,
// else a bitmap. The library's own choice depends on the set's history and on sizes in memory.
//
//	array, bitmap  ┌──────────────┬───────┬───────┬──────────────┬─────────┬─────────────────────────────┐
//	               │ 12346 u32 LE │ 1 u32 │ 0 u16 │ card - 1 u16 │ 16 u32  │ members u16, or 8,192 bytes │
//	               └──────────────┴───────┴───────┴──────────────┴─────────┴─────────────────────────────┘
//	runs           ┌──────────────┬───────┬───────┬──────────────┬─────────┬─────────────────────────────┐
//	               │ 12347 u32 LE │ 1 u8  │ 0 u16 │ card - 1 u16 │ n u16   │ n x (first, length - 1) u16 │
//	               └──────────────┴───────┴───────┴──────────────┴─────────┴─────────────────────────────┘
type BlockSet struct{ bits *roaring.Bitmap }

const (
	// BlockSetSpan is how many blocks a set is about.
	BlockSetSpan = 1 << 16

	cookieRuns     = 12347
	cookiePlain    = 12346
	plainHeader    = 16
	runsHeader     = 11
	arrayMembers   = 4096
	containerBytes = BlockSetSpan / 8
)

// Add puts a block into the set: its index modulo BlockSetSpan.
func (s *BlockSet) Add(low uint16) {
	if s.bits == nil {
		s.bits = roaring.New()
	}
	s.bits.Add(uint32(low))
}

// Reset empties the set.
func (s *BlockSet) Reset() { s.bits = nil }

// Len returns the number of blocks.
func (s *BlockSet) Len() int {
	if s.bits == nil {
		return 0
	}
	return int(s.bits.GetCardinality())
}

// Has tells whether the set holds a block.
func (s *BlockSet) Has(low uint16) bool { return s.bits != nil && s.bits.Contains(uint32(low)) }

// Meets tells whether the set holds a block of [from, to).
func (s *BlockSet) Meets(from, to uint32) bool {
	return s.bits != nil && s.bits.IntersectsWithInterval(uint64(from), uint64(to))
}

// Descend calls fn for the blocks of the set that are at most from, the greatest first, until fn returns false; it returns
// whether fn never did.
func (s *BlockSet) Descend(from uint16, fn func(low uint16) bool) bool {
	if s.bits == nil {
		return true
	}
	for it := s.bits.ReverseIterator(); it.HasNext(); {
		if low := it.Next(); low <= uint32(from) && !fn(uint16(low)) {
			return false
		}
	}
	return true
}

// Append appends the set's row; nothing for an empty set.
func (s *BlockSet) Append(dst []byte) []byte {
	card := s.Len()
	if card == 0 {
		return dst
	}
	runs := 0
	s.eachRun(func(_, _ uint32) { runs++ })
	if 2+4*runs < min(2*card, containerBytes) {
		dst = binary.LittleEndian.AppendUint32(dst, cookieRuns)
		dst = append(dst, 1, 0, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(card-1))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(runs))
		s.eachRun(func(first, last uint32) {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(first))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(last-first))
		})
		return dst
	}
	dst = binary.LittleEndian.AppendUint32(dst, cookiePlain)
	dst = binary.LittleEndian.AppendUint32(dst, 1)
	dst = binary.LittleEndian.AppendUint16(dst, 0)
	dst = binary.LittleEndian.AppendUint16(dst, uint16(card-1))
	dst = binary.LittleEndian.AppendUint32(dst, plainHeader)
	if card <= arrayMembers {
		for it := s.bits.Iterator(); it.HasNext(); {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(it.Next()))
		}
		return dst
	}
	at := len(dst)
	dst = append(dst, make([]byte, containerBytes)...)
	for it := s.bits.Iterator(); it.HasNext(); {
		low := it.Next()
		dst[at+int(low>>3)] |= 1 << (low & 7)
	}
	return dst
}

// eachRun calls fn for every stretch of neighbours, ascending.
func (s *BlockSet) eachRun(fn func(first, last uint32)) {
	it := s.bits.Iterator()
	first := it.Next()
	last := first
	for it.HasNext() {
		low := it.Next()
		if low != last+1 {
			fn(first, last)
			first = low
		}
		last = low
	}
	fn(first, last)
}

// Decode sets s to the set of a row, of which it keeps nothing. The library is given numbers, never foreign bytes, and a row
// that Append would write differently is refused. Errors: ErrCorrupt.
func (s *BlockSet) Decode(src []byte) error {
	s.bits = roaring.New()
	switch {
	case len(src) <= runsHeader:
	case binary.LittleEndian.Uint32(src) == cookieRuns:
		for at := runsHeader; at+4 <= len(src) && at < containerBytes; at += 4 {
			first := uint64(binary.LittleEndian.Uint16(src[at:]))
			last := first + uint64(binary.LittleEndian.Uint16(src[at+2:]))
			s.bits.AddRange(first, min(last+1, BlockSetSpan))
		}
	case binary.LittleEndian.Uint32(src) != cookiePlain || len(src) <= plainHeader || len(src) > plainHeader+containerBytes:
	case binary.LittleEndian.Uint16(src[10:]) >= arrayMembers:
		for at, b := range src[plainHeader:] {
			for ; b != 0; b &= b - 1 {
				s.bits.Add(uint32(at<<3 + bits.TrailingZeros8(b)))
			}
		}
	default:
		for at := plainHeader; at+2 <= len(src); at += 2 {
			s.bits.Add(uint32(binary.LittleEndian.Uint16(src[at:])))
		}
	}
	if s.bits.IsEmpty() || string(s.Append(nil)) != string(src) {
		s.bits = nil
		return &CorruptError{What: "set of blocks", Offset: 0}
	}
	return nil
}
