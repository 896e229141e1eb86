package wal

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/weirhq/weir/usage"
)

// Running out of disk, in three steps, because Pebble takes it badly: a WAL that cannot be
// written ends everything, and a flush that cannot be written is retried for ever with
// writers blocked behind it (both tried).
//
//	free < min      blocks are refused with disk_full, until free > 1.25 min
//	free < min / 2  checkpoints and merges are refused too, and the ballast is released
//	ENOSPC anyway   (somebody else fills the disk) the ballast is released at once, and the
//	                write that failed is tried once more
//
// The space between the steps is what lets everything already acknowledged come to rest: see
// freeBytesMinFor. The ballast is a file of garbage that is deleted when it counts, and made
// again when there is plenty of room.
type spaceGuard struct {
	fs      vfs.FS // not the guarded one: a failed ballast is no reason to poison
	dir     string
	measure func(dir string) (uint64, error)
	min     int64 // bytes
	start   time.Time
	log     *slog.Logger

	// Read and written by every append, without a lock; a stale value costs one refresh.
	free       atomic.Int64 // bytes free when last measured, less what was appended since
	measuredAt atomic.Int64 // nanoseconds since start
	tripped    atomic.Bool  // blocks are refused

	mu      sync.Mutex // guards the ballast, and serialises measuring
	ballast bool       // the ballast is in place
}

const (
	// spaceAge is how old a measurement may be when a block is appended. At 300 MB/s a disk
	// loses 30 MB in that time, less than a quarter of the default minimum.
	spaceAge = 100 * time.Millisecond

	// ballastBytes is one memtable: enough for the flush that is waiting to go through.
	ballastBytes = 8 << 20

	// checkpointReserveBytes is what a checkpoint may need: a run of 1 M ids takes 20 MB, its
	// filter 2 MB, pages and series the like, and a merge's first tables.
	checkpointReserveBytes = 64 << 20

	spaceUnknown = math.MaxInt64
)

// freeBytesMinFor derives the default minimum: every memtable that can wait for its flush, and a
// checkpoint. Both may be due at the moment when blocks begin to be refused.
func freeBytesMinFor(memTableBytes int64) int64 {
	return logMemTablesMax*memTableBytes + checkpointReserveBytes
}

// admit says whether a block of size bytes may be appended. It costs two atomic loads and a look
// at the clock, and a system call every spaceAge, or every time while blocks are refused.
func (g *spaceGuard) admit(size int) error {
	// Twice: once in the WAL, once more when the memtable is flushed.
	left := g.free.Add(-2 * int64(size))
	if left < g.min || g.tripped.Load() || time.Since(g.start).Nanoseconds()-g.measuredAt.Load() > int64(spaceAge) {
		g.refresh()
	}
	if !g.tripped.Load() {
		return nil
	}
	return g.refusal()
}

// admitCheckpoint says whether a checkpoint or a merge may be written. It measures first: one of
// those takes milliseconds at least, and may need a lot.
func (g *spaceGuard) admitCheckpoint() error {
	g.refresh()
	if g.free.Load() >= g.min/2 {
		return nil
	}
	return g.refusal()
}

func (g *spaceGuard) refusal() error {
	return &codedError{coded: usage.Error{
		Code: usage.CodeDiskFull,
		Detail: fmt.Sprintf("the disk is almost full: %d MiB free, writes resume above %d MiB; free some space",
			g.free.Load()>>20, (g.min+g.min/4)>>20),
	}}
}

// noRoom gives the error of a write that found no space its code, so that whoever can try again later does.
func noRoom(err error) error {
	if err == nil || !vfs.IsNoSpaceError(err) || usage.Code(err) != "" {
		return err
	}
	return &codedError{usage.Error{Code: usage.CodeDiskFull, Detail: "the disk is full; free some space"}, err}
}

// refresh measures, and trips or resets the guard.
func (g *spaceGuard) refresh() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refreshLocked()
}

func (g *spaceGuard) refreshLocked() {
	free := int64(spaceUnknown)
	n, err := g.measure(g.dir)
	switch {
	case errors.Is(err, vfs.ErrUnsupported):
	case err != nil:
		// Keep what we knew: a disk that cannot be asked is about to fail by itself.
		g.log.Warn("free space of the disk is unknown", "dir", g.dir, "error", err)
		g.measuredAt.Store(time.Since(g.start).Nanoseconds())
		return
	default:
		free = int64(min(n, spaceUnknown))
	}
	g.free.Store(free)
	g.measuredAt.Store(time.Since(g.start).Nanoseconds())
	switch {
	case free < g.min && !g.tripped.Load():
		g.tripped.Store(true)
		g.log.Error("the disk is almost full: new events are refused", "dir", g.dir, "freeBytes", free,
			"resumeAboveBytes", g.min+g.min/4)
	case free > g.min+g.min/4 && g.tripped.Load():
		g.tripped.Store(false)
		g.log.Info("the disk has room again: events are accepted", "dir", g.dir, "freeBytes", free)
	}
	if free < g.min/2 {
		g.releaseLocked()
	}
}

// tick is called once a second: it notices room that appears while nobody writes, and puts the
// ballast back.
func (g *spaceGuard) tick() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.refreshLocked()
	free := g.free.Load()
	if g.ballast || free == spaceUnknown || free < 2*g.min+2*ballastBytes {
		return
	}
	if err := g.makeBallastLocked(); err != nil {
		g.log.Warn("ballast not made", "error", err)
	}
}

// full is called when a write met a full disk. It reports whether there is room now that was not
// there before.
func (g *spaceGuard) full() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.tripped.Store(true) // the next refresh decides whether it stays
	return g.releaseLocked()
}

// releaseLocked deletes the ballast and reports whether there was one.
func (g *spaceGuard) releaseLocked() bool {
	if !g.ballast {
		return false
	}
	g.ballast = false
	if err := g.fs.Remove(g.fs.PathJoin(g.dir, ballastName)); err != nil {
		g.log.Warn("ballast not released", "error", err)
		return false
	}
	g.log.Warn("ballast released", "bytes", ballastBytes)
	return true
}

// findBallast notes whether a previous store left its ballast.
func (g *spaceGuard) findBallast() {
	g.mu.Lock()
	defer g.mu.Unlock()
	info, err := g.fs.Stat(g.fs.PathJoin(g.dir, ballastName))
	g.ballast = err == nil && info.Size() == ballastBytes
	_ = g.fs.Remove(g.fs.PathJoin(g.dir, ballastTmpName))
}

// makeBallastLocked writes bytes that no file system compresses away, under another name first,
// so that half a ballast is never taken for one.
func (g *spaceGuard) makeBallastLocked() error {
	garbage := make([]byte, ballastBytes)
	x := uint64(0x9e3779b97f4a7c15) // xorshift64, Marsaglia 2003
	for i := range garbage {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		garbage[i] = byte(x)
	}
	tmp := g.fs.PathJoin(g.dir, ballastTmpName)
	err := writeFileSynced(g.fs, tmp, garbage)
	if err == nil {
		err = g.fs.Rename(tmp, g.fs.PathJoin(g.dir, ballastName))
	}
	if err != nil {
		_ = g.fs.Remove(tmp)
		return err
	}
	g.ballast = true
	return nil
}

// ballastSize returns the size of the ballast in place, in bytes.
func (g *spaceGuard) ballastSize() int64 {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ballast {
		return ballastBytes
	}
	return 0
}
