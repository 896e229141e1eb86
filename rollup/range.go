package rollup

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sort"
	"sync"
)

// Source reads the stored pages of one series and its kind.
type Source interface {
	// Pages calls fn for the stored pages of level l whose number is in [fromPage, toPage), in
	// ascending order, each once; pages that were never stored are left out. data is valid until
	// fn returns. It stops at the first error of fn and returns it.
	Pages(l Level, fromPage, toPage int64, fn func(page int64, data []byte) error) error
}

var (
	// ErrSpans is returned when the spans of a query are not disjoint and ascending.
	ErrSpans = errors.New("rollup: spans are not disjoint and ascending")
	// ErrSource is returned when a Source gives pages twice, out of order or unasked for.
	ErrSource = errors.New("rollup: pages out of order")
)

// Range returns one Agg for each span: the buckets in it of the stored pages and of the pending
// deltas (nil ones are skipped; old before new, see [Delta.Replace]). Spans are disjoint and
// ascending; empty ones are allowed.
//
// Each span is covered by the coarsest buckets that fit in it, and no page is read twice: hourly
// rows of 30 days read 30 hour pages. The cost is that of decoding these pages plus the minutes of
// the deltas.
//
// Kind latest: a span whose events are all adds needs the value before it, so the history before
// each span is read too, by days as far as they go. Such a span answers with a Set that stands for
// all earlier events: the identity of the newest of them and the value after it. These Aggs are
// answers; do not merge them into a bucket.
//
// Kind weighted: each span is carried to its end; see [RangeUntil].
//
// Errors: [ErrSpans], [ErrCorrupt] and [ErrSource] with level and page, or what src returned.
// The Aggs returned share nothing with src or the deltas.
func Range(k Kind, src Source, deltas []*Delta, spans []Span) ([]Agg, error) {
	return RangeUntil(k, src, deltas, spans, math.MaxInt64)
}

// RangeUntil is [Range] at a time in unix nanoseconds, which only kind weighted looks at: a level
// holds until the next event, but not beyond now. Integrals run to the end of their span or to
// that time, whichever comes first, and events at it or after it do not count yet.
//
// The answer of a span is an Agg whose Extra.Area.Integral is the integral over it, the value
// carried in from before included, and whose Extra.Area.Last is the level at its end: see
// [UnitHours] and [Agg.AddAnswer]. The level before the first event is 0. It reads the history
// before the spans by days, and minutes where a delta has events, which may be older than what is
// stored; and the minute of untilNanos, unless it is a whole one.
func RangeUntil(k Kind, src Source, deltas []*Delta, spans []Span, untilNanos int64) ([]Agg, error) {
	if !k.valid() {
		panic("BUG: rollup: range of an unknown kind")
	}
	if err := checkSpans(spans); err != nil {
		return nil, err
	}
	page := scratchPages.Get().(*Page)
	defer func() {
		page.Reset(k, Minute) // let go of the sets
		scratchPages.Put(page)
	}()
	q := query{kind: k, spans: spans, replaced: replacedIn(deltas), page: page}
	if k == KindWeighted {
		return q.weighted(src, deltas, untilNanos)
	}
	if k == KindLatest {
		q.spans = withHistory(spans)
	}
	q.out = make([]Agg, len(q.spans))
	if err := q.readAround(src, q.replaced.minutes()); err != nil {
		return nil, err
	}
	for i, d := range deltas {
		if d != nil {
			q.addDelta(i, d)
		}
	}
	if k == KindLatest {
		return carryIn(q.out), nil
	}
	return q.out, nil
}

// scratchPages are pages between two queries: the slots of one take 5 KiB, more than all else that a short query needs.
var scratchPages = sync.Pool{New: func() any { return new(Page) }}

type query struct {
	kind     Kind
	spans    []Span
	replaced replacements
	out      []Agg  // per span
	parts    []part // kind weighted: what was read, in no order
	page     *Page  // scratch
}

// readAround reads the stored buckets of the spans. Those that hold one of some minutes, which
// ascend, are read minute by minute, and replaced minutes not at all.
func (q *query) readAround(src Source, minutes []int64) error {
	return readAround(q.spans, minutes, q.replaced.has, func(l Level, runs []run) error { return q.read(src, l, runs) })
}

// read adds the runs of one level. Runs whose pages touch are read by one call of the source.
func (q *query) read(src Source, l Level, runs []run) error {
	slots := int64(l.Slots(q.kind))
	for len(runs) > 0 {
		first, last := floorDiv(runs[0].from, slots), floorDiv(runs[0].to-1, slots)
		n := 1
		for n < len(runs) && floorDiv(runs[n].from, slots) <= last+1 {
			last = floorDiv(runs[n].to-1, slots)
			n++
		}
		group, next := runs[:n], first
		err := src.Pages(l, first, last+1, func(page int64, data []byte) error {
			if page < next || page > last {
				return fmt.Errorf("%w: %s page %d, wanted [%d, %d]", ErrSource, l, page, next, last)
			}
			next = page + 1
			if err := q.page.Decode(q.kind, l, data); err != nil {
				return fmt.Errorf("%s page %d: %w", l, page, err)
			}
			group = q.addPage(l, page*slots, group)
			return nil
		})
		if err != nil {
			return err
		}
		runs = runs[n:]
	}
	return nil
}

// addPage adds the decoded page, whose slots are the buckets of its level from base on, to the
// spans that want them, and returns the runs that reach beyond it or come later.
func (q *query) addPage(l Level, base int64, runs []run) []run {
	for len(runs) > 0 && runs[0].to <= base {
		runs = runs[1:]
	}
	i := 0
	for w, word := range q.page.present {
		for ; word != 0; word &= word - 1 {
			slot := w<<6 + bits.TrailingZeros64(word)
			at := base + int64(slot)
			for i < len(runs) && runs[i].to <= at {
				i++
			}
			if i == len(runs) {
				return runs[i:]
			}
			switch {
			case runs[i].from > at:
			case q.kind == KindWeighted:
				q.addPart(l, at*levelWidth[l], &q.page.slots[slot])
			default:
				q.out[runs[i].span].absorb(q.kind, &q.page.slots[slot])
			}
		}
	}
	return runs[i:]
}

// addDelta adds the minutes of a delta that lie in a span and that no later one replaces.
func (q *query) addDelta(number int, d *Delta) {
	if d.b == nil || len(q.spans) == 0 {
		return
	}
	i := 0
	for _, chunk := range d.b.chunks[d.b.chunkOf(q.spans[0].StartMin):] {
		for j := slotOf(chunk, q.spans[0].StartMin); j < len(chunk); j++ {
			minute := chunk[j].minute
			if q.spans[i].EndMin <= minute {
				rest := q.spans[i:]
				i += sort.Search(len(rest), func(n int) bool { return rest[n].EndMin > minute })
				if i == len(q.spans) {
					return
				}
			}
			if q.spans[i].StartMin <= minute && q.replaced.counts(minute, number) {
				q.out[i].Merge(q.kind, &chunk[j].agg)
			}
		}
	}
}

// clip cuts a span to the minutes that an event can have, so that pages have small numbers and
// arithmetic on them cannot overflow.
func clip(s Span) Span {
	into := func(minute int64) int64 { return min(max(minute, MinuteMin), MinuteMax+1) }
	return Span{into(s.StartMin), into(s.EndMin)}
}

// withHistory puts before each span the span between it and the one before; before the first, all
// time.
func withHistory(spans []Span) []Span {
	out := make([]Span, 0, 2*len(spans))
	end := MinuteMin
	for _, s := range spans {
		out = append(out, Span{min(end, s.StartMin), s.StartMin}, s)
		end = s.EndMin
	}
	return out
}

// carryIn resolves the spans of withHistory and returns the asked ones.
func carryIn(all []Agg) []Agg {
	out := make([]Agg, 0, len(all)/2)
	var before Entry // stands for all earlier events
	known := false
	for i := range all {
		a := &all[i]
		if a.Count > 0 {
			if !a.Latest.HasSet && known {
				a.Latest.HasSet, a.Latest.Set = true, before
			}
			newest, _ := a.Latest.last()
			before, known = *newest, true
			before.Value = a.Latest.Value()
		}
		if i%2 == 1 {
			out = append(out, *a)
		}
	}
	return out
}
