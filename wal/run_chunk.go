package wal

import (
	"encoding/binary"
	"math"
	"math/bits"
	"sort"
)

// A chunk is one value of a run: the ids whose hashes begin with the same bits, sorted. The
// run's chunkBits top bits of Hi are the chunk's number and are not stored. Integers without a
// width are unsigned varints; packed sections are described in run_bits.go and start on a byte.
//
//	┌─────────┬───────┬───────────┬─────────────┬─────────────┬───────────────┐
//	│ version │ count │ blockBase │ blockWidth  │ outcomeBase │ outcomeWidth  │
//	│ u8 = 1  │       │           │ u8          │             │ u8            │
//	├─────────┴─┬─────┴──────┬────┴─────────┬───┴──────────┬──┴─────────┬─────┴────────┐
//	│ Hi, high  │ Hi, low    │ Lo           │ Payload      │ Block      │ Outcome      │
//	│ count+2^q │ count      │ count        │ count        │ count      │ count        │
//	│ bits      │ × low bits │ × u64 LE     │ × u32 LE     │ × width    │ × width      │
//	└───────────┴────────────┴──────────────┴──────────────┴────────────┴──────────────┘
//
// The remaining bits of Hi are an Elias-Fano sequence (Vigna, "Quasi-succinct indices", 2013):
// with q = ceil(log2 count), the top q of them choose one of 2^q buckets, and "Hi, high" says in
// unary how many ids each bucket holds: as many ones, then a zero. The rest, 64 - chunkBits - q
// bits, is packed in "Hi, low". That costs 5.8 bytes an id in a run of 1 M where packing Hi
// plainly costs 6.5 and whole bytes 7, and it makes a lookup shorter, not longer: the bucket
// gives the place, and one id or two are compared there.
//
// Block and Outcome are packed as the difference to their smallest value (frame of
// reference); when all are equal the width is zero.
//
// An empty chunk is the version and a count of zero, nothing else.

const (
	runChunkVersion = 1

	// runChunkIDs is the number of ids that a chunk holds at most on average; at least it is
	// half as many. 256 ids are 4.7 KB: about one disk page for a lookup, and small beside
	// what the key and the header cost (0.1 byte an id).
	runChunkIDs = 256

	// runChunkBitsMax is the width of a chunk number. 2^32 chunks of 256 ids are 10^12 ids.
	runChunkBitsMax = 32

	// runChunkIDBytesMin is what an id takes at least: Lo and Payload. It bounds count.
	runChunkIDBytesMin = 8 + 4
)

// runChunkBitsFor returns the smallest b with count <= runChunkIDs * 2^b.
func runChunkBitsFor(count uint64) uint8 {
	if count <= runChunkIDs {
		return 0
	}
	return uint8(min(bits.Len64((count-1)/runChunkIDs), runChunkBitsMax))
}

// runChunkOf returns the number of the chunk that h belongs to.
func runChunkOf(h Hash, chunkBits uint8) uint32 { return uint32(h.Hi >> (64 - chunkBits)) }

// runChunkBuckets returns q for a chunk of count > 0 ids.
func runChunkBuckets(count int, chunkBits uint8) uint8 {
	return min(uint8(bits.Len(uint(count-1))), 64-chunkBits)
}

// appendRunChunk appends the stored form of ids, which are sorted and all belong to one chunk
// of a run with chunkBits, to dst. It allocates only to grow dst.
func appendRunChunk(dst []byte, ids []ID, chunkBits uint8) []byte {
	dst = append(dst, runChunkVersion)
	dst = binary.AppendUvarint(dst, uint64(len(ids)))
	if len(ids) == 0 {
		return dst
	}
	blockMin, blockMax := uint64(math.MaxUint64), uint64(0)
	outcomeMin, outcomeMax := uint32(math.MaxUint32), uint32(0)
	for i := range ids {
		blockMin, blockMax = min(blockMin, ids[i].Block), max(blockMax, ids[i].Block)
		outcomeMin, outcomeMax = min(outcomeMin, ids[i].Outcome), max(outcomeMax, ids[i].Outcome)
	}
	blockWidth := uint8(bits.Len64(blockMax - blockMin))
	outcomeWidth := uint8(bits.Len32(outcomeMax - outcomeMin))
	dst = append(binary.AppendUvarint(dst, blockMin), blockWidth)
	dst = append(binary.AppendUvarint(dst, uint64(outcomeMin)), outcomeWidth)

	buckets := runChunkBuckets(len(ids), chunkBits)
	lowWidth := 64 - chunkBits - buckets
	at := len(dst)
	dst = append(dst, make([]byte, (len(ids)+1<<buckets+7)/8)...)
	for i := range ids {
		pos := i + int(ids[i].Hash.Hi<<chunkBits>>(64-buckets))
		dst[at+pos>>3] |= 1 << (pos & 7)
	}
	w := runBitsWriter{dst: dst}
	for i := range ids {
		w.put(ids[i].Hash.Hi&runBitsMask(lowWidth), lowWidth)
	}
	dst = w.flush()
	for i := range ids {
		dst = binary.LittleEndian.AppendUint64(dst, ids[i].Hash.Lo)
	}
	for i := range ids {
		dst = binary.LittleEndian.AppendUint32(dst, ids[i].Payload)
	}
	w.dst = dst
	for i := range ids {
		w.put(ids[i].Block-blockMin, blockWidth)
	}
	w.flush()
	for i := range ids {
		w.put(uint64(ids[i].Outcome-outcomeMin), outcomeWidth)
	}
	return w.flush()
}

// runChunk is a view of a chunk's bytes. Its methods read them in place and allocate nothing.
type runChunk struct {
	count        int
	prefix       uint64 // the chunk's bits of Hi, in their place
	blockBase    uint64
	outcomeBase  uint32
	buckets      uint8 // q
	lowWidth     uint8
	blockWidth   uint8
	outcomeWidth uint8
	highSize     int // bits in highs
	size         int // bytes of the whole value

	// The sections. Each reaches to the end of the value, so that 64-bit loads need no care.
	highs, lows, los, payloads, blocks, outcomes []byte
}

// parseRunChunk makes a view of value, which is chunk number chunk of a run with chunkBits. A nil
// error means that the sections have their sizes, not that their content makes sense.
func parseRunChunk(value []byte, chunkBits uint8, chunk uint32) (runChunk, error) {
	c := runChunk{prefix: uint64(chunk) << (64 - chunkBits), size: len(value)}
	if chunkBits > runChunkBitsMax || uint64(chunk)>>chunkBits != 0 {
		return c, corruptRun("chunk number out of range", 0)
	}
	rest, err := c.parseHeader(value)
	if err != nil {
		return c, err
	}
	if c.count == 0 {
		if len(rest) != 0 {
			return c, corruptRun("bytes after an empty chunk", len(value)-len(rest))
		}
		return c, nil
	}
	c.buckets = runChunkBuckets(c.count, chunkBits)
	c.lowWidth = 64 - chunkBits - c.buckets
	c.highSize = c.count + 1<<c.buckets
	for _, section := range []struct {
		bytes *[]byte
		count int
		width uint8
	}{
		{&c.highs, c.highSize, 1},
		{&c.lows, c.count, c.lowWidth},
		{&c.los, c.count, 64},
		{&c.payloads, c.count, 32},
		{&c.blocks, c.count, c.blockWidth},
		{&c.outcomes, c.count, c.outcomeWidth},
	} {
		size := runBitsSize(section.count, section.width)
		if size > uint64(len(rest)) {
			return c, corruptRun("chunk is cut short", len(value))
		}
		*section.bytes = rest
		rest = rest[size:]
	}
	if len(rest) != 0 {
		return c, corruptRun("bytes after a chunk", len(value)-len(rest))
	}
	return c, nil
}

// parseHeader reads everything before the sections and returns what follows.
func (c *runChunk) parseHeader(value []byte) (rest []byte, err error) {
	if len(value) == 0 || value[0] != runChunkVersion {
		return nil, corruptRun("unknown chunk version", 0)
	}
	rest = value[1:]
	uvarint := func(limit uint64) (v uint64) {
		v, n := binary.Uvarint(rest)
		if err == nil && (n <= 0 || v > limit) {
			err = corruptRun("bad number in a chunk header", len(value)-len(rest))
		}
		rest = rest[max(n, 0):]
		return v
	}
	width := func(limit uint8) (w uint8) {
		if err == nil && (len(rest) == 0 || rest[0] > limit) {
			err = corruptRun("bad width in a chunk header", len(value)-len(rest))
		}
		if err == nil {
			w, rest = rest[0], rest[1:]
		}
		return w
	}
	c.count = int(uvarint(uint64(len(value)) / runChunkIDBytesMin))
	if err != nil || c.count == 0 {
		return rest, err
	}
	c.blockBase = uvarint(math.MaxUint64)
	c.blockWidth = width(64)
	c.outcomeBase = uint32(uvarint(math.MaxUint32))
	c.outcomeWidth = width(32)
	return rest, err
}

// find returns the id with hash h, which belongs to this chunk. It reads the unary section up to
// h's bucket and then only that bucket: O(count/64) with a binary search at the end, which
// matters only if somebody could choose hashes.
func (c *runChunk) find(h Hash) (ID, bool, error) {
	if c.count == 0 {
		return ID{}, false, nil
	}
	rest := h.Hi &^ c.prefix
	bucket := int(rest >> c.lowWidth)
	pos := 0
	if bucket > 0 {
		// Behind the zero that ends the bucket before; less one per bucket, that is how
		// many ids come before this one.
		pos = runBitsSelectZero(c.highs, c.highSize, bucket-1) + 1
	}
	first := pos - bucket
	count := runBitsOnes(c.highs, c.highSize, pos)
	if first < 0 || first+count > c.count {
		return ID{}, false, c.corrupt("chunk buckets do not add up", c.highs, pos)
	}
	low := rest & runBitsMask(c.lowWidth)
	i := first + sort.Search(count, func(i int) bool {
		l := c.low(first + i)
		return l > low || l == low && c.lo(first+i) >= h.Lo
	})
	if i == first+count || c.low(i) != low || c.lo(i) != h.Lo {
		return ID{}, false, nil
	}
	id, err := c.id(i, h)
	return id, err == nil, err
}

// appendTo appends all ids of the chunk to dst, checking that they are strictly ascending.
func (c *runChunk) appendTo(dst []ID) ([]ID, error) {
	i, bucket := 0, uint64(0)
	var before Hash
	for pos := 0; pos < c.highSize; pos++ {
		if c.highs[pos>>3]>>(pos&7)&1 == 0 {
			bucket++
			continue
		}
		if i == c.count || bucket == 1<<c.buckets {
			return dst, c.corrupt("chunk buckets do not add up", c.highs, pos)
		}
		h := Hash{Hi: c.prefix | bucket<<c.lowWidth | c.low(i), Lo: c.lo(i)}
		if i > 0 && !hashLess(&before, &h) {
			return dst, c.corrupt("chunk is not sorted", c.lows, i*int(c.lowWidth))
		}
		id, err := c.id(i, h)
		if err != nil {
			return dst, err
		}
		dst, before = append(dst, id), h
		i++
	}
	if i != c.count {
		return dst, c.corrupt("chunk buckets do not add up", c.highs, c.highSize)
	}
	return dst, nil
}

func (c *runChunk) low(i int) uint64 { return runBitsAt(c.lows, i*int(c.lowWidth), c.lowWidth) }

func (c *runChunk) lo(i int) uint64 { return binary.LittleEndian.Uint64(c.los[8*i:]) }

// id returns the id at position i, whose hash is h.
func (c *runChunk) id(i int, h Hash) (ID, error) {
	block := c.blockBase + runBitsAt(c.blocks, i*int(c.blockWidth), c.blockWidth)
	outcome := c.outcomeBase + uint32(runBitsAt(c.outcomes, i*int(c.outcomeWidth), c.outcomeWidth))
	if block < c.blockBase || outcome < c.outcomeBase {
		return ID{}, c.corrupt("chunk value out of range", c.blocks, i*int(c.blockWidth))
	}
	payload := binary.LittleEndian.Uint32(c.payloads[4*i:])
	return ID{Hash: h, Block: block, Payload: payload, Outcome: outcome}, nil
}

// corrupt returns the error for damage at bit position bit of a section.
func (c *runChunk) corrupt(what string, section []byte, bit int) error {
	return corruptRun(what, c.size-len(section)+bit/8)
}
