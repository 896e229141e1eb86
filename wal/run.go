package wal

import (
	"encoding/binary"
	"fmt"
	"math"
)

// A run is a closed generation of the dedup index: ids sorted by hash, written once, never
// changed, replaced as a whole when runs are merged. This file has its rows and the writer;
// run_chunk.go the values that hold the ids, filter.go the filter, run_manifest.go which runs
// exist, run_set.go lookups, run_list.go how readers hold on to runs, and run_merge.go merging.
//
// Rows in the state store (integers big endian, so that key order is number order):
//
//	'R'                       -> manifest: which runs exist
//	'i' num u64 chunk u32     -> chunk of run num
//	'r' num u64 part u32      -> part of the filter of run num
//
// A run exists only if the manifest names it. Rows of any other run are leftovers of a merge
// that was cut short, and are deleted at the next opening.
//
// The manifest has a class of its own: a table of filters then spans just its own runs, so
// Pebble moves it to the bottom without ever rewriting it.

const (
	runManifestClass = 'R'
	runChunkClass    = 'i'
	runFilterClass   = 'r'

	runRowKeySize = 1 + 8 + 4
)

// runManifestKey returns the key of the manifest.
func runManifestKey() []byte { return []byte{runManifestClass} }

// appendRunRowKey appends the key of row number row of run num in one of the two classes.
func appendRunRowKey(dst []byte, class byte, num uint64, row uint32) []byte {
	dst = append(dst, class)
	dst = binary.BigEndian.AppendUint64(dst, num)
	return binary.BigEndian.AppendUint32(dst, row)
}

// parseRunRowKey takes a key of appendRunRowKey apart.
func parseRunRowKey(key []byte) (num uint64, row uint32, err error) {
	if len(key) != runRowKeySize {
		return 0, 0, corruptRun("row key of the wrong length", len(key))
	}
	return binary.BigEndian.Uint64(key[1:]), binary.BigEndian.Uint32(key[9:]), nil
}

// runRowBounds returns the half-open key range of runs first to last, inclusive, in a class.
func runRowBounds(class byte, first, last uint64) (lower, upper []byte) {
	lower = binary.BigEndian.AppendUint64([]byte{class}, first)
	if last == math.MaxUint64 {
		return lower, []byte{class + 1}
	}
	return lower, binary.BigEndian.AppendUint64([]byte{class}, last+1)
}

// runInfo is what the manifest says about a run.
type runInfo struct {
	num          uint64 // name of the run; a larger number was begun later
	count        uint64 // ids in it
	minBlock     uint64 // smallest and largest Block of its ids
	maxBlock     uint64
	filterBlocks uint64 // size of the filter in blocks
	chunkBytes   uint64 // size of all chunk values, in bytes
	chunkBits    uint8  // the run has 2^chunkBits chunks, all of them present
}

// chunks returns the number of chunks of the run.
func (r *runInfo) chunks() uint64 { return 1 << r.chunkBits }

// writeRun stores ids, sorted by hash and without duplicates, as run number num: all chunks in
// ascending order, then the filter. set must not keep key or value, and may be called only
// until writeRun returns. The run exists once a manifest with the returned runInfo is stored.
//
// It takes O(len(ids)) time and, besides the filter, about 10 KiB of memory. An error of set is
// returned as it is; ids that are not strictly ascending are a bug of the caller and refused.
func writeRun(
	set func(key, value []byte) error, num uint64, ids []ID,
) (runInfo, *runFilter, error) {
	w := newRunWriter(num, uint64(len(ids)))
	w.set = set
	for start := 0; w.chunk < w.info.chunks(); {
		end := start
		for end < len(ids) && uint64(runChunkOf(ids[end].Hash, w.info.chunkBits)) == w.chunk {
			end++
		}
		if err := w.writeChunk(ids[start:end]); err != nil {
			return runInfo{}, nil, err
		}
		start = end
	}
	if err := w.finish(); err != nil {
		return runInfo{}, nil, err
	}
	if w.info.count != uint64(len(ids)) {
		return runInfo{}, nil, fmt.Errorf("BUG: dedup run %d: ids are not sorted by hash", num)
	}
	return w.info, w.filter, nil
}

// runWriter writes one run, chunk by chunk. Its memory is the filter and one encoded chunk.
type runWriter struct {
	set    func(key, value []byte) error // may be exchanged between chunks
	info   runInfo
	filter *runFilter
	chunk  uint64 // number of the next chunk
	before Hash   // last hash written, when info.count > 0
	key    []byte
	value  []byte
}

// newRunWriter returns a writer for run num of at most count ids. Fewer are fine: the chunks and
// the filter are then larger than they need be.
func newRunWriter(num, count uint64) *runWriter {
	return &runWriter{
		info: runInfo{
			num:          num,
			minBlock:     math.MaxUint64,
			filterBlocks: filterBlocksFor(count),
			chunkBits:    runChunkBitsFor(count),
		},
		filter: newRunFilter(count),
	}
}

// writeChunk stores the next chunk, which may be empty.
func (w *runWriter) writeChunk(ids []ID) error {
	for i := range ids {
		h := ids[i].Hash
		if w.info.count > 0 && !hashLess(&w.before, &h) {
			return fmt.Errorf("BUG: dedup run %d: ids are not strictly ascending: %016x%016x, %016x%016x",
				w.info.num, w.before.Hi, w.before.Lo, h.Hi, h.Lo)
		}
		w.before = h
		w.info.count++
		w.info.minBlock = min(w.info.minBlock, ids[i].Block)
		w.info.maxBlock = max(w.info.maxBlock, ids[i].Block)
		w.filter.add(h)
	}
	w.value = appendRunChunk(w.value[:0], ids, w.info.chunkBits)
	w.info.chunkBytes += uint64(len(w.value))
	w.key = appendRunRowKey(w.key[:0], runChunkClass, w.info.num, uint32(w.chunk))
	w.chunk++
	return w.set(w.key, w.value)
}

// finish stores the filter. All chunks must have been written.
func (w *runWriter) finish() error {
	if w.info.count == 0 {
		w.info.minBlock = 0
	}
	for part := range filterParts(w.info.filterBlocks) {
		w.key = appendRunRowKey(w.key[:0], runFilterClass, w.info.num, uint32(part))
		w.value = w.filter.appendPart(w.value[:0], w.info.num, part)
		if err := w.set(w.key, w.value); err != nil {
			return err
		}
	}
	return nil
}
