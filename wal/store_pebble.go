package wal

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/cockroachdb/errors/oserror"
	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

const (
	// logMemTablesMax is how many memtables of the log may exist: one being filled, one being
	// flushed, two of slack. Pebble then blocks writers.
	logMemTablesMax = 4

	// stateMemTableBytes is Pebble's smallest: the state is never written through one.
	stateMemTableBytes = 256 << 10

	// pebbleOpenFilesMax bounds the file descriptors of each Pebble. An embedder's process
	// often has 1,024 in all.
	pebbleOpenFilesMax = 300

	// pebbleManifestBytesMax bounds the manifest that an Open has to replay.
	pebbleManifestBytesMax = 4 << 20

	// tableBytes is the size of a table that compactions aim at. A memtable flushes into one
	// table; a terabyte of log is 16,000 tables.
	tableBytes = 64 << 20
)

// openPebbles opens both Pebbles.
func (s *Store) openPebbles(m manifest) (err error) {
	if s.isBase() {
		s.cache = s.opts.parent.cache
		s.cache.Ref()
	} else {
		s.cache = pebble.NewCache(s.opts.CacheBytes)
		if s.log, err = s.openPebble(logDirName, s.logOptions(m)); err != nil {
			return err
		}
	}
	s.tableOptions = s.stateOptions(m)
	s.state, err = s.openPebble(stateDirName, s.tableOptions)
	return err
}

// openPebble opens one Pebble. A panic of Pebble's is an error like any other here: nothing
// depends on its locks yet.
func (s *Store) openPebble(name string, o *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			db, err = nil, fmt.Errorf("open %s: panic: %v", name, r)
		}
	}()
	db, err = pebble.Open(s.opts.FS.PathJoin(s.dir, name), o)
	if err != nil {
		err = fmt.Errorf("open %s: %w", name, err)
	}
	return db, err
}

// closePebble closes a Pebble and makes an error of what it panics with.
func closePebble(db *pebble.DB) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("close: panic: %v", r)
		}
	}()
	return db.Close()
}

// commonOptions are the options of both.
func (s *Store) commonOptions(m manifest) *pebble.Options {
	logger := &pebbleLogger{poison: s.poison, log: s.opts.Logger, limit: new(logLimit)}
	o := &pebble.Options{
		FS:                  s.fs,
		Cache:               s.cache,
		Logger:              logger,
		FormatMajorVersion:  pebble.FormatMajorVersion(m.pebbleFormat),
		MaxOpenFiles:        pebbleOpenFilesMax,
		MaxManifestFileSize: pebbleManifestBytesMax,
		ReadOnly:            s.opts.ReadOnly,
		EventListener: &pebble.EventListener{
			BackgroundError: func(err error) {
				logger.Errorf("background error: %v", err)
				s.faults.fault(err)
			},
			FlushEnd: func(info pebble.FlushInfo) {
				if info.Err == nil && info.Done {
					s.faults.success()
				}
			},
			// DataCorruption stays unset: Pebble's default is our Fatalf.
		},
	}
	for i := range o.TargetFileSizes {
		o.TargetFileSizes[i] = tableBytes
	}
	return o
}

// logOptions are those of the log. Its keys ascend, so its tables never overlap and compactions
// only move them: a byte of log is written twice, to the WAL and to one table.
func (s *Store) logOptions(m manifest) *pebble.Options {
	o := s.commonOptions(m)
	o.MemTableSize = uint64(s.opts.MemTableBytes)
	o.MemTableStopWritesThreshold = logMemTablesMax
	o.FlushSplitBytes = tableBytes
	// Blocks are packed and compressed by their codec; half of what is left are random ids.
	o.Levels[0].Compression = func() *sstable.CompressionProfile { return sstable.NoCompression }
	o.EnsureDefaults()
	return o
}

// stateOptions are those of the state. It has no WAL: everything comes by ingest, which is
// atomic and durable by itself, and a write by mistake is an error.
func (s *Store) stateOptions(m manifest) *pebble.Options {
	o := s.commonOptions(m)
	o.DisableWAL = true
	o.MemTableSize = stateMemTableBytes
	// Rows are looked up one by one, mostly in vain in the upper levels.
	o.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	o.Levels[0].Compression = func() *sstable.CompressionProfile { return sstable.SnappyCompression }
	// Compactions of the state follow checkpoints and have time; one core stays free.
	o.CompactionConcurrencyRange = func() (lower, upper int) { return 1, 2 }
	o.EnsureDefaults()
	return o
}

// faultCounter poisons when background work fails again and again. Pebble retries flushes for
// ever without a pause, and writers that wait for one would wait for ever too.
type faultCounter struct {
	poison *poison
	// count is the number of faults in a row; written by Pebble's goroutines.
	count atomic.Int32
}

// faultsMax faults in a row are no hiccup: a retry follows at once, so a device that comes back
// at all comes back earlier.
const faultsMax = 8

// fault counts a failure. A full disk does not count: it heals when room is made, and blocks
// are refused long before.
func (c *faultCounter) fault(err error) {
	if vfs.IsNoSpaceError(err) || errors.Is(err, pebble.ErrCancelledCompaction) {
		return
	}
	if n := c.count.Add(1); n >= faultsMax {
		c.poison.set(fmt.Errorf("background work failed %d times in a row: %w", n, err))
	}
}

func (c *faultCounter) success() { c.count.Store(0) }

func isNotExist(err error) bool { return oserror.IsNotExist(err) }
