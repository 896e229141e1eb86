package engine

import (
	"sync/atomic"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
)

// series is what one tenant used of one meter: a counter of the open month, readable without a lock,
// and the minute buckets folded since the last checkpoint. Everything older is in the store.
//
// A checkpoint must save the state as of one block while apply goes on. Copying all dirty series at
// the cut would stop apply for milliseconds; instead the pending part moves to frozen at the
// first touch after the cut (gen tells), and the checkpoint moves the rest itself.
type series struct {
	// The counter, first, so that a read of it is one cache line. Written by the shard only; read by anyone through value.
	monthStart atomic.Int64 // unix seconds; -1 while rolling over; 0: nothing counted yet
	value      atomic.Int64 // scaled units of the month at monthStart (of all time for latest)
	nextValue  atomic.Int64 // the same of the month after it: timestamps may be ahead by MaxAhead
	meter      *meter
	tenant     *tenant
	month      rollup.Agg  // what value is taken from
	next       *rollup.Agg // what nextValue is taken from; nil: nothing
	absolute   uint64      // sum of the absolute values ever added, < 2^62: no sum can overflow

	unpublished bool // in shard.changed

	tuples int // the most that a stored day has, of any family; moved under shard.mu

	// Guarded by shard.mu.
	touched int64    // log time of the newest change, unix seconds
	gen     uint64   // the checkpoint that pending will be part of
	pending *pending // nil: nothing since
	frozen  *pending // of an earlier gen whose checkpoint may still be on its way

	// Of unique_count series: by member, the minute of the open month in which it was last folded.
	seen []uint32
}

// pending is what a series folded between two checkpoints.
type pending struct {
	gen       uint64 // the checkpoint that makes it obsolete
	delta     rollup.Delta
	groups    *rollup.Groups           // the same by tuples; nil: nothing
	sets      map[tupleSetKey]tupleSet // of days near the bound; the shard's
	most      int                      // tuples of the fullest day, once the rows are written
	absolute  uint64                   // part of series.absolute folded here
	touchedAt int64                    // log time of the last fold, unix seconds

	// recounted tells that a bucket was replaced, so that the counter's months do not follow from delta: they are those of
	// the series when the part was closed.
	recounted   bool
	month, next rollup.Agg
}

// lifetime tells whether the counter of the series never rolls over.
func (s *series) lifetime() bool { return s.meter.kind == rollup.KindLatest }

// touch returns the pending part to fold into, as of the shard's generation. The caller holds shard.mu.
func (s *series) touch(sh *shard) *pending {
	if s.pending != nil && s.gen == sh.gen {
		return s.pending
	}
	if s.pending != nil {
		s.close(s.pending)
		s.frozen = s.pending // pre-image of the cut that is being saved
	}
	s.pending = &pending{gen: sh.gen}
	s.gen = sh.gen
	sh.dirty = append(sh.dirty, s)
	return s.pending
}

// freeze returns the pending part of checkpoint gen and leaves it readable. The caller holds
// shard.mu, and gen is below the shard's.
func (s *series) freeze(gen uint64) *pending {
	if s.pending != nil && s.pending.gen == gen {
		s.close(s.pending)
		s.frozen, s.pending = s.pending, nil
	}
	return s.frozen
}

// close keeps the counter's months with a part that nothing is folded into any more.
func (s *series) close(p *pending) {
	if !p.recounted {
		return
	}
	p.month = s.month.Copy()
	if s.next != nil {
		p.next = s.next.Copy()
	}
}

// unfold takes back a point of a kind that adds up, at log time logSec. The caller holds shard.mu. The absolute sum goes down with
// it: it stays the sum of what counts, so no total of that can overflow.
func (s *series) unfold(sh *shard, p *rollup.Point, abs uint64, logSec int64) {
	kind := s.meter.kind
	pend := s.change(sh, -abs, logSec)
	if addsUp(kind) {
		sh.totals.add(s.meter.num, floorDiv(p.TimeNanos, 1e9), -unitsOf(kind, p))
	}
	pend.delta.Unfold(kind, floorMinute(p.TimeNanos), p)
	if !monthly(kind) {
		return
	}
	if agg := s.monthOf(p.TimeNanos, sh.monthStart, sh.monthEnd, sh.nextMonthEnd); agg != nil {
		agg.Unfold(kind, p)
	}
}

// replace makes a the bucket of a minute. abs is what goes from the absolute sum.
func (s *series) replace(sh *shard, minute int64, a rollup.Agg, abs uint64, logSec int64) error {
	pend := s.change(sh, -abs, logSec)
	pend.delta.Replace(minute, a)
	clear(s.seen)
	if !monthly(s.meter.kind) {
		return nil
	}
	pend.recounted = true
	if s.lifetime() {
		aggs, err := sh.rangeLocked(s, []rollup.Span{{StartMin: rollup.MinuteMin, EndMin: rollup.MinuteMax}})
		if err != nil {
			return err
		}
		s.month = aggs[0]
		s.monthStart.Store(sh.monthStart)
		return nil
	}
	if s.monthStart.Load() != sh.monthStart {
		s.roll(sh.monthStart)
	}
	start, end, nextEnd := sh.monthStart/60, sh.monthEnd/60, sh.nextMonthEnd/60
	aggs, err := sh.rangeLocked(s, []rollup.Span{{StartMin: start, EndMin: end}, {StartMin: end, EndMin: nextEnd}})
	if err != nil {
		return err
	}
	s.month, s.next = aggs[0], nil
	if !aggs[1].Empty(s.meter.kind) {
		s.next = &aggs[1]
	}
	return nil
}

// change begins a correction: what every one of them has in common.
func (s *series) change(sh *shard, abs uint64, logSec int64) *pending {
	pend := s.touch(sh)
	sh.buckets++ // it may be one more
	pend.absolute += abs
	s.absolute += abs
	pend.touchedAt, s.touched = logSec, logSec
	if !s.unpublished {
		s.unpublished = true
		sh.changed = append(sh.changed, s)
	}
	return pend
}

// fold adds a point at log time logSec. The caller holds shard.mu and has checked absolute.
func (s *series) fold(sh *shard, p *rollup.Point, abs uint64, logSec int64) {
	pend := s.touch(sh)
	pend.absolute += abs
	pend.touchedAt, s.touched = logSec, logSec
	s.absolute += abs
	if !s.unpublished {
		s.unpublished = true
		sh.changed = append(sh.changed, s)
	}
	if addsUp(s.meter.kind) {
		sh.totals.add(s.meter.num, floorDiv(p.TimeNanos, 1e9), unitsOf(s.meter.kind, p))
	}
	minute := floorMinute(p.TimeNanos)
	inMinute, inMonth := s.meter.kind, s.meter.kind
	if s.meter.kind == rollup.KindUnique {
		// Where the member is in a set already, only the event is counted: looking for it in the set would be the dearest step of the
		// fold, and most events of an active user are of this sort.
		switch s.lastSeen(p.Member, minute, sh) {
		case 0:
		case uint32(minute):
			inMinute, inMonth = rollup.KindCount, rollup.KindCount
		default:
			inMonth = rollup.KindCount
		}
	}
	if pend.delta.Fold(inMinute, minute, p) {
		sh.buckets++
	}
	if monthly(s.meter.kind) {
		s.count(inMonth, p, sh.monthStart, sh.monthEnd, sh.nextMonthEnd)
	}
}

// unitsOf is what a point adds to a meter that adds up.
func unitsOf(k rollup.Kind, p *rollup.Point) int64 {
	if k == rollup.KindCount {
		return max(p.Times, 1) // 0 stands for one
	}
	return p.Value
}

// lastSeen returns the minute, its low bits, in which member was last folded while it and the counter were in the month that is open, and
// remembers that it is now; 0: none, which may be false, and is harmless then. Where that minute is now, in this
// pending part, an older one or the store, does not matter: they are united whenever they are read.
func (s *series) lastSeen(member uint32, minute int64, sh *shard) uint32 {
	if minute*60 < sh.monthStart || minute*60 >= sh.monthEnd || member > seenMembersMax {
		return 0
	}
	if s.monthStart.Load() != sh.monthStart {
		return 0 // roll is about to forget what was seen in another month
	}
	for int(member) >= len(s.seen) {
		s.seen = append(s.seen, make([]uint32, max(8, len(s.seen)))...)
	}
	last := s.seen[member]
	s.seen[member] = uint32(minute)
	return last
}

// seenMembersMax bounds series.seen to 64 KiB; tenants with more users pay for the bitmaps.
const seenMembersMax = 1 << 14

// count folds a point, as kind, into the counter of the open month [start, end), or of the one after.
func (s *series) count(kind rollup.Kind, p *rollup.Point, start, end, nextEnd int64) {
	if s.lifetime() {
		s.month.Fold(kind, p)
		if s.monthStart.Load() != start {
			s.monthStart.Store(start)
		}
		return
	}
	if agg := s.monthOf(p.TimeNanos, start, end, nextEnd); agg != nil {
		agg.Fold(kind, p)
	}
}

// monthOf returns the counter that a time falls in: that of the open month [start, end) or of the one after; nil: neither.
func (s *series) monthOf(nanos, start, end, nextEnd int64) *rollup.Agg {
	if s.monthStart.Load() != start {
		s.roll(start)
	}
	sec := floorDiv(nanos, 1e9)
	switch {
	case sec >= start && sec < end:
		return &s.month
	case sec >= end && sec < nextEnd:
		if s.next == nil {
			s.next = new(rollup.Agg)
		}
		return s.next
	}
	return nil
}

// publish makes what was counted visible to current.
func (s *series) publish() {
	s.unpublished = false
	s.value.Store(counterValue(s.meter.kind, &s.month))
	switch {
	case s.next != nil:
		s.nextValue.Store(counterValue(s.meter.kind, s.next))
	case s.nextValue.Load() != 0: // a store is a fence
		s.nextValue.Store(0)
	}
}

// roll moves the counter to the month that starts at start. Readers see monthStart -1 meanwhile.
func (s *series) roll(start int64) {
	old := s.monthStart.Load()
	s.monthStart.Store(-1)
	clear(s.seen)
	follows := false
	if old > 0 {
		_, oldEnd := civil.MonthUTC(old)
		follows = oldEnd == start
	}
	if follows && s.next != nil {
		s.month = *s.next
	} else {
		s.month = rollup.Agg{}
	}
	s.next = nil
	s.value.Store(counterValue(s.meter.kind, &s.month))
	s.nextValue.Store(0)
	s.monthStart.Store(start)
}

// current reads the counter for the month [start, ...) that is open now; follows is the start of the month before it.
func (s *series) current(start, before int64) int64 {
	for {
		at := s.monthStart.Load()
		value, next := s.value.Load(), s.nextValue.Load()
		if at < 0 || at != s.monthStart.Load() {
			continue // rolling over: a few stores, then it is done
		}
		switch {
		case at == start || s.lifetime():
			return value
		case at == before:
			return next // the month ended, and nothing came since
		default:
			return 0
		}
	}
}

// counterValue is what Current answers for an aggregate, in scaled units.
func counterValue(k rollup.Kind, a *rollup.Agg) int64 {
	switch k {
	case rollup.KindSum:
		return a.Value
	case rollup.KindCount:
		return a.Count
	case rollup.KindUnique:
		return rollup.CardinalityOf(a)
	case rollup.KindMin:
		return a.Value
	case rollup.KindMax:
		return a.Value
	case rollup.KindLatest:
		if a.Latest == nil {
			return 0
		}
		return a.Latest.Value()
	default:
		return 0 // avg is no integer; Current says so
	}
}

// floorDiv is division rounded towards minus infinity: times before 1970 are valid.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// floorMinute is the unix minute of a unix nanosecond.
func floorMinute(nanos int64) int64 { return floorDiv(nanos, 60e9) }
