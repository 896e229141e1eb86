package wal

import (
	"encoding/binary"

	"github.com/klauspost/compress/s2"
)

// A block has two heaps of bytes, ahead of its columns. The text heap holds dictionaries,
// shapes and values of metadata, which resemble one another; the raw heap holds ids that
// are not UUIDs and configuration bodies. Each is compressed by S2 when that makes it smaller:
//
//	+----------+-----------+---------------------------------------------+
//	| size     | stored    | stored bytes: the heap itself if stored =   |
//	| uvar     | uvar      | size, else an S2 block that unpacks to size |
//	+----------+-----------+---------------------------------------------+

// heapCompressMin is the least heap that is tried: below it there is little to win.
const heapCompressMin = 64

// appendHeap appends the section of a heap. scratch is reused.
func appendHeap(dst, heap []byte, scratch *[]byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(heap)))
	stored := heap
	if len(heap) >= heapCompressMin {
		if need := s2.MaxEncodedLen(len(heap)); cap(*scratch) < need {
			*scratch = make([]byte, need+need/4)
		}
		*scratch = (*scratch)[:cap(*scratch)]
		if packed := s2.Encode(*scratch, heap); len(packed) < len(heap) {
			stored = packed
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(stored)))
	return append(dst, stored...)
}

// blockHeap is a heap that is being consumed from the front.
type blockHeap struct {
	buf []byte
	off int
}

// heap reads a heap section; the heap aliases the block or scratch.
func (r *blockReader) heap(what string, scratch *[]byte) blockHeap {
	// The encoder counts heaps at their full size when it closes a block.
	size := r.count(what, BlockEncodedBytesMax)
	stored := r.bytes(what, r.count(what, len(r.buf)))
	if r.err != nil || len(stored) == size {
		return blockHeap{buf: stored}
	}
	if n, err := s2.DecodedLen(stored); err != nil || n != size {
		r.fail(what)
		return blockHeap{}
	}
	if cap(*scratch) < size {
		*scratch = make([]byte, size+size/4)
	}
	buf, err := s2.Decode((*scratch)[:cap(*scratch)], stored)
	if err != nil || len(buf) != size {
		r.fail(what)
		return blockHeap{}
	}
	return blockHeap{buf: buf}
}

// take returns the next size bytes of the heap.
func (h *blockHeap) take(r *blockReader, what string, size int) []byte {
	if size < 0 || size > len(h.buf)-h.off {
		r.fail(what)
		return nil
	}
	h.off += size
	return h.buf[h.off-size : h.off : h.off]
}
