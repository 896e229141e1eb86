// Package crashtest is a file system in memory that tests cut the power of.
//
// It is pebble's crashable MemFS, made safe to clone while others use it: Link, Lock and ReuseForWrite of MemFS take
// its clone lock twice for reading, which deadlocks when CrashClone asks for it in between.
package crashtest

import (
	"io"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// FS is a file system that remembers what was synced.
type FS struct {
	*vfs.MemFS
	twice sync.RWMutex // held for reading by what locks twice, and exclusively by CrashClone
}

var _ vfs.FS = (*FS)(nil)

// New returns an empty file system.
func New() *FS { return &FS{MemFS: vfs.NewCrashableMem()} }

// CrashClone returns what a power cut now would leave: everything synced, and as much of the rest as cfg says. Safe
// while others use fs.
func (fs *FS) CrashClone(cfg vfs.CrashCloneCfg) *FS {
	fs.twice.Lock()
	defer fs.twice.Unlock()
	return &FS{MemFS: fs.MemFS.CrashClone(cfg)}
}

// Link implements vfs.FS.
func (fs *FS) Link(oldname, newname string) error {
	fs.twice.RLock()
	defer fs.twice.RUnlock()
	return fs.MemFS.Link(oldname, newname)
}

// Lock implements vfs.FS.
func (fs *FS) Lock(name string) (io.Closer, error) {
	fs.twice.RLock()
	defer fs.twice.RUnlock()
	return fs.MemFS.Lock(name)
}

// ReuseForWrite implements vfs.FS.
func (fs *FS) ReuseForWrite(oldname, newname string, category vfs.DiskWriteCategory) (vfs.File, error) {
	fs.twice.RLock()
	defer fs.twice.RUnlock()
	return fs.MemFS.ReuseForWrite(oldname, newname, category)
}
