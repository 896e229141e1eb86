package engine

import (
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Stats returns a snapshot of the engine's figures. It waits for the block that is being applied, not for a checkpoint, and takes each shard's lock for an instant.
func (e *Engine) Stats() usage.Stats {
	s := e.state
	st := usage.Stats{
		AppliedIndex: s.applied.Load(),
		DurableIndex: e.log.DurableIndex(),
		Replayed:     s.replayed.Load(),
		QueueItems:   int(e.committer.waiting.Load()),
		Users:        int(s.dir.users.Load()),
		Decisions:    e.decisions.count(),
		CommitTime:   e.committer.times.histogram(),
	}
	for _, t := range s.dir.all() {
		if t.listed.Load() {
			st.Tenants++
		}
		st.Series += t.seriesCount()
	}
	s.addTo(&st)
	if e.closed.Load() {
		return st // the store is gone
	}
	runs, _, memory := e.store.Runs().Count()
	st.DedupRuns = runs
	st.DedupBytes += memory
	m := e.store.Metrics()
	st.DiskBytes, st.DiskFreeBytes, st.SpaceTripped = m.Log.DiskBytes+m.State.DiskBytes+m.BallastBytes, m.FreeBytes, m.SpaceTripped
	st.FsyncTime, st.LiveBytes = m.Fsync, int64(liveHeap())
	st.CacheBytes, st.CacheHits, st.CacheMisses = m.CacheBytes, m.CacheHits, m.CacheMisses
	st.LogStore, st.StateStore = pebbleStats(&m.Log), pebbleStats(&m.State)
	return st
}

// addTo adds the figures of the shards and of the newest cut, as of one moment: a cut moves what the shards have counted to the
// checkpoint's part, so that who reads one before it and the other after it counts a million events twice.
func (s *state) addTo(st *usage.Stats) {
	s.mu.Lock()
	defer s.mu.Unlock()
	st.CheckpointIndex = s.ckpt.index
	st.Blocks, st.LogBytes = s.blocks, s.logBytes
	st.Events = s.ckpt.events
	for _, sh := range s.shards {
		sh.mu.Lock()
		st.Counted += sh.tally.counted
		st.Duplicates += sh.tally.duplicates
		st.Conflicts += sh.tally.conflicts
		st.Rejected += sh.tally.rejected
		st.OtherGroups += sh.tally.otherTuples
		st.Denied += sh.tally.denied
		st.OtherUsers += sh.tally.otherUsers
		st.DedupBytes += sh.ids.bytes()
		st.Events += uint64(sh.ids.count())
		if sh.frozenIDs != nil {
			st.DedupBytes += sh.frozenIDs.bytes()
		}
		sh.mu.Unlock()
	}
}

func pebbleStats(m *wal.PebbleMetrics) usage.PebbleStats {
	return usage.PebbleStats{
		DiskBytes: m.DiskBytes, Tables: m.Tables, L0Tables: m.L0Tables, ReadAmp: m.ReadAmp, CompactionDebt: m.CompactionDebt, Compactions: m.Compactions,
		Flushes: m.Flushes, WriteBytes: m.WriteBytes, MemTableBytes: m.MemTableBytes, WALBytes: m.WALBytes,
	}
}

// Health lists what must be well for the engine to take writes, worst things included.
func (e *Engine) Health() []usage.HealthCheck {
	checks := []usage.HealthCheck{
		check("engine", e.store.Failed(), true),
		check("disk", e.store.SpaceError(), false),
		check("clock", e.clock.check(e.clock.now()), false),
		check("memory", e.memory.err(), false),
	}
	stall := usage.HealthCheck{Name: "stall", OK: true}
	if d := e.store.Stalled(); d > 0 {
		stall.OK, stall.Detail = false, "the disk has not answered a sync for "+d.Round(time.Second).String()
	}
	open := usage.HealthCheck{Name: "open", OK: !e.closed.Load()}
	if !open.OK {
		open.Detail, open.Fatal = "the engine is closed", true
	}
	return append(checks, stall, open)
}

func check(name string, err error, fatal bool) usage.HealthCheck {
	if err == nil {
		return usage.HealthCheck{Name: name, OK: true}
	}
	return usage.HealthCheck{Name: name, Fatal: fatal, Detail: err.Error()}
}
