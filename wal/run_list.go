package wal

import (
	"cmp"
	"slices"
	"sync/atomic"
)

// The list of runs and who may still reach it: how readers and merges share the runs is told at
// [RunSet]; here are the reference counts.

// idRun is a run that exists, or is on its way in or out.
type idRun struct {
	info   runInfo
	filter *runFilter
	lists  atomic.Int64 // undrained lists that hold the run
}

// runList is an immutable set of runs, the oldest positions first.
type runList struct {
	runs   []*idRun
	closed bool         // the list that a closed set ends with
	refs   atomic.Int64 // readers, and one while current; never rises again from zero
}

// swap makes runs the current list.
func (s *RunSet) swap(runs []*idRun) {
	slices.SortFunc(runs, func(a, b *idRun) int {
		return cmp.Or(cmp.Compare(a.info.minBlock, b.info.minBlock), cmp.Compare(a.info.num, b.info.num))
	})
	l := &runList{runs: runs}
	l.refs.Store(1)
	s.mu.Lock()
	if s.mu.closed {
		s.mu.Unlock()
		return
	}
	s.lists.Add(1)
	// Before the old list lets go: a run that is in both must not look unreachable between.
	for _, r := range runs {
		r.lists.Add(1)
	}
	old := s.current.Swap(l)
	s.mu.Unlock()
	if old != nil {
		s.release(old)
	}
}

// acquire returns the current list with a reference to it.
func (s *RunSet) acquire() *runList {
	for {
		l := s.current.Load()
		if l.closed {
			return l
		}
		// From zero there is no way back: whoever saw zero lets go of the runs. Then
		// current has changed already.
		for n := l.refs.Load(); n > 0; n = l.refs.Load() {
			if l.refs.CompareAndSwap(n, n+1) {
				return l
			}
		}
	}
}

// release gives back a reference from acquire.
func (s *RunSet) release(l *runList) {
	if l.closed || l.refs.Add(-1) > 0 {
		return
	}
	unreachable := false
	for _, r := range l.runs {
		unreachable = r.lists.Add(-1) == 0 || unreachable
	}
	if unreachable {
		s.wakeMerger()
	}
	s.lists.Done()
}
