package wal

import (
	"cmp"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"time"
)

// Merging keeps the runs few, as in a log-structured merge tree with size tiers: four runs of one
// tier become one of the next. An id is rewritten once per tier, log4(total / generation) times;
// 10 M ids that arrived 1 M at a time have been rewritten 0.8 times on average and lie in four
// runs.
//
// A merge writes its new run by several ingests of bounded size, under a number that no manifest
// names, so a checkpoint never waits for more than one of these. One small ingest of the manifest
// then replaces the old runs by the new one. A power cut before it leaves the old runs and
// leftovers, which opening deletes; after it, the new run and the old rows as leftovers.

const (
	// mergeRuns is how many runs of a tier start a merge. Fewer would rewrite more, more would
	// slow down every probe.
	mergeRuns = 4

	// mergeRunsMax bounds the inputs of a merge that has fallen behind.
	mergeRunsMax = 8

	// mergeTierZeroBits: all runs below 2^15 ids are one tier. Rewriting them takes
	// milliseconds, and many clean restarts must not build a ladder of tiny runs.
	mergeTierZeroBits = 15

	// runsMax is how many runs may stay when no tier is full: above it the smallest ones are
	// merged whatever their tiers. Only generations of very different sizes lead there.
	runsMax = 10

	// mergeIngestIDsDefault bounds the ids of one ingest: 10 MB of tables, about 0.1 s.
	mergeIngestIDsDefault = 1 << 19

	// mergeRetryDelay is how long a failed merge waits before it is tried again. A full disk,
	// the usual cause, does not pass in seconds.
	mergeRetryDelay = 30 * time.Second
)

// errMergeStopped ends a merge when the store closes.
var errMergeStopped = errors.New("merge stopped")

// mergeTier returns the size tier of a run: 0 below 2^15 ids, then one per factor of four. The
// bounds are odd powers of two, so that generations of about 1 M = 2^20 ids fall into one tier.
func mergeTier(count uint64) int {
	return max(0, bits.Len64(count)-mergeTierZeroBits+1) / 2
}

// runMerger merges and cleans up until stop is closed; the store runs it on a goroutine of its
// own. Errors go to report: a merge that failed changed nothing and is retried, unless a run is
// corrupt, which ends merging; lookups go on either way.
func (s *RunSet) runMerger(stop <-chan struct{}, report func(error)) {
	for {
		worked, err := s.mergeOnce(stop)
		if errors.Is(err, errMergeStopped) {
			return
		}
		if worked && err == nil {
			continue
		}
		var retry <-chan time.Time
		if err != nil {
			report(err)
			if errors.Is(err, ErrCorrupt) {
				return
			}
			retry = time.After(mergeRetryDelay)
		}
		if !s.awaitWork(stop, retry) {
			return
		}
	}
}

// awaitWork waits until there may be something to do: after a failure for the retry only, else
// for a wake. It returns false when stop is closed.
func (s *RunSet) awaitWork(stop <-chan struct{}, retry <-chan time.Time) bool {
	wake := s.wake
	if retry != nil {
		wake = nil
	}
	select {
	case <-stop:
		return false
	case <-wake:
	case <-retry:
	}
	return true
}

// mergeOnce deletes the rows of runs that have become unreachable, and performs at most one
// merge. It reports whether it did anything. One goroutine at a time.
func (s *RunSet) mergeOnce(stop <-chan struct{}) (worked bool, err error) {
	select {
	case <-stop:
		return false, errMergeStopped
	default:
	}
	deleted, err := s.deleteDoomed()
	if err != nil {
		return deleted, err
	}
	inputs := pickMerge(s.current.Load().runs)
	if inputs == nil {
		return deleted, nil
	}
	return true, s.merge(inputs, stop)
}

// pickMerge returns the runs that should be merged now, or nil: those of the lowest full tier,
// since that is the cheapest merge, else the smallest ones if there are too many in all.
func pickMerge(runs []*idRun) []*idRun {
	sorted := slices.Clone(runs)
	slices.SortStableFunc(sorted, func(a, b *idRun) int {
		return cmp.Compare(a.info.count, b.info.count)
	})
	for start := 0; start < len(sorted); {
		end := start
		tier := mergeTier(sorted[start].info.count)
		for end < len(sorted) && mergeTier(sorted[end].info.count) == tier {
			end++
		}
		if end-start >= mergeRuns {
			return sorted[start:min(end, start+mergeRunsMax)]
		}
		start = end
	}
	if len(sorted) > runsMax {
		return sorted[:mergeRuns]
	}
	return nil
}

// merge replaces inputs by one run. inputs are current, and only merges remove runs, so they stay
// readable without a reference.
func (s *RunSet) merge(inputs []*idRun, stop <-chan struct{}) error {
	merged, err := s.writeMerged(inputs, stop)
	if err != nil {
		if merged != nil {
			s.doomed = append(s.doomed, merged) // Part of it may have been ingested.
		}
		return fmt.Errorf("merge %d dedup runs: %w", len(inputs), err)
	}
	var runs []*idRun
	err = s.ingest(func(w runRows) error {
		// Checkpoints may have added runs since, but not between here and the swap.
		runs = []*idRun{merged}
		for _, r := range s.current.Load().runs {
			if !slices.Contains(inputs, r) {
				runs = append(runs, r)
			}
		}
		return s.setManifest(w, runs)
	}, func() { s.swap(runs) })
	if err != nil {
		s.doomed = append(s.doomed, merged)
		return fmt.Errorf("replace %d dedup runs: %w", len(inputs), err)
	}
	s.doomed = append(s.doomed, inputs...)
	return nil
}

// writeMerged stores the ids of inputs as a new run, which does not exist yet. The run is
// returned as soon as some of its rows may be stored, also with an error.
func (s *RunSet) writeMerged(inputs []*idRun, stop <-chan struct{}) (run *idRun, err error) {
	var m runMerge
	defer func() { err = cmp.Or(err, m.close()) }()
	if err := m.open(s, inputs); err != nil {
		return nil, err
	}
	run = &idRun{filter: m.w.filter, info: m.w.info}
	for done := false; !done; {
		err := s.ingest(func(w runRows) (err error) {
			m.w.set = w.Set
			done, err = m.writeSome(s.mergeIngestIDs, stop)
			return err
		}, nil)
		if err != nil {
			return run, err
		}
	}
	run.info = m.w.info
	return run, nil
}

// deleteDoomed deletes the rows of doomed runs that no reader can reach any more.
func (s *RunSet) deleteDoomed() (deleted bool, err error) {
	var ready, waiting []*idRun
	for _, r := range s.doomed {
		if r.lists.Load() == 0 {
			ready = append(ready, r)
		} else {
			waiting = append(waiting, r)
		}
	}
	if len(ready) == 0 {
		return false, nil
	}
	slices.SortFunc(ready, func(a, b *idRun) int { return cmp.Compare(a.info.num, b.info.num) })
	err = s.ingest(func(w runRows) error {
		for _, class := range []byte{runChunkClass, runFilterClass} {
			for _, r := range ready {
				if err := w.DeleteRange(runRowBounds(class, r.info.num, r.info.num)); err != nil {
					return err
				}
			}
		}
		return nil
	}, nil)
	if err != nil {
		return false, fmt.Errorf("delete merged dedup runs: %w", err)
	}
	s.doomed = waiting
	return true, nil
}
