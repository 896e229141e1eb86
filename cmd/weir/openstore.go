package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/wal"
)

// openStore is engine.Open, and leaves a directory of somebody else as it was: locking it has made a file.
func openStore(dir string, o *engine.Options) (*engine.Engine, error) {
	unlocked := lacksLock(dir)
	eng, err := engine.Open(dir, o)
	if unlocked && errors.Is(err, wal.ErrNotStore) {
		removeLock(dir)
	}
	return eng, err
}

func lacksLock(dir string) bool {
	_, err := os.Lstat(lockFile(dir))
	return errors.Is(err, fs.ErrNotExist)
}

// removeLock removes the lock of a directory that is no store. It must not be removed from a store: who waits for the old file and who
// makes a new one would both have it.
func removeLock(dir string) {
	_ = os.Remove(lockFile(dir)) // an empty file that stays does no harm
}

func lockFile(dir string) string { return filepath.Join(dir, "LOCK") }
