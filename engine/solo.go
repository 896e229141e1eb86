package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// soloLog is the CommitLog of a single node: the store's log, with the fsync of block n
// overlapping the apply of n and the encoding of n+1.
//
//	Submit        Append (no wait) ── queue ──► apply loop: Apply(n) ── queue ──► ack loop: wait for
//	(committer)   fsync of n runs meanwhile                                        fsync of n, resolve n
//
// Both queues are in log order, so futures resolve in log order, and a future resolves only when
// its block is applied and durable.
type soloLog struct {
	store   *wal.Store
	applier Applier

	// turn orders Append and the queue: whoever has sent into it may do both. It is had while Append runs, and while the queue has no
	// room. A channel and no mutex, so that a barrier can give up.
	turn   chan struct{} // capacity 1
	closed bool          // no one submits any more; guarded by turn

	applying chan *soloEntry // submitted, in order
	acking   chan *soloEntry // applied, in order
	done     sync.WaitGroup
	durable  atomic.Uint64 // written by the ack loop only
}

// soloEntry is one submitted block, or a barrier (block nil). It is the block's Future.
type soloEntry struct {
	index   uint64
	block   []byte
	sync    *wal.Sync
	results []Result
	err     error
	done    chan struct{} // closed when the fields above are final
}

var _ CommitLog = (*soloLog)(nil)

func newSoloLog(store *wal.Store) *soloLog {
	return &soloLog{
		store:    store,
		turn:     make(chan struct{}, 1),
		applying: make(chan *soloEntry, pipelineBlocksMax),
		acking:   make(chan *soloEntry, pipelineBlocksMax),
	}
}

// Start folds what the log holds beyond the applier's state, then starts the loops.
func (l *soloLog) Start(a Applier) error {
	l.applier = a
	err := l.store.Blocks(a.AppliedIndex()+1, func(index uint64, block []byte) error {
		_, err := a.Apply(index, block)
		return err
	})
	if err != nil {
		return err
	}
	l.durable.Store(a.AppliedIndex())
	l.done.Add(2)
	go l.applyLoop()
	go l.ackLoop()
	return nil
}

// Submit appends block and returns its future. It waits while the pipeline is full.
func (l *soloLog) Submit(block []byte) Future {
	e := &soloEntry{block: block, done: make(chan struct{})}
	l.turn <- struct{}{}
	defer func() { <-l.turn }()
	if l.closed {
		return e.refuse(usage.ErrClosed)
	}
	if err := l.store.Failed(); err != nil {
		return e.refuse(err)
	}
	index := l.store.LastIndex() + 1
	sync, err := l.store.Append(index, block)
	if usage.Code(err) == usage.CodeFailed { // it failed in there: part of the block may be on the disk
		return e.refuse(unknownOutcome(err))
	}
	if err != nil {
		return e.refuse(err)
	}
	e.index, e.sync = index, sync
	l.applying <- e // bounded; the loops never take a turn, so they drain it
	return e
}

// refuse resolves an entry that was never appended.
func (e *soloEntry) refuse(err error) *soloEntry {
	e.err = err
	close(e.done)
	return e
}

func (l *soloLog) applyLoop() {
	defer l.done.Done()
	defer close(l.acking)
	for e := range l.applying {
		if e.block != nil && e.err == nil {
			if err := l.store.Failed(); err != nil {
				e.err = err
			} else if e.results, e.err = l.applier.Apply(e.index, e.block); e.err != nil {
				l.store.Poison(e.err) // state is doubtful: nothing is answered from it again
			}
		}
		l.acking <- e
	}
}

func (l *soloLog) ackLoop() {
	defer l.done.Done()
	for e := range l.acking {
		if e.block != nil {
			err := e.sync.Wait() // always: it returns the batch to the store
			if err == nil {
				err = e.err
			}
			if err != nil {
				// The block may or may not be on the disk, so this is never reported as "not done".
				e.results, e.err = nil, unknownOutcome(err)
			} else {
				l.durable.Store(e.index)
			}
		}
		close(e.done)
	}
}

// unknownOutcome says that a write may have happened, and why nobody knows.
func unknownOutcome(cause error) error {
	return &usage.Error{Code: usage.CodeOutcomeUnknown,
		Detail: "it is not known whether the write is on disk (" + cause.Error() + "); restart weir, then retry with the same id"}
}

// Wait implements Future.
func (e *soloEntry) Wait() (uint64, []Result, error) {
	<-e.done
	return e.index, e.results, e.err
}

// Barrier passes an empty entry through both loops.
func (l *soloLog) Barrier(ctx context.Context) error {
	e := &soloEntry{done: make(chan struct{})}
	if err := l.enqueue(ctx, e); err != nil {
		return err
	}
	select {
	case <-e.done:
		return l.store.Failed()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// enqueue sends a barrier on its way, unless ctx ends before there is room.
func (l *soloLog) enqueue(ctx context.Context, e *soloEntry) error {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-l.turn }()
	if l.closed {
		return usage.ErrClosed
	}
	select {
	case l.applying <- e:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// DurableIndex implements CommitLog.
func (l *soloLog) DurableIndex() uint64 { return l.durable.Load() }

// Close waits for everything submitted. It does not close the store.
func (l *soloLog) Close() error {
	l.turn <- struct{}{}
	if !l.closed {
		l.closed = true
		close(l.applying)
	}
	<-l.turn
	l.done.Wait()
	return nil
}
