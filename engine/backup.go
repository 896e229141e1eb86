package engine

import (
	"context"
	"io"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Backup writes a consistent copy of the store to w, as a tar, beside running writes: no writer waits for it longer than for a
// checkpoint. Everything acknowledged before the call is in it. wal.Restore makes a store of it. progress is told of the bytes
// written; it may be nil. When Backup fails, what was written is no backup, and is refused as damaged.
//
// It needs no room but for copies of the newest few megabytes of log; tables that compactions replace meanwhile
// keep their space until it is done. One backup at a time. The end of ctx and Engine.Close stop it with its next read; a
// call of w that does not return holds up nobody else.
func (e *Engine) Backup(ctx context.Context, w io.Writer, progress func(done, total int64)) (*BackupInfo, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	if err := e.checkpoint(ctx); err != nil {
		return nil, err
	}
	if err := lockFor(ctx, e.retention.base.RLocker()); err != nil { // the log is not cut between the copies of its parts
		return nil, err
	}
	snap, err := e.store.NewSnapshot()
	e.retention.base.RUnlock()
	if err != nil {
		return nil, err
	}
	defer func() { _ = snap.Close() }() // what it leaves goes with the next Open
	return snap.WriteArchive(ctx, w, time.Unix(0, e.clock.now()), progress)
}

// BackupInfo says what a backup holds.
type BackupInfo = wal.Archive
