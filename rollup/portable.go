package rollup

import (
	"encoding/binary"

	"github.com/RoaringBitmap/roaring/v2"
)

// Canonical bitmaps in roaring's portable format
// (https://github.com/RoaringBitmap/RoaringFormatSpec).
//
// A set has many encodings in that format: which container holds 65,536 numbers depends on its
// history. RunOptimize of the library is no rule for bytes: it compares sizes in memory, Go's
// struct headers included, so its choice differs between 32- and 64-bit machines and may differ
// between versions. Our rule is on the bytes: a run container where it is strictly the smallest,
// else an array up to 4,096 members, else a bitmap. appendPortable rewrites the library's
// containers that break it.
//
// checkPortable proves stored bytes canonical before the library sees them. The library's Validate
// compares every run with every other (2 ms for one container of 2,047 runs) and does not look at
// the cardinalities and offsets in the header.

// Constants of the portable format.
const (
	cookieRuns   = 12347 // low 16 bits; the high ones hold the number of containers less 1
	cookieNoRuns = 12346 // then the number of containers in 32 bits
	offsetsFrom  = 4     // with runs, offsets are written from this many containers on
	arrayMax     = 4096  // members of an array container
	bitmapBytes  = 8192  // of a bitmap container
)

// portable is the header of a bitmap: where its parts begin.
type portable struct {
	n       int    // containers
	runs    []byte // bit i: container i is of runs; nil when none is
	heads   int    // (key, members less 1), 16 bits each, per container
	offsets int    // 32 bits per container, or 0 when there are none
	body    int    // the containers, one after the other
}

// parsePortable returns the header of src, and false when it is cut off or not one.
func parsePortable(src []byte) (h portable, ok bool) {
	if len(src) < 8 {
		return h, false
	}
	cookie := binary.LittleEndian.Uint32(src)
	switch {
	case cookie&0xffff == cookieRuns:
		h.n = int(cookie>>16) + 1
		h.heads = 4 + (h.n+7)/8
		h.runs = src[4:min(h.heads, len(src))]
	case cookie == cookieNoRuns:
		size := binary.LittleEndian.Uint32(src[4:])
		if size == 0 || size > 1<<16 {
			return h, false
		}
		h.n, h.heads = int(size), 8
	default:
		return h, false
	}
	h.body = h.heads + 4*h.n
	if h.runs == nil || h.n >= offsetsFrom {
		h.offsets, h.body = h.body, h.body+4*h.n
	}
	return h, h.body <= len(src)
}

// head returns the key, the number of members and the kind of container c.
func (h *portable) head(src []byte, c int) (key uint16, card int, kind containerKind) {
	at := h.heads + 4*c
	key, card = binary.LittleEndian.Uint16(src[at:]), int(binary.LittleEndian.Uint16(src[at+2:]))+1
	switch {
	case h.runs != nil && h.runs[c/8]>>(c%8)&1 != 0:
		return key, card, ofRuns
	case card <= arrayMax:
		return key, card, ofArray
	}
	return key, card, ofBits
}

// checkPortable reports whether src is, to its last byte, the canonical bitmap of a set that is not
// empty, and how many members it has. It takes linear time and allocates nothing.
func checkPortable(src []byte) (card uint64, ok bool) {
	h, ok := parsePortable(src)
	if !ok || h.runs != nil && h.n%8 != 0 && h.runs[len(h.runs)-1]>>(h.n%8) != 0 {
		return 0, false
	}
	at, before, anyRuns := h.body, -1, false
	for c := range h.n {
		key, size, kind := h.head(src, c)
		if int(key) <= before {
			return 0, false
		}
		if h.offsets > 0 && binary.LittleEndian.Uint32(src[h.offsets+4*c:]) != uint32(at) {
			return 0, false
		}
		used, runs := kind.scan(src[at:], size)
		if used == 0 || kind != canonicalKind(runs, size) {
			return 0, false
		}
		before, anyRuns = int(key), anyRuns || kind == ofRuns
		at += used
		card += uint64(size)
	}
	return card, at == len(src) && anyRuns == (h.runs != nil)
}

// container is one container of a bitmap that is being rewritten.
type container struct {
	key        uint16
	card, runs int
	kind, want containerKind
	body       []byte
}

// appendPortable appends the canonical bitmap of m, which is not empty and stays as it is.
func appendPortable(dst []byte, m *roaring.Bitmap) []byte {
	src, err := m.ToBytes()
	h, ok := parsePortable(src)
	if err != nil || !ok {
		panic("BUG: rollup: the library wrote no bitmap")
	}
	all := make([]container, h.n)
	at := h.body
	for c := range all {
		key, card, kind := h.head(src, c)
		used, n := kind.scan(src[at:], card)
		if used == 0 {
			panic("BUG: rollup: the library wrote a bad container")
		}
		all[c] = container{key, card, n, kind, canonicalKind(n, card), src[at : at+used]}
		at += used
	}
	return appendContainers(dst, all)
}

// appendPortableList is appendPortable for the members of an ascending list, at most arrayMax of them.
func appendPortableList(dst []byte, list []uint32) []byte {
	var room [2]container
	all, bytes := room[:0], make([]byte, 0, 2*len(list))
	for len(list) > 0 {
		key, card, from := list[0]>>16, 0, len(bytes)
		for ; card < len(list) && list[card]>>16 == key; card++ {
			bytes = binary.LittleEndian.AppendUint16(bytes, uint16(list[card]))
		}
		body := bytes[from:]
		_, runs := scanArray(body, card)
		all = append(all, container{uint16(key), card, runs, ofArray, canonicalKind(runs, card), body})
		list = list[card:]
	}
	return appendContainers(dst, all)
}

func appendContainers(dst []byte, all []container) []byte {
	runs := false
	for c := range all {
		runs = runs || all[c].want == ofRuns
	}
	dst = appendHeader(dst, all, runs)
	for c := range all {
		if all[c].kind == all[c].want {
			dst = append(dst, all[c].body...)
		} else {
			dst = all[c].rewrite(dst)
		}
	}
	return dst
}

func appendHeader(dst []byte, all []container, runs bool) []byte {
	start, n := len(dst), len(all)
	if runs {
		dst = binary.LittleEndian.AppendUint32(dst, cookieRuns|uint32(n-1)<<16)
		flags := len(dst)
		dst = append(dst, make([]byte, (n+7)/8)...)
		for c := range all {
			if all[c].want == ofRuns {
				dst[flags+c/8] |= 1 << (c % 8)
			}
		}
	} else {
		dst = binary.LittleEndian.AppendUint32(dst, cookieNoRuns)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(n))
	}
	for c := range all {
		dst = binary.LittleEndian.AppendUint16(dst, all[c].key)
		dst = binary.LittleEndian.AppendUint16(dst, uint16(all[c].card-1))
	}
	if !runs || n >= offsetsFrom {
		at := len(dst) - start + 4*n
		for c := range all {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(at))
			at += all[c].want.bytes(all[c].runs, all[c].card)
		}
	}
	return dst
}
