package sim

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"

	"github.com/weirhq/weir/internal/crashtest"
)

// disk is a file system with a schedule of faults. At a power cut it keeps what a real disk might hold; the engine that was running
// becomes a ghost, whose answers nobody may believe any more: clients ask off after every answer.
//
// Errors strike when the engine is open: a Pebble that fails to open leaves goroutines behind, which a bubble of synctest does not
// forgive. Package wal's own tests fail every operation of an Open.
//
// A slow sync yields instead of sleeping. Pebble and the engine hold mutexes while others sync (rotating a log, closing it), and who
// waits for a mutex is not durably blocked for synctest: virtual time would stand still for ever, and the sleeper with it. After
// so many yields everybody else has come as far as they can without the sync, which is all that its length could change.
type disk struct {
	mem   *crashtest.FS
	clock *wallClock

	mu      sync.Mutex
	rng     *rand.Rand
	plan    []*fault
	ops     int64
	opening int64 // operations until the engine was open; 0: it is not

	failing map[faultKind]int // operations that still have to fail
	slow    int               // syncs that still have to be slow
	until   time.Time         // of diskFull
	full    bool              // of fullAtEnd
	clone   *crashtest.FS     // after a power cut or a kill: what is left
}

func newDisk(mem *crashtest.FS, clock *wallClock, rng *rand.Rand, plan ...*fault) *disk {
	return &disk{mem: mem, clock: clock, rng: rng, plan: plan, failing: make(map[faultKind]int)}
}

// fs is the file system to open an engine on.
func (d *disk) fs() vfs.FS { return errorfs.Wrap(d.mem, errorfs.InjectorFunc(d.inject)) }

// slowYields is how often a slow sync lets others run: several times what a block takes from its caller to the disk.
const slowYields = 400

func (d *disk) inject(op errorfs.Op) error {
	yields, err := d.decide(op)
	for range yields {
		runtime.Gosched()
	}
	return err
}

func (d *disk) decide(op errorfs.Op) (yields int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ops++
	if d.clone != nil {
		return 0, nil
	}
	for _, f := range d.plan {
		if !f.struck && d.ops >= f.at && d.fits(f.kind, op) {
			f.struck, f.note = true, fmt.Sprintf("operation %d (%v)", d.ops, op.Kind)
			d.strike(f)
		}
	}
	switch {
	case d.fails(writeError, op), d.fails(readError, op):
		return 0, fmt.Errorf("injected: %w", syscall.EIO)
	case d.fails(noSpace, op):
		return 0, fmt.Errorf("injected: %w", syscall.ENOSPC)
	case d.slow > 0 && isSync(op):
		d.slow--
		d.clock.pass(time.Duration(d.rng.IntN(1000)) * time.Millisecond)
		return slowYields, nil
	}
	return 0, nil
}

// fits tells whether a fault of this kind can strike an operation.
func (d *disk) fits(kind faultKind, op errorfs.Op) bool {
	switch kind {
	case cutInOpen:
		return d.opening == 0
	case writeError:
		return d.opening > 0 && op.Kind.ReadOrWrite() == errorfs.OpIsWrite
	case readError:
		return d.opening > 0 && (op.Kind == errorfs.OpFileRead || op.Kind == errorfs.OpFileReadAt)
	case noSpace:
		return d.opening > 0 && (op.Kind == errorfs.OpFileWrite || op.Kind == errorfs.OpFileWriteAt || op.Kind == errorfs.OpCreate)
	case slowDisk:
		return isSync(op)
	default:
		return d.opening > 0
	}
}

func isSync(op errorfs.Op) bool {
	return op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
}

func (d *disk) fails(kind faultKind, op errorfs.Op) bool {
	if d.failing[kind] == 0 || !d.fits(kind, op) {
		return false
	}
	d.failing[kind]--
	return true
}

func (d *disk) strike(f *fault) {
	switch f.kind {
	case powerCut, cutInOpen:
		d.clone = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: d.rng.IntN(101), RNG: d.rng})
	case killed:
		d.clone = d.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: d.rng})
	case writeError, readError, noSpace:
		d.failing[f.kind] = f.n
	case diskFull:
		d.until = time.Now().Add(time.Duration(1+d.rng.IntN(20)) * time.Second)
	case fullAtEnd:
		d.full = true
	case slowDisk:
		d.slow = 5 * f.n
	case clockSkew:
		d.clock.set(time.Duration(d.rng.IntN(241)-120) * time.Second)
	case clockWrong:
		d.clock.derange(20 * f.n)
	}
}

// opened says that an engine is open on the disk.
func (d *disk) opened() {
	d.mu.Lock()
	d.opening = max(1, d.ops)
	d.mu.Unlock()
}

// off tells that the power was cut, or the process killed.
func (d *disk) off() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.clone != nil
}

// free is what the engine is told of the space left.
func (d *disk) free(string) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.full || time.Now().Before(d.until) {
		return 1 << 20, nil
	}
	return 1 << 40, nil
}

// left is the disk that the next engine finds.
func (d *disk) left() *crashtest.FS {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.clone != nil {
		return d.clone
	}
	return d.mem
}

// hit tells whether a fault of a kind has struck.
func (d *disk) hit(kind faultKind) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.plan, func(f *fault) bool { return f.struck && f.kind == kind })
}

// struck tells whether a fault that may end an engine, or keep it from closing well, has struck.
func (d *disk) struck() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.plan {
		if f.struck && f.kind != cleanRestart {
			return true
		}
	}
	return false
}
