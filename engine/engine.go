package engine

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Engine records usage and answers questions about it. Make one with Open. See the package comment.
type Engine struct {
	opts      *Options
	store     *wal.Store
	state     *state
	log       CommitLog
	clock     *logClock
	committer *committer
	preparers sync.Pool // of *preparer
	decisions *decisionLog
	leases    leases
	hub       *hub
	memory    *memoryGuard
	ticker    struct {
		stop chan struct{}
		done sync.WaitGroup
	}

	refolding chan struct{} // holds a token while the whole log is folded again
	retention struct {
		sync.Mutex              // held while something expires
		base       sync.RWMutex // for reading: the log is not cut; else: the base is open; inside the other
	}

	closed    atomic.Bool
	closeOnce sync.Once
	closeErr  error
}

// Open opens the store in dir, making it if there is none, and folds what its log holds beyond the
// newest checkpoint: a second or two at most, however long the history is. nil options are safe defaults.
//
// Errors: wal.ErrLocked when dir is open already (here or in another process), an error that
// names the version when a newer weir wrote it, wal.ErrCorrupt with the place when bytes are damaged.
// The caller must Close the engine.
func Open(dir string, opts *Options) (*Engine, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	store, err := wal.Open(dir, &wal.Options{
		FS: o.FS, Logger: o.Logger, CacheBytes: o.MemoryBytesMax,
		FreeBytes: o.FreeBytes, FreeBytesMin: o.FreeBytesMin,
	})
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	e := &Engine{opts: &o, store: store, state: newState(store, &o), clock: newLogClock(o.Clock)}
	e.decisions, e.hub, e.memory = newDecisionLog(), newHub(e), newMemoryGuard(o.LiveBytesMax)
	e.refolding = make(chan struct{}, 1)
	e.preparers.New = func() any { return &preparer{state: e.state} }
	if err := e.start(); err != nil {
		_ = e.state.ckpt.settled() // the fold may have begun one, which may be trying to find space
		e.state.close()
		return nil, errors.Join(fmt.Errorf("open %s: %w", dir, err), store.Close())
	}
	return e, nil
}

func (e *Engine) start() error {
	if err := e.state.load(); err != nil {
		return err
	}
	e.log = newSoloLog(e.store)
	if err := e.log.Start(e.state); err != nil {
		return errors.Join(err, e.log.Close())
	}
	e.state.mu.Lock()
	e.state.live, e.state.charged = true, e.hub.charged
	e.state.mu.Unlock()
	e.clock.start(e.state.appliedTime.Load(), e.opts.AcceptClock)
	hand := e.state.hand
	if e.opts.decodeAlways {
		hand = nil
	}
	e.committer = newCommitter(e.log, e.clock, hand, e.hub)
	if e.state.applied.Load() == 0 {
		if err := e.genesis(); err != nil {
			e.committer.close()
			return errors.Join(err, e.log.Close())
		}
	}
	for _, enter := range []func(context.Context) error{e.enterAges, e.refreshZones} {
		if err := enter(context.Background()); err != nil {
			e.opts.Logger.Warn("what the log says goes on holding", "err", err) // no space, or a clock that is wrong: reads must work
		}
	}
	e.ticker.stop = make(chan struct{})
	e.ticker.done.Go(func() { e.runTicker(e.ticker.stop) })
	e.ticker.done.Go(func() { e.hub.run(e.ticker.stop) })
	e.ticker.done.Go(func() { e.runJanitor(e.ticker.stop) })
	return nil
}

// genesis writes the first entry of a new log: the secret of its id hashes and the preset meters.
func (e *Engine) genesis() error {
	var secret [8]byte
	if _, err := rand.Read(secret[:]); err != nil {
		return fmt.Errorf("make the store's secret: %w", err)
	}
	_, err := e.submitConfig(context.Background(), &configEntry{
		Op: opGenesis, Secret: binary.LittleEndian.Uint64(secret[:]), Meters: presetMeters(),
	})
	return err
}

// Close commits what is queued, saves a checkpoint so that the next Open is quick, and lets go of the
// directory. Every call that returns an error returns usage.ErrClosed from then on; those that return none, such as Allowed and Current,
// go on answering from memory as it was. It returns the first error and is idempotent; it waits for every goroutine of the engine.
//
// Writes that were begun are finished. Reads, scans and folds of the log that are under way end with usage.ErrClosed where they are, and so
// does a Backup, with its next read: Close does not wait for its writer, which may be stuck. Subscriptions end. So do leases: Take refuses,
// and what was not settled before is counted or given back when they expire, as their usage.LeaseRequest says.
func (e *Engine) Close() error {
	e.closeOnce.Do(func() {
		e.closed.Store(true)
		close(e.ticker.stop)
		e.leases.close()
		e.ticker.done.Wait()
		e.committer.close()
		err := e.log.Close()
		if e.store.Failed() == nil {
			if cerr := e.checkpoint(context.Background()); cerr != nil && !errors.Is(cerr, usage.ErrDiskFull) {
				err = errors.Join(err, cerr)
			}
		}
		e.state.mu.Lock()
		e.state.ckpt.close()
		e.state.mu.Unlock()
		e.state.close()
		e.closeErr = errors.Join(err, e.store.Close())
	})
	return e.closeErr
}

// checkpoint saves the state as of now, or later, and returns when it is in the store. It holds no lock while it waits. A disk that is
// full, or fills up meanwhile, is an error of code disk_full: the write goes on trying, but nobody waits for it.
func (e *Engine) checkpoint(ctx context.Context) error {
	s := e.state
	if space := e.store.SpaceError(); space != nil {
		return space
	}
	for at := s.applied.Load(); ; {
		s.mu.Lock()
		c := s.ckpt
		if !c.busy() {
			if err := c.wait(); err != nil || at <= c.index {
				s.mu.Unlock()
				return err
			}
			c.start(s.applied.Load(), s.appliedTime.Load())
		}
		running := c.running
		s.mu.Unlock()
		if err := running.wait(ctx); err != nil {
			return err
		}
	}
}

// Current returns the counter of the open calendar month (UTC): what tenant used of a meter, in
// units of 10^-scale of the meter; of a latest meter the value now. ok is false when
// the meter is unknown or its aggregation (avg, weighted_sum, percentiles) gives no whole number of units. A tenant that was never seen
// has used 0. It shows every write that has returned; it may be ahead of the disk by one fsync.
//
// Lock-free, without allocation; a few atomic loads.
func (e *Engine) Current(tenant, meter string) (units int64, ok bool) {
	m := e.state.cfg.Load().bySlug[meter]
	if m == nil || !m.hasCounter() {
		return 0, false
	}
	t := e.state.dir.tenant(tenant)
	if t == nil {
		return 0, true
	}
	s := t.seriesOf(m)
	if s == nil {
		return 0, true
	}
	start, before := e.state.months.of(e.clock.now())
	return s.current(start, before), true
}
