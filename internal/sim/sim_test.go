package sim

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

var (
	seeds    = flag.Int("sim.seeds", 8, "how many runs; make sim has 1,000")
	oneSeed  = flag.Uint64("sim.seed", 0, "the only seed to run; 0: from the clock on, printed")
	epochMax = flag.Int("sim.epochs", 6, "engines that a run opens one after another, each with a fault of its own")
)

// world is one run.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	mem   *crashtest.FS
	clock *wallClock
	book  *book
	notes []string // what happened, for the report of a failure

	mu         sync.Mutex
	violations []string
}

// violation notes that something is wrong; the run goes on to the end of the epoch.
func (w *world) violation(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, fmt.Sprintf(format, args...))
}

// struck counts the faults of all runs, by kind.
var struck [faultsEnd]int

// TestSim runs seeds. A failure prints the seed and the schedule of its faults.
func TestSim(t *testing.T) {
	first, n := uint64(time.Now().UnixNano()), *seeds
	if *oneSeed != 0 {
		first, n = *oneSeed, 1
	}
	var entries, attempts int64
	for i := range n {
		seed := first + uint64(i)
		synctest.Test(t, func(t *testing.T) {
			w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), mem: crashtest.New(), clock: newWallClock(), book: newBook()}
			defer func() {
				if t.Failed() {
					t.Logf("found in run %d: seed %d (repeat with -sim.seed=%d)\n%s", i+1, seed, seed, strings.Join(w.notes, "\n"))
				}
			}()
			w.run()
			entries += int64(len(w.book.keys))
			attempts += w.book.attempt
		})
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d seeds from %d: %d ids, over_limit_attempts=%d; faults: %s", n, first, entries, attempts, faults())
}

func faults() string {
	var parts []string
	for k := powerCut; k < faultsEnd; k++ {
		parts = append(parts, fmt.Sprintf("%s %d", k, struck[k]))
	}
	return strings.Join(parts, ", ")
}

// options draws how an engine is opened: nothing of it may be seen in the answers.
func (w *world) options(d *disk) *engine.Options {
	return &engine.Options{
		FS: d.fs(), Clock: w.clock, Logger: slog.New(slog.DiscardHandler), MemoryBytesMax: 1 << 20, FreeBytes: d.free, FreeBytesMin: 16 << 20,
		Shards: 1 + w.rng.IntN(4), CheckpointItems: []int{10, 40, 200, 1 << 20}[w.rng.IntN(4)],
	}
}

// run goes through the epochs: an engine with a fault, then one without to check what is left.
func (w *world) run() {
	w.setUp()
	ops := int64(600)
	for epoch := range *epochMax {
		kind := faultKind(w.rng.IntN(int(faultsEnd)))
		if w.rng.IntN(2) == 0 {
			kind = powerCut
		}
		d := newDisk(w.mem, rand.New(rand.NewPCG(w.rng.Uint64(), 2)), kind, 1+w.rng.Int64N(ops))
		w.clock.set(time.Duration(w.rng.IntN(241)-120) * time.Second)
		w.work(d)
		mem, hit, note := d.left()
		if hit {
			struck[kind]++
		}
		ops = max(100, (ops+d.ops)/2)
		w.mem = mem
		w.notes = append(w.notes, fmt.Sprintf("epoch %d: %s, planned at operation %d of %d; %s", epoch, kind, d.at, d.ops, note))
		w.check(epoch)
	}
}

// setUp opens the first engine and makes the plan and the tenants.
func (w *world) setUp() {
	e, err := engine.Open("store", w.options(newDisk(w.mem, w.rng, noFault, 0)))
	require.NoError(w.t, err)
	ctx := context.Background()
	plan := usage.Plan{Slug: "p"}
	require.NoError(w.t, json.Unmarshal([]byte(`[{"slug":"`+limitSlug+`","meter":"api_calls","period":"lifetime","limit":100},
		{"slug":"monthly","meter":"data_transfer","period":"month","limit":500,"mode":"soft"}]`), &plan.Quotas))
	require.NoError(w.t, e.PutPlan(ctx, plan))
	for i, tenant := range tenants {
		zone := []string{"", "Asia/Kathmandu", "America/Los_Angeles"}[i]
		require.NoError(w.t, e.PutTenant(ctx, usage.Tenant{ID: tenant, Plan: "p", TimeZone: zone}))
		w.book.limits[tenant] = 100
	}
	require.NoError(w.t, e.PutSettings(ctx, usage.Settings{UnknownTenants: usage.UnknownCreate,
		Retention: usage.Retention{Minute: usage.KeepFor(24 * time.Hour), QuarterHour: usage.KeepFor(48 * time.Hour)}}, usage.Condition{}))
	require.NoError(w.t, e.Close())
}

// work opens an engine on a disk with a fault and lets clients at it.
func (w *world) work(d *disk) {
	e, err := engine.Open("store", w.options(d))
	if err != nil {
		_, hit, _ := d.left()
		require.True(w.t, hit, "open without a fault: %v", err)
		return
	}
	d.arm()
	steps := 20 + w.rng.IntN(80)
	var all sync.WaitGroup
	for range 3 {
		c := &client{w: w, e: e, d: d, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
		all.Go(func() { c.run(context.Background(), steps) })
	}
	all.Wait()
	err = e.Close()
	if _, hit, _ := d.left(); err != nil && !hit {
		w.violation("close without a fault: %v", err)
	}
}
