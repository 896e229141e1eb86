package wal

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
)

// Power cuts. Goal: whatever moment the power goes, every acknowledged block and checkpoint is
// found again, what is found is a prefix of what was written, and state, runs and log agree.
//
// Method: a workload runs on a file system that remembers what was synced. At random file
// operations (while opening, appending, flushing, committing, merging, closing) a clone is
// taken of what a power cut would leave: everything synced, and a random part of the rest. Each
// clone is then opened and checked, with more power cuts during that opening, and written to.

// powerCut is a clone and what the model knew before it was taken.
type powerCut struct {
	fs                     *crashtest.FS
	op                     errorfs.Op
	acked, submitted       uint64
	checkpoint, committing uint64
}

// powerCuts takes clones at random operations.
type powerCuts struct {
	mem *crashtest.FS
	m   *storeModel

	mu    sync.Mutex // guards the block below and, for its readers here, m's counters
	rng   *rand.Rand
	every int // on average
	cuts  []powerCut
}

// MaybeError implements errorfs.Injector: it injects nothing, but sees each operation.
func (c *powerCuts) MaybeError(op errorfs.Op) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if op.Kind.ReadOrWrite() == errorfs.OpIsRead || c.rng.IntN(c.every) != 0 {
		return nil
	}
	cut := powerCut{
		op: op, acked: c.m.acked, submitted: c.m.submitted,
		checkpoint: c.m.checkpoint, committing: c.m.committing,
	}
	cut.fs = c.mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: []int{0, 30, 100}[c.rng.IntN(3)], RNG: c.rng})
	c.cuts = append(c.cuts, cut)
	return nil
}

// String implements errorfs.Injector.
func (c *powerCuts) String() string { return "power cuts" }

// step runs one step of the model so that its counters change only while no cut is taken. Counters
// that promise something rise after the step, those that allow something before.
func (c *powerCuts) step(do func(m *storeModel) error) error {
	c.mu.Lock()
	next := *c.m
	c.m.submitted, c.m.committing = c.m.submitted+1, max(c.m.committing, c.m.submitted)
	c.mu.Unlock()
	err := do(&next)
	c.mu.Lock()
	*c.m = next
	c.mu.Unlock()
	return err
}

// simRounds has the name and default of the engine's flag, so that make crash can set both at once. A
// round here is about fifty cuts.
var simRounds = flag.Int("sim.rounds", 40, "size of the crash loops")

func TestStorePowerCuts(t *testing.T) {
	rounds, every := *simRounds/5, 40
	if testing.Short() || race.Enabled {
		rounds = 2
	}
	total := 0
	for round := range rounds {
		seed := uint64(round)
		cuts := runPowerCuts(t, seed, every)
		for i, cut := range cuts {
			// Every cut once, every fourth also with cuts in the opening after a cut opening.
			depth := 1
			if i%4 == 0 {
				depth = 2
			}
			require.NoError(t, checkPowerCut(cut, seed*1000+uint64(i), depth),
				"seed %d, cut %d, before %v %s", seed, i, cut.op.Kind, cut.op.Path)
		}
		total += len(cuts)
	}
	t.Logf("%d power cuts", total)
	require.Greater(t, total, rounds*10)
}

// runPowerCuts runs the workload twice over, with a clean reopening between, and returns the cuts.
func runPowerCuts(t *testing.T, seed uint64, every int) []powerCut {
	mem := crashtest.New()
	c := &powerCuts{mem: mem, m: &storeModel{}, rng: rand.New(rand.NewPCG(seed, 1)), every: every}
	work := rand.New(rand.NewPCG(seed, 2))
	for range 2 {
		s, err := Open("/data", storeTestOptions(errorfs.Wrap(mem, c)))
		require.NoError(t, err)
		c.m.s = s
		for range 60 {
			require.NoError(t, c.step(func(m *storeModel) error {
				switch n := work.IntN(10); {
				case n < 8:
					return m.append(n < 3)
				default:
					return m.commit()
				}
			}))
		}
		require.NoError(t, c.step(func(m *storeModel) error { return m.wait() }))
		require.NoError(t, s.Close())
	}
	return c.cuts
}

// checkPowerCut opens what a cut left, checks it, and writes to it; depth more cuts are made
// while it opens.
func checkPowerCut(cut powerCut, seed uint64, depth int) error {
	m := &storeModel{
		acked: cut.acked, submitted: cut.submitted, checkpoint: cut.checkpoint, committing: cut.committing,
	}
	if depth > 0 {
		again := &powerCuts{
			mem: cut.fs.CrashClone(vfs.CrashCloneCfg{}),
			m:   m, rng: rand.New(rand.NewPCG(seed, 3)), every: 15,
		}
		s, err := Open("/data", storeTestOptions(errorfs.Wrap(again.mem, again)))
		if err != nil {
			return fmt.Errorf("open: %w", err)
		}
		if err := s.Close(); err != nil {
			return err
		}
		again.mu.Lock()
		cuts := again.cuts[:min(len(again.cuts), 2)]
		again.mu.Unlock()
		for i, deeper := range cuts {
			if err := checkPowerCut(deeper, seed*31+uint64(i), depth-1); err != nil {
				return fmt.Errorf("cut during Open before %v %s: %w", deeper.op.Kind, deeper.op.Path, err)
			}
		}
	}
	s, err := Open("/data", storeTestOptions(cut.fs))
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer s.Close()
	if err := checkStore(s, cut.acked, cut.submitted, cut.checkpoint, cut.committing); err != nil {
		return err
	}
	// What was found is durable, and life goes on.
	m.s, m.submitted, m.acked = s, s.LastIndex(), s.LastIndex()
	for range 3 {
		if err := m.append(false); err != nil {
			return err
		}
	}
	if err := m.commit(); err != nil {
		return err
	}
	return checkStore(s, m.submitted, m.submitted, m.submitted, m.submitted)
}

// The one that Pebble alone gets wrong: an ingested table survives a power cut that loses the
// unsynced block it was derived from. Commit must have made the block durable.
func TestStoreCommitMakesLogDurable(t *testing.T) {
	mem := crashtest.New()
	s := openTestStore(t, mem)
	m := &storeModel{s: s}
	require.NoError(t, m.append(false))
	require.NoError(t, m.append(false))
	require.NoError(t, m.commit(), "nobody has waited for the blocks")
	require.Equal(t, uint64(2), s.DurableIndex())

	after := mem.CrashClone(vfs.CrashCloneCfg{})
	s2, err := Open("/data", storeTestOptions(after))
	require.NoError(t, err)
	defer s2.Close()
	require.NoError(t, checkStore(s2, 2, 2, 2, 2))
	require.NoError(t, m.wait())
}

// A process that dies leaves blocks that were written and not synced; the next one finds them. From
// then on they count as durable, so opening must have made them so.
func TestStoreOpenMakesLogDurable(t *testing.T) {
	mem := crashtest.New()
	var on atomic.Bool
	s := openTestStore(t, errorfs.Wrap(mem, walFault(errorfs.OpFileSyncData, &on)))
	m := &storeModel{s: s}
	require.NoError(t, m.append(true))
	on.Store(true)
	require.NoError(t, m.append(false))
	require.Error(t, m.wait(), "written, but not synced")
	require.NoError(t, s.Close())

	s = openTestStore(t, mem)
	require.Equal(t, uint64(2), s.LastIndex(), "found by the next process")
	require.Equal(t, uint64(2), s.DurableIndex())
	m.s = s
	require.NoError(t, m.commit())
	s2 := openTestStore(t, mem.CrashClone(vfs.CrashCloneCfg{}))
	require.NoError(t, checkStore(s2, 2, 2, 2, 2))
}
