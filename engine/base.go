package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"sort"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Retention of raw events. Before the log is cut at a block, the base is brought up to it: a second state, in the store's own
// directory, that folds the same blocks later. Then an entry of the log says so, with the digest that the base has there, and
// only then the blocks go.
//
//	fold the log into the base, up to B  ->  entry {B, digest}  ->  drop blocks <= B
//
// A crash anywhere leaves a base that the log goes on from; what was left undone is done the next time. The base has rows but no
// ids: those of old blocks are in the dedup runs of the store with their positions, and are verified from there.

// prepareBase finds up to which block raw events are to expire at a moment, and brings the base there. 0: none are.
func (e *Engine) prepareBase(ctx context.Context, now int64) (to uint64, digest string, err error) {
	cfg := e.state.cfg.Load()
	keep, ok := cfg.settings.def.Retention.WithDefaults().Raw.Length()
	if !ok {
		return 0, "", nil
	}
	if to, err = e.lastBlockBefore(now - int64(keep)); err != nil || to <= cfg.kept.archived() {
		return 0, "", err
	}
	if meta, ok := e.store.Meta(); !ok || meta.Index < to {
		if err := e.checkpoint(ctx); err != nil {
			return 0, "", err
		}
	}
	at, sum, err := e.advanceBase(ctx, to)
	if err != nil {
		return 0, "", fmt.Errorf("bring the base to block %d: %w", to, err)
	}
	if at != to { // it is ahead: the settings kept less before
		return 0, "", nil
	}
	return to, hex.EncodeToString(sum[:]), nil
}

// lastBlockBefore returns the newest block whose log time is before a moment, but never the newest of all; 0: none. It reads
// the logarithm of the length of the log.
func (e *Engine) lastBlockBefore(nanos int64) (uint64, error) {
	first, last := e.store.FirstIndex(), e.state.applied.Load()
	if first == 0 || last <= first {
		return 0, nil
	}
	var failed error
	n := sort.Search(int(last-first), func(i int) bool {
		block, err := e.store.ReadBlock(first + uint64(i))
		if err != nil {
			failed = errors.Join(failed, err)
			return true
		}
		at, err := wal.BlockTime(block)
		failed = errors.Join(failed, err)
		return at >= nanos
	})
	if failed != nil {
		return 0, failed
	}
	return first + uint64(n) - 1, nil
}

// advanceBase folds the log into the base up to a block, unless it is there or further, and returns where it stands, with its
// digest.
func (e *Engine) advanceBase(ctx context.Context, to uint64) (at uint64, digest [16]byte, err error) {
	if err := lockFor(ctx, &e.retention.base); err != nil {
		return 0, digest, err
	}
	defer e.retention.base.Unlock()
	return e.advanceBaseLocked(ctx, to)
}

func (e *Engine) advanceBaseLocked(ctx context.Context, to uint64) (at uint64, digest [16]byte, err error) {
	defer func() { err = e.ofBase(err) }()
	base, err := e.store.OpenBase()
	if err != nil {
		return 0, digest, err
	}
	defer func() { err = errors.Join(err, base.Close()) }()
	s := newState(base, e.opts)
	s.past.runs, s.borrowed, s.log = e.store.Runs(), true, e.store
	defer s.close()
	if err := s.load(); err != nil {
		return 0, digest, err
	}
	err = e.store.Blocks(s.applied.Load()+1, func(index uint64, block []byte) error {
		if index > to {
			return errStop
		}
		if err := e.goesOn(ctx); err != nil {
			return err
		}
		_, err := s.Apply(index, block)
		return err
	})
	if err != nil && !errors.Is(err, errStop) {
		return 0, digest, errors.Join(err, s.ckpt.settled())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.ckpt.wait()
	if err == nil && s.applied.Load() != s.ckpt.index {
		s.ckpt.start(s.applied.Load(), s.appliedTime.Load())
		err = s.ckpt.wait()
	}
	if err != nil {
		s.ckpt.close() // it may be trying to find space
		return 0, digest, err
	}
	meta, ok := base.Meta()
	if !ok || meta.Index < to {
		return 0, digest, fmt.Errorf("%w: the log has no block %d", wal.ErrCorrupt, to)
	}
	return meta.Index, meta.Digest, nil
}

// ofBase is an error of the base without its code when that says failed and the engine has not: the base has a store of its own, which
// the next try opens again.
func (e *Engine) ofBase(err error) error {
	if usage.Code(err) == usage.CodeFailed && e.store.Failed() == nil {
		return fmt.Errorf("the base cannot be opened or written: %s", err)
	}
	return err
}

// settled returns when no write is in progress any more.
func (c *checkpointer) settled() error {
	c.state.mu.Lock()
	defer c.state.mu.Unlock()
	c.close()
	return c.wait()
}

// dropArchived cuts the log where the newest entry says, if that was not done yet.
func (e *Engine) dropArchived(ctx context.Context) error {
	to := e.state.cfg.Load().kept.archived()
	if to == 0 || e.store.FirstIndex() > to {
		return nil
	}
	if meta, _ := e.store.Meta(); meta.Index < to {
		if err := e.checkpoint(ctx); err != nil {
			return err
		}
	}
	if err := lockFor(ctx, &e.retention.base); err != nil { // whoever folds the log again does so between two cuts
		return err
	}
	defer e.retention.base.Unlock()
	at, digest, err := e.advanceBaseLocked(ctx, to) // it is there already, unless this log came from another node
	if err != nil {
		return err
	}
	if want := e.state.cfg.Load().kept.BaseDigest; at == to && hex.EncodeToString(digest[:]) != want {
		return fmt.Errorf("%w: the base at block %d has digest %x, the log says %s; nothing is dropped", ErrMismatch, to, digest, want)
	}
	keep, err := e.blocksOfVoids(to)
	if err != nil {
		return err
	}
	return e.store.DropBlocks(ctx, to, keep)
}

// openBase opens where the log begins, the base or an empty state, to read from. Until release is called it stays so. Many may read
// from an empty state at once; the base is a directory that only one may open. Who has it open must not ask again.
func (e *Engine) openBase(ctx context.Context) (base *wal.Store, release func(), err error) {
	lock := &e.retention.base
	if err := lockFor(ctx, lock.RLocker()); err != nil {
		return nil, nil, err
	}
	unlock := lock.RUnlock
	if e.store.FirstIndex() <= 1 {
		base, err = e.store.EmptyBase()
	} else { // and that stays so: a log that was cut does not grow back
		lock.RUnlock()
		if err := lockFor(ctx, lock); err != nil {
			return nil, nil, err
		}
		unlock = lock.Unlock
		base, err = e.store.OpenBase()
	}
	if err != nil {
		unlock()
		return nil, nil, e.ofBase(err)
	}
	return base, func() {
		_ = base.Close() // nothing was written
		unlock()
	}, nil
}
