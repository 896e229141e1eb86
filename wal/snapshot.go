package wal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirhq/weir/usage"
)

// Snapshot is the files of a store as of one moment, in a directory of their own below the store's. Tables are hard links, so
// it takes neither time nor room, but for the WALs, which are copied; while it is there, tables that compactions replace keep their space.
type Snapshot struct {
	Meta       Meta   // of the checkpoint that it holds
	FirstBlock uint64 // of the log
	LastBlock  uint64 // at least; what was appended while it was made may be there, too

	store  *Store
	dir    string
	once   sync.Once
	closed atomic.Bool // set before its files go
}

// snapshotDirName ends in .tmp, as everything that may be deleted by hand.
const snapshotDirName = "snapshot.tmp"

// NewSnapshot takes a snapshot; there is one at a time, else usage.Code(err) is overloaded. Appends go on meanwhile; checkpoints wait for some milliseconds. The caller
// closes it, or the store does when it is closed itself, and sees to it that the log is not cut and the base not open until NewSnapshot returns.
func (s *Store) NewSnapshot() (n *Snapshot, err error) {
	if err := s.enterHealthy(); err != nil {
		return nil, err
	}
	defer s.gate.leave()
	if s.opts.ReadOnly || s.isBase() {
		return nil, fmt.Errorf("snapshot: %w", pebble.ErrReadOnly)
	}
	if !s.snapshotMu.TryLock() {
		return nil, &usage.Error{Code: usage.CodeOverloaded, Detail: "another backup is under way; try again when it is done"}
	}
	n = &Snapshot{store: s, dir: s.fs.PathJoin(s.dir, snapshotDirName)}
	s.snapshot.Store(n)
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("snapshot: %w", err), n.Close())
			n = nil
		}
	}()
	if err := s.fs.RemoveAll(n.dir); err != nil && !isNotExist(err) {
		return n, err
	}
	// The state first: the log then reaches at least as far as the state, as every Open demands.
	s.ingestMu.Lock()
	if meta := s.meta.Load(); meta != nil {
		n.Meta = *meta
	}
	err = s.state.Checkpoint(s.fs.PathJoin(n.dir, stateDirName))
	s.ingestMu.Unlock()
	if err != nil {
		return n, err
	}
	n.FirstBlock, n.LastBlock = s.FirstIndex(), s.DurableIndex()
	if err := s.log.Checkpoint(s.fs.PathJoin(n.dir, logDirName), pebble.WithFlushedWAL()); err != nil {
		return n, err
	}
	if err := n.copyFile(manifestName); err != nil {
		return n, err
	}
	found, err := s.baseExists()
	if err != nil || !found {
		return n, err
	}
	base, err := s.OpenBase()
	if err != nil {
		return n, err
	}
	err = base.state.Checkpoint(s.fs.PathJoin(n.dir, baseDirName, stateDirName))
	if err == nil {
		err = n.copyFile(s.fs.PathJoin(baseDirName, manifestName))
	}
	return n, errors.Join(err, base.Close(), s.poison.err())
}

// copyFile copies a small file of the store.
func (n *Snapshot) copyFile(name string) error {
	fs := n.store.fs
	return vfs.Copy(fs, fs.PathJoin(n.store.dir, name), fs.PathJoin(n.dir, name))
}

// files returns the names of all files, relative to the snapshot and with slashes, sorted.
func (n *Snapshot) files() (names []string, err error) {
	fs := n.store.fs
	for _, dir := range []string{"", logDirName, stateDirName, baseDirName, baseDirName + "/" + stateDirName} {
		found, err := fs.List(fs.PathJoin(n.dir, dir))
		if isNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		for _, name := range found {
			path := name
			if dir != "" {
				path = dir + "/" + name
			}
			info, err := fs.Stat(fs.PathJoin(n.dir, path))
			if err != nil {
				return nil, err
			}
			if !info.IsDir() {
				names = append(names, path)
			}
		}
	}
	slices.Sort(names)
	return names, nil
}

// goesOn is the error of whoever reads the files: his context has ended, or they are gone.
func (n *Snapshot) goesOn(ctx context.Context) error {
	if n.closed.Load() {
		return usage.ErrClosed
	}
	return ctx.Err()
}

// snapshotReader reads a file of a snapshot as long as there is one. Without it a file that is open would be read to its end, and the
// next one be missing.
type snapshotReader struct {
	io.Reader
	ctx context.Context
	n   *Snapshot
}

// Read implements io.Reader.
func (r *snapshotReader) Read(p []byte) (int, error) {
	if err := r.n.goesOn(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

// Close removes the snapshot. Idempotent. Whoever is writing it somewhere gets ErrClosed: Close does not wait for him, who may be waiting
// for a reader that has gone to sleep.
func (n *Snapshot) Close() (err error) {
	n.once.Do(func() {
		n.closed.Store(true)
		if err = n.store.fs.RemoveAll(n.dir); isNotExist(err) {
			err = nil
		}
		n.store.snapshot.Store(nil)
		n.store.snapshotMu.Unlock()
	})
	return err
}
