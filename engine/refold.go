package engine

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
)

// refold is a state that folds the log of an engine again, in memory, from where the log begins.
type refold struct {
	state *state
	close func()
}

// refold folds the log up to a block. progress is called now and then with the blocks folded and their number; it may be nil. The
// caller closes the result.
//
// One at a time: it takes memory for every event.
func (e *Engine) refold(ctx context.Context, to uint64, progress func(done, total uint64)) (*refold, error) {
	select {
	case e.refolding <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	f, err := e.newRefold(ctx)
	if err != nil {
		<-e.refolding
		return nil, err
	}
	release := f.close
	f.close = func() {
		release()
		<-e.refolding
	}
	from := f.state.applied.Load()
	err = e.store.Blocks(from+1, func(index uint64, block []byte) error {
		if index > to {
			return errStop
		}
		if err := e.goesOn(ctx); err != nil {
			return err
		}
		if progress != nil && (index%64 == 0 || index == to) {
			progress(index-from, to-from)
		}
		_, err := f.state.Apply(index, block)
		return err
	})
	switch at := f.state.applied.Load(); {
	case err != nil && !errors.Is(err, errStop):
		err = fmt.Errorf("fold the log: %w", err)
	case at != to:
		err = fmt.Errorf("%w: the log ends at block %d, the checkpoint at %d", ErrMismatch, at, to)
	default:
		return f, nil
	}
	f.close()
	return nil, err
}

// newRefold returns a state that stands where the log begins: at the base, or before the first block.
func (e *Engine) newRefold(ctx context.Context) (*refold, error) {
	from, release, err := e.openBase(ctx)
	if err != nil {
		return nil, err
	}
	o := *e.opts
	o.CheckpointItems = 1 << 62 // never: everything stays pending
	s := newState(from, &o)
	s.ckpt.verify, s.log = true, e.store
	f := &refold{s, func() {
		s.close()
		release()
	}}
	err = s.load()
	// Ids of blocks before it stand in the runs of the store; all later ones it meets, and has in memory.
	if s.past = (pastIDs{}); s.applied.Load() > 0 {
		s.past = pastIDs{e.store.Runs(), s.applied.Load()}
	}
	if err == nil {
		err = e.checkBase(ctx, s)
	}
	if err != nil {
		f.close()
		return nil, fmt.Errorf("base: %w", err)
	}
	return f, nil
}

// checkBase compares a base with its own digest, and that with the one in the log.
func (e *Engine) checkBase(ctx context.Context, s *state) error {
	meta, ok := s.store.Meta()
	if !ok {
		return nil
	}
	var rows sum128
	view := s.store.View()
	defer view.Close()
	err := eachRow(view, func(key, value []byte) error {
		rows.add(rowHash(key, value))
		return e.goesOn(ctx)
	})
	if err != nil {
		return err
	}
	digest := rows
	for _, part := range [][16]byte{s.ckpt.saved.IDs, s.ckpt.saved.Users, s.ckpt.saved.Config} {
		digest.add(sumOf(part))
	}
	if digest.bytes() != meta.Digest {
		return fmt.Errorf("%w: the rows of the base at block %d have another digest than it says", ErrMismatch, meta.Index)
	}
	kept := e.state.cfg.Load().kept
	if kept.archived() == meta.Index && hex.EncodeToString(meta.Digest[:]) != kept.BaseDigest {
		return fmt.Errorf("%w: the base at block %d has digest %x, the log says %s", ErrMismatch, meta.Index, meta.Digest, kept.BaseDigest)
	}
	return nil
}
