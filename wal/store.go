package wal

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options are the options of Open. The zero value of every field is its default.
type Options struct {
	// FS is the file system. Default: the machine's.
	FS vfs.FS

	// Logger gets what an operator should know. Default: nothing is logged.
	Logger *slog.Logger

	// CacheBytes is the size of the block cache that log and state share. Default 32 MiB.
	CacheBytes int64

	// MemTableBytes is the size of one memtable of the log; up to four exist while the disk is
	// slower than the writers. Default 8 MiB, at least 1 MiB.
	MemTableBytes int64

	// FreeBytesMin is how much of the disk must be free for a block to be accepted; half of
	// it for a checkpoint. Default: four memtables and 64 MiB for a checkpoint.
	FreeBytesMin int64

	// FreeBytes measures the free space of the disk that holds dir. Default: FS.GetDiskUsage;
	// a file system that cannot tell is taken to be endless.
	FreeBytes func(dir string) (uint64, error)

	// StallMax is how long an append or fsync may take before it is reported as a stall.
	// Default 5 s.
	StallMax time.Duration

	// ReadOnly opens an existing store without changing it. Every write is refused. It needs
	// the lock of the directory all the same.
	ReadOnly bool

	parent *Store // of a base (store_base.go); nil: a whole store
}

const (
	cacheBytesDefault    = 32 << 20
	memTableBytesDefault = 8 << 20
	memTableBytesMin     = 1 << 20 // a block has to fit into half of one
	stallMaxDefault      = 5 * time.Second
)

// withDefaults returns a copy with every field set.
func (o *Options) withDefaults() Options {
	var c Options
	if o != nil {
		c = *o
	}
	if c.FS == nil {
		c.FS = vfs.Default
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.CacheBytes <= 0 {
		c.CacheBytes = cacheBytesDefault
	}
	if c.MemTableBytes <= 0 {
		c.MemTableBytes = memTableBytesDefault
	}
	c.MemTableBytes = max(c.MemTableBytes, memTableBytesMin)
	if c.FreeBytesMin <= 0 {
		c.FreeBytesMin = freeBytesMinFor(c.MemTableBytes)
	}
	if c.FreeBytes == nil {
		fsys := c.FS
		c.FreeBytes = func(dir string) (uint64, error) {
			usage, err := fsys.GetDiskUsage(dir)
			return usage.AvailBytes, err
		}
	}
	if c.StallMax <= 0 {
		c.StallMax = stallMaxDefault
	}
	return c
}

// Store is an open data directory.
//
// Two Pebbles share one cache, one lock and one poison:
//
//	Append ──► WAL of log ──► tables of log        one key per block, never overwritten
//	Commit ──► sorted tables ──► ONE ingest ──► tables of state
//
// What is appended and what is committed are ordered by the durable watermark alone: Commit
// waits until the log is durable up to the index it speaks of.
type Store struct {
	dir    string
	opts   Options
	poison *poison
	space  *spaceGuard
	stall  *stallWatch
	faults *faultCounter
	gate   gate
	fs     vfs.FS // guarded

	lock  io.Closer
	cache *pebble.Cache
	log   *pebble.DB
	state *pebble.DB
	runs  *RunSet

	// appendMu orders appends; lastIndex is written under it and read by anyone. It is held
	// over Pebble's queueing of a block, which is the point, but never over an fsync.
	appendMu   sync.Mutex
	lastIndex  atomic.Uint64
	firstIndex atomic.Uint64 // 0 while the log is empty

	// durable is the largest index known to be fsynced. It only grows. Written by Wait and
	// Commit after the poison was checked.
	durable atomic.Uint64

	// checkpointMu is held from NewCheckpoint to Commit or Abort.
	checkpointMu sync.Mutex

	// snapshotMu is held while there is a snapshot; snapshot is that. Written by who holds it, read by Close.
	snapshotMu sync.Mutex
	snapshot   atomic.Pointer[Snapshot]

	bases sync.WaitGroup // of this store that are open; Close waits for them

	// ingestMu serialises ingests of checkpoints and merges, and with them the changes of the
	// run manifest. Taken inside checkpointMu. Held over I/O: an ingest is its purpose.
	ingestMu sync.Mutex
	tableNum atomic.Uint64 // names the files below ingest

	tableOptions *pebble.Options // how tables are written; those of state
	meta         atomic.Pointer[Meta]

	views viewSet

	stop chan struct{}  // closed by Close
	done sync.WaitGroup // the goroutines of the store
}

// Open opens the store in dir, and makes it when dir is empty or missing. Nothing in dir is
// changed unless dir is a store or empty.
//
// Errors: ErrLocked when it is open already; ErrNewerFormat; ErrNotStore; ErrCorrupt when
// what is there contradicts itself. It returns when everything acknowledged before is readable:
// the log replays at most four memtables, whatever the length of history.
func Open(dir string, o *Options) (*Store, error) {
	s := &Store{opts: o.withDefaults(), stop: make(chan struct{})}
	if err := s.open(dir); err != nil {
		return nil, fmt.Errorf("open store %s: %w", dir, err)
	}
	s.done.Add(1)
	go s.watch()
	s.startRuns()
	return s, nil
}

// isBase tells whether the store is the base of another one: a state without a log.
func (s *Store) isBase() bool { return s.opts.parent != nil }

// open does the work of Open; on error it leaves nothing open.
func (s *Store) open(dir string) (err error) {
	o := &s.opts
	s.poison = &poison{log: o.Logger}
	s.stall = &stallWatch{max: o.StallMax, log: o.Logger}
	if !o.ReadOnly {
		if err := makeDir(o.FS, dir); err != nil {
			return err
		}
	}
	if s.dir, err = realPath(o.FS, dir); err != nil {
		return err
	}
	s.space = &spaceGuard{
		fs: o.FS, dir: s.dir, measure: o.FreeBytes, min: o.FreeBytesMin, log: o.Logger, start: time.Now(),
	}
	s.fs = &guardFS{FS: o.FS, poison: s.poison, full: s.space.full}
	s.faults = &faultCounter{poison: s.poison}

	if s.lock, err = lockDirectory(o.FS, s.dir); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.closeAll())
		}
	}()
	m, err := s.prepare()
	if err != nil {
		return err
	}
	if err := s.openPebbles(m); err != nil {
		return err
	}
	if err := s.load(); err != nil {
		return err
	}
	if m.phase != phaseReady {
		m.phase = phaseReady
		if err := writeManifest(o.FS, s.dir, m); err != nil {
			return err
		}
	}
	return s.poison.err() // a guarded write may have failed without anyone hearing of it
}

// load reads what the store must know before it serves: the ends of the log, the newest
// checkpoint, the runs.
func (s *Store) load() error {
	if err := s.loadLogBounds(); err != nil {
		return err
	}
	meta, err := readMeta(s.state)
	if err != nil {
		return err
	}
	s.meta.Store(meta)
	if meta != nil && meta.Index > s.LastIndex() {
		// Commit makes this impossible; then files were mixed up, or lost, by other hands.
		return fmt.Errorf("%w: the checkpoint is at block %d, but the log ends at block %d",
			ErrCorrupt, meta.Index, s.LastIndex())
	}
	if err := s.checkFirst(meta); err != nil {
		return err
	}
	return s.openRuns()
}

// Close waits for calls in flight and for bases that are open, closes all views, ends a snapshot that
// is being written somewhere, and gives the directory back. It is idempotent. After it every call
// returns an error of code draining ([usage.ErrClosed]). A long scan ends with that error, too.
func (s *Store) Close() error {
	if !s.gate.close() {
		return nil
	}
	close(s.stop)
	s.done.Wait()
	s.bases.Wait()
	s.views.closeAll()
	if n := s.snapshot.Load(); n != nil {
		_ = n.Close() // what it leaves goes with the next Open
	}
	err := s.closeAll()
	if s.isBase() {
		s.opts.parent.bases.Done()
	}
	return err
}

// closeAll closes whatever is open, in the order of dependence.
func (s *Store) closeAll() error {
	var errs []error
	if s.runs != nil {
		errs = append(errs, s.closeRuns())
	}
	for _, db := range []*pebble.DB{s.state, s.log} {
		if db != nil {
			errs = append(errs, closePebble(db))
		}
	}
	if s.cache != nil {
		s.cache.Unref()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Poison stops the store for good: see [Store.Failed]. The engine calls it when it finds that
// state and log disagree. The first cause wins.
func (s *Store) Poison(cause error) { s.poison.set(cause) }

// Failed returns nil, or the error with which every call fails since the store was poisoned: of
// code failed, with the cause behind it. It never becomes nil again.
func (s *Store) Failed() error { return s.poison.err() }

// Stalled returns for how long the disk has made no progress on what it was given, or 0 when
// that is not longer than Options.StallMax.
func (s *Store) Stalled() time.Duration { return s.stall.stalled() }

// SpaceFree returns the free bytes of the disk as of the last look, which is at most a second
// old; math.MaxInt64 when the file system cannot tell.
func (s *Store) SpaceFree() int64 { return s.space.free.Load() }

// watch looks after disk space and stalls once a second until Close.
func (s *Store) watch() {
	defer s.done.Done()
	if s.opts.ReadOnly || s.isBase() {
		return
	}
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-t.C:
			s.space.tick()
			s.stall.tick()
		}
	}
}
