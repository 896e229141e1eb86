package wal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage/objstorageprovider"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// tableBuilder collects the rows of one ingest in sorted tables, one per class of keys. Classes
// lie apart in key order, so their tables never overlap: one table with all of them would
// cover everything, and every checkpoint would be compacted with every row there is.
//
// All rows of an ingest take effect together, and deletions before sets: DeleteRange removes
// what was there before, never what the same ingest brings, in whatever order they were given.
type tableBuilder struct {
	store  *Store
	tables []*classTable // few; searched one by one
}

// classTable is the table of one class.
type classTable struct {
	class   byte
	path    string
	writer  *sstable.Writer
	last    []byte     // the newest key set
	deletes []keyRange // in the order given
}

// keyRange is half-open.
type keyRange struct{ lower, upper []byte }

func (s *Store) newTableBuilder() *tableBuilder { return &tableBuilder{store: s} }

// Set adds a row. Keys of one class must ascend strictly; classes may take turns. Key and value
// are copied.
func (b *tableBuilder) Set(key, value []byte) error {
	if len(key) == 0 || !stateClass(key[0]) {
		return fmt.Errorf("set %x: not a key of the state", key)
	}
	t, err := b.table(key[0])
	if err != nil {
		return err
	}
	if t.last != nil && bytes.Compare(key, t.last) <= 0 {
		return fmt.Errorf("BUG: set %x after %x: keys of a class must ascend", key, t.last)
	}
	if err := t.writer.Set(key, value); err != nil {
		return fmt.Errorf("write table of class %q: %w", t.class, err)
	}
	t.last = append(t.last[:0], key...)
	return nil
}

// DeleteRange removes all rows from lower up to, but not including, upper, as of before this
// ingest. Both lie in one class; upper may be the end of it.
func (b *tableBuilder) DeleteRange(lower, upper []byte) error {
	if len(lower) == 0 || len(upper) == 0 || bytes.Compare(lower, upper) >= 0 || !stateClass(lower[0]) ||
		upper[0] != lower[0] && !bytes.Equal(upper, []byte{lower[0] + 1}) {
		return fmt.Errorf("BUG: delete range %x to %x: not a range within one class of the state", lower, upper)
	}
	t, err := b.table(lower[0])
	if err != nil {
		return err
	}
	t.deletes = append(t.deletes, keyRange{bytes.Clone(lower), bytes.Clone(upper)})
	return nil
}

// tableSyncBytes is what a table may hold back from the disk while it is written: about 2 ms of writing.
const tableSyncBytes = 512 << 10

// table returns the table of class, and makes it at its first row.
func (b *tableBuilder) table(class byte) (*classTable, error) {
	for _, t := range b.tables {
		if t.class == class {
			return t, nil
		}
	}
	s := b.store
	path := s.fs.PathJoin(s.dir, ingestDirName, fmt.Sprintf("%06d-%c.sst", s.tableNum.Add(1), class))
	f, err := s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return nil, fmt.Errorf("create table: %w", err)
	}
	// Written out as it grows: one large sync at the end would make those of the log wait behind it.
	f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: tableSyncBytes})
	o := s.tableOptions.MakeWriterOptions(0, s.state.TableFormat())
	if class == runChunkClass || class == runFilterClass {
		o.Compression = sstable.NoCompression // hashes and filter bits: noise
	}
	t := &classTable{
		class:  class,
		path:   path,
		writer: sstable.NewWriter(objstorageprovider.NewFileWritable(f), o),
	}
	b.tables = append(b.tables, t)
	return t, nil
}

// finish completes and syncs the tables and returns their paths.
func (b *tableBuilder) finish() (paths []string, err error) {
	for _, t := range b.tables {
		for _, r := range mergeRanges(t.deletes) {
			if err := t.writer.DeleteRange(r.lower, r.upper); err != nil {
				return nil, fmt.Errorf("write table of class %q: %w", t.class, err)
			}
		}
		err := t.writer.Close() // syncs the file
		t.writer = nil
		if err != nil {
			return nil, fmt.Errorf("finish table of class %q: %w", t.class, err)
		}
		paths = append(paths, t.path)
	}
	return paths, nil
}

// discard removes what was not ingested. Files that cannot be removed go at the next Open.
func (b *tableBuilder) discard() {
	for _, t := range b.tables {
		if t.writer != nil {
			_ = t.writer.Close()
		}
		_ = b.store.fs.Remove(t.path)
	}
	b.tables = nil
}

// mergeRanges sorts ranges and joins those that overlap or touch, as a table wants them.
func mergeRanges(ranges []keyRange) []keyRange {
	slices.SortFunc(ranges, func(a, b keyRange) int { return bytes.Compare(a.lower, b.lower) })
	merged := ranges[:0]
	for _, r := range ranges {
		if n := len(merged); n > 0 && bytes.Compare(r.lower, merged[n-1].upper) <= 0 {
			if bytes.Compare(r.upper, merged[n-1].upper) > 0 {
				merged[n-1].upper = r.upper
			}
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// ingest makes what build writes durable in one atomic step, and then calls committed, if any.
// build and committed run under the one mutex over all changes of the state. On an error
// nothing was ingested, or the store has failed; of code disk_full when there was no room for the tables.
func (s *Store) ingest(build func(w *tableBuilder) error, committed func()) error {
	if err := s.enterHealthy(); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.opts.ReadOnly {
		return pebble.ErrReadOnly
	}
	if err := s.space.admitCheckpoint(); err != nil {
		return err
	}
	s.ingestMu.Lock()
	defer s.ingestMu.Unlock()
	b := s.newTableBuilder()
	defer b.discard()
	if err := build(b); err != nil {
		return noRoom(err)
	}
	return s.ingestTables(b, committed)
}

// ingestTables ingests the finished b. The caller holds ingestMu, and discards b afterwards.
func (s *Store) ingestTables(b *tableBuilder, committed func()) error {
	paths, err := b.finish()
	if err != nil {
		return errors.Join(s.poison.err(), noRoom(err))
	}
	if err := s.poison.err(); err != nil || len(paths) == 0 {
		return err
	}
	err = s.state.Ingest(context.Background(), paths)
	// Pebble may have called Fatalf, or met a frozen disk, and still report success.
	if failed := s.poison.err(); failed != nil {
		return failed
	}
	if err != nil {
		return fmt.Errorf("ingest: %w", noRoom(corruption(err)))
	}
	if committed != nil {
		committed()
	}
	return nil
}
