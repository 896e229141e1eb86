package wal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
)

// TestRunCount holds the number of runs to seven while 10 M ids arrive 1 M at a time, even when
// merging lags two generations behind.
func TestRunCount(t *testing.T) {
	var runs []*idRun
	merges := 0
	for gen := range uint64(10) {
		runs = append(runs, &idRun{info: runInfo{num: gen, count: 1_000_000}})
		if len(runs) > 7 {
			t.Errorf("%d runs after %d generations", len(runs), gen+1)
		}
		if gen%3 != 2 && gen != 9 {
			continue // The merger is busy elsewhere.
		}
		for inputs := pickMerge(runs); inputs != nil; inputs = pickMerge(runs) {
			merged := &idRun{info: runInfo{num: 100 + gen}}
			kept := []*idRun{merged}
			for _, r := range runs {
				if slices.Contains(inputs, r) {
					merged.info.count += r.info.count
				} else {
					kept = append(kept, r)
				}
			}
			runs = kept
			merges++
		}
	}
	if merges != 2 || len(runs) > 4 {
		t.Errorf("%d merges, %d runs at the end", merges, len(runs))
	}
}

// TestPickMerge states the choice for lists of counts.
func TestPickMerge(t *testing.T) {
	const k, m = 1000, 1_000_000
	for _, c := range []struct{ counts, want []uint64 }{
		{[]uint64{}, nil},
		{[]uint64{m, m, m}, nil},
		{[]uint64{m, m, m, m}, []uint64{m, m, m, m}},
		{[]uint64{m, 1<<20 + 9, 900 * k, 600 * k}, []uint64{600 * k, 900 * k, m, 1<<20 + 9}},
		{[]uint64{4 * m, 4 * m, m, m, 4 * m}, nil},
		{[]uint64{4 * m, 4 * m, m, m, 4 * m, 4 * m}, []uint64{4 * m, 4 * m, 4 * m, 4 * m}},
		{[]uint64{4 * m, 4 * m, 4 * m, 4 * m, m, m, m, m, m}, []uint64{m, m, m, m, m}},
		{[]uint64{1, 10, 10 * k, 30 * k, m}, []uint64{1, 10, 10 * k, 30 * k}},
		{ // More than runsMax, and no full tier.
			[]uint64{k, k, k, 40 * k, 40 * k, 200 * k, 200 * k, m, m, 4 * m, 16 * m},
			[]uint64{k, k, k, 40 * k},
		},
	} {
		var runs []*idRun
		for _, count := range c.counts {
			runs = append(runs, &idRun{info: runInfo{count: count}})
		}
		var got []uint64
		for _, r := range pickMerge(runs) {
			got = append(got, r.info.count)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("of %v: merge %v, want %v", c.counts, got, c.want)
		}
	}
}

// TestMergeKeepsFirst: should an id be in two runs, which is a bug elsewhere, the position that was
// counted first survives.
func TestMergeKeepsFirst(t *testing.T) {
	h := newRunHarness(t)
	shared := Hash{1 << 60, 7}
	for _, block := range []uint64{30, 10, 20, 40} {
		ids := []ID{{Hash: shared, Block: block}, {Hash: Hash{1 << 61, block}, Block: block}}
		if err := h.add(ids); err != nil {
			t.Fatal(err)
		}
	}
	check := func() {
		t.Helper()
		if id, ok, err := h.set.Lookup(shared); err != nil || !ok || id.Block != 10 {
			t.Errorf("lookup: %+v, %v, %v; want block 10", id, ok, err)
		}
	}
	check()
	if err := h.mergeAll(); err != nil {
		t.Fatal(err)
	}
	check()
	if runs, ids, _ := h.set.Count(); runs != 1 || ids != 5 {
		t.Errorf("%d runs with %d ids, want 1 with 5", runs, ids)
	}
}

// TestMergeDeletesRows: after merging, only the rows of the runs that exist are left.
func TestMergeDeletesRows(t *testing.T) {
	h := newRunHarness(t)
	rng, model := testRand(4), map[Hash]ID{}
	for gen := range uint64(4) {
		ids := sortedIDs(rng, 5000, 1+gen*50, 100)
		for _, id := range ids {
			model[id.Hash] = id
		}
		if err := h.add(ids); err != nil {
			t.Fatal(err)
		}
	}
	// A reader in the middle of things keeps the old runs.
	reader := h.set.acquire()
	if err := h.mergeAll(); err != nil {
		t.Fatal(err)
	}
	wantRows := func(chunks int) {
		t.Helper()
		if rows, _, err := h.rows(runChunkClass); err != nil || rows != chunks {
			t.Errorf("%d chunk rows, %v; want %d", rows, err, chunks)
		}
	}
	wantRows(4*32 + 128)
	h.set.release(reader)
	if err := h.mergeAll(); err != nil {
		t.Fatal(err)
	}
	wantRows(128)
	if err := checkRunSet(h.set, model, nil); err != nil {
		t.Error(err)
	}
}

// TestMergeFailure: a merge that cannot write changes nothing, and its leftovers go with the next.
func TestMergeFailure(t *testing.T) {
	h := newRunHarness(t)
	rng, model := testRand(5), map[Hash]ID{}
	for gen := range uint64(4) {
		ids := sortedIDs(rng, 2000, 1+gen*50, 100)
		maps.Insert(model, func(yield func(Hash, ID) bool) {
			for _, id := range ids {
				if !yield(id.Hash, id) {
					return
				}
			}
		})
		if err := h.add(ids); err != nil {
			t.Fatal(err)
		}
	}
	for failAt := 1; ; failAt++ {
		calls := 0
		h.set.ingest = func(build func(w runRows) error, committed func()) error {
			if calls++; calls == failAt {
				return usage.ErrDiskFull
			}
			return h.ingest(build, committed)
		}
		err := h.mergeAll()
		if err := checkRunSet(h.set, model, nil); err != nil {
			t.Fatalf("failure of ingest %d: %v", failAt, err)
		}
		if err == nil {
			break
		}
		if !errors.Is(err, usage.ErrDiskFull) {
			t.Fatal(err)
		}
	}
	if rows, _, err := h.rows(runChunkClass); err != nil || rows != 32 {
		t.Errorf("%d chunk rows, %v; want the 32 of one run", rows, err)
	}
}

// TestLookupBesideMerges hammers lookups of present and absent ids while runs are added and merged
// on other goroutines. Every id must be found from the moment its run was published, through every
// merge, with every detail.
func TestLookupBesideMerges(t *testing.T) {
	const generations, perGeneration, readers = 40, 1500, 3
	h := newRunHarness(t)
	rng := testRand(1)
	all := randomIDs(rng, generations*perGeneration, 1, 100)
	var published atomic.Int64 // ids of all that can be looked up

	stop, failed := make(chan struct{}), make(chan error, readers+1)
	var merger, reading sync.WaitGroup
	merger.Go(func() { h.set.runMerger(stop, func(err error) { failed <- err }) })
	done := make(chan struct{})
	for r := range readers {
		reading.Go(func() {
			rng := testRand(uint64(100 + r))
			for {
				select {
				case <-done:
					return
				default:
				}
				if err := readSome(h.set, rng, all[:published.Load()]); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for gen := range generations {
		ids := slices.Clone(all[gen*perGeneration : (gen+1)*perGeneration])
		SortIDs(ids)
		if err := h.add(ids); err != nil {
			t.Fatal(err)
		}
		published.Store(int64((gen + 1) * perGeneration))
	}
	for runs, _, _ := h.set.Count(); runs > mergeRuns; runs, _, _ = h.set.Count() {
		if len(failed) > 0 {
			break
		}
		if err := readSome(h.set, rng, all); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	reading.Wait()
	close(stop)
	merger.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	model := map[Hash]ID{}
	for _, id := range all {
		model[id.Hash] = id
	}
	if err := checkRunSet(h.set, model, nil); err != nil {
		t.Fatal(err)
	}
}

// readSome looks up a few ids that are there and a few that are not.
func readSome(s *RunSet, rng *rand.Rand, present []ID) error {
	if len(present) == 0 {
		return nil
	}
	var hashes []Hash
	var want []ID
	for range 50 {
		id := present[rng.IntN(len(present))]
		want = append(want, id)
		hashes = append(hashes, id.Hash, Hash{rng.Uint64(), rng.Uint64()})
	}
	hits := s.Candidates(hashes, nil)
	for i, h := range hashes {
		if _, hit := slices.BinarySearch(hits, uint32(i)); i%2 == 0 && !hit {
			return fmt.Errorf("a present id is no candidate: %+v", want[i/2])
		}
		id, ok, err := s.Lookup(h)
		switch {
		case err != nil:
			return err
		case i%2 == 0 && (!ok || id != want[i/2]):
			return fmt.Errorf("lookup: %+v, %v; want %+v", id, ok, want[i/2])
		case i%2 == 1 && ok:
			return fmt.Errorf("an absent id was found: %+v", id)
		}
	}
	return nil
}

// TestPowerCutInMerge cuts the power at every operation on the file system while generations are
// added and merged. After reopening, every id of a generation that was added before the cut is
// there exactly once, the one that was being added is there as a whole or not at all, and no rows
// of runs that do not exist are left.
func TestPowerCutInMerge(t *testing.T) {
	const generations, perGeneration = 9, 600
	rng := testRand(2)
	gens := make([][]ID, generations)
	for i := range gens {
		gens[i] = sortedIDs(rng, perGeneration, uint64(1+10*i), 100)
	}
	type cut struct {
		fs           *crashtest.FS
		added, begun int
		op           string
	}
	var (
		cuts  []cut
		mu    sync.Mutex // guards cuts and the generator: Pebble works on goroutines of its own
		added atomic.Int64
		begun atomic.Int64
		armed atomic.Bool
	)
	mem := crashtest.New()
	crash := errorfs.InjectorFunc(func(op errorfs.Op) error {
		if !armed.Load() || op.Kind.ReadOrWrite() != errorfs.OpIsWrite {
			return nil
		}
		mu.Lock()
		defer mu.Unlock()
		before := int(added.Load()) // Read before the clone: it is a lower bound.
		clone := mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * rng.IntN(3), RNG: rng})
		cuts = append(cuts, cut{clone, before, int(begun.Load()), fmt.Sprint(op.Kind, " ", op.Path)})
		return nil
	})
	h, err := openRunHarness(errorfs.Wrap(mem, crash))
	if err != nil {
		t.Fatal(err)
	}
	h.set.mergeIngestIDs = perGeneration // A merge of four takes four ingests and the manifest.
	armed.Store(true)
	for _, ids := range gens {
		begun.Add(1)
		if err := h.add(ids); err != nil {
			t.Fatal(err)
		}
		added.Add(1)
		if err := h.mergeAll(); err != nil {
			t.Fatal(err)
		}
	}
	armed.Store(false)
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d power cuts", len(cuts))
	if len(cuts) < 100 {
		t.Error("too few power cuts to mean anything")
	}
	leftovers := 0
	for i, c := range cuts {
		if race.Enabled && i%20 != 0 { // the run without the detector visits every one
			continue
		}
		cleaned, err := checkAfterCut(c.fs, gens, c.added, c.begun)
		if err != nil {
			t.Fatalf("cut %d, before %s: %v", i, c.op, err)
		}
		if cleaned {
			leftovers++
		}
	}
	t.Logf("%d of them left rows behind", leftovers)
	if leftovers == 0 && !race.Enabled {
		t.Error("no cut fell between the ingests of a merge")
	}
}

// checkAfterCut opens what a power cut left of a store to which at least added and at most begun
// generations were added, and reports whether opening found something to clean up.
func checkAfterCut(fs vfs.FS, gens [][]ID, added, begun int) (cleaned bool, err error) {
	h, err := openRunHarness(fs)
	if err != nil {
		return false, err
	}
	cleaned = h.tables > 0
	defer func() { err = errors.Join(err, h.close()) }()
	_, count, _ := h.set.Count()
	if len(gens[0]) == 0 || count%uint64(len(gens[0])) != 0 {
		return cleaned, fmt.Errorf("%d ids: part of a generation", count)
	}
	found := int(count) / len(gens[0])
	if found < added || found > begun {
		return cleaned, fmt.Errorf("%d generations found, %d acknowledged, %d begun", found, added, begun)
	}
	model := map[Hash]ID{}
	var absent []Hash
	for i, ids := range gens {
		for _, id := range ids {
			if i < found {
				model[id.Hash] = id
			} else {
				absent = append(absent, id.Hash)
			}
		}
	}
	if err := checkRunSet(h.set, model, absent); err != nil {
		return cleaned, err
	}
	chunks := 0
	for _, r := range h.set.current.Load().runs {
		chunks += int(r.info.chunks())
	}
	if rows, _, err := h.rows(runChunkClass); err != nil || rows != chunks {
		return cleaned, fmt.Errorf("%d chunk rows for %d chunks of existing runs: %w", rows, chunks, err)
	}
	return cleaned, h.mergeAll()
}
