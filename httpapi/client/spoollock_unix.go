//go:build unix

package client

import (
	"fmt"
	"os"
	"syscall"
)

// lockSpool keeps a second process out of a spool for as long as the file is open.
func lockSpool(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // the lock is what failed
		return nil, fmt.Errorf("the spool is used by another recorder: lock %s: %w", path, err)
	}
	return f, nil
}
