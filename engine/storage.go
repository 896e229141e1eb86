package engine

import (
	"context"
	"fmt"
	"math/bits"
	"time"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Storage tells what is kept of each class of data, since when, and what it takes on the disk. The sizes of single bucket widths
// are measured only when exact is set, by reading all buckets: a second per few hundred megabytes.
func (e *Engine) Storage(ctx context.Context, exact bool) ([]usage.StorageClass, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	cfg := e.state.cfg.Load()
	keep, k := cfg.settings.def.Retention.WithDefaults(), cfg.kept
	if k == nil {
		k = nothingExpired(0)
	}
	metrics := e.store.Metrics()
	ids, err := e.store.RunBytes()
	if err != nil {
		return nil, err
	}
	buckets, err := e.store.ClassBytes(wal.ClassPage)
	if err != nil {
		return nil, err
	}
	days, err := e.store.ClassBytes(wal.ClassDay)
	if err != nil {
		return nil, err
	}
	groups, err := e.store.ClassBytes(wal.ClassGroup)
	if err != nil {
		return nil, err
	}
	base, err := e.store.BaseBytes()
	if err != nil {
		return nil, err
	}
	events := usage.StorageClass{Class: "events", Keep: keep.Raw, Bytes: &metrics.Log.DiskBytes}
	if first := e.store.FirstIndex(); first > 1 {
		block, err := e.store.ReadBlock(first)
		if err != nil {
			return nil, err
		}
		at, err := wal.BlockTime(block)
		if err != nil {
			return nil, err
		}
		events.Since = new(time.Unix(0, at).UTC())
	}
	out := []usage.StorageClass{events, {Class: "ids", Keep: usage.KeepForever(), Bytes: new(int64(ids))}}
	levels := [...]usage.StorageClass{
		rollup.Minute:      {Class: "minute", Keep: keep.Minute, Since: sinceMinute(k.Minute)},
		rollup.QuarterHour: {Class: "quarter_hour", Keep: keep.QuarterHour, Since: sinceMinute(k.QuarterHour)},
		rollup.Hour:        {Class: "hour", Keep: keep.Hour, Since: sinceMinute(k.Hour)},
		rollup.Day:         {Class: "day", Keep: usage.KeepForever(), Bytes: new(int64(days))},
	}
	if exact {
		sizes, err := e.levelBytes(ctx, int64(buckets))
		if err != nil {
			return nil, err
		}
		for l := range sizes {
			levels[l].Bytes = &sizes[l]
		}
	}
	out = append(out, levels[:]...)
	rest := max(0, metrics.State.DiskBytes-int64(ids+buckets+days+groups))
	out = append(out, usage.StorageClass{Class: "groups", Keep: keep.QuarterHour, Since: sinceMinute(k.QuarterHour), Bytes: new(int64(groups))})
	out = append(out, usage.StorageClass{Class: "rest", Keep: usage.KeepForever(), Bytes: &rest})
	if base > 0 {
		out = append(out, usage.StorageClass{Class: "base", Keep: usage.KeepForever(), Bytes: &base})
	}
	return out, nil
}

// levelBytes divides what the pages below days take on the disk among the levels, by the bytes of their rows.
func (e *Engine) levelBytes(ctx context.Context, onDisk int64) (sizes [rollup.Day]int64, err error) {
	view := e.store.View()
	defer view.Close()
	var rows [rollup.Day]int64
	all := int64(0)
	lower, upper := wal.ClassBounds(wal.ClassPage)
	err = view.Scan(lower, upper, func(key, value []byte) error {
		_, _, level, _, err := wal.ParsePageKey(key)
		if err == nil && int(level) >= len(rows) {
			err = fmt.Errorf("%w: a page of level %d", wal.ErrCorrupt, level)
		}
		if err != nil {
			return err
		}
		size := int64(len(key) + len(value))
		rows[level] += size
		all += size
		return ctx.Err()
	})
	for l := range rows {
		if all > 0 {
			hi, lo := bits.Mul64(uint64(onDisk), uint64(rows[l]))
			share, _ := bits.Div64(hi, lo, uint64(all)) // at most onDisk
			sizes[l] = int64(share)
		}
	}
	return sizes, err
}
