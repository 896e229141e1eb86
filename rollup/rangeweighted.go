package rollup

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// part is one bucket of kind weighted that a query takes in: stored, or of a delta.
type part struct {
	minute int64 // at which it starts
	level  Level
	agg    Agg
}

// addPart keeps a stored bucket and empties where it comes from.
func (q *query) addPart(l Level, minute int64, a *Agg) {
	q.parts = append(q.parts, part{minute, l, *a})
	*a = Agg{}
}

// weighted answers a query of kind weighted. Other kinds add up buckets as they come; a level needs
// them in order of time, from the first event on. So it gathers them, sorts them and goes through
// time once, from the beginning to the last span.
func (q *query) weighted(src Source, deltas []*Delta, untilNanos int64) ([]Agg, error) {
	if len(q.spans) == 0 {
		return nil, nil
	}
	end := clip(q.spans[len(q.spans)-1]).EndMin
	apart := q.addDeltas(deltas, end)
	if untilMinute := MinuteOf(untilNanos); untilNanos < math.MaxInt64 && untilMinute < end {
		end = untilMinute
		if untilNanos > nanosOf(untilMinute) { // only its first part counts
			end++
			if i, found := slices.BinarySearch(apart, untilMinute); !found {
				apart = slices.Insert(apart, i, untilMinute)
			}
		}
	}
	all := withHistory(q.spans)
	q.spans = make([]Span, len(all))
	for i, s := range all {
		q.spans[i] = Span{min(s.StartMin, end), min(s.EndMin, end)}
	}
	if err := q.readAround(src, apart); err != nil {
		return nil, err
	}
	// Parts of one minute may come in any order: their union is the same.
	slices.SortFunc(q.parts, func(a, b part) int { return cmp.Compare(a.minute, b.minute) })
	return q.sweepSpans(all, untilNanos)
}

// addDeltas keeps the minutes of the deltas before an end and returns them, ascending, each once.
func (q *query) addDeltas(deltas []*Delta, end int64) (minutes []int64) {
	for i, d := range deltas {
		if d == nil {
			continue
		}
		d.Each(func(minute int64, a *Agg) bool {
			if minute < end {
				minutes = append(minutes, minute)
				if q.replaced.counts(minute, i) && !a.Empty(q.kind) {
					q.parts = append(q.parts, part{minute, Minute, a.clone()})
				}
			}
			return minute < end
		})
	}
	slices.Sort(minutes)
	return slices.Compact(minutes)
}

// sweepSpans takes the sorted parts through the spans of withHistory and returns the answers of the
// asked ones.
func (q *query) sweepSpans(all []Span, untilNanos int64) ([]Agg, error) {
	out := make([]Agg, 0, len(all)/2)
	level, parts := int64(0), q.parts
	for i, s := range all {
		area := newSweep(min(nanosOf(s.StartMin), untilNanos))
		for len(parts) > 0 && parts[0].minute < s.EndMin {
			n, err := area.parts(parts, untilNanos)
			if err != nil {
				return nil, err
			}
			parts = parts[n:]
		}
		area.advance(min(nanosOf(s.EndMin), untilNanos))
		var integral Int128
		integral, level = area.enteredBy(level)
		if i%2 == 1 {
			out = append(out, Agg{Count: area.count, Extra: &Extra{Area: Area{Last: level, Integral: integral}}})
		}
	}
	return out, nil
}

// parts takes in the first bucket, with all others of its minute, and returns how many these are.
func (s *sweep) parts(parts []part, untilNanos int64) (n int, err error) {
	first := &parts[0]
	for n = 1; n < len(parts) && parts[n].minute == first.minute; n++ {
		first.agg.Merge(KindWeighted, &parts[n].agg)
	}
	ok := false
	if first.level == Minute {
		ok = s.steps(first.agg.Extra.Steps, first.minute, untilNanos)
	} else {
		ok = s.bucket(first.level, first.minute, &first.agg)
	}
	if !ok {
		return 0, fmt.Errorf("%s bucket at minute %d: %w", first.level, first.minute,
			corrupt("an event outside of its bucket", 0))
	}
	return n, nil
}
