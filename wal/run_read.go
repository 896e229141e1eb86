package wal

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"github.com/cockroachdb/pebble/v2"
)

// Reading the rows of runs other than by a single lookup: the manifest and the filters at
// opening, leftovers, and whole runs in order (for merging and verification).

// readRunManifest returns what the manifest in db says; a new store has none and no runs.
func readRunManifest(db pebble.Reader) (next uint64, runs []runInfo, err error) {
	value, closer, err := db.Get(runManifestKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return 0, nil, nil
	}
	if err != nil {
		return 0, nil, fmt.Errorf("read the manifest of dedup runs: %w", err)
	}
	next, runs, err = parseRunManifest(value)
	return next, runs, cmp.Or(err, closer.Close())
}

// readRunFilter loads the filter of a run.
func readRunFilter(db pebble.Reader, info runInfo) (_ *runFilter, err error) {
	lower, upper := runRowBounds(runFilterClass, info.num, info.num)
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	defer func() { err = cmp.Or(err, iter.Close()) }()
	f := &runFilter{}
	for ok, want := iter.First(), uint64(0); ok; ok, want = iter.Next(), want+1 {
		_, part, err := parseRunRowKey(iter.Key())
		if err != nil {
			return nil, err
		}
		if uint64(part) != want {
			return nil, corruptRun("filter part is missing", 0)
		}
		value, err := iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		if err := f.loadPart(value, info.num, uint64(part), info.filterBlocks); err != nil {
			return nil, err
		}
	}
	if err := iter.Error(); err != nil {
		return nil, err
	}
	if uint64(len(f.blocks)) != info.filterBlocks {
		return nil, corruptRun("filter is incomplete", len(f.blocks)*filterBlockSize)
	}
	return f, nil
}

// deleteRunLeftovers deletes the rows of all runs but the live ones, which are sorted by num. It
// writes nothing when there are none, so that an ordinary opening leaves the store as it was.
func deleteRunLeftovers(db pebble.Reader, ingest runIngest, live []runInfo) error {
	type span struct{ lower, upper []byte }
	var found []span
	for _, class := range []byte{runChunkClass, runFilterClass} {
		iter, err := db.NewIter(&pebble.IterOptions{
			LowerBound: []byte{class}, UpperBound: []byte{class + 1},
		})
		if err != nil {
			return err
		}
		from := uint64(0) // first number of the gap before the next live run
		for i := 0; i <= len(live); i++ {
			last := uint64(math.MaxUint64)
			if i < len(live) {
				last = live[i].num - 1
			}
			if i == len(live) || from <= last && live[i].num > 0 {
				s := span{}
				s.lower, s.upper = runRowBounds(class, from, last)
				if iter.SeekGEWithLimit(s.lower, s.upper) == pebble.IterValid {
					found = append(found, s)
				}
			}
			if i < len(live) {
				from = live[i].num + 1
			}
		}
		if err := cmp.Or(iter.Error(), iter.Close()); err != nil {
			return err
		}
	}
	if len(found) == 0 {
		return nil
	}
	return ingest(func(w runRows) error {
		for _, s := range found {
			if err := w.DeleteRange(s.lower, s.upper); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}

// runCursor reads a run in order, one chunk at a time. It is used by one goroutine.
type runCursor struct {
	info  runInfo
	iter  *pebble.Iterator
	chunk uint64 // number of the next chunk
	count uint64 // ids read
	ids   []ID   // of the chunk that was read last
}

// newRunCursor returns a cursor before the first chunk. The run must stay reachable until close.
func newRunCursor(db pebble.Reader, info runInfo) (*runCursor, error) {
	lower, upper := runRowBounds(runChunkClass, info.num, info.num)
	iter, err := db.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, err
	}
	c := &runCursor{info: info, iter: iter}
	iter.First()
	return c, nil
}

// nextChunk returns the ids of the next chunk that has any, sorted; nil at the end. They are
// valid until the next call.
func (c *runCursor) nextChunk() ([]ID, error) {
	for c.chunk < c.info.chunks() {
		if !c.iter.Valid() {
			return nil, cmp.Or(c.iter.Error(), corruptRun("chunk is missing", 0))
		}
		_, chunk, err := parseRunRowKey(c.iter.Key())
		if err != nil {
			return nil, err
		}
		if uint64(chunk) != c.chunk {
			return nil, corruptRun("chunk is missing", 0)
		}
		value, err := c.iter.ValueAndErr()
		if err != nil {
			return nil, err
		}
		if c.ids, err = appendRunChunkIDs(c.ids[:0], value, c.info.chunkBits, chunk); err != nil {
			return nil, fmt.Errorf("chunk %d: %w", chunk, err)
		}
		c.chunk++
		c.count += uint64(len(c.ids))
		c.iter.Next()
		if len(c.ids) > 0 {
			return c.ids, nil
		}
	}
	if err := c.iter.Error(); err != nil {
		return nil, err
	}
	if c.iter.Valid() || c.count != c.info.count {
		return nil, corruptRun("run has another number of chunks or ids than its manifest says", 0)
	}
	return nil, nil
}

// close releases the cursor.
func (c *runCursor) close() error { return c.iter.Close() }

// appendRunChunkIDs appends all ids of a stored chunk to dst. It allocates only to grow dst.
func appendRunChunkIDs(dst []ID, value []byte, chunkBits uint8, chunk uint32) ([]ID, error) {
	c, err := parseRunChunk(value, chunkBits, chunk)
	if err != nil {
		return dst, err
	}
	return c.appendTo(dst)
}

// appendOnes appends base plus the position of every one in set.
func appendOnes(dst []uint32, set *[candidateBatch / 64]uint64, base int) []uint32 {
	for i, w := range set {
		for ; w != 0; w &= w - 1 {
			dst = append(dst, uint32(base+i*64+bits.TrailingZeros64(w)))
		}
	}
	return dst
}
