package wal

import (
	"encoding/binary"
	"math/bits"

	"github.com/RoaringBitmap/roaring/v2"
)

// BlockSet is which of 65,536 neighbouring blocks hold items of one tenant: one roaring container. The zero BlockSet is
// empty. It is not safe for concurrent use.
//
// Rows are under the digest, so a set has exactly one: the shortest of these, and of two the upper one. Arrays and runs are in roaring's
// portable format (https://github.com/RoaringBitmap/RoaringFormatSpec). Windows are not: a busy tenant is in most blocks of a young
// chunk, and there roaring knows only two bytes a block, or a bitmap of 8 KiB. They have the bytes of that bitmap from the first to the
// last that are not 0.
//
//	array   ┌──────────────┬───────┬───────┬──────────────┬─────────┬───────────────────────────┐
//	        │ 12346 u32 LE │ 1 u32 │ 0 u16 │ card - 1 u16 │ 16 u32  │ members u16               │
//	        └──────────────┴───────┴───────┴──────────────┴─────────┴───────────────────────────┘
//	runs    ┌──────────────┬───────┬───────┬──────────────┬─────────┬───────────────────────────┐
//	        │ 12347 u32 LE │ 1 u8  │ 0 u16 │ card - 1 u16 │ n u16   │ n x (first, length - 1) u16 │
//	        └──────────────┴───────┴───────┴──────────────┴─────────┴───────────────────────────┘
//	window  ┌──────────────┬────────────────┬────────────────────────┐
//	        │ 12345 u32 LE │ first byte u16 │ bytes of the bitmap    │
//	        └──────────────┴────────────────┴────────────────────────┘
type BlockSet struct{ bits *roaring.Bitmap }

const (
	// BlockSetSpan is how many blocks a set is about.
	BlockSetSpan = 1 << 16

	cookieWindow = 12345 // none of roaring's
	cookieArray  = 12346
	cookieRuns   = 12347
	windowHeader = 6
	arrayHeader  = 16
	runsHeader   = 11

	// blockSetRowMax is the greatest row: a window of all bytes.
	blockSetRowMax = windowHeader + BlockSetSpan/8
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
	from, to := s.bits.Minimum()>>3, s.bits.Maximum()>>3
	array, run, window := arrayHeader+2*card, runsHeader+4*runs, windowHeader+int(to-from+1)
	switch min(array, run, window) {
	case array:
		dst = binary.LittleEndian.AppendUint32(dst, cookieArray)
		dst = binary.LittleEndian.AppendUint32(dst, 1)
		dst = binary.LittleEndian.AppendUint16(dst, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(card-1))
		dst = binary.LittleEndian.AppendUint32(dst, arrayHeader)
		for it := s.bits.Iterator(); it.HasNext(); {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(it.Next()))
		}
	case run:
		dst = binary.LittleEndian.AppendUint32(dst, cookieRuns)
		dst = append(dst, 1, 0, 0)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(card-1))
		dst = binary.LittleEndian.AppendUint16(dst, uint16(runs))
		s.eachRun(func(first, last uint32) {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(first))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(last-first))
		})
	default:
		dst = binary.LittleEndian.AppendUint32(dst, cookieWindow)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(from))
		at := len(dst)
		dst = append(dst, make([]byte, to-from+1)...)
		for it := s.bits.Iterator(); it.HasNext(); {
			low := it.Next()
			dst[at+int(low>>3-from)] |= 1 << (low & 7)
		}
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
	cookie := uint32(0)
	if len(src) > windowHeader && len(src) <= blockSetRowMax {
		cookie = binary.LittleEndian.Uint32(src)
	}
	switch cookie {
	case cookieWindow:
		from := int(binary.LittleEndian.Uint16(src[4:]))
		for at, b := range src[windowHeader:] {
			for ; b != 0 && from+at < BlockSetSpan/8; b &= b - 1 {
				s.bits.Add(uint32((from+at)<<3 + bits.TrailingZeros8(b)))
			}
		}
	case cookieArray:
		for at := arrayHeader; at+2 <= len(src); at += 2 {
			s.bits.Add(uint32(binary.LittleEndian.Uint16(src[at:])))
		}
	case cookieRuns:
		for at := runsHeader; at+4 <= len(src); at += 4 {
			first := uint64(binary.LittleEndian.Uint16(src[at:]))
			last := first + uint64(binary.LittleEndian.Uint16(src[at+2:]))
			s.bits.AddRange(first, min(last+1, BlockSetSpan))
		}
	}
	if s.bits.IsEmpty() || string(s.Append(nil)) != string(src) {
		s.bits = nil
		return &CorruptError{What: "set of blocks", Offset: 0}
	}
	return nil
}
