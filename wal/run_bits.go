package wal

import (
	"encoding/binary"
	"math/bits"
)

// Bits of a run chunk: packed integers that are read at any position without unpacking what
// lies before. Bit i of a section is bit i%8 of byte i/8, the lowest first, so that a
// little-endian load and a shift read a value. The block codec packs whole columns to be read
// whole; here one value of a thousand is wanted.

// runBitsWide is the widest value that any unaligned 64-bit load holds: up to 7 bits of the
// first byte belong to the value before.
const runBitsWide = 64 - 7

// runBitsAt reads width bits, 0 to 64, at bit position pos of data. Bits beyond the end of
// data read as zero.
func runBitsAt(data []byte, pos int, width uint8) uint64 {
	at, shift := pos>>3, uint(pos&7)
	if at+8 <= len(data) {
		v := binary.LittleEndian.Uint64(data[at:]) >> shift
		if width > runBitsWide && at+8 < len(data) {
			v |= uint64(data[at+8]) << (64 - shift) // A shift by 64 is zero in Go.
		}
		return v & runBitsMask(width)
	}
	// The last bytes of the value: no full load fits.
	var v uint64
	for i := len(data) - 1; i >= at; i-- {
		v = v<<8 | uint64(data[i])
	}
	return v >> shift & runBitsMask(width)
}

// runBitsMask returns a mask of the width lowest bits.
func runBitsMask(width uint8) uint64 { return 1<<width - 1 }

// runBitsSize returns how many bytes count values of width bits take.
func runBitsSize(count int, width uint8) uint64 { return (uint64(count)*uint64(width) + 7) / 8 }

// runBitsWriter appends packed values to dst.
type runBitsWriter struct {
	dst  []byte
	acc  uint64
	used uint // bits of acc that are taken, below 64
}

// put appends the width lowest bits of v; the others must be zero.
func (w *runBitsWriter) put(v uint64, width uint8) {
	w.acc |= v << w.used
	if w.used+uint(width) < 64 {
		w.used += uint(width)
		return
	}
	w.dst = binary.LittleEndian.AppendUint64(w.dst, w.acc)
	w.acc = v >> (64 - w.used) // A shift by 64 is zero in Go.
	w.used += uint(width) - 64
}

// flush pads the section to whole bytes with zeros and returns everything written.
func (w *runBitsWriter) flush() []byte {
	for ; w.used > 0; w.used -= min(w.used, 8) {
		w.dst = append(w.dst, byte(w.acc))
		w.acc >>= 8
	}
	w.acc = 0
	return w.dst
}

// runBitsSelectZero returns the position of the k'th zero, counted from 0, among the first size
// bits of data, or size when there are not that many.
func runBitsSelectZero(data []byte, size, k int) int {
	for pos := 0; pos < size; pos += 64 {
		zeros := ^runBitsAt(data, pos, 64)
		n := bits.OnesCount64(zeros)
		if k >= n {
			k -= n
			continue
		}
		for ; k > 0; k-- {
			zeros &= zeros - 1
		}
		return min(pos+bits.TrailingZeros64(zeros), size)
	}
	return size
}

// runBitsOnes returns how many ones follow one another from pos on, up to position size.
func runBitsOnes(data []byte, size, pos int) int {
	for at := pos; at < size; at += runBitsWide {
		// The top bits beyond the width read as zero, so the count never exceeds it.
		n := bits.TrailingZeros64(^runBitsAt(data, at, runBitsWide))
		if n < runBitsWide {
			return min(at+n, size) - pos
		}
	}
	return max(size-pos, 0)
}
