package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Retention from the outside: when something is due to expire, and how the next checkpoint drops it. What it means is in kept.go.

const (
	// expireEvery is how often retention looks for something to drop, in log time. Expiry goes by whole days.
	expireEvery = 24 * time.Hour

	// rewrittenKeepMin is how long minutes are kept of kinds that make buckets anew from them: an event or a void may come for
	// them 35 days late, and expiry must not overtake what is on its way.
	rewrittenKeepMin = 36 * 24 * time.Hour

	// janitorPause is how often an engine asks whether retention is due.
	janitorPause = 10 * time.Second
)

// Expire drops what the settings keep no longer, and returns when the entry that says so is durable; pages go with the
// next checkpoint, raw events before it returns. The engine does it once a day of log time by itself. Without anything to drop
// it does nothing. When raw events expire, those up to the cut are folded into the base first, at about a microsecond an event.
func (e *Engine) Expire(ctx context.Context) error {
	if e.closed.Load() {
		return usage.ErrClosed
	}
	if err := lockFor(ctx, &e.retention); err != nil {
		return err
	}
	defer e.retention.Unlock()
	now := e.clock.now()
	entry := e.dueExpiry(now)
	to, digest, err := e.prepareBase(ctx, now)
	if err != nil {
		return err
	}
	if to > 0 {
		if entry == nil {
			entry = &expiry{}
		}
		entry.Base, entry.BaseDigest = to, digest
	}
	if entry != nil {
		if _, err := e.submitConfig(ctx, &configEntry{Op: opExpire, Actor: actorOf(ctx), Expiry: entry}); err != nil {
			return err
		}
	}
	return e.dropArchived(ctx)
}

// dueExpiry computes what expires at a moment; nil: nothing.
func (e *Engine) dueExpiry(now int64) *expiry {
	cfg := e.state.cfg.Load()
	keep := cfg.settings.def.Retention.WithDefaults()
	old := cfg.kept
	if old == nil {
		old = nothingExpired(now)
	}
	var entry expiry
	due := false
	move := func(to **int64, k usage.Keep, atLeast time.Duration, from int64) {
		d, ok := k.Length()
		if !ok {
			return
		}
		if cut := rollup.DayStart(floorMinute(now - int64(max(d, atLeast)))); cut > from {
			*to, due = &cut, true
		}
	}
	move(&entry.Minute, keep.Minute, 0, old.Minute)
	move(&entry.Rewritten, keep.Minute, rewrittenKeepMin, old.Rewritten)
	move(&entry.QuarterHour, keep.QuarterHour, 0, old.QuarterHour)
	move(&entry.Hour, keep.Hour, 0, old.Hour)
	if !due {
		return nil
	}
	return &entry
}

// runJanitor ends when stop is closed. It has a goroutine of its own, since retention may take long and deadlines cannot wait.
func (e *Engine) runJanitor(stop <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	timer := time.NewTimer(janitorPause)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		if k := e.state.cfg.Load().kept; k == nil || e.clock.now()-k.At >= int64(expireEvery) {
			if err := e.Expire(ctx); err != nil && ctx.Err() == nil {
				e.opts.Logger.Warn("retention: nothing expired; it will be tried again", "err", err)
			}
		}
		timer.Reset(janitorPause)
	}
}

// expirePages deletes the pages that were stored and are not kept any more, and takes them out of the digest. Nothing that this
// checkpoint writes is among them.
func (w *rowWriter) expirePages(view *wal.View, tenants []*tenant, meters []*meter) error {
	return w.expireSeries(view, wal.ClassPage, tenants, meters, func(rows *wal.Seeker, t *tenant, m *meter, was, now *rollup.Kept) error {
		for l := rollup.Minute; l < rollup.Day; l++ {
			if was.From(l) == now.From(l) {
				continue
			}
			if err := w.expireLevel(rows, t.num, m, l, was.From(l), now.From(l)); err != nil {
				return fmt.Errorf("expire %ss of tenant %q, meter %s: %w", l, t.name, m.def.Slug, err)
			}
		}
		return nil
	})
}

// expireSeries calls expire for every series, with what was kept of it and what is, when that has changed. rows reads the class.
func (w *rowWriter) expireSeries(view *wal.View, class byte, tenants []*tenant, meters []*meter,
	expire func(rows *wal.Seeker, t *tenant, m *meter, was, now *rollup.Kept) error) error {
	if w.was == w.kept {
		return nil
	}
	rows := view.Seeker(wal.ClassBounds(class))
	defer func() { _ = rows.Close() }()
	for _, m := range meters {
		for _, t := range tenants {
			if t.seriesOf(m) == nil {
				continue
			}
			if err := expire(rows, t, m, w.was.of(t.num, m.kind), w.kept.of(t.num, m.kind)); err != nil {
				return err
			}
		}
	}
	return rows.Close()
}

func (w *rowWriter) expireLevel(rows *wal.Seeker, tenant uint32, m *meter, l rollup.Level, from, to int64) error {
	first, _ := rollup.PageOf(m.kind, l, from)
	end, _ := rollup.PageOf(m.kind, l, to)
	lower := wal.AppendPageKey(nil, tenant, m.num, uint8(l), first)
	upper := wal.AppendPageKey(nil, tenant, m.num, uint8(l), end)
	return w.expireRange(rows, lower, upper)
}

// expireRange deletes the rows of a range and takes them out of the digest.
func (w *rowWriter) expireRange(rows *wal.Seeker, lower, upper []byte) error {
	found := false
	err := rows.Scan(lower, upper, func(key, value []byte) error {
		w.sum.sub(rowHash(key, value))
		found = true
		return nil
	})
	if err != nil || !found {
		return err
	}
	return w.w.DeleteRange(lower, upper)
}

// checkResolution refuses an edge that lies inside a bucket that has expired, and names what is kept.
func (k *kept) checkResolution(tenant uint32, kind rollup.Kind, spans []rollup.Span) error {
	keep := k.of(tenant, kind)
	for i := range spans {
		for _, edge := range [2]int64{spans[i].StartMin, spans[i].EndMin} {
			if keep.Align(edge) == edge {
				continue
			}
			l := rollup.Minute
			for l < rollup.Day && edge < keep.From(l) {
				l++
			}
			return &usage.Error{Code: usage.CodeResolution, Pointer: "/window", Detail: fmt.Sprintf(
				"%s lies inside a bucket of the finest width that is still kept there, which is a %s (%ss are kept since %s); use edges that are whole %ss in UTC",
				minuteTime(edge).Format(time.RFC3339), l, l-1, minuteTime(keep.From(l-1)).Format("2006-01-02"), l)}
		}
	}
	return nil
}
