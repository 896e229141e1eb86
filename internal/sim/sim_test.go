package sim

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
)

var (
	seeds     = flag.Int("sim.seeds", 0, "how many runs; 0: a few. make sim has 1,000")
	firstSeed = flag.Uint64("sim.seed", 0, "the first seed, or with -sim.seeds=1 the only one; 0: from the clock, printed")
	epochMax  = flag.Int("sim.epochs", 6, "engines that a run opens one after another, each with faults of its own")
	stuckFor  = flag.Duration("sim.stuck", 5*time.Minute, "a run that takes longer is stuck: every goroutine is printed, and the test ends")
)

// world is one run.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	mem   *crashtest.FS
	clock *wallClock
	book  *book
	notes *notes
	large bool // some batches are large

	digest struct { // of the engine that was closed last
		index uint64
		sum   [16]byte
	}
	audited uint64 // entries of the audit that were read
	ops     int64  // operations on the disk of an engine, about
	opening int64  // of these, until it was open

	mu         sync.Mutex
	violations []string
}

// notes are the schedules of the engines so far, for the report of a failure; they outlive a bubble that is stuck.
type notes struct {
	mu    sync.Mutex
	plans [][]*fault
}

func (n *notes) add(plan []*fault) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.plans = append(n.plans, plan)
}

func (n *notes) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var out strings.Builder
	for i, plan := range n.plans {
		for _, f := range plan {
			fmt.Fprintf(&out, "engine %d: %s\n", i+1, f)
		}
	}
	return out.String()
}

// violation notes that a promise was broken; the run goes on to the end of the epoch.
func (w *world) violation(p promise, format string, args ...any) { w.broke(p, 1, format, args...) }

// broke is violation with a number of units.
func (w *world) broke(p promise, units int64, format string, args ...any) {
	total.add(func() { total.broken[p] += units })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.violations = append(w.violations, p.String()+": "+fmt.Sprintf(format, args...))
}

func (w *world) failed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.violations) > 0
}

// TestSim runs seeds. A failure prints the seed and the schedule of its faults.
func TestSim(t *testing.T) {
	first, n := *firstSeed, *seeds
	if first == 0 {
		first = uint64(time.Now().UnixNano())
	}
	if n == 0 {
		n = 10
		if testing.Short() {
			n = 2
		}
	}
	defer func() { t.Logf("seeds from %d\n%s", first, &total) }()
	for i := range n {
		seed := first + uint64(i)
		said := &notes{}
		watch := time.AfterFunc(*stuckFor, func() { // in real time, outside of the bubble
			fmt.Printf("stuck in run %d: seed %d\n%s\n", i+1, seed, said)
			_ = pprof.Lookup("goroutine").WriteTo(os.Stdout, 2)
			os.Exit(1)
		})
		synctest.Test(t, func(t *testing.T) {
			defer func() {
				if t.Failed() {
					t.Logf("found in run %d: seed %d (repeat with -sim.seed=%d -sim.seeds=1)\n%s", i+1, seed, seed, said)
				}
			}()
			w := newWorld(t, seed, said)
			w.run()
			total.add(func() { total.runs++; total.ids += len(w.book.list) })
		})
		watch.Stop()
		if t.Failed() {
			break
		}
	}
}

func newWorld(t *testing.T, seed uint64, said *notes) *world {
	return &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), mem: crashtest.New(), clock: newWallClock(), book: newBook(), notes: said,
		large: seed%8 == 0 && !race.Enabled, ops: 800, opening: 100}
}

// run goes through the epochs: an engine with faults, then one without to check what is left.
func (w *world) run() {
	w.setUp()
	for epoch := range *epochMax {
		plan := schedule(w.rng, w.ops, w.opening)
		d := newDisk(w.mem, w.clock, rand.New(rand.NewPCG(w.rng.Uint64(), 2)), plan...)
		w.notes.add(plan)
		w.clock.set(time.Duration(w.rng.IntN(241)-120) * time.Second)
		w.work(d)
		w.mem = d.left()
		for _, f := range plan {
			if f.struck {
				total.add(func() { total.faults[f.kind]++ })
			}
		}
		if w.rng.IntN(3) == 0 {
			w.clock.pass(time.Duration(w.rng.Int64N(int64(30 * 24 * time.Hour))))
		}
		w.check()
		require.Empty(w.t, w.violations, "after engine %d", epoch+1)
	}
}

// setUp opens the first engine and makes the plans and the tenants.
func (w *world) setUp() {
	s := w.open(nil)
	require.NotNil(w.t, s)
	ctx := context.Background()
	for slug, limit := range map[string]int{"p": 100, "q": 160} { // order-free: nobody is on them yet
		plan := usage.Plan{Slug: slug}
		require.NoError(w.t, json.Unmarshal(fmt.Appendf(nil, `[{"slug":"%s","meter":"api_calls","period":"lifetime","limit":%d},
			{"slug":"%s","meter":"compute_time","scope":"user","period":"lifetime","limit":%d},
			{"slug":"%s","meter":"session_time","period":{"sliding":"1h"},"limit":%d},
			{"slug":"%s","meter":"session_time","rate":{"limit":30,"per":"1m","burst":%d}},
			{"slug":"monthly","meter":"data_transfer","period":"month","limit":500,"mode":"soft"}]`,
			limitSlug, limit, userSlug, userLimit, slideSlug, slideLimit, paceSlug, paceMax), &plan.Quotas))
		require.NoError(w.t, s.e.PutPlan(ctx, plan))
	}
	require.NoError(w.t, s.e.PutMeter(ctx, usage.Meter{Slug: "peak", EventType: "data_transfer", Aggregation: usage.Max, Scale: new(int)}))
	// Whatever counts api_calls counts by dimensions, too: an event, an item, what a hold has booked, a correction.
	require.NoError(w.t, s.e.PutMeter(ctx, usage.Meter{Slug: "calls_by", EventType: "api_calls", Aggregation: usage.Sum, Scale: new(int), Dimensions: []string{"metadata.kind", "metadata.region"}}))
	for i, tenant := range tenants {
		require.NoError(w.t, s.e.PutTenant(ctx, usage.Tenant{ID: tenant, Plan: "p", TimeZone: zones[i]}))
		w.book.limits[tenant] = 160
	}
	keep := usage.Retention{Minute: usage.KeepFor(24 * time.Hour), QuarterHour: usage.KeepFor(48 * time.Hour)}
	if w.rng.IntN(2) == 0 {
		keep.Raw = usage.KeepFor(36 * 24 * time.Hour)
	}
	require.NoError(w.t, s.e.PutSettings(ctx, usage.Settings{UnknownTenants: usage.UnknownCreate, Retention: keep}, usage.Condition{}))
	w.rest(s.e)
}

// open opens an engine on a disk; nil: on one without faults. How it is opened is drawn: nothing of that may be seen in the answers. It returns
// nil when the engine cannot be opened because of what has struck.
func (w *world) open(d *disk) *session {
	quiet := d == nil
	if quiet {
		d = newDisk(w.mem, w.clock, w.rng)
	}
	e, err := engine.Open("store", &engine.Options{
		FS: d.fs(), Clock: w.clock, Logger: slog.New(slog.DiscardHandler), MemoryBytesMax: 1 << 20, FreeBytes: d.free, FreeBytesMin: 16 << 20,
		Shards: 1 + w.rng.IntN(4), CheckpointItems: []int{10, 40, 200, 1 << 20}[w.rng.IntN(4)],
	})
	if err != nil {
		require.True(w.t, d.struck(), "open without a fault: %v", err)
		return nil
	}
	w.t.Cleanup(func() { _ = e.Close() }) // of a run that failed; a bubble must end empty
	total.add(func() { total.engines++ })
	d.opened()
	w.opening = (w.opening + d.opening) / 2
	w.sameDigest(e)
	s := &session{w: w, e: e, d: d}
	s.http = newHTTPDoor(w, e)
	return s
}

// work opens an engine on a disk with faults and lets clients at it.
func (w *world) work(d *disk) {
	s := w.open(d)
	if s == nil {
		return
	}
	steps := 20 + w.rng.IntN(60)
	var all sync.WaitGroup
	for range 3 {
		c := &caller{session: s, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 3))}
		all.Go(func() { c.run(context.Background(), steps) })
	}
	all.Wait()
	if failed := s.failed.Load(); failed != nil && !slices.ContainsFunc(s.e.Health(), func(h usage.HealthCheck) bool { return h.Fatal }) {
		w.violation(goesOn, "a caller was told that the engine has failed, and its health does not say so: %v", *failed)
	}
	if err := s.e.Close(); err != nil && !d.struck() {
		w.violation(liedOutcome, "close without a fault: %v", err)
	}
	w.ops = max(100, (w.ops+d.ops)/2)
}
