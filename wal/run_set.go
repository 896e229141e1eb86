package wal

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/weirhq/weir/usage"
)

// runRows is where rows of runs are written to: the tables of one ingest. Keys of one class come
// in ascending order. Set does not keep key or value.
type runRows interface {
	Set(key, value []byte) error
	DeleteRange(lower, upper []byte) error
}

// runIngest calls build once, makes what it wrote durable in one atomic ingest, and then calls
// committed, if it is not nil. From before the rows of class 'R' are built until committed has
// returned, no other change of runs may be built: the store holds one mutex over all of it. On
// an error nothing was ingested, or the store has failed for good.
type runIngest func(build func(w runRows) error, committed func()) error

// RunSet is the closed part of the dedup index: it knows every event id that a checkpoint has
// put on disk. Its ids are in sorted runs, each behind an in-memory filter, so that an id that
// was never seen costs a few nanoseconds per run, and only a filter hit reads the disk.
//
// Methods are safe for concurrent use, also beside checkpoints and merges, and none of them waits
// for these. What a checkpoint added is visible from the return of its commit on. A merge is
// never visible: at every moment each id is found.
//
// How readers and merges share the runs: the list of runs is immutable and swapped as a whole. A
// reader of the disk holds a reference to the list it uses; a list without references lets go of
// its runs; a run that no list holds is unreachable, and only then are its rows deleted. Reading
// filters needs no reference, since these are memory.
//
//	publish:  current <- new list        merge:  ingest {new run}
//	reader:   l = acquire(current)               ingest {manifest}, publish
//	          read rows of l.runs                wait until no list holds the old runs
//	          release(l)                         ingest {delete rows of the old runs}
type RunSet struct {
	db     pebble.Reader
	ingest runIngest

	current atomic.Pointer[runList] // written under mu; read by anybody
	lists   sync.WaitGroup          // lists that are not drained

	mu struct {
		sync.Mutex
		next   uint64 // number of the next run
		closed bool
	}

	wake chan struct{} // capacity 1: there may be something to merge or to delete

	// doomed are runs whose rows are to be deleted once unreachable. Only the merger uses it.
	doomed []*idRun

	mergeIngestIDs uint64 // mergeIngestIDsDefault; tests want many small ingests
}

// openRunSet loads the filters of the runs that the manifest in db names, and deletes the rows of
// all others, which an interrupted merge has left behind. ingest is nil for a read-only store:
// leftovers then stay, and nothing can be added.
//
// It reads the filters, 2 bytes an id, and never the runs: 10 M ids take 20 to 30 ms
// (BenchmarkOpenRunSet).
// Errors: ErrCorrupt.
func openRunSet(db pebble.Reader, ingest runIngest) (*RunSet, error) {
	s := &RunSet{
		db: db, ingest: ingest, wake: make(chan struct{}, 1), mergeIngestIDs: mergeIngestIDsDefault,
	}
	next, infos, err := readRunManifest(db)
	if err != nil {
		return nil, err
	}
	s.mu.next = next
	runs := make([]*idRun, 0, len(infos))
	for _, info := range infos {
		filter, err := readRunFilter(db, info)
		if err != nil {
			return nil, fmt.Errorf("load the filter of dedup run %d: %w", info.num, err)
		}
		runs = append(runs, &idRun{info: info, filter: filter})
	}
	if ingest != nil {
		if err := deleteRunLeftovers(db, ingest, infos); err != nil {
			return nil, fmt.Errorf("delete leftovers of dedup runs: %w", err)
		}
	}
	s.swap(runs)
	return s, nil
}

// Candidates appends to hits the positions in hashes, ascending, of those that may be in some
// run, and returns the extended slice. A hash that is in a run is always among them; of those
// that are in none about one in 750 per run is, too: Lookup tells.
//
// It reads memory only, does not block, and allocates only to grow hits. A hash costs about 10 ns
// per run; batches of a hundred and more are the cheapest, because their cache misses overlap.
func (s *RunSet) Candidates(hashes []Hash, hits []uint32) []uint32 {
	runs := s.current.Load().runs
	if len(runs) == 0 {
		return hits
	}
	var masks [candidateBatch]filterBlock
	for start := 0; start < len(hashes); start += candidateBatch {
		batch := hashes[start:min(start+candidateBatch, len(hashes))]
		for i := range batch {
			masks[i] = filterMask(batch[i].Lo)
		}
		var maybe [candidateBatch / 64]uint64
		for _, r := range runs {
			r.filter.probe(batch, &masks, &maybe)
		}
		hits = appendOnes(hits, &maybe, start)
	}
	return hits
}

// Lookup returns what is remembered of h, and whether there is anything. It is exact. Of every
// run whose filter says maybe it reads one chunk, about 5 KB, from the cache or the disk.
// Errors: ErrCorrupt, ErrClosed, and those of the disk.
func (s *RunSet) Lookup(h Hash) (ID, bool, error) {
	l := s.acquire()
	defer s.release(l)
	if l.closed {
		return ID{}, false, usage.ErrClosed
	}
	for _, r := range l.runs {
		if !r.filter.mayContain(h) {
			continue
		}
		id, found, err := s.lookupIn(r, h)
		if err != nil || found {
			return id, found, err
		}
	}
	return ID{}, false, nil
}

// lookupIn looks for h in the chunk of r that it belongs to.
func (s *RunSet) lookupIn(r *idRun, h Hash) (id ID, found bool, err error) {
	var space [runRowKeySize]byte
	chunk := runChunkOf(h, r.info.chunkBits)
	key := appendRunRowKey(space[:0], runChunkClass, r.info.num, chunk)
	value, closer, err := s.db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		// Chunks are stored even when empty, so that a lost one cannot pass for "not seen".
		err = corruptRun("chunk is missing", 0)
	}
	if err == nil {
		var c runChunk
		if c, err = parseRunChunk(value, r.info.chunkBits, chunk); err == nil {
			id, found, err = c.find(h)
		}
		err = cmp.Or(err, closer.Close())
	}
	if err != nil {
		return ID{}, false, fmt.Errorf("look up an id in dedup run %d, chunk %d: %w",
			r.info.num, chunk, err)
	}
	return id, found, nil
}

// Count returns the number of runs, the ids in them, and the bytes of memory their filters take.
func (s *RunSet) Count() (runs int, ids uint64, memoryBytes int64) {
	l := s.current.Load()
	for _, r := range l.runs {
		ids += r.info.count
		memoryBytes += r.filter.memoryBytes()
	}
	return len(l.runs), ids, memoryBytes
}

// DiskBytes returns the size of all runs as stored, before Pebble's own overhead, in bytes.
func (s *RunSet) DiskBytes() (size uint64) {
	for _, r := range s.current.Load().runs {
		size += r.info.chunkBytes + uint64(r.filter.memoryBytes())
	}
	return size
}

// Each calls fn for every id, run by run, ascending by hash within a run, and returns the first
// error, fn's included. It reads all runs from the disk and checks what it reads: the order, the
// counts, and that the filter knows each id. Runs that are merged meanwhile stay readable and
// keep their space until Each returns. It sees the ids of one moment, that of the call.
// Errors: ErrCorrupt, ErrClosed, those of the disk and of fn.
func (s *RunSet) Each(fn func(ID) error) error {
	l := s.acquire()
	defer s.release(l)
	if l.closed {
		return usage.ErrClosed
	}
	for _, r := range l.runs {
		if err := s.eachOf(r, fn); err != nil {
			return fmt.Errorf("read dedup run %d: %w", r.info.num, err)
		}
	}
	return nil
}

// eachOf is Each for one run.
func (s *RunSet) eachOf(r *idRun, fn func(ID) error) error {
	c, err := newRunCursor(s.db, r.info)
	if err != nil {
		return err
	}
	for {
		ids, err := c.nextChunk()
		if err != nil || ids == nil {
			return cmp.Or(err, c.close())
		}
		for _, id := range ids {
			if !r.filter.mayContain(id.Hash) {
				err = corruptRun("the filter does not know an id of its run", 0)
			}
			if err = cmp.Or(err, fn(id)); err != nil {
				return cmp.Or(err, c.close())
			}
		}
	}
}

// preparedRun is a run that has been written but does not exist yet.
type preparedRun = idRun

// prepare writes ids, sorted by hash and without duplicates, as a new run into the tables of a
// coming ingest, without its existing yet: writeManifest, in the same ingest, and publish, after
// it, do that. A prepared run may be forgotten instead. No ids make no run: nil.
func (s *RunSet) prepare(w runRows, ids []ID) (*preparedRun, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	info, filter, err := writeRun(w.Set, s.takeNumber(), ids)
	if err != nil {
		return nil, err
	}
	return &preparedRun{info: info, filter: filter}, nil
}

// writeManifest writes the manifest that adds p, which may be nil, to the runs that exist now. The
// caller lets no other change of runs happen until it has called publish or has failed.
func (s *RunSet) writeManifest(w runRows, p *preparedRun) error {
	if p == nil {
		return nil
	}
	return s.setManifest(w, append(slices.Clone(s.current.Load().runs), p))
}

// publish makes p, which may be nil, visible. Its rows and the manifest have been ingested.
func (s *RunSet) publish(p *preparedRun) {
	if p == nil {
		return
	}
	s.swap(append(slices.Clone(s.current.Load().runs), p))
	s.wakeMerger()
}

// close ends all lookups: those under way are waited for, later ones get ErrClosed. The merger
// must have returned. The store may close its database afterwards. Idempotent.
func (s *RunSet) close() {
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return
	}
	s.mu.closed = true
	// The filters stay: without them Candidates would call every id new.
	old := s.current.Load()
	s.current.Store(&runList{closed: true, runs: old.runs})
	s.mu.Unlock()
	s.release(old)
	s.lists.Wait()
}

// takeNumber returns a run number that was never used by a run that exists.
func (s *RunSet) takeNumber() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.next++
	return s.mu.next - 1
}

// setManifest writes the manifest of runs.
func (s *RunSet) setManifest(w runRows, runs []*idRun) error {
	infos := make([]runInfo, len(runs))
	for i, r := range runs {
		infos[i] = r.info
	}
	slices.SortFunc(infos, func(a, b runInfo) int { return cmp.Compare(a.num, b.num) })
	s.mu.Lock()
	next := s.mu.next
	s.mu.Unlock()
	return w.Set(runManifestKey(), appendRunManifest(nil, next, infos))
}

// wakeMerger tells the merger to look again.
func (s *RunSet) wakeMerger() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
