package wal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// lockName is the file whose lock means: this directory is in use. It is empty.
const lockName = "LOCK"

// ErrLocked is returned by Open for a directory that a store has open, in this process or in
// another one.
var ErrLocked = errors.New("the directory is in use")

// lockDirectory takes the lock of dir, which must exist. Closing the result gives it back; the
// operating system does so when the process ends, however it ends.
func lockDirectory(fsys vfs.FS, dir string) (io.Closer, error) {
	lock, err := fsys.Lock(fsys.PathJoin(dir, lockName))
	switch {
	case err == nil:
		return lock, nil
	case lockHeld(err):
		return nil, fmt.Errorf("open %s: %w: another weir, or another store of this program, has it open; "+
			"close that one first, or choose another directory (%v)", dir, ErrLocked, err)
	default:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
}

// lockHeld tells a lock that somebody holds from a lock file that cannot be made: the latter is
// an error of the path, the former a bare number of the system, or a sentence of package vfs.
func lockHeld(err error) bool {
	var path *fs.PathError
	if errors.As(err, &path) {
		return false
	}
	var number syscall.Errno
	return errors.As(err, &number) || strings.Contains(err.Error(), "held by current process")
}

// realPath returns the one name of dir that all its aliases share, because locks within one
// process go by name: without it "data" and "./data" would be two stores in one directory.
// File systems other than the machine's own have no aliases.
func realPath(fsys vfs.FS, dir string) (string, error) {
	if vfs.Root(fsys) != vfs.Default {
		return dir, nil
	}
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}
