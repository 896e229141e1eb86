package engine

import "context"

// CommitLog puts encoded blocks in one order, makes each durable, and hands each to an Applier.
// It is the only road by which state changes. Every implementation passes the suite of
// internal/commitlogtest.
type CommitLog interface {
	// Start replays everything after a.AppliedIndex(), then keeps delivering. Called once.
	Start(a Applier) error
	// Submit takes a block in order; it may wait for room. The block must not change afterwards.
	Submit(block []byte) Future
	// Barrier returns when everything submitted before the call is durable and applied, or with the error of ctx.
	Barrier(ctx context.Context) error
	// DurableIndex is the index of the newest block known to be durable.
	DurableIndex() uint64
	// Close waits for what was submitted, then stops delivering.
	Close() error
}

// Applier is the state machine behind a CommitLog. Calls come one after another, in index order.
type Applier interface {
	AppliedIndex() uint64
	// Apply folds a block and returns one result an item. An error halts the log: the block cannot be
	// understood, or state cannot be read.
	Apply(index uint64, block []byte) ([]Result, error)
}

// Future is the fate of a submitted block.
type Future interface {
	// Wait returns when the block is durable and applied. The error is a definite no, unless it is
	// usage.ErrUnknownOutcome. The results are shared: read only.
	Wait() (index uint64, results []Result, err error)
}
