package wal

import "github.com/cockroachdb/pebble/v2/vfs"

// FS is the file system that a store lives on. Tests give one that fails or loses power.
type FS = vfs.FS

// SpaceError returns the error of code disk_full with which blocks are refused now, or nil.
// It looks at the last measurement, which is a second old at most while the store is idle.
func (s *Store) SpaceError() error {
	if !s.space.tripped.Load() {
		return nil
	}
	return s.space.refusal()
}
