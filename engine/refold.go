package engine

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirhq/weir/wal"
)

// refold is a state that folds the log of an engine again, in memory, from the base or from nothing.
type refold struct {
	state *state
	from  *wal.Store // what it began from; an empty one, or the base
}

// refold folds the log up to a block. progress is called now and then with the blocks folded and their number; it may be nil. The
// caller closes the result.
func (e *Engine) refold(ctx context.Context, to uint64, progress func(done, total uint64)) (*refold, error) {
	f, err := e.newRefold()
	if err != nil {
		return nil, err
	}
	from := f.state.applied.Load()
	err = e.store.Blocks(from+1, func(index uint64, block []byte) error {
		if index > to {
			return errStop
		}
		if err := ctx.Err(); err != nil {
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

// newRefold returns a state that stands where the log begins.
func (e *Engine) newRefold() (*refold, error) {
	from, err := e.store.EmptyBase()
	if err != nil {
		return nil, err
	}
	o := *e.opts
	o.CheckpointItems = 1 << 62 // never: everything stays pending
	f := &refold{state: newState(from, &o), from: from}
	f.state.ckpt.verify = true
	f.state.past = pastIDs{} // all that it meets are in memory
	return f, nil
}

func (f *refold) close() {
	f.state.close()
	_ = f.from.Close() // nothing was written
}
