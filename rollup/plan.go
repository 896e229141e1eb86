package rollup

import (
	"fmt"
	"slices"
)

// This file decides which buckets answer a query; range.go reads them.

// Span is a half-open range of unix minutes [StartMin, EndMin).
type Span struct{ StartMin, EndMin int64 }

// run is consecutive buckets of one level, [from, to) in units of the level, that belong to a span.
type run struct {
	from, to int64
	span     int
}

// plan holds the runs of every level, ascending and disjoint.
type plan [levelCount][]run

// add covers a span with the coarsest buckets that fit inside it, finer ones at its edges: a span
// from 18:15 to 18:15 of the next day takes three quarter hours, five hours, eighteen hours, one
// quarter hour. Spans come in ascending order, so the runs of each level do too.
func (p *plan) add(index int, s Span) {
	from, to := s.StartMin, s.EndMin
	if from >= to {
		return
	}
	for l := Minute; l < Day; l++ {
		w, up := levelWidth[l], levelWidth[l+1]
		innerFrom, innerTo := -floorDiv(-from, up)*up, floorDiv(to, up)*up
		if innerFrom >= innerTo { // no bucket of the next level fits
			p[l] = append(p[l], run{from / w, to / w, index})
			return
		}
		if from < innerFrom {
			p[l] = append(p[l], run{from / w, innerFrom / w, index})
		}
		if innerTo < to {
			p[l] = append(p[l], run{innerTo / w, to / w, index})
		}
		from, to = innerFrom, innerTo
	}
	w := levelWidth[Day]
	p[Day] = append(p[Day], run{from / w, to / w, index})
}

// addAround is add, but the buckets that hold one of some minutes, which ascend, are taken apart down
// to minutes; skip tells which of these minutes to leave out.
func (p *plan) addAround(index int, s Span, minutes []int64, skip func(minute int64) bool) {
	i, _ := slices.BinarySearch(minutes, s.StartMin)
	from := s.StartMin
	for ; i < len(minutes) && minutes[i] < s.EndMin; i++ {
		m := minutes[i]
		p.add(index, Span{from, m})
		if !skip(m) {
			p.add(index, Span{m, m + 1})
		}
		from = m + 1
	}
	p.add(index, Span{from, s.EndMin})
}

// readAround reads the spans level by level, around some minutes; see [plan.addAround].
func readAround(spans []Span, minutes []int64, skip func(minute int64) bool, read func(Level, []run) error) error {
	var p plan
	for i, s := range spans {
		p.addAround(i, clip(s), minutes, skip)
	}
	for l := Minute; l < levelCount; l++ {
		if err := read(l, p[l]); err != nil {
			return err
		}
	}
	return nil
}

// checkSpans returns an error when spans overlap, run backwards or are out of order.
func checkSpans(spans []Span) error {
	for i, s := range spans {
		if s.StartMin > s.EndMin || i > 0 && s.StartMin < spans[i-1].EndMin {
			return fmt.Errorf("%w: number %d, [%d, %d)", ErrSpans, i, s.StartMin, s.EndMin)
		}
	}
	return nil
}
