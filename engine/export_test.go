package engine

import "github.com/weirhq/weir/wal"

// NewSoloLog lets the conformance suite open the log of a single node.
func NewSoloLog(store *wal.Store) CommitLog { return newSoloLog(store) }
