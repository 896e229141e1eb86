//go:build !unix

package main

import "io/fs"

// allocatedBytes returns the length: there is no portable way to ask for more.
func allocatedBytes(info fs.FileInfo) int64 { return info.Size() }

// freeBytes does not know.
func freeBytes(string) (free int64, ok bool) { return 0, false }
