package wal

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// runHarness is the smallest store that runs can live in: a Pebble that is written by ingests
// only, under one mutex. It lets runs be tested without the log, and cut off from power at will.
type runHarness struct {
	fs   vfs.FS
	opts *pebble.Options
	db   *pebble.DB
	set  *RunSet

	mu     sync.Mutex
	tables int
}

const runHarnessDir = "state"

// openRunHarness opens the store in fs, making it if it is not there.
func openRunHarness(fs vfs.FS) (*runHarness, error) {
	opts := &pebble.Options{
		FS:                 fs,
		FormatMajorVersion: pebble.FormatNewest,
		Logger:             quietLogger{},
		MemTableSize:       256 << 10, // never used, but cleared at every opening
	}
	opts.EnsureDefaults()
	db, err := pebble.Open(runHarnessDir, opts)
	if err != nil {
		return nil, err
	}
	h := &runHarness{fs: fs, opts: opts, db: db}
	if h.set, err = openRunSet(db, h.ingest); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return h, nil
}

// newRunHarness opens a new store in memory, which is closed when the test ends.
func newRunHarness(tb testing.TB) *runHarness {
	tb.Helper()
	h, err := openRunHarness(vfs.NewMem())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := h.close(); err != nil {
			tb.Error(err)
		}
	})
	return h
}

func (h *runHarness) close() error {
	h.set.close()
	return h.db.Close()
}

// ingest is a runIngest.
func (h *runHarness) ingest(build func(w runRows) error, committed func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	b := &harnessTables{h: h, open: map[byte]*sstable.Writer{}}
	err := build(b)
	for _, w := range b.open {
		err = cmp.Or(w.Close(), err)
	}
	if err == nil {
		err = h.db.Ingest(context.Background(), b.paths)
	}
	if err == nil && committed != nil {
		committed()
	}
	return err
}

// add checkpoints ids as a run.
func (h *runHarness) add(ids []ID) error {
	var p *preparedRun
	return h.ingest(func(w runRows) (err error) {
		if p, err = h.set.prepare(w, ids); err != nil {
			return err
		}
		return h.set.writeManifest(w, p)
	}, func() { h.set.publish(p) })
}

// mergeAll merges until there is nothing left to merge or delete.
func (h *runHarness) mergeAll() error {
	for {
		worked, err := h.set.mergeOnce(nil)
		if err != nil || !worked {
			return err
		}
	}
}

// rows counts the stored rows of all runs, existing or not.
func (h *runHarness) rows(class byte) (rows int, size int64, err error) {
	iter, err := h.db.NewIter(&pebble.IterOptions{
		LowerBound: []byte{class}, UpperBound: []byte{class + 1},
	})
	if err != nil {
		return 0, 0, err
	}
	for ok := iter.First(); ok; ok = iter.Next() {
		rows++
		size += int64(len(iter.Key()) + len(iter.Value()))
	}
	return rows, size, iter.Close()
}

// harnessTables is a runRows with one table per class.
type harnessTables struct {
	h     *runHarness
	open  map[byte]*sstable.Writer
	paths []string
}

func (b *harnessTables) table(class byte) (*sstable.Writer, error) {
	if w := b.open[class]; w != nil {
		return w, nil
	}
	b.h.tables++
	path := fmt.Sprintf("%s/ingest-%d.sst", runHarnessDir, b.h.tables)
	f, err := b.h.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, err
	}
	opts := b.h.opts.MakeWriterOptions(0, b.h.db.TableFormat())
	b.open[class] = sstable.NewWriter(objstorageprovider.NewFileWritable(f), opts)
	b.paths = append(b.paths, path)
	return b.open[class], nil
}

func (b *harnessTables) Set(key, value []byte) error {
	w, err := b.table(key[0])
	if err != nil {
		return err
	}
	return w.Set(key, value)
}

func (b *harnessTables) DeleteRange(lower, upper []byte) error {
	w, err := b.table(lower[0])
	if err != nil {
		return err
	}
	return w.DeleteRange(lower, upper)
}

type quietLogger struct{}

func (quietLogger) Infof(string, ...any)  {}
func (quietLogger) Errorf(string, ...any) {}

// Fatalf must not return, or Pebble goes on as if nothing had happened.
func (quietLogger) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// randomIDs returns count distinct ids, unsorted, of blocks from firstBlock on with perBlock
// events each.
func randomIDs(rng *rand.Rand, count int, firstBlock uint64, perBlock int) []ID {
	ids := make([]ID, count)
	for i := range ids {
		ids[i] = ID{
			Hash:    Hash{Hi: rng.Uint64(), Lo: rng.Uint64()},
			Payload: rng.Uint32(),
			Block:   firstBlock + uint64(i/perBlock),
		}
	}
	return ids
}

// sortedIDs is randomIDs, sorted.
func sortedIDs(rng *rand.Rand, count int, firstBlock uint64, perBlock int) []ID {
	ids := randomIDs(rng, count, firstBlock, perBlock)
	SortIDs(ids)
	return ids
}

func testRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0x72756e)) }

// compareIDs orders by hash.
func compareIDs(a, b ID) int { return a.Hash.Compare(b.Hash) }

// checkRunSet compares everything the set says with model.
func checkRunSet(s *RunSet, model map[Hash]ID, absent []Hash) error {
	seen := make(map[Hash]bool, len(model))
	err := s.Each(func(id ID) error {
		if want, ok := model[id.Hash]; !ok || want != id {
			return fmt.Errorf("each: got %+v, want %+v (%v)", id, want, ok)
		}
		if seen[id.Hash] {
			return fmt.Errorf("each: %+v twice", id)
		}
		seen[id.Hash] = true
		return nil
	})
	if err != nil {
		return err
	}
	if _, ids, _ := s.Count(); len(seen) != len(model) || ids != uint64(len(model)) {
		return fmt.Errorf("each saw %d ids, count says %d, want %d", len(seen), ids, len(model))
	}
	hashes := make([]Hash, 0, len(model)+len(absent))
	for h := range model {
		hashes = append(hashes, h)
	}
	hits := s.Candidates(append(hashes, absent...), nil)
	if !slices.IsSorted(hits) || len(slices.Compact(hits)) != len(hits) {
		return errors.New("candidates are not strictly ascending")
	}
	for i, h := range hashes {
		if i >= len(hits) || hits[i] != uint32(i) {
			return fmt.Errorf("hash %x of a run is no candidate", h)
		}
		id, ok, err := s.Lookup(h)
		if err != nil || !ok || id != model[h] {
			return fmt.Errorf("lookup: got %+v, %v, %v, want %+v", id, ok, err, model[h])
		}
	}
	for _, h := range absent {
		if id, ok, err := s.Lookup(h); err != nil || ok {
			return fmt.Errorf("lookup of an absent hash: %+v, %v, %v", id, ok, err)
		}
	}
	return nil
}
