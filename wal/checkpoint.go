package wal

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
)

// Meta says what a checkpoint is of.
type Meta struct {
	Index        uint64   // of the last block that the state has folded in
	LogTimeNanos int64    // log time there
	Digest       [16]byte // of the state there
	Extra        []byte   // the engine's own
}

// ErrCheckpointDone is returned for a checkpoint that was committed or aborted before.
var ErrCheckpointDone = errors.New("the checkpoint is committed or aborted already")

// Checkpoint collects the rows that changed since the last checkpoint, and replaces them all at
// once. It belongs to one goroutine.
type Checkpoint struct {
	store *Store
	rows  *tableBuilder
	run   *preparedRun
	err   error // of a Set, DeleteRange or AddRun: Commit will not commit half of the rows
	done  bool
}

// NewCheckpoint begins a checkpoint. There is one at a time: it blocks until the one before is
// committed or aborted, and so must this one be. Errors come from the methods of the result.
func (s *Store) NewCheckpoint() *Checkpoint {
	s.checkpointMu.Lock()
	return &Checkpoint{store: s, rows: s.newTableBuilder()}
}

// Set writes a row. Keys must ascend strictly within a class (their first byte); classes may
// take turns. Key and value are copied. The meta row and those of runs are not for Set.
func (c *Checkpoint) Set(key, value []byte) error {
	return c.do(func() error {
		if err := engineKey(key); err != nil {
			return err
		}
		return c.rows.Set(key, value)
	})
}

// DeleteRange removes the rows of the range [lower, upper) that were there before this checkpoint;
// rows that this checkpoint sets stay, in whatever order the calls come. Both keys must be
// of one class; upper may be the end of the class.
func (c *Checkpoint) DeleteRange(lower, upper []byte) error {
	return c.do(func() error {
		if err := engineKey(lower); err != nil {
			return err
		}
		return c.rows.DeleteRange(lower, upper)
	})
}

// AddRun adds ids, sorted by hash and without duplicates, as a new dedup run. At most once per
// checkpoint. The ids are found by [RunSet.Lookup] when Commit has returned.
func (c *Checkpoint) AddRun(ids []ID) error {
	return c.do(func() error {
		if c.run != nil {
			return errors.New("BUG: two runs in one checkpoint")
		}
		var err error
		c.run, err = c.store.runs.prepare(c.rows, ids)
		return err
	})
}

// do runs a step unless an earlier one has failed or the store refuses.
func (c *Checkpoint) do(step func() error) error {
	switch {
	case c.done:
		return ErrCheckpointDone
	case c.err != nil:
		return c.err
	}
	c.err = noRoom(c.inStore(step))
	return c.err
}

// inStore runs step inside the store's gate.
func (c *Checkpoint) inStore(step func() error) error {
	s := c.store
	if err := s.enterHealthy(); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.opts.ReadOnly {
		return pebble.ErrReadOnly
	}
	return step()
}

// Commit makes the checkpoint durable and visible, all of it in one step: the tables are synced,
// then ingested, then new views and lookups see it. Before that it makes the log durable up to
// meta.Index, so that no power cut leaves state without the log it came from.
//
// On an error nothing has changed, unless it is of code failed. Errors: the first one of Set,
// DeleteRange and AddRun; of code disk_full when there is too little room even for a checkpoint.
// An index beyond the log, or before the checkpoint that is there, is refused. The checkpoint
// is over either way.
func (c *Checkpoint) Commit(meta Meta) error {
	if c.done {
		return ErrCheckpointDone
	}
	defer c.Abort()
	if c.err != nil {
		return c.err
	}
	err := c.inStore(func() error { return c.commit(meta) })
	if err != nil {
		return fmt.Errorf("checkpoint at block %d: %w", meta.Index, err)
	}
	return nil
}

func (c *Checkpoint) commit(meta Meta) error {
	s := c.store
	if last := s.LastIndex(); meta.Index > last {
		return fmt.Errorf("BUG: the log ends at block %d", last)
	}
	if old := s.meta.Load(); old != nil && meta.Index < old.Index {
		return fmt.Errorf("BUG: the checkpoint at block %d is newer", old.Index)
	}
	if err := s.space.admitCheckpoint(); err != nil {
		return err
	}
	if meta.Index > s.durable.Load() {
		if err := s.syncLog(); err != nil {
			return err
		}
	}
	if err := c.rows.Set(metaKey(), appendMeta(nil, meta)); err != nil {
		return noRoom(err)
	}
	s.ingestMu.Lock()
	defer s.ingestMu.Unlock()
	if err := s.runs.writeManifest(c.rows, c.run); err != nil {
		return noRoom(err)
	}
	return s.ingestTables(c.rows, func() {
		meta.Extra = append([]byte(nil), meta.Extra...)
		s.meta.Store(&meta)
		s.runs.publish(c.run)
	})
}

// Abort ends a checkpoint without a trace. After Commit it does nothing.
func (c *Checkpoint) Abort() {
	if c.done {
		return
	}
	c.done = true
	c.rows.discard()
	c.store.checkpointMu.Unlock()
}

// engineKey refuses keys of rows that this package writes itself.
func engineKey(key []byte) error {
	if len(key) > 0 {
		switch key[0] {
		case ClassMeta, runManifestClass, runChunkClass, runFilterClass:
			return fmt.Errorf("BUG: key %x is of a class of package wal's own", key)
		}
	}
	return nil
}

// Meta returns that of the newest checkpoint; false when there is none. Extra must not be changed.
func (s *Store) Meta() (Meta, bool) {
	if m := s.meta.Load(); m != nil {
		return *m, true
	}
	return Meta{}, false
}

// The meta row:
//
//	┌─────────┬──────────┬───────────────┬────────┬───────┐
//	│ version │ index    │ log time      │ digest │ extra │
//	│ u8 = 1  │ u64 BE   │ i64 BE, nanos │ 16     │ rest  │
//	└─────────┴──────────┴───────────────┴────────┴───────┘
const (
	metaVersion    = 1
	metaHeaderSize = 1 + 8 + 8 + 16
)

func appendMeta(dst []byte, m Meta) []byte {
	dst = binary.BigEndian.AppendUint64(append(dst, metaVersion), m.Index)
	dst = binary.BigEndian.AppendUint64(dst, uint64(m.LogTimeNanos))
	return append(append(dst, m.Digest[:]...), m.Extra...)
}

func parseMeta(value []byte) (m Meta, err error) {
	if len(value) < metaHeaderSize {
		return m, &CorruptError{What: "meta row is too short", Offset: len(value)}
	}
	if value[0] != metaVersion {
		return m, fmt.Errorf("%w: meta row of version %d", ErrNewerFormat, value[0])
	}
	m.Index = binary.BigEndian.Uint64(value[1:])
	m.LogTimeNanos = int64(binary.BigEndian.Uint64(value[9:]))
	copy(m.Digest[:], value[17:])
	m.Extra = append([]byte(nil), value[metaHeaderSize:]...)
	return m, nil
}

// readMeta returns the meta row of db, or nil when there is none.
func readMeta(db pebble.Reader) (*Meta, error) {
	value, closer, err := db.Get(metaKey())
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read meta of the checkpoint: %w", corruption(err))
	}
	m, err := parseMeta(value)
	return &m, errors.Join(err, closer.Close())
}
