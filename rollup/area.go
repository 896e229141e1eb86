package rollup

import "math"

// Area is what a stretch of time does to a level that goes through it, for kind weighted.
//
// The naive state of an hour, the integral of the level over it, needs the level at its start,
// which an older event may still change. But whatever that level v is, the stretch turns it into
//
//	level at the end   Last            with a set in it, else v + Last
//	integral           Integral + v x (time from the start to the first set, or to the end)
//
// so these few numbers stand for all events of the stretch, and two stretches side by side are one
// (sweep.area). What they cannot do is take in an event in their middle. That is why buckets of
// minutes keep steps, and coarser ones are made anew from finer ones when a minute in them changes
// ([Ladder.Rewrite]).
//
// Integrals are in units of 10^-scale times nanoseconds. With the values of sets, and the sum of
// the absolute values of adds, at most 2^62 (the engine sees to it), every level, relative or not,
// is below 2^63 in magnitude; time has 2^64 nanoseconds; so any integral is below 2^127 and fits.
type Area struct {
	HasSet   bool
	FirstSet int64 // unix nanoseconds of the first set; 0 without
	Last     int64
	Integral Int128
}

// sweep goes through time from a start and gathers the area behind it.
type sweep struct {
	Area
	from, at int64 // unix nanoseconds; the area is that of [from, at)
	count    int64 // events
}

func newSweep(fromNanos int64) sweep { return sweep{from: fromNanos, at: fromNanos} }

// advance goes on to a time without events in between. It never goes back.
func (s *sweep) advance(toNanos int64) {
	if toNanos > s.at {
		s.plus(product(s.Last, uint64(toNanos)-uint64(s.at)))
		s.at = toNanos
	}
}

// step takes in an event at its time.
func (s *sweep) step(e *Step) {
	s.advance(e.TimeNanos)
	s.count++
	switch {
	case e.Add:
		s.Last += e.Value
		return
	case !s.HasSet:
		s.HasSet, s.FirstSet = true, e.TimeNanos
	}
	s.Last = e.Value
}

// area takes in the whole stretch [startNanos, endNanos) of count events.
func (s *sweep) area(a *Area, startNanos, endNanos, count int64) {
	s.advance(startNanos)
	head := endNanos
	if a.HasSet {
		head = a.FirstSet
	}
	s.plus(product(s.Last, uint64(head)-uint64(startNanos)))
	s.plus(a.Integral)
	s.count += count
	s.at = endNanos
	if !a.HasSet {
		s.Last += a.Last
		return
	}
	if !s.HasSet {
		s.HasSet, s.FirstSet = true, a.FirstSet
	}
	s.Last = a.Last
}

// bucket takes in a stored bucket of a level, which starts at a unix minute. It returns false when
// the bucket speaks of other times than its own.
func (s *sweep) bucket(l Level, minute int64, a *Agg) bool {
	start, end := nanosOf(minute), nanosOf(minute+l.Minutes())
	if l > Minute {
		if first := a.Extra.Area.FirstSet; a.Extra.Area.HasSet && (first < start || first >= end) {
			return false
		}
		s.area(&a.Extra.Area, start, end, a.Count)
		return true
	}
	return s.steps(a.Extra.Steps, minute, math.MaxInt64)
}

// steps takes in those steps of a minute that come before a time; the greatest time, which nothing
// comes after, stands for no bound. It returns false when a step is not of that minute.
func (s *sweep) steps(steps []Step, minute, untilNanos int64) bool {
	for i := range steps {
		if MinuteOf(steps[i].TimeNanos) != minute {
			return false
		}
		if steps[i].TimeNanos < untilNanos || untilNanos == math.MaxInt64 {
			s.step(&steps[i])
		}
	}
	return true
}

// enteredBy returns the integral and the level at the end when the level at the start was v.
func (s *sweep) enteredBy(v int64) (integral Int128, last int64) {
	head, last := s.at, s.Last
	if s.HasSet {
		head = s.FirstSet
	} else {
		last += v
	}
	integral, _ = s.Integral.add(product(v, uint64(head)-uint64(s.from)))
	return integral, last
}

func (s *sweep) plus(x Int128) { s.Integral, _ = s.Integral.add(x) }

// nanosOf returns the unix nanosecond at which a minute begins, cut to what an int64 can express.
func nanosOf(minute int64) int64 {
	switch {
	case minute <= MinuteMin:
		return math.MinInt64
	case minute > MinuteMax:
		return math.MaxInt64
	}
	return minute * nanosPerMinute
}
