package wal

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"

	"github.com/zeebo/xxh3"
)

// The in-memory filter of a dedup run: a split block Bloom filter, as in Apache Parquet
// (BloomFilter.md of apache/parquet-format; Putze, Sanders and Singler, "Cache-, Hash- and
// Space-Efficient Bloom Filters", 2007). An id sets eight bits, one in each 32-bit word of one
// 32-byte block, so a probe touches a single cache line.
//
// What differs from Parquet: we have 128 uniform bits and need no hash of our own. Hi chooses
// the block and Lo the bits, so the two are independent; and since Hi also sorts the run, a
// filter is built front to back while the run is written.

const (
	// filterBitsPerID buys 0.14 % false positives (Parquet's table: 10.5 bits 1 %, 16.9
	// bits 0.1 %). With seven runs one new id in a hundred reads the disk in vain.
	filterBitsPerID = 16

	// filterBlockBits and filterBlockSize are the size of a block in bits and bytes.
	filterBlockBits = 256
	filterBlockSize = filterBlockBits / 8

	// filterPartBlocks is the number of blocks in one stored row: with the checksum in
	// front as many as fit in 64 KiB.
	filterPartBlocks = (64<<10 - filterPartHeader) / filterBlockSize
	filterPartHeader = 8
)

// filterBlock is eight 32-bit words; word 2i is the low half of element i.
type filterBlock [filterBlockSize / 8]uint64

// filterSalts are Parquet's eight odd multipliers.
var filterSalts = [8]uint32{
	0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
	0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31,
}

// runFilter says of a hash "not in this run" or "maybe". It is immutable once its run is
// published; until then its one writer adds to it.
type runFilter struct{ blocks []filterBlock }

// filterBlocksFor returns the number of blocks of a filter for count ids.
func filterBlocksFor(count uint64) uint64 {
	const idsPerBlock = filterBlockBits / filterBitsPerID
	return max(1, (count+idsPerBlock-1)/idsPerBlock)
}

// newRunFilter returns an empty filter for count ids; more may be added at the price of more
// false positives.
func newRunFilter(count uint64) *runFilter {
	return &runFilter{blocks: make([]filterBlock, filterBlocksFor(count))}
}

// filterMask returns the bits that a hash with this Lo sets in its block.
func filterMask(lo uint64) filterBlock {
	key := uint32(lo)
	var m filterBlock
	for i := range m {
		m[i] = uint64(1)<<(key*filterSalts[2*i]>>27) |
			uint64(1)<<(key*filterSalts[2*i+1]>>27+32)
	}
	return m
}

// add puts h into the filter.
func (f *runFilter) add(h Hash) {
	at, _ := bits.Mul64(h.Hi, uint64(len(f.blocks)))
	b, m := &f.blocks[at], filterMask(h.Lo)
	for i := range b {
		b[i] |= m[i]
	}
}

// mayContain reports false only if h was never added.
func (f *runFilter) mayContain(h Hash) bool {
	at, _ := bits.Mul64(h.Hi, uint64(len(f.blocks)))
	m := filterMask(h.Lo)
	return f.blocks[at].covers(&m)
}

// covers reports whether every bit of m is set in b.
func (b *filterBlock) covers(m *filterBlock) bool {
	return m[0]&^b[0]|m[1]&^b[1]|m[2]&^b[2]|m[3]&^b[3] == 0
}

// candidateBatch is how many hashes are probed together: their masks fill 4 KiB of stack and
// stay in L1 while one filter after another is walked.
const candidateBatch = 128

// probe sets bit i of maybe for every hash of batch that may be in f.
//
// The blocks are scattered over megabytes, so what counts is how many cache misses are under way at
// once. The first loop does nothing but load one word of every block: it is so short that the
// processor runs a dozen rounds ahead. The second finds its lines in the cache, and does not
// branch on what it finds. A single loop took 111 ns a hash over 10 filters of 1 M ids where
// this took 77 ns (best of 25 rounds of both in turn, on a busy 2-core machine).
func (f *runFilter) probe(
	batch []Hash, masks *[candidateBatch]filterBlock, maybe *[candidateBatch / 64]uint64,
) {
	blocks := f.blocks
	batch = batch[:min(len(batch), candidateBatch)]
	var first [candidateBatch]uint64
	for i := range batch {
		at, _ := bits.Mul64(batch[i].Hi, uint64(len(blocks)))
		first[i] = blocks[at][0]
	}
	for i := range batch {
		at, _ := bits.Mul64(batch[i].Hi, uint64(len(blocks)))
		b, m := &blocks[at], &masks[i]
		var hit uint64
		if m[0]&^first[i]|m[1]&^b[1]|m[2]&^b[2]|m[3]&^b[3] == 0 {
			hit = 1
		}
		maybe[i/64] |= hit << (i % 64)
	}
}

// memoryBytes returns the size of the filter in memory, in bytes.
func (f *runFilter) memoryBytes() int64 { return int64(len(f.blocks)) * filterBlockSize }

// Stored form: rows of at most 64 KiB, so that no value is larger than a few table blocks.
//
//	┌──────────────┬─────────────────────────────────────────────┐
//	│ checksum u64 │ blocks, 32 bytes each: 4 little-endian u64  │
//	└──────────────┴─────────────────────────────────────────────┘
//
// The checksum is xxh3-64 of the blocks, seeded with the run number and the part, so that a
// row in another's place is found out. It is not redundant with Pebble's: a filter with a
// cleared bit makes no noise, it counts an event twice.

// filterParts returns the number of rows that blocks blocks take.
func filterParts(blocks uint64) uint64 {
	return (blocks + filterPartBlocks - 1) / filterPartBlocks
}

// appendPart appends the stored form of part number part of run num to dst.
func (f *runFilter) appendPart(dst []byte, num, part uint64) []byte {
	first := part * filterPartBlocks
	last := min(first+filterPartBlocks, uint64(len(f.blocks)))
	at := len(dst)
	dst = append(dst, make([]byte, filterPartHeader)...)
	for i := first; i < last; i++ {
		for _, w := range f.blocks[i] {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	sum := xxh3.HashSeed(dst[at+filterPartHeader:], filterPartSeed(num, part))
	binary.LittleEndian.PutUint64(dst[at:], sum)
	return dst
}

// loadPart appends the blocks of a stored part to f, which in the end shall have want blocks.
// Parts must come in order. What it allocates is bounded by four times what was read so far:
// want alone is not believed.
func (f *runFilter) loadPart(value []byte, num, part, want uint64) error {
	have := uint64(len(f.blocks))
	if have != part*filterPartBlocks || have >= want {
		return corruptRun("filter part out of order", 0)
	}
	blocks := min(want-have, filterPartBlocks)
	if uint64(len(value)) != filterPartHeader+blocks*filterBlockSize {
		return corruptRun("filter part has the wrong size", len(value))
	}
	body := value[filterPartHeader:]
	sum := binary.LittleEndian.Uint64(value)
	if sum != xxh3.HashSeed(body, filterPartSeed(num, part)) {
		return corruptRun("filter part fails its checksum", 0)
	}
	if have+blocks > uint64(cap(f.blocks)) {
		f.blocks = slices.Grow(f.blocks, int(min(want-have, 3*have+blocks)))
	}
	for ; len(body) > 0; body = body[filterBlockSize:] {
		f.blocks = append(f.blocks, filterBlock{
			binary.LittleEndian.Uint64(body),
			binary.LittleEndian.Uint64(body[8:]),
			binary.LittleEndian.Uint64(body[16:]),
			binary.LittleEndian.Uint64(body[24:]),
		})
	}
	return nil
}

// filterPartSeed tells the parts of all runs apart: parts stay below 2^24 for 2^40 ids.
func filterPartSeed(num, part uint64) uint64 { return num<<24 ^ part }

// corruptRun returns the error for bytes of a run that no writer of ours can have written.
func corruptRun(what string, offset int) error {
	return fmt.Errorf("dedup run: %w", &CorruptError{What: what, Offset: offset})
}
