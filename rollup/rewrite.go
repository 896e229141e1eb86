package rollup

import (
	"errors"
	"fmt"
	"slices"
)

// ErrExpired is returned when a bucket has to be made anew and the finer buckets that it is made of
// are no longer all there.
var ErrExpired = errors.New("rollup: the finer buckets are gone")

// ReadPage calls fn with the stored page, or not at all when there is none. data is valid until fn
// returns. It returns the error of fn or its own.
type ReadPage func(l Level, page int64, fn func(data []byte) error) error

// WritePage takes what a page becomes. old is what was read, without bytes when there was nothing;
// both are valid until it returns. An empty page is one whose last event was taken back.
type WritePage func(l Level, page int64, old []byte, p *Page) error

// Rewrite brings stored pages up to a delta, whatever its kind and corrections, and calls write for
// every page that the delta touches, in ascending order of (level, page); it reads in that order,
// too. The store may go on showing read the old pages meanwhile: of what was written nothing is
// read again. It stops at the first error and returns it.
//
// A bucket of the delta is merged into the stored one, or replaces it ([Delta.Replace]). A coarser
// bucket is merged likewise where that is all that happened in it. Where a minute was replaced, and
// for kind weighted always, it is made anew from the buckets one level down, as they are now. Its
// stored count must be that of the finer ones as they were, or else minutes that it still counts
// have expired and it would forget them: [ErrExpired]. So before an event is taken that needs this,
// the caller must know that the minutes of its quarter hour are kept (and all quarter hours of its
// hour, hours of its day), by kept. Where they are not, a delta that replaces every one of these
// minutes does as well: nothing stored is needed then.
func (s *Ladder) Rewrite(k Kind, d *Delta, read ReadPage, write WritePage) error {
	if d.Empty() {
		return nil
	}
	w := rewriter{kind: k, ladder: s, read: read, write: write}
	changes := make([]change, 0, d.Len())
	d.Each(func(minute int64, a *Agg) bool {
		changes = append(changes, change{bucket: minute, agg: a, replace: d.Replaces(minute)})
		return true
	})
	for w.level = Minute; w.level < levelCount; w.level++ {
		parents, err := w.rewriteLevel(changes)
		if err != nil {
			return err
		}
		changes = parents
	}
	return nil
}

// change is what becomes of one bucket.
type change struct {
	bucket  int64 // in units of its level
	agg     *Agg  // of the delta, or owned
	owned   bool
	replace bool
	before  int64 // of a coarse bucket that is replaced: events in the finer ones as they were stored
	whole   bool  // of one: every finer bucket was replaced, so before does not matter
}

type rewriter struct {
	kind   Kind
	ladder *Ladder
	read   ReadPage
	write  WritePage
	level  Level

	page  int64 // the page in ladder.page, when open
	open  bool
	dirty bool
}

// rewriteLevel applies the changes of a level, which ascend, and returns those of the next one.
func (w *rewriter) rewriteLevel(changes []change) (parents []change, err error) {
	for len(changes) > 0 {
		ratio := int64(1)
		if w.level < Day {
			ratio = levelWidth[w.level+1] / levelWidth[w.level]
		}
		up := floorDiv(changes[0].bucket, ratio)
		n, rebuild := 0, false
		for ; n < len(changes) && floorDiv(changes[n].bucket, ratio) == up; n++ {
			rebuild = rebuild || changes[n].replace || w.kind == KindWeighted
		}
		parent := change{bucket: up}
		if rebuild && w.level < Day {
			parent, err = w.rebuild(up, ratio, changes[:n])
		} else {
			err = w.apply(&parent, changes[:n])
		}
		if err != nil {
			return nil, err
		}
		parents = append(parents, parent)
		changes = changes[n:]
	}
	return parents, w.flush()
}

// apply applies the changes of one coarser bucket and gathers in parent what is to be merged there.
func (w *rewriter) apply(parent *change, changes []change) error {
	for i := range changes {
		c := &changes[i]
		slot, err := w.seek(c.bucket)
		if err != nil {
			return err
		}
		if err := w.change(slot, c); err != nil {
			return err
		}
		if w.level < Day {
			parent.add(w.kind, c.agg)
		}
	}
	return nil
}

// rebuild applies the changes of one coarser bucket and makes it anew from all its finer ones.
func (w *rewriter) rebuild(up, ratio int64, changes []change) (change, error) {
	parent := change{bucket: up, agg: new(Agg), owned: true, replace: true}
	if w.ladder.Kept.gone(w.level, up*ratio*levelWidth[w.level]) {
		if parent.whole = replacesAll(changes, ratio); !parent.whole {
			return parent, fmt.Errorf("%w: %s %d is to be made of %d of its %d parts", ErrExpired, w.level+1, up, len(changes), ratio)
		}
	}
	area := newSweep(nanosOf(up * ratio * levelWidth[w.level]))
	for bucket := up * ratio; bucket < (up+1)*ratio; bucket++ {
		slot, err := w.seek(bucket)
		if err != nil {
			return parent, err
		}
		if stored := w.ladder.page.Slot(slot); stored != nil {
			parent.before += stored.Count
		}
		if len(changes) > 0 && changes[0].bucket == bucket {
			if err := w.change(slot, &changes[0]); err != nil {
				return parent, err
			}
			changes = changes[1:]
		}
		now := w.ladder.page.Slot(slot)
		switch {
		case now == nil:
		case w.kind != KindWeighted:
			parent.agg.Merge(w.kind, now)
		case !area.bucket(w.level, bucket*levelWidth[w.level], now):
			return parent, w.fail(corrupt("an event outside of its bucket", 0))
		}
	}
	if w.kind == KindWeighted {
		area.advance(nanosOf((up + 1) * ratio * levelWidth[w.level]))
		*parent.agg = Agg{Count: area.count, Extra: &Extra{Area: area.Area}}
	}
	return parent, nil
}

// replacesAll reports whether the changes of one coarser bucket replace every finer one.
func replacesAll(changes []change, ratio int64) bool {
	return int64(len(changes)) == ratio && !slices.ContainsFunc(changes, func(c change) bool { return !c.replace })
}

// add gathers what is to be merged into a coarser bucket. One part alone is not copied.
func (c *change) add(k Kind, a *Agg) {
	switch {
	case c.agg == nil:
		c.agg = a
		return
	case !c.owned:
		own := c.agg.clone()
		c.agg, c.owned = &own, true
	}
	c.agg.Merge(k, a)
}

// change applies one change to the open page.
func (w *rewriter) change(slot int, c *change) error {
	w.dirty = true
	if !c.replace {
		w.ladder.page.MergeSlot(slot, c.agg)
		return nil
	}
	if w.level > Minute {
		stored := int64(0)
		if a := w.ladder.page.Slot(slot); a != nil {
			stored = a.Count
		}
		if stored != c.before && !c.whole {
			return w.fail(fmt.Errorf("%w: slot %d counts %d events, its parts %d", ErrExpired, slot, stored, c.before))
		}
	}
	w.ladder.page.ReplaceSlot(slot, c.agg)
	return nil
}

// seek opens the page of a bucket of the level and returns the bucket's slot. Buckets ascend.
func (w *rewriter) seek(bucket int64) (slot int, err error) {
	page, slot := PageOf(w.kind, w.level, bucket*levelWidth[w.level])
	if w.open && w.page == page {
		return slot, nil
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	w.page, w.open = page, true
	p := &w.ladder.page
	p.Reset(w.kind, w.level)
	w.ladder.old = w.ladder.old[:0]
	return slot, w.read(w.level, page, func(data []byte) error {
		w.ladder.old = append(w.ladder.old, data...)
		if err := p.Decode(w.kind, w.level, data); err != nil {
			return w.fail(err)
		}
		return nil
	})
}

// flush writes the open page when it was changed.
func (w *rewriter) flush() error {
	dirty := w.dirty
	w.open, w.dirty = false, false
	if !dirty {
		return nil
	}
	return w.write(w.level, w.page, w.ladder.old, &w.ladder.page)
}

func (w *rewriter) fail(err error) error {
	return fmt.Errorf("%s page %d: %w", w.level, w.page, err)
}
