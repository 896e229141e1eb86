package engine

import (
	"context"
	"sync"

	"github.com/weirhq/weir/usage"
)

// Locks that are held for as long as it takes to fold a log: who waits for one may give up.

// lockFor takes a lock, or returns the error of ctx when that ends first. Then the lock is taken for an instant later, by nobody.
func lockFor(ctx context.Context, l sync.Locker) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	taken := make(chan struct{})
	go func() {
		l.Lock()
		select {
		case taken <- struct{}{}:
		case <-ctx.Done():
			l.Unlock()
		}
	}()
	select {
	case <-taken:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// goesOn is the error of whoever folds the log: his context has ended, or the engine closes, which waits for him.
func (e *Engine) goesOn(ctx context.Context) error {
	if e.closed.Load() {
		return usage.ErrClosed
	}
	return ctx.Err()
}
