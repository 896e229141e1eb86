package rollup

import (
	"encoding/binary"
	"math/bits"
)

// The containers of a portable bitmap: the low 16 bits of the members that share their high ones.

type containerKind uint8

const (
	ofArray containerKind = iota + 1 // ascending members, 16 bits each
	ofBits                           // 65,536 bits
	ofRuns                           // number of runs, then (start, length less 1), 16 bits each
)

// bytes returns the size of a container of the kind.
func (k containerKind) bytes(runs, card int) int {
	switch k {
	case ofArray:
		return 2 * card
	case ofBits:
		return bitmapBytes
	}
	return 2 + 4*runs
}

// canonicalKind returns the kind that holds card members in a number of runs.
func canonicalKind(runs, card int) containerKind {
	plain := ofBits
	if card <= arrayMax {
		plain = ofArray
	}
	if ofRuns.bytes(runs, card) < plain.bytes(runs, card) {
		return ofRuns
	}
	return plain
}

// scan returns how many bytes the container of card members at the start of src takes, and its
// number of runs; 0 bytes when it is cut off, not ascending or has another number of members.
func (k containerKind) scan(src []byte, card int) (used, runs int) {
	switch k {
	case ofArray:
		return scanArray(src, card)
	case ofBits:
		return scanBits(src, card)
	}
	return scanRuns(src, card)
}

func scanArray(src []byte, card int) (used, runs int) {
	used = 2 * card
	if used > len(src) {
		return 0, 0
	}
	before := -2
	for at := 0; at < used; at += 2 {
		v := int(binary.LittleEndian.Uint16(src[at:]))
		if v <= before {
			return 0, 0
		}
		if v != before+1 {
			runs++
		}
		before = v
	}
	return used, runs
}

func scanBits(src []byte, card int) (used, runs int) {
	if bitmapBytes > len(src) {
		return 0, 0
	}
	total, carry := 0, uint64(0) // carry: the last bit of the word before
	for at := 0; at < bitmapBytes; at += 8 {
		word := binary.LittleEndian.Uint64(src[at:])
		total += bits.OnesCount64(word)
		runs += bits.OnesCount64(word &^ (word<<1 | carry))
		carry = word >> 63
	}
	if total != card {
		return 0, 0
	}
	return bitmapBytes, runs
}

// scanRuns also refuses runs that touch: they should be one.
func scanRuns(src []byte, card int) (used, runs int) {
	if len(src) < 2 {
		return 0, 0
	}
	runs = int(binary.LittleEndian.Uint16(src))
	used = 2 + 4*runs
	if used > len(src) {
		return 0, 0
	}
	total, free := 0, 0 // free: the smallest start that the next run may have
	for at := 2; at < used; at += 4 {
		start := int(binary.LittleEndian.Uint16(src[at:]))
		length := int(binary.LittleEndian.Uint16(src[at+2:])) + 1
		if start < free || start+length > 1<<16 {
			return 0, 0
		}
		total, free = total+length, start+length+1
	}
	if total != card {
		return 0, 0
	}
	return used, runs
}

// rewrite appends the container as the kind that is wanted. It goes by way of a bit image;
// containers of the wrong kind are the exception.
func (c *container) rewrite(dst []byte) []byte {
	var image [bitmapBytes / 8]uint64
	c.fill(&image)
	switch c.want {
	case ofBits:
		for _, word := range image {
			dst = binary.LittleEndian.AppendUint64(dst, word)
		}
	case ofArray:
		for i, word := range image {
			for ; word != 0; word &= word - 1 {
				dst = binary.LittleEndian.AppendUint16(dst, uint16(i<<6+bits.TrailingZeros64(word)))
			}
		}
	case ofRuns:
		dst = binary.LittleEndian.AppendUint16(dst, uint16(c.runs))
		for from := nextBit(&image, 0, 0); from < 1<<16; {
			to := nextBit(&image, from, ^uint64(0))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(from))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(to-from-1))
			from = nextBit(&image, to, 0)
		}
	}
	return dst
}

func (c *container) fill(image *[bitmapBytes / 8]uint64) {
	switch c.kind {
	case ofBits:
		for i := range image {
			image[i] = binary.LittleEndian.Uint64(c.body[8*i:])
		}
	case ofArray:
		for at := 0; at < len(c.body); at += 2 {
			v := binary.LittleEndian.Uint16(c.body[at:])
			image[v>>6] |= 1 << (v & 63)
		}
	case ofRuns:
		for at := 2; at < len(c.body); at += 4 {
			start := int(binary.LittleEndian.Uint16(c.body[at:]))
			for v := start; v <= start+int(binary.LittleEndian.Uint16(c.body[at+2:])); v++ {
				image[v>>6] |= 1 << (v & 63)
			}
		}
	}
}

// nextBit returns the first position from at on that is set in image xor flip, or 65,536.
func nextBit(image *[bitmapBytes / 8]uint64, at int, flip uint64) int {
	for at < 1<<16 {
		if word := (image[at>>6] ^ flip) >> (at & 63); word != 0 {
			return at + bits.TrailingZeros64(word)
		}
		at = at&^63 + 64
	}
	return 1 << 16
}
