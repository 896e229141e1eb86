package engine

import (
	"bytes"
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// Rows of groups in checkpoints: one a bucket, family and series (package rollup has their bytes).

// allGroups brings the rows of groups of the dirty series, which are in the order of keys, up to what is frozen.
func (w *rowWriter) allGroups(view *wal.View, dirty []*series) error {
	w.rows = view.Seeker(wal.ClassBounds(wal.ClassGroup))
	for _, s := range dirty {
		if s.frozen.groups == nil {
			continue
		}
		for _, f := range s.meter.families() {
			if err := w.seriesGroups(view, s, f); err != nil {
				_ = w.rows.Close()
				return fmt.Errorf("tenant %q, meter %s: %w", s.tenant.name, s.meter.def.Slug, err)
			}
		}
	}
	return w.rows.Close()
}

func (w *rowWriter) seriesGroups(view *wal.View, s *series, f rollup.Family) error {
	var last []byte
	read := func(l rollup.Level, bucket int64, fn func(data []byte) error) error {
		w.key = wal.AppendGroupKey(w.key[:0], s.tenant.num, s.meter.num, uint8(f), uint8(l), bucket)
		get := w.rows.Get
		if bytes.Compare(w.key, last) < 0 { // a part of a bucket that is made anew: the seeker is past it
			get = view.Get
		} else {
			last = append(last[:0], w.key...)
		}
		_, err := get(w.key, fn)
		return err
	}
	keep := w.kept.of(s.tenant.num, s.meter.kind)
	write := func(l rollup.Level, bucket int64, old, row []byte) error {
		if !keep.HasBucket(l, bucket) {
			return nil
		}
		w.key = wal.AppendGroupKey(w.key[:0], s.tenant.num, s.meter.num, uint8(f), uint8(l), bucket)
		w.sum.sub(rowHash(w.key, old))
		return w.replace(w.key, row)
	}
	most, err := w.groups.Rows(s.meter.kind, f, s.frozen.groups, w.was.of(s.tenant.num, s.meter.kind), read, write)
	s.frozen.most = max(s.frozen.most, most)
	return err
}

// expireGroups deletes the rows that were stored and are not kept any more, and takes them out of the digest, as expirePages does.
func (w *rowWriter) expireGroups(view *wal.View, tenants []*tenant, meters []*meter) error {
	return w.expireSeries(view, wal.ClassGroup, tenants, meters, func(rows *wal.Seeker, t *tenant, m *meter, was, now *rollup.Kept) error {
		for _, f := range m.families() {
			for l := rollup.QuarterHour; l < rollup.Day; l++ {
				first, end := rollup.BucketOf(l, was.From(l)), rollup.BucketOf(l, now.From(l))
				if first == end {
					continue
				}
				lower := wal.AppendGroupKey(nil, t.num, m.num, uint8(f), uint8(l), first)
				upper := wal.AppendGroupKey(nil, t.num, m.num, uint8(f), uint8(l), end)
				if err := w.expireRange(rows, lower, upper); err != nil {
					return fmt.Errorf("expire groups by %s of tenant %q, meter %s: %w", l, t.name, m.def.Slug, err)
				}
			}
		}
		return nil
	})
}
