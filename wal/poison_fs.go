package wal

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// guardFS stands between Pebble and the file system, and turns the first failed write of a
// file that recovery depends on into a clean stop.
//
// The naive version lets Pebble see the error. That is not enough, read in pebble v2.1.7:
//
//   - DB.rotateWAL panics with its mutex released, and a deferred Unlock of the unlocked
//     mutex then ends the process, which recover cannot stop;
//   - DB.commitWrite panics with the commit mutex held, after which Close hangs;
//   - a manifest write that fails calls Fatalf, and when that returns, Pebble goes on to
//     delete files that the manifest on disk still names.
//
// So here a failed write, sync, create or close of a WAL, a manifest or a marker, and a failed
// sync of a directory, poisons the store and is then reported to Pebble as success. From that
// moment the disk is frozen: what recovery reads (WAL, manifest, markers, directory entries)
// does not change any more, nothing is removed and nothing renamed. To the next Open it looks
// like a power cut at that moment, which Pebble is built for and tested with. New tables may
// still be written, under numbers that no manifest names; the next Open sweeps them out.
//
// Everything that reports success to the outside looks at the poison afterwards.
type guardFS struct {
	vfs.FS
	poison *poison

	// full is called when the disk is full, before a write is given up. It returns true when
	// it has made room and the write is worth repeating.
	full func() bool
}

var _ vfs.FS = (*guardFS)(nil)

// criticalFile reports whether recovery reads the file: see guardFS.
func criticalFile(fs vfs.FS, name string) bool {
	if strings.Contains(name, snapshotDirName) { // a copy that fails is no harm to what it is of
		return false
	}
	base := fs.PathBase(name)
	return strings.HasSuffix(base, ".log") ||
		strings.HasPrefix(base, "MANIFEST-") || strings.HasPrefix(base, "marker.")
}

func (g *guardFS) frozen() bool { return g.poison.cause.Load() != nil }

// fail decides what Pebble hears of err.
func (g *guardFS) fail(critical bool, op, name string, err error) error {
	if critical {
		g.poison.set(fmt.Errorf("%s %s: %w", op, name, err))
	}
	if g.frozen() {
		return nil
	}
	return err
}

// Create implements vfs.FS.
//
// A marker says which manifest is the current one. Pebble creates both and then syncs the
// directory once, so a power cut between may keep the marker and lose the manifest: neither
// entry is promised to be on disk, nor in which order they get there. (Found by the power-cut
// test; a journalling file system hides it.) So the directory is synced before a marker.
func (g *guardFS) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if strings.HasPrefix(g.PathBase(name), "marker.") && !g.frozen() {
		if err := syncDir(g.FS, g.PathDir(name)); err != nil {
			g.poison.set(fmt.Errorf("sync %s: %w", g.PathDir(name), err))
		}
	}
	return g.make("create", name, func() (vfs.File, error) { return g.FS.Create(name, category) })
}

// OpenReadWrite implements vfs.FS.
func (g *guardFS) OpenReadWrite(
	name string, category vfs.DiskWriteCategory, opts ...vfs.OpenOption,
) (vfs.File, error) {
	return g.make("open", name, func() (vfs.File, error) {
		return g.FS.OpenReadWrite(name, category, opts...)
	})
}

// ReuseForWrite implements vfs.FS.
func (g *guardFS) ReuseForWrite(
	oldname, newname string, category vfs.DiskWriteCategory,
) (vfs.File, error) {
	if g.frozen() {
		return deadFile{}, nil
	}
	return g.make("reuse", newname, func() (vfs.File, error) {
		return g.FS.ReuseForWrite(oldname, newname, category)
	})
}

func (g *guardFS) make(op, name string, open func() (vfs.File, error)) (vfs.File, error) {
	critical := criticalFile(g.FS, name)
	if critical && g.frozen() {
		return deadFile{}, nil
	}
	f, err := open()
	if err != nil && vfs.IsNoSpaceError(err) && g.full() {
		f, err = open()
	}
	if err != nil {
		if err = g.fail(critical, op, name, err); err != nil {
			return nil, err
		}
		return deadFile{}, nil
	}
	return &guardFile{File: f, fs: g, name: name, critical: critical}, nil
}

// OpenDir implements vfs.FS. A failed sync of a directory is critical: after it the kernel
// may have forgotten which entries were not yet on disk, so a second try proves nothing.
func (g *guardFS) OpenDir(name string) (vfs.File, error) {
	f, err := g.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &guardFile{File: f, fs: g, name: name, critical: true}, nil
}

// Remove implements vfs.FS.
func (g *guardFS) Remove(name string) error {
	if g.frozen() {
		return nil
	}
	return g.FS.Remove(name)
}

// RemoveAll implements vfs.FS.
func (g *guardFS) RemoveAll(name string) error {
	if g.frozen() {
		return nil
	}
	return g.FS.RemoveAll(name)
}

// Rename implements vfs.FS.
func (g *guardFS) Rename(oldname, newname string) error {
	if g.frozen() {
		return nil
	}
	return g.FS.Rename(oldname, newname)
}

// Unwrap implements vfs.FS.
func (g *guardFS) Unwrap() vfs.FS { return g.FS }

// guardFile is a file or directory opened through a guardFS.
type guardFile struct {
	vfs.File
	fs       *guardFS
	name     string
	critical bool
}

// still reports whether a change of the file is swallowed.
func (f *guardFile) still() bool { return f.critical && f.fs.frozen() }

// Write implements vfs.File.
func (f *guardFile) Write(p []byte) (int, error) {
	if f.still() {
		return len(p), nil
	}
	n, err := f.File.Write(p)
	if err != nil && vfs.IsNoSpaceError(err) && f.fs.full() {
		var more int
		more, err = f.File.Write(p[n:])
		n += more
	}
	if err != nil {
		if err = f.fs.fail(f.critical, "write", f.name, err); err == nil {
			n = len(p)
		}
	}
	return n, err
}

// WriteAt implements vfs.File.
func (f *guardFile) WriteAt(p []byte, offset int64) (int, error) {
	if f.still() {
		return len(p), nil
	}
	n, err := f.File.WriteAt(p, offset)
	if err != nil {
		if err = f.fs.fail(f.critical, "write", f.name, err); err == nil {
			n = len(p)
		}
	}
	return n, err
}

// Preallocate implements vfs.File. It is advice; the write that follows tells the truth.
func (f *guardFile) Preallocate(offset, length int64) error {
	if !f.still() {
		_ = f.File.Preallocate(offset, length)
	}
	return nil
}

// Sync implements vfs.File.
func (f *guardFile) Sync() error { return f.sync(f.File.Sync) }

// SyncData implements vfs.File.
func (f *guardFile) SyncData() error { return f.sync(f.File.SyncData) }

func (f *guardFile) sync(sync func() error) error {
	if f.still() {
		return nil
	}
	if err := sync(); err != nil {
		return f.fs.fail(f.critical, "sync", f.name, err)
	}
	return nil
}

// SyncTo implements vfs.File.
func (f *guardFile) SyncTo(length int64) (fullSync bool, err error) {
	if f.still() {
		return true, nil
	}
	if fullSync, err = f.File.SyncTo(length); err != nil {
		err = f.fs.fail(f.critical, "sync", f.name, err)
	}
	return fullSync, err
}

// Stat implements vfs.File.
func (f *guardFile) Stat() (vfs.FileInfo, error) {
	info, err := f.File.Stat()
	if err != nil {
		if err = f.fs.fail(f.critical, "stat", f.name, err); err == nil {
			return deadInfo{}, nil
		}
	}
	return info, err
}

// Close implements vfs.File.
func (f *guardFile) Close() error {
	if err := f.File.Close(); err != nil {
		return f.fs.fail(f.critical, "close", f.name, err)
	}
	return nil
}

// deadFile takes everything and keeps nothing: what Pebble gets instead of a new file once
// the disk is frozen.
type deadFile struct{}

var _ vfs.File = deadFile{}

func (deadFile) Close() error                           { return nil }
func (deadFile) Read([]byte) (int, error)               { return 0, fs.ErrClosed }
func (deadFile) ReadAt([]byte, int64) (int, error)      { return 0, fs.ErrClosed }
func (deadFile) Write(p []byte) (int, error)            { return len(p), nil }
func (deadFile) WriteAt(p []byte, _ int64) (int, error) { return len(p), nil }
func (deadFile) Preallocate(_, _ int64) error           { return nil }
func (deadFile) Stat() (vfs.FileInfo, error)            { return deadInfo{}, nil }
func (deadFile) Sync() error                            { return nil }
func (deadFile) SyncTo(int64) (bool, error)             { return true, nil }
func (deadFile) SyncData() error                        { return nil }
func (deadFile) Prefetch(_, _ int64) error              { return nil }
func (deadFile) Fd() uintptr                            { return vfs.InvalidFd }

// deadInfo describes a deadFile.
type deadInfo struct{}

func (deadInfo) Name() string           { return "" }
func (deadInfo) Size() int64            { return 0 }
func (deadInfo) Mode() os.FileMode      { return 0 }
func (deadInfo) ModTime() time.Time     { return time.Time{} }
func (deadInfo) IsDir() bool            { return false }
func (deadInfo) Sys() any               { return nil }
func (deadInfo) DeviceID() vfs.DeviceID { return vfs.DeviceID{} }
