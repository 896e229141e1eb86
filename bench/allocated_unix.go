//go:build unix

package main

import (
	"io/fs"
	"syscall"
)

// allocatedBytes returns the disk space given to a file. The kernel counts in units of 512 bytes,
// whatever the file system's block is.
func allocatedBytes(info fs.FileInfo) int64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return st.Blocks * 512
	}
	return info.Size()
}

// freeBytes returns the space that is left where dir is; ok is false when nobody knows.
func freeBytes(dir string) (free int64, ok bool) {
	var st syscall.Statfs_t
	if syscall.Statfs(dir, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * int64(st.Bsize), true
}
