package engine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

var (
	simRounds = flag.Int("sim.rounds", 40, "power cuts of the crash loops; make crash runs 1,000")
	simSeed   = flag.Uint64("sim.seed", 0, "seed of the crash loops; 0: by the clock, printed")
)

func seed(t testing.TB) uint64 {
	s := *simSeed
	if s == 0 {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d (repeat with -sim.seed=%d)", s, s)
	return s
}

// powerCut is a file system that takes a crash clone of itself at its n-th operation: what a disk
// would hold if the power failed there, with a random part of what was not synced.
type powerCut struct {
	mem   *crashtest.FS
	rng   *rand.Rand
	ops   atomic.Int64
	at    int64
	atCut func() // called when the cut happens

	mu    sync.Mutex
	clone *crashtest.FS
}

func (p *powerCut) fs() vfs.FS {
	return errorfs.Wrap(p.mem, errorfs.InjectorFunc(func(errorfs.Op) error {
		if p.ops.Add(1) == p.at {
			p.cut()
		}
		return nil
	}))
}

func (p *powerCut) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clone == nil {
		p.atCut()
		p.clone = p.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: p.rng.IntN(101), RNG: p.rng})
	}
}

// TestPowerCut cuts the power at a random operation, again and again on the same history: while opening,
// recording, checkpointing, closing. After each cut the store must hold a prefix of what was sent, with at
// least everything that was acknowledged, and equal the fold of its log.
//
// Method: one goroutine sends batches, so what is found must be a prefix of the model; its
// length is the count of events that the reopened engine reports.
func TestPowerCut(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 1))
	clock := newTestClock()
	mem := crashtest.New()
	m := newModel()
	var opening, checkpointing, lostTail int
	opsOfRound := int64(400)
	for round := range *simRounds {
		// A generator of its own: the cut happens in whatever goroutine does I/O at that moment.
		cut := &powerCut{mem: mem, rng: rand.New(rand.NewPCG(s, uint64(round)<<8)), at: 1 + rng.Int64N(opsOfRound)}
		var acked, sent, ackedAtCut, sentAtCut atomic.Int64
		acked.Store(int64(len(m.events)))
		sent.Store(acked.Load())
		inOpen, inCheckpoint := atomic.Bool{}, atomic.Bool{}
		cut.atCut = func() {
			ackedAtCut.Store(acked.Load())
			sentAtCut.Store(sent.Load())
			if inOpen.Load() {
				opening++
			}
			if inCheckpoint.Load() {
				checkpointing++
			}
		}
		inOpen.Store(true)
		e, err := Open("store", memOptions(cut.fs(), clock, func(o *Options) { o.CheckpointItems = 40 + rng.IntN(200) }))
		require.NoError(t, err)
		inOpen.Store(false)
		for range 3 + rng.IntN(12) {
			sendBatch(t, rng, e, m, clock, &sent, &acked)
			if rng.IntN(6) == 0 {
				inCheckpoint.Store(true)
				require.NoError(t, e.checkpoint(context.Background()))
				inCheckpoint.Store(false)
			}
		}
		inCheckpoint.Store(true)
		require.NoError(t, e.Close())
		inCheckpoint.Store(false)
		cut.cut() // if the round was shorter than thought: cut now
		opsOfRound = max(50, (opsOfRound+cut.ops.Load())/2)

		mem = cut.clone
		re, err := Open("store", memOptions(mem, clock, nil))
		require.NoError(t, err, "round %d", round)
		found := int64(re.Stats().Events)
		require.GreaterOrEqual(t, found, ackedAtCut.Load(), "round %d: acknowledged events are lost", round)
		require.LessOrEqual(t, found, sentAtCut.Load(), "round %d: more events than were sent", round)
		if found < sentAtCut.Load() {
			lostTail++
		}
		m.truncate(int(found))
		if round%8 == 0 || round == *simRounds-1 {
			m.check(t, re, clock.Now().AddDate(0, -6, 0).Truncate(time.Hour), clock.Now().AddDate(0, 0, 1).Truncate(time.Hour))
		}
		require.NoError(t, re.Verify(context.Background()), "round %d", round)
		require.NoError(t, re.Close())
	}
	t.Logf("%d cuts (%d while opening, %d in a checkpoint or close), %d with unacknowledged events lost, %d events",
		*simRounds, opening, checkpointing, lostTail, len(m.events))
}

// truncate forgets all but the first n counted events.
func (m *model) truncate(n int) {
	for i := n; i < len(m.events); i++ {
		delete(m.byID, modelKey(&m.events[i]))
	}
	m.events = m.events[:n]
}

// sendBatch records a random batch, a quarter of it known ids, and tells the model. Log time stands still meanwhile.
func sendBatch(t testing.TB, rng *rand.Rand, e *Engine, m *model, clock *testClock, sent, acked *atomic.Int64) {
	t.Helper()
	evs := make([]usage.Event, 1+rng.IntN(25))
	for i := range evs {
		if len(m.events) > 0 && rng.IntN(4) == 0 {
			evs[i] = m.byID[modelKey(&m.events[rng.IntN(len(m.events))])]
		} else {
			evs[i] = randomEvent(rng, rng.Int(), clock.Now())
		}
	}
	before := len(m.events)
	for i := range evs {
		m.add(evs[i], clock.Now())
	}
	sent.Store(int64(len(m.events)))
	outs, err := e.RecordBatch(context.Background(), evs)
	require.NoError(t, err)
	fresh := 0
	for i := range outs {
		require.NoError(t, outs[i].Err)
		if outs[i].Status == usage.StatusCounted {
			fresh++
		}
	}
	require.Equal(t, len(m.events)-before, fresh)
	acked.Store(int64(len(m.events)))
	clock.advance(time.Duration(rng.IntN(4000)) * time.Second)
}

// TestIOError fails the n-th write, sync, create, rename or remove once, for every n of a small workload
// (a stride in the short version). Whatever fails: nothing acknowledged is lost, the engine says
// so or goes on, and the store opens again and equals its log.
func TestIOError(t *testing.T) {
	s := seed(t)
	stride := 7
	if *simRounds >= 1000 {
		stride = 1
	}
	failures, silent := 0, 0
	for n := int64(1); ; n += int64(stride) {
		rng := rand.New(rand.NewPCG(s, uint64(n)))
		clock, m, mem := newTestClock(), newModel(), crashtest.New()
		var ops atomic.Int64
		failed := atomic.Bool{}
		fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
			if op.Kind.ReadOrWrite() == errorfs.OpIsWrite && ops.Add(1) == n {
				failed.Store(true)
				return fmt.Errorf("injected: %w", errInjected)
			}
			return nil
		}))
		acked, err := ioErrorWorkload(t, rng, fs, clock, m)
		if !failed.Load() {
			t.Logf("every %dth of %d writes failed once: %d times seen by a caller, %d mended unseen", stride, ops.Load(), failures, silent)
			require.NotZero(t, failures)
			return
		}
		if err != nil {
			failures++
		} else {
			silent++
		}
		re, err := Open("store", memOptions(mem, clock, nil))
		require.NoError(t, err, "write %d failed once: reopen", n)
		found := int(re.Stats().Events)
		require.GreaterOrEqual(t, found, acked, "write %d failed once: acknowledged events are lost", n)
		require.LessOrEqual(t, found, len(m.events))
		require.NoError(t, re.Verify(context.Background()), "write %d failed once", n)
		require.NoError(t, re.Close())
	}
}

var errInjected = errors.New("disk error")

// ioErrorWorkload opens, records, checkpoints and closes until something fails. It returns how many events
// were acknowledged, and the first error.
func ioErrorWorkload(t testing.TB, rng *rand.Rand, fs vfs.FS, clock *testClock, m *model) (acked int, err error) {
	t.Helper()
	e, err := Open("store", memOptions(fs, clock, func(o *Options) { o.CheckpointItems = 60 }))
	if err != nil {
		return 0, err
	}
	defer func() {
		if cerr := e.Close(); err == nil {
			err = cerr
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for range 12 {
		evs := make([]usage.Event, 1+rng.IntN(25))
		for i := range evs {
			evs[i] = randomEvent(rng, rng.Int(), clock.Now())
			m.add(evs[i], clock.Now())
		}
		if _, err := e.RecordBatch(ctx, evs); err != nil {
			require.Contains(t, []usage.ErrorCode{usage.CodeOutcomeUnknown, usage.CodeFailed, usage.CodeDiskFull}, usage.Code(err), "%v", err)
			require.NoError(t, ctx.Err(), "the engine hangs after an I/O error")
			if usage.Code(err) == usage.CodeOutcomeUnknown {
				_, err2 := e.RecordBatch(ctx, evs)
				require.Equal(t, usage.CodeFailed, usage.Code(err2), "a failed engine takes no writes: %v", err2)
			}
			return acked, err
		}
		acked = len(m.events)
	}
	return acked, nil
}

// TestDuplicateNeverOutrunsTheDisk holds the fsync of an event back and sends the event again: the retry must
// not be told "duplicate" while a power cut could still lose the first copy. In a bubble, so that everybody has come as
// far as they can before the answers are looked at.
func TestDuplicateNeverOutrunsTheDisk(t *testing.T) { synctest.Test(t, duplicateAndDisk) }

func duplicateAndDisk(t *testing.T) {
	mem, clock := crashtest.New(), newTestClock()
	hold := make(chan struct{})
	var holding atomic.Bool
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		sync := op.Kind == errorfs.OpFileSync || op.Kind == errorfs.OpFileSyncData || op.Kind == errorfs.OpFileSyncTo
		if sync && holding.Load() {
			<-hold
		}
		return nil
	}))
	e, err := Open("store", memOptions(fs, clock, nil))
	require.NoError(t, err)
	holding.Store(true)
	answers := make(chan usage.Outcome, 2)
	send := func(others int) {
		evs := []usage.Event{event("x")}
		for i := range others {
			evs = append(evs, event(fmt.Sprint("other", i)))
		}
		out, _ := e.RecordBatch(context.Background(), evs)
		answers <- out[0]
	}
	go send(0)
	synctest.Wait() // the event is applied: readable, though not yet durable
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 2, units)
	go send(pipelineItemsMin) // a block that does not wait for the one before it
	synctest.Wait()           // the retry is judged a duplicate, in memory
	require.EqualValues(t, 1, e.Stats().Duplicates)
	clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0, RNG: rand.New(rand.NewPCG(1, 1))})
	require.Empty(t, answers, "an answer outran the disk")
	holding.Store(false)
	close(hold)
	<-answers
	<-answers
	require.NoError(t, e.Close())

	re := openMem(t, clone, clock, nil)
	require.Zero(t, re.Stats().Events, "the power cut lost the first copy")
	out, err := re.Record(context.Background(), event("x"))
	require.NoError(t, err)
	require.Equal(t, usage.StatusCounted, out.Status)
}
