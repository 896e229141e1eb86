package wal

import (
	"encoding/binary"
	"math"

	"github.com/zeebo/xxh3"
)

// The run manifest: one small value that is replaced whenever a run is added or some are merged.
// Replacing it is what makes a run exist or cease to exist, atomically with whatever else is
// ingested together with it. Integers are unsigned varints unless a width is given.
//
//	┌─────────┬──────────┬───────┬──────────────────────────────┬───────────────┐
//	│ version │ next num │ count │ count × run                  │ checksum      │
//	│ u8 = 1  │          │       │                              │ u64 LE xxh3   │
//	└─────────┴──────────┴───────┴──────────────────────────────┴───────────────┘
//	run: num, count, minBlock, maxBlock - minBlock, filterBlocks, chunkBytes, chunkBits
//
// Runs are in ascending order of num. The checksum covers everything before it.

const (
	runManifestVersion = 1

	// runManifestRunSizeMin is the size of a run of which every field is one byte. It bounds
	// the count.
	runManifestRunSizeMin = 7

	runManifestSumSize = 8
)

// appendRunManifest appends the stored form of runs, sorted by num, to dst. next is larger than
// the number of every run ever begun.
func appendRunManifest(dst []byte, next uint64, runs []runInfo) []byte {
	at := len(dst)
	dst = append(dst, runManifestVersion)
	dst = binary.AppendUvarint(dst, next)
	dst = binary.AppendUvarint(dst, uint64(len(runs)))
	for _, r := range runs {
		for _, v := range [...]uint64{
			r.num, r.count, r.minBlock, r.maxBlock - r.minBlock,
			r.filterBlocks, r.chunkBytes, uint64(r.chunkBits),
		} {
			dst = binary.AppendUvarint(dst, v)
		}
	}
	return binary.LittleEndian.AppendUint64(dst, xxh3.Hash(dst[at:]))
}

// parseRunManifest is the inverse of appendRunManifest.
func parseRunManifest(value []byte) (next uint64, runs []runInfo, err error) {
	size := len(value) - runManifestSumSize
	if size < 1 || value[0] != runManifestVersion {
		return 0, nil, corruptRun("unknown manifest version", 0)
	}
	if binary.LittleEndian.Uint64(value[size:]) != xxh3.Hash(value[:size]) {
		return 0, nil, corruptRun("manifest fails its checksum", size)
	}
	rest := value[1:size]
	uvarint := func(limit uint64) uint64 {
		v, n := binary.Uvarint(rest)
		if err == nil && (n <= 0 || v > limit) {
			err = corruptRun("bad number in the manifest", size-len(rest))
		}
		rest = rest[max(n, 0):]
		return v
	}
	next = uvarint(math.MaxUint64)
	count := uvarint(uint64(len(rest)) / runManifestRunSizeMin)
	for i := uint64(0); i < count && err == nil; i++ {
		var r runInfo
		r.num = uvarint(math.MaxUint64)
		r.count = uvarint(math.MaxUint64)
		r.minBlock = uvarint(math.MaxUint64)
		r.maxBlock = r.minBlock + uvarint(math.MaxUint64-r.minBlock)
		r.filterBlocks = uvarint(math.MaxUint32 * filterPartBlocks) // parts are u32 in keys
		r.chunkBytes = uvarint(math.MaxUint64)
		r.chunkBits = uint8(uvarint(runChunkBitsMax))
		if r.num >= next || i > 0 && r.num <= runs[i-1].num || r.filterBlocks == 0 {
			err = corruptRun("manifest names an impossible run", size-len(rest))
		}
		runs = append(runs, r)
	}
	if err == nil && len(rest) != 0 {
		err = corruptRun("bytes after the manifest", size-len(rest))
	}
	if err != nil {
		return 0, nil, err
	}
	return next, runs, nil
}
