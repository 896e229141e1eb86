// Package wal is the durable store of weir: it owns every file, key and byte below a data
// directory. It knows what a block, a checkpoint and an id are, and nothing of quotas,
// meters or prices.
//
// # What is in a store
//
// Two Pebbles in one directory:
//
//   - the log: blocks of events, written ahead, one key each ([Store.Append], [Store.Blocks]);
//   - the state: everything derived from the log, written only by atomic ingests of sorted
//     tables ([Store.NewCheckpoint], [Store.View]), and the dedup index ([Store.Runs]).
//
// They are apart so that the compaction of one does not churn the other, and because their
// promises differ: a block is durable by an fsync of its own, state is replaced as a whole.
//
// # Usage
//
//	s, err := wal.Open(dir, nil)
//	sync, err := s.Append(s.LastIndex()+1, block)
//	err = sync.Wait() // nil: the block survives a power cut
//	c := s.NewCheckpoint()
//	err = c.Set(wal.AppendTenantKey(nil, 7), value)
//	err = c.Commit(wal.Meta{Index: s.LastIndex()})
//
// # Guarantees
//
// After [Sync.Wait] returned nil the block, and every block before it, survives power cuts.
// Blocks are found again in order and without gaps. A checkpoint is there whole or not at
// all, and never reaches beyond the durable log: [Checkpoint.Commit] sees to that.
//
// # Failure
//
// The first failed write of a file that recovery depends on poisons the store: see
// [Store.Failed]. From then on nothing on disk changes, every call returns an error of code
// failed, and only opening the directory again helps. A full disk is not a failure: [Store.Append]
// refuses with code disk_full while there is still room to finish what was begun.
//
// # Concurrency
//
// All methods of [Store], [View] and [RunSet] are safe for concurrent use. A [Checkpoint] and
// a [Seeker] belong to one goroutine. Close waits for calls in flight and closes views.
//
// # On-disk format
//
// docs/FORMAT.md. The block codec is [BlockEncoder] and [BlockDecoder].
package wal
