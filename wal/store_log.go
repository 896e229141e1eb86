package wal

import (
	"errors"
	"fmt"
	"math"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Append puts block at index into the log, and returns before it is durable: [Sync.Wait] says
// when. It is visible to reads at once. Index must be LastIndex()+1; anything else is a bug
// and panics. The block is copied.
//
// Errors: of code disk_full when there is too little room, or failed, or draining; nothing has
// changed then. It may block while the disk cannot keep up; see [Store.Stalled]. Safe for
// concurrent use, though indices leave room for one caller only. A handful of allocations per
// block, whatever its size; O(len(block)).
func (s *Store) Append(index uint64, block []byte) (*Sync, error) {
	if err := s.gate.enter(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if len(block) == 0 || len(block) > BlockEncodedBytesMax {
		return nil, fmt.Errorf("append block %d: %d bytes, must be 1 to %d", index, len(block), BlockEncodedBytesMax)
	}
	if s.opts.ReadOnly || s.isBase() {
		return nil, fmt.Errorf("append block %d: %w", index, pebble.ErrReadOnly)
	}
	s.appendMu.Lock()
	defer s.appendMu.Unlock()
	if last := s.lastIndex.Load(); index != last+1 {
		panic(fmt.Sprintf("BUG: append of block %d after block %d", index, last))
	}
	if err := s.poison.err(); err != nil {
		return nil, err
	}
	if err := s.space.admit(len(block)); err != nil {
		return nil, err
	}

	y := &Sync{store: s, index: index, batch: s.log.NewBatchWithSize(len(block) + batchOverhead)}
	var key [9]byte
	s.stall.begin()
	err := y.batch.Set(appendBlockKey(key[:0], index), block, nil)
	if err == nil {
		err = s.log.ApplyNoSyncWait(y.batch, pebble.Sync)
	}
	if err != nil {
		s.stall.end()
		// The WAL may hold the block or not; nobody may build on either.
		s.poison.set(fmt.Errorf("append block %d: %w", index, err))
		return nil, s.poison.err()
	}
	s.lastIndex.Store(index)
	s.firstIndex.CompareAndSwap(0, index)
	return y, nil
}

// batchOverhead is the header of a Pebble batch (12), the kind, two lengths and the key of a
// block, rounded up.
const batchOverhead = 64

// Sync is a block on its way to the disk.
type Sync struct {
	store *Store
	index uint64

	once  sync.Once
	batch *pebble.Batch // nil once waited for
	err   error
}

// Wait returns once the block and all before it are durable, or the store has failed. An error
// of code failed means that it is unknown whether the block will be found after the next Open.
// Every successful Append must be waited for, by whoever: a block that nobody waits for counts as
// outstanding for [Store.Stalled]. Calling it again returns the same. Safe for concurrent use.
func (y *Sync) Wait() error {
	y.once.Do(y.wait)
	return y.err
}

func (y *Sync) wait() {
	s := y.store
	err := y.batch.SyncWait()
	if err != nil {
		s.poison.set(fmt.Errorf("sync block %d: %w", y.index, err))
	}
	s.stall.end()
	if y.err = s.poison.err(); y.err == nil {
		raise(&s.durable, y.index)
	}
	_ = y.batch.Close() // gives its buffer back; it cannot fail after a commit
	y.batch = nil
}

// syncLog makes everything appended so far durable.
func (s *Store) syncLog() error {
	last := s.lastIndex.Load()
	if s.durable.Load() >= last {
		return s.poison.err()
	}
	// An empty record behind them carries all records before it through the fsync.
	err := s.log.LogData(nil, pebble.Sync)
	if err != nil {
		s.poison.set(fmt.Errorf("sync log: %w", err))
	}
	if err := s.poison.err(); err != nil {
		return err
	}
	raise(&s.durable, last)
	return nil
}

// LastIndex returns the index of the newest block, durable or not; 0 when there is none.
func (s *Store) LastIndex() uint64 { return s.lastIndex.Load() }

// FirstIndex returns the index of the oldest block; 0 when there is none.
func (s *Store) FirstIndex() uint64 { return s.firstIndex.Load() }

// DurableIndex returns the largest index of which this store knows that it is fsynced. What was
// found at Open is.
func (s *Store) DurableIndex() uint64 { return s.durable.Load() }

// ErrNoBlock is returned by ReadBlock for an index outside the log.
var ErrNoBlock = errors.New("no such block")

// ReadBlock returns a copy of the block at index, which may have been put aside when the log was cut ([Store.DropBlocks]). Errors:
// ErrNoBlock, ErrCorrupt, or what the disk says.
func (s *Store) ReadBlock(index uint64) ([]byte, error) {
	if err := s.enterHealthy(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.isBase() {
		return nil, fmt.Errorf("read block %d: %w", index, ErrNoBlock)
	}
	var key [9]byte
	value, closer, err := s.log.Get(appendBlockKey(key[:0], index))
	if errors.Is(err, pebble.ErrNotFound) && index < s.FirstIndex() {
		value, closer, err = s.log.Get(appendAsideKey(key[:0], index))
	}
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return nil, fmt.Errorf("read block %d of %d to %d: %w", index, s.FirstIndex(), s.LastIndex(), ErrNoBlock)
	case err != nil:
		return nil, fmt.Errorf("read block %d: %w", index, corruption(err))
	}
	block := append([]byte(nil), value...)
	return block, closer.Close()
}

// Blocks calls fn for every block from index from on, ascending, until fn returns an error, which
// is returned. The block is valid during the call only. Blocks appended after Blocks was called
// are not seen. A missing block between two others is ErrCorrupt.
func (s *Store) Blocks(from uint64, fn func(index uint64, block []byte) error) (err error) {
	if err := s.enterHealthy(); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.isBase() {
		return nil
	}
	_, upper := ClassBounds(ClassBlock)
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: appendBlockKey(nil, from), UpperBound: upper})
	if err != nil {
		return fmt.Errorf("read log: %w", corruption(err))
	}
	defer func() { err = errors.Join(err, corruption(it.Close())) }()
	want := max(from, s.FirstIndex())
	for ok := it.First(); ok; ok = it.Next() {
		index, err := parseBlockKey(it.Key())
		if err != nil {
			return err
		}
		if index != want {
			return &CorruptError{What: fmt.Sprintf("log lacks block %d; the next one is %d", want, index)}
		}
		block, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("read block %d: %w", index, corruption(err))
		}
		if err := fn(index, block); err != nil {
			return err
		}
		want++
	}
	return nil // the iterator's own error comes with its Close
}

// loadLogBounds finds the ends of the log.
func (s *Store) loadLogBounds() error {
	if s.isBase() { // its log is that of another store, which has looked
		s.lastIndex.Store(math.MaxUint64)
		s.durable.Store(math.MaxUint64)
		return nil
	}
	lower, upper := ClassBounds(ClassBlock)
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return corruption(err)
	}
	var first, last uint64
	if it.First() {
		first, err = parseBlockKey(it.Key())
	}
	if err == nil && it.Last() {
		last, err = parseBlockKey(it.Key())
	}
	if err := errors.Join(err, it.Close()); err != nil {
		return fmt.Errorf("read ends of log: %w", corruption(err))
	}
	s.firstIndex.Store(first)
	s.lastIndex.Store(last)
	s.durable.Store(last)
	return nil
}

// enterHealthy is gate.enter for calls that a failed store refuses.
func (s *Store) enterHealthy() error {
	if err := s.gate.enter(); err != nil {
		return err
	}
	if err := s.poison.err(); err != nil {
		s.gate.leave()
		return err
	}
	return nil
}

// corruption makes Pebble's corruption errors ErrCorrupt as well.
func corruption(err error) error {
	if err != nil && pebble.IsCorruptionError(err) && !errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}

// raise sets v to n unless it is larger already.
func raise(v interface {
	Load() uint64
	CompareAndSwap(old, new uint64) bool
}, n uint64) {
	for old := v.Load(); old < n && !v.CompareAndSwap(old, n); old = v.Load() {
	}
}
