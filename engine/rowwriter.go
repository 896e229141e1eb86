package engine

import (
	"errors"
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// rowWriter merges what is pending into the rows of the store, and keeps the digest of all rows in step.
type rowWriter struct {
	w      rowSink
	rows   *wal.Seeker // over the class at hand; keys ascend
	days   *wal.Seeker // over pages of days, beside those of shorter buckets
	sum    sum128
	was    *kept // what the rows keep before this checkpoint
	kept   *kept // and after it
	ladder rollup.Ladder
	groups rollup.GroupLadder
	page   rollup.Page
	key    []byte
	buf    []byte
}

// set writes a row that is not part of the rows' digest (it is in another part).
func (w *rowWriter) set(key, value []byte) error { return w.w.Set(key, value) }

// replace writes a row and adds it to the digest; whoever read the old value has taken that out. A row without a value, such as a
// page whose last event was taken back, is as good as none: it counts nothing.
func (w *rowWriter) replace(key, value []byte) error {
	w.sum.add(rowHash(key, value))
	return w.w.Set(key, value)
}

// at is the seeker over the pages of a level.
func (w *rowWriter) at(l rollup.Level) *wal.Seeker {
	if l == rollup.Day {
		return w.days
	}
	return w.rows
}

// allPages brings the pages of the dirty series, which are in the order of keys, up to what is frozen.
func (w *rowWriter) allPages(view *wal.View, dirty []*series) error {
	w.rows, w.days = view.Seeker(wal.ClassBounds(wal.ClassPage)), view.Seeker(wal.ClassBounds(wal.ClassDay))
	var err error
	for _, s := range dirty {
		if err = w.pages(s, s.frozen); err != nil {
			break
		}
	}
	return errors.Join(err, w.rows.Close(), w.days.Close())
}

// pages brings the pages of all levels up to a pending delta.
func (w *rowWriter) pages(s *series, p *pending) error {
	if s.meter.kind == rollup.KindWeighted || p.delta.HasReplaced() {
		return w.rewrite(s, p)
	}
	kind := s.meter.kind
	keep := w.kept.of(s.tenant.num, kind)
	return w.ladder.Pages(kind, &p.delta, func(l rollup.Level, page int64, slots []rollup.Slot) error {
		if !keep.Has(kind, l, page) {
			return nil
		}
		w.key = appendPageKey(w.key[:0], s.tenant.num, s.meter.num, l, page)
		w.page.Reset(kind, l)
		_, err := w.at(l).Get(w.key, func(old []byte) error {
			w.sum.sub(rowHash(w.key, old))
			return w.page.Decode(kind, l, old)
		})
		if err != nil {
			return fmt.Errorf("page of tenant %q, meter %s, %s %d: %w", s.tenant.name, s.meter.def.Slug, l, page, err)
		}
		w.page.MergeSlots(slots)
		w.buf = w.page.Append(w.buf[:0])
		return w.replace(w.key, w.buf)
	})
}

// rewrite is pages for what does not add up: coarser buckets are made anew from the finer ones.
func (w *rowWriter) rewrite(s *series, p *pending) error {
	read := func(l rollup.Level, page int64, fn func(data []byte) error) error {
		w.key = appendPageKey(w.key[:0], s.tenant.num, s.meter.num, l, page)
		_, err := w.at(l).Get(w.key, fn)
		return err
	}
	keep := w.kept.of(s.tenant.num, s.meter.kind)
	w.ladder.Kept = w.was.of(s.tenant.num, s.meter.kind)
	err := w.ladder.Rewrite(s.meter.kind, &p.delta, read, func(l rollup.Level, page int64, old []byte, now *rollup.Page) error {
		if !keep.Has(s.meter.kind, l, page) {
			return nil
		}
		w.key = appendPageKey(w.key[:0], s.tenant.num, s.meter.num, l, page)
		w.sum.sub(rowHash(w.key, old))
		w.buf = now.Append(w.buf[:0])
		return w.replace(w.key, w.buf)
	})
	if err != nil {
		return fmt.Errorf("pages of tenant %q, meter %s: %w", s.tenant.name, s.meter.def.Slug, err)
	}
	return nil
}

// counter writes the row of a series' counter.
func (w *rowWriter) counter(s *series, p *pending) error {
	w.key = wal.AppendSeriesKey(w.key[:0], s.tenant.num, s.meter.num)
	var row counterRow
	_, err := w.rows.Get(w.key, func(old []byte) error {
		w.sum.sub(rowHash(w.key, old))
		return row.decode(s.meter.kind, old, &w.page)
	})
	if err != nil {
		return fmt.Errorf("counter of tenant %q, meter %s: %w", s.tenant.name, s.meter.def.Slug, err)
	}
	row.add(s.meter.kind, p)
	w.buf = row.append(w.buf[:0], s.meter.kind, &w.page)
	return w.replace(w.key, w.buf)
}
