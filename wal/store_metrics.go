package wal

import (
	"github.com/cockroachdb/pebble/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/weirhq/weir/usage"
)

// StoreMetrics are the numbers of a store worth watching. Sizes are in bytes.
type StoreMetrics struct {
	Log   PebbleMetrics
	State PebbleMetrics

	Fsync usage.Histogram // how long fsyncs of the log took, since Open; empty for a read-only store

	CacheBytes  int64 // in use, by both
	CacheHits   int64
	CacheMisses int64

	FreeBytes    int64 // of the disk; math.MaxInt64 when unknown
	BallastBytes int64
	SpaceTripped bool // blocks are refused for lack of space

	Runs           int // of the dedup index
	RunIDs         uint64
	RunFilterBytes int64
}

// PebbleMetrics are those of one of the two Pebbles.
type PebbleMetrics struct {
	DiskBytes       int64 // everything in its directory
	Tables          int64
	L0Tables        int64 // many of them: compactions are behind
	ReadAmp         int   // tables that a lookup may have to ask
	CompactionDebt  int64 // bytes that compactions have still to rewrite
	Compactions     int64 // done since Open
	Flushes         int64
	WriteBytes      int64 // to tables, by flushes, ingests and compactions
	MemTableBytes   int64
	WALBytes        int64
	SnapshotsPinned int // open views and snapshots
}

// Metrics returns the numbers of now. It takes Pebble's locks for a moment: once a second is
// fine, once per event is not.
func (s *Store) Metrics() StoreMetrics {
	var m StoreMetrics
	if err := s.gate.enter(); err != nil {
		return m
	}
	defer s.gate.leave()
	t := s.state.Metrics()
	m.State = pebbleMetrics(t)
	if s.isBase() {
		return m
	}
	l := s.log.Metrics()
	m.Log = pebbleMetrics(l)
	m.Fsync = histogramOf(l.LogWriter.FsyncLatency)
	// The cache is shared: both report the same numbers.
	m.CacheBytes, m.CacheHits, m.CacheMisses = l.BlockCache.Size, l.BlockCache.Hits, l.BlockCache.Misses
	m.FreeBytes, m.BallastBytes, m.SpaceTripped = s.SpaceFree(), s.space.ballastSize(), s.space.tripped.Load()
	m.Runs, m.RunIDs, m.RunFilterBytes = s.runs.Count()
	return m
}

// histogramOf copies a histogram of Pebble's, which is of nanoseconds and lives on.
func histogramOf(live prometheus.Histogram) (h usage.Histogram) {
	var m dto.Metric
	if live == nil || live.Write(&m) != nil {
		return h
	}
	below := uint64(0)
	for _, b := range m.Histogram.GetBucket() {
		h.BoundsNanos = append(h.BoundsNanos, int64(b.GetUpperBound()))
		h.Counts = append(h.Counts, b.GetCumulativeCount()-below)
		below = b.GetCumulativeCount()
	}
	h.Counts = append(h.Counts, m.Histogram.GetSampleCount()-below)
	h.SumNanos = int64(m.Histogram.GetSampleSum())
	return h
}

// DiskBytes returns the size of everything below the directory. Costs as Metrics.
func (s *Store) DiskBytes() int64 {
	m := s.Metrics()
	return m.Log.DiskBytes + m.State.DiskBytes + m.BallastBytes
}

func pebbleMetrics(m *pebble.Metrics) PebbleMetrics {
	total := m.Total()
	// PhysicalSize learns the size of a WAL when it is closed; until then Size is the truth.
	unclosed := m.WAL.Size - min(m.WAL.Size, m.WAL.PhysicalSize)
	return PebbleMetrics{
		DiskBytes:       int64(m.DiskSpaceUsage() + unclosed),
		Tables:          total.TablesCount,
		L0Tables:        m.Levels[0].TablesCount,
		ReadAmp:         m.ReadAmp(),
		CompactionDebt:  int64(m.Compact.EstimatedDebt),
		Compactions:     m.Compact.Count,
		Flushes:         m.Flush.Count,
		WriteBytes:      int64(total.TableBytesFlushed + total.TableBytesIngested + total.TableBytesCompacted),
		MemTableBytes:   int64(m.MemTable.Size),
		WALBytes:        int64(m.WAL.PhysicalSize + m.WAL.ObsoletePhysicalSize + unclosed),
		SnapshotsPinned: m.Snapshots.Count,
	}
}
