package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/weirhq/weir/internal/crashtest"
)

// faultKind is what may happen to a disk.
type faultKind int

const (
	noFault  faultKind = iota
	powerCut           // the machine is off: of what was not synced, a random part is on the disk
	ioError            // one operation fails, as a dying disk does
	diskFull           // no write goes through for a while
	slowDisk           // every sync takes its time
	faultsEnd
)

func (k faultKind) String() string {
	return [...]string{"none", "power cut", "I/O error", "disk full", "slow disk"}[k]
}

// disk is a file system with one planned fault. At a power cut it keeps what a real disk might hold; the engine that was running
// becomes a ghost, whose answers nobody may believe any more: clients ask off after every answer.
//
// Errors strike when the engine is open: a Pebble that fails to open leaves goroutines behind, which a bubble of synctest does not
// forgive. Package wal's own tests fail every operation of an Open.
type disk struct {
	mem *crashtest.FS

	mu    sync.Mutex
	rng   *rand.Rand
	kind  faultKind
	at    int64 // the operation, counted from 1, at which it strikes
	ops   int64
	armed bool // an engine is open
	hit   bool
	until time.Time     // of diskFull and slowDisk
	clone *crashtest.FS // after a power cut: what is left
	note  string
}

func newDisk(mem *crashtest.FS, rng *rand.Rand, kind faultKind, at int64) *disk {
	return &disk{mem: mem, rng: rng, kind: kind, at: at}
}

// fs is the file system to open an engine on.
func (d *disk) fs() vfs.FS { return errorfs.Wrap(d.mem, errorfs.InjectorFunc(d.inject)) }

func (d *disk) inject(op errorfs.Op) error {
	wait, err := d.decide(op)
	if wait > 0 {
		time.Sleep(wait) // virtual
	}
	return err
}

func (d *disk) decide(op errorfs.Op) (wait time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	write := op.Kind.ReadOrWrite() == errorfs.OpIsWrite
	if !d.hit && d.ops >= d.at && (d.kind == powerCut || write && d.armed) && d.kind != noFault {
		d.hit = true
		d.note = fmt.Sprintf("%s at operation %d (%v)", d.kind, d.ops, op.Kind)
		d.until = time.Now().Add(time.Duration(1+d.rng.IntN(20)) * time.Second)
		switch d.kind {
		case powerCut:
			d.clone = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: d.rng.IntN(101), RNG: d.rng})
		case ioError:
			return 0, fmt.Errorf("injected: %w", syscall.EIO)
		}
	}
	if !d.hit || time.Now().After(d.until) {
		return 0, nil
	}
	// Only syncs of write-ahead logs wait: elsewhere Pebble holds a mutex, for which others wait in a way that stops virtual time.
	if d.kind == slowDisk && op.Kind == errorfs.OpFileSyncData && strings.HasSuffix(op.Path, ".log") {
		return time.Duration(1+d.rng.IntN(3000)) * time.Millisecond, nil
	}
	return 0, nil
}

// arm says that an engine is open on the disk.
func (d *disk) arm() {
	d.mu.Lock()
	d.armed = true
	d.mu.Unlock()
}

// off tells that the power was cut.
func (d *disk) off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone != nil
}

// free is what the engine is told of the space left.
func (d *disk) free(string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.kind == diskFull && d.hit && time.Now().Before(d.until) {
		return 1 << 20, nil
	}
	return 1 << 40, nil
}

// left is the disk that the next engine finds, and what happened to this one.
func (d *disk) left() (mem *crashtest.FS, struck bool, note string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clone != nil {
		return d.clone, true, d.note
	}
	return d.mem, d.hit, d.note
}

// wallClock is the machine's clocks: virtual time, the hours that clients let pass at once (sleeping through them would fire every timer of
// every goroutine on the way), and a skew of the wall clock that operators and time servers change.
type wallClock struct {
	start time.Time

	mu     sync.Mutex
	passed time.Duration
	skew   time.Duration
}

func newWallClock() *wallClock { return &wallClock{start: time.Now()} }

// Now implements usage.Clock.
func (c *wallClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.passed + c.skew)
}

// Monotonic is time since the machine started; no one can set it.
func (c *wallClock) Monotonic() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Since(c.start) + c.passed
}

// pass lets time go by.
func (c *wallClock) pass(d time.Duration) {
	c.mu.Lock()
	c.passed += d
	c.mu.Unlock()
}

// set moves the wall clock, by less than what an engine refuses.
func (c *wallClock) set(skew time.Duration) {
	c.mu.Lock()
	c.skew = skew
	c.mu.Unlock()
}
