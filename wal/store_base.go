package wal

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// The base: what the state was at the block up to which the log may be cut. It is a second state in a directory of its own, brought
// forward by folding the same blocks, and so a store like any other but for its log, which is this one's.
//
// The base always is the state at some block, whole, because a checkpoint of it is atomic. So nothing has to be switched over: the
// log is cut when the base has been brought up to the cut, and a power failure anywhere leaves a base that the log goes on from.
//
//	blocks      1 ........ B ................ N
//	base        the state at B, or later while it is being brought forward
//	log         B+1 or less ................ N
//	state       the state at a checkpoint ... <= N
//
// A copy of the state as it is now would be cheaper, but it would be of now: the log between the cut and now could not be
// verified, and nobody could ask how a number was then.

// baseExists reports whether there is a base.
func (s *Store) baseExists() (bool, error) {
	_, found, err := readManifest(s.opts.FS, s.opts.FS.PathJoin(s.dir, baseDirName))
	return found, err
}

// OpenBase opens the base and makes an empty one, of before the first block, where there is none. It is a [Store] that takes
// checkpoints and gives views, has no dedup runs of its own, and refuses everything that is about a log. One at a time;
// whoever opens it closes it: the Close of s waits for that, and what reads a view of the base meanwhile gets ErrClosed.
func (s *Store) OpenBase() (*Store, error) {
	if err := s.enterHealthy(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	o := s.opts
	o.parent = s
	s.bases.Add(1) // inside the gate, so Close counts it
	b, err := Open(o.FS.PathJoin(s.dir, baseDirName), &o)
	if err != nil {
		s.bases.Done()
		return nil, fmt.Errorf("base: %w", err)
	}
	return b, nil
}

// EmptyBase returns a base of before the first block, in memory, for whoever folds the whole log again.
func (s *Store) EmptyBase() (*Store, error) {
	if err := s.enterHealthy(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	s.bases.Add(1)
	b, err := Open(baseDirName, &Options{FS: vfs.NewMem(), Logger: s.opts.Logger, parent: s,
		FreeBytes: func(string) (uint64, error) { return 0, vfs.ErrUnsupported }}) // it is on no disk
	if err != nil {
		s.bases.Done()
		return nil, err
	}
	return b, nil
}

// closing tells whether the store, or that whose base it is, is being closed: who reads much stops then.
func (s *Store) closing() bool { return s.gate.shut() || s.isBase() && s.opts.parent.gate.shut() }

// checkFirst refuses a log that begins after what the rest of the directory can go on from.
func (s *Store) checkFirst(meta *Meta) error {
	first := s.FirstIndex()
	if first <= 1 {
		return nil
	}
	if meta == nil || meta.Index < first-1 {
		return fmt.Errorf("%w: the log begins with block %d, and there is no checkpoint up to there", ErrCorrupt, first)
	}
	if found, err := s.baseExists(); err != nil || !found {
		return errors.Join(err, fmt.Errorf("%w: the log begins with block %d, and the base of before it is missing; restore the directory %s from a backup",
			ErrCorrupt, first, baseDirName))
	}
	return nil
}

// DropBlocks cuts the log: blocks up to index are gone when it returns, but for those in keep (ascending), which ReadBlock still
// finds; blocks that an earlier cut put aside and that keep does not name are gone, too. A power failure leaves the old log or the
// new one. Readers that are on their way through the log are not disturbed.
//
// The caller answers for the base being at index or later, and keeps it so.
//
// The blocks are excised: the tables that hold nothing else are deleted, and of the one at the edge the rest is used in place. A
// deletion of the range would be written beside the newest blocks, into one table from the first block to the last,
// and moving that down would rewrite the whole log.
func (s *Store) DropBlocks(ctx context.Context, index uint64, keep []uint64) error {
	if err := s.enterHealthy(); err != nil {
		return err
	}
	defer s.gate.leave()
	if s.opts.ReadOnly || s.isBase() {
		return fmt.Errorf("cut the log: %w", pebble.ErrReadOnly)
	}
	if meta := s.meta.Load(); meta == nil || meta.Index < index || s.LastIndex() <= index {
		return fmt.Errorf("BUG: cut the log at block %d: the checkpoint is not that far", index)
	}
	old, err := s.asides()
	if err != nil {
		return err
	}
	if err := s.putAside(index, keep); err != nil {
		return err
	}
	err = s.log.Excise(ctx, pebble.KeyRange{Start: appendBlockKey(nil, 0), End: appendBlockKey(nil, index+1)})
	if err := s.poison.err(); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("cut the log at block %d: %w", index, corruption(err))
	}
	raise(&s.firstIndex, index+1)
	b := s.log.NewBatch()
	defer func() { _ = b.Close() }()
	for _, n := range old {
		if _, found := slices.BinarySearch(keep, n); !found {
			if err := b.Delete(appendAsideKey(nil, n), nil); err != nil {
				return fmt.Errorf("forget block %d: %w", n, err)
			}
		}
	}
	return s.applyAside(b, pebble.NoSync) // one that comes back is forgotten by the next cut
}

// asideBatchBytes bounds one batch of blocks that are put aside: half a memtable is what Pebble takes without a detour.
const asideBatchBytes = memTableBytesMin / 2

// putAside copies the blocks to keep, and returns when the copies are durable.
func (s *Store) putAside(index uint64, keep []uint64) error {
	b := s.log.NewBatch()
	defer func() { _ = b.Close() }()
	for i, n := range keep {
		if n > index || i > 0 && n <= keep[i-1] {
			return fmt.Errorf("BUG: cut the log at block %d and keep %d", index, n)
		}
		block, err := s.ReadBlock(n)
		if err == nil {
			err = b.Set(appendAsideKey(nil, n), block, nil)
		}
		if err != nil {
			return fmt.Errorf("put block %d aside: %w", n, err)
		}
		if b.Len() >= asideBatchBytes {
			if err := s.applyAside(b, pebble.Sync); err != nil {
				return err
			}
			b.Reset()
		}
	}
	return s.applyAside(b, pebble.Sync)
}

func (s *Store) applyAside(b *pebble.Batch, o *pebble.WriteOptions) error {
	if b.Empty() {
		return nil
	}
	if err := s.log.Apply(b, o); err != nil {
		s.poison.set(fmt.Errorf("blocks put aside: %w", err))
	}
	return s.poison.err()
}

// asides returns the blocks that are aside, ascending.
func (s *Store) asides() (out []uint64, err error) {
	lower, upper := ClassBounds(classAside)
	it, err := s.log.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return nil, fmt.Errorf("read blocks put aside: %w", corruption(err))
	}
	defer func() { err = errors.Join(err, corruption(it.Close())) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := checkKey(it.Key(), classAside, 8); err != nil {
			return nil, err
		}
		out = append(out, blockOf(it.Key()))
	}
	return out, nil
}
