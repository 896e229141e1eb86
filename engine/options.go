package engine

import (
	"errors"
	"log/slog"
	"runtime"
	"time"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Options tune an engine. The zero value of every field is its default.
type Options struct {
	// Clock tells the time. Default: the system's clock, monotonic between calls. Another one is also what ends leases; without a method
	// Monotonic it costs Allowed and the other reads a mutex.
	Clock usage.Clock
	// AutoMeters makes a sum meter for a feature type that no meter counts, instead of refusing the event.
	AutoMeters bool
	// AcceptClock accepts a wall clock that disagrees with the log, at Open and for as long as the engine is open. Default: writes are
	// refused as ErrClock while it is more than 5 minutes behind log time, or was more than 35 days ahead of the newest entry at Open.
	AcceptClock bool
	// MaxAge is how old a timestamp may be, against log time. Default 35 days. A change of MaxAge or MaxAhead enters the log
	// when the store is opened, and holds from there on.
	MaxAge time.Duration
	// MaxAhead is how far in the future a timestamp may be. Default 5 minutes.
	MaxAhead time.Duration
	// MemoryBytesMax bounds the caches of the store. Default 64 MiB of cache.
	MemoryBytesMax int64
	// LiveBytesMax is how much live memory the process may hold before usage and decisions are refused with memory_limit. It bounds
	// the whole process, so leave room for what else runs in it. Default: no bound.
	LiveBytesMax int64
	// Logger receives what an operator should know. Default: discards.
	Logger *slog.Logger
	// Shards is how many workers fold tenants in parallel. Default GOMAXPROCS, at most 16.
	// It changes speed only: state and digests do not depend on it.
	Shards int
	// CheckpointItems is how many items are folded between checkpoints. Default 1,048,576.
	CheckpointItems int
	// FS is the file system, a seam for tests. Default: the disk.
	FS wal.FS
	// FreeBytes tells the free space of the store's disk, a seam for tests. Default: asks the file system.
	FreeBytes func(dir string) (uint64, error)
	// FreeBytesMin is the free space below which writes are refused with disk_full. Default 96 MiB: what a checkpoint and the flushes that
	// wait may still write.
	FreeBytesMin int64

	// zoneTable reads the table of a time zone. Default: from the time zone database.
	zoneTable func(name string) (*civil.Table, error)
	// decodeAlways makes apply read every block from its bytes, as a follower does, for tests.
	decodeAlways bool
}

// EnsureDefaults fills every zero field.
func (o *Options) EnsureDefaults() {
	if o.Clock == nil {
		o.Clock = newSystemClock()
	}
	if o.MaxAge == 0 {
		o.MaxAge = maxAgeDefault
	}
	if o.MaxAhead == 0 {
		o.MaxAhead = maxAheadDefault
	}
	if o.MemoryBytesMax == 0 {
		o.MemoryBytesMax = 64 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.zoneTable == nil {
		o.zoneTable = civil.NewTable
	}
	if o.Shards == 0 {
		o.Shards = min(runtime.GOMAXPROCS(0), shardsMax)
	}
	if o.CheckpointItems == 0 {
		o.CheckpointItems = checkpointItems
	}
}

// Validate reports everything that is wrong with the options at once.
func (o *Options) Validate() error {
	var errs []error
	bad := func(field, fix string) {
		errs = append(errs, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/" + field, Detail: field + " " + fix})
	}
	if o.MaxAge < 0 {
		bad("MaxAge", "must not be negative; leave it 0 for 35 days")
	}
	if o.MaxAhead < 0 {
		bad("MaxAhead", "must not be negative; leave it 0 for 5 minutes")
	}
	if o.MemoryBytesMax < 0 {
		bad("MemoryBytesMax", "must not be negative; leave it 0 for the default")
	}
	if o.LiveBytesMax < 0 {
		bad("LiveBytesMax", "must not be negative; leave it 0 for no bound")
	}
	if o.Shards < 0 || o.Shards > shardsMax {
		bad("Shards", "must be between 1 and 16; leave it 0 for one a core")
	}
	if o.CheckpointItems < 0 || o.CheckpointItems > checkpointItems {
		bad("CheckpointItems", "must be between 1 and 1,048,576; leave it 0 for the greatest")
	}
	return errors.Join(errs...)
}
