package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// What remains of a minute when an event is taken out of it. Nobody knows what was second to the greatest value. Most often the
// bucket itself can tell (rollup.Agg.Without): the event was not the greatest. Else the minute is folded anew from the
// events of the log that still count in it.
//
// That is a pure function of the log, and bounded: the index of blocks leads to those of the tenant that have something in the
// minute, and beyond so many of them, or of their items, the void is refused.

// refolded is the bucket of one series and minute, without the item that is taken back.
type refolded struct {
	series *series
	minute int64
	agg    rollup.Agg
	abs    uint64 // part of series.absolute that goes with the item
	open   bool   // it takes the events of the log to tell what is left
}

// bucketsWithout makes the buckets that x's contributions to series that do not add up leave behind. It changes nothing.
func (sh *shard) bucketsWithout(b *block, t *tenant, x *recalled) (all []*refolded, refusal *usage.Error, err error) {
	minute, open := floorMinute(x.at), false
	for i := range x.contribs {
		c := &x.contribs[i]
		if c.meter.kind.Additive() {
			continue
		}
		j := slices.IndexFunc(all, func(r *refolded) bool { return r.series == c.series })
		if j < 0 {
			if keep := b.cfg.kept.of(t.num, c.meter.kind); minute < keep.From(rollup.Minute) {
				return nil, &usage.Error{Code: usage.CodeEventArchived, Detail: fmt.Sprintf(
					"the minutes of meter %s (%s) are kept since %s, and a void needs that of the event", c.meter.def.Slug,
					c.meter.def.Aggregation, stamp(keep.From(rollup.Minute)*60e9))}, nil
			}
			r := &refolded{series: c.series, minute: minute}
			if r.agg, err = sh.bucketLocked(c.series, minute); err != nil {
				return nil, nil, err
			}
			j, all = len(all), append(all, r)
		}
		r, p := all[j], c.point(x.item, x.at)
		r.abs += c.abs
		if r.open {
			continue
		}
		rest, ok := r.agg.Without(c.meter.kind, &p)
		// Of usage by dimensions the minute is counted again in any case: it is kept by tuples, and the bucket has none.
		r.agg, r.open = rest, !ok || c.meter.grouped && rest.Count > 0
		open = open || r.open
	}
	if !open {
		return all, nil, nil
	}
	for _, r := range all {
		if r.open {
			r.agg = rollup.Agg{}
		}
	}
	f := newMinuteFolder(sh, b, t, x, all)
	refusal, err = f.fold(func(r *refolded, c *contribution, _ *item, p *rollup.Point) error {
		r.agg.Fold(c.meter.kind, p)
		return nil
	})
	return all, refusal, err
}

// replaceBuckets puts the buckets into the place of what was there, and folds those that were open by dimensions, too.
func (sh *shard) replaceBuckets(b *block, t *tenant, x *recalled, buckets []*refolded) error {
	open := false
	for _, r := range buckets {
		if err := r.series.replace(sh, r.minute, r.agg, r.abs, b.seconds); err != nil {
			return err
		}
		if r.series.meter.grouped {
			r.series.groups().Replace(r.minute)
			open = open || r.open
		}
	}
	if !open {
		return nil
	}
	f := newMinuteFolder(sh, b, t, x, buckets)
	refusal, err := f.fold(func(r *refolded, c *contribution, it *item, p *rollup.Point) error {
		if !c.meter.grouped {
			return nil
		}
		if err := sh.place(t, c, it, r.minute); err != nil {
			return err
		}
		r.series.groups().Fold(c.meter.kind, r.minute, sh.tuple, p)
		return nil
	})
	if refusal != nil {
		return fmt.Errorf("BUG: a minute that was counted a moment ago: %w", refusal)
	}
	return err
}

// bucketLocked is the bucket of one minute of a series, as it is. The caller holds shard.mu.
func (sh *shard) bucketLocked(s *series, minute int64) (rollup.Agg, error) {
	var src rollup.Source = noPages{}
	gen := uint64(0)
	if sh.state.store != nil {
		view := sh.state.store.View()
		defer view.Close()
		src, gen = seriesPages{view, s}, viewGen(view)
	}
	var deltas []*rollup.Delta
	for _, p := range [2]*pending{s.frozen, s.pending} {
		if p != nil && p.gen > gen {
			deltas = append(deltas, &p.delta)
		}
	}
	return rollup.Bucket(s.meter.kind, src, deltas, minute)
}

// minuteFolder folds one minute of a tenant anew.
type minuteFolder struct {
	shard   *shard
	block   *block // the one at hand
	tenant  *tenant
	minute  int64
	without place // the item that is taken back
	buckets []*refolded
	each    func(r *refolded, c *contribution, it *item, p *rollup.Point) error

	holds  []*pastHold // made in the minute, in the order of the log
	blocks []scanned
	items  int
}

// scanned is a block that was looked at.
type scanned struct {
	index uint64
	nanos int64
}

// pastHold is a reservation or lease of the minute, as far as the scan has followed it: what it books counts when it was made.
type pastHold struct {
	hash   wal.Hash
	item   *item
	at     int64
	booked usage.Decimal
}

var (
	errTooFull  = errors.New("the minute is too full")
	errArchived = errors.New("a part of the minute is no longer kept")
)

func newMinuteFolder(sh *shard, b *block, t *tenant, x *recalled, buckets []*refolded) *minuteFolder {
	return &minuteFolder{shard: sh, block: b, tenant: t, minute: floorMinute(x.at), without: x.place, buckets: buckets}
}

// fold calls each for what every event of the minute that still counts adds to the buckets that are open, in the order of the log.
func (f *minuteFolder) fold(each func(r *refolded, c *contribution, it *item, p *rollup.Point) error) (*usage.Error, error) {
	f.each = each
	reader := f.shard.readBlocks(f.tenant)
	defer reader.Close()
	err := reader.over(timeSpan{f.minute, f.minute}, f.block.index-1, func(index uint64, facts blockFacts) error {
		return f.pastBlock(reader, index, &facts)
	})
	if err == nil {
		err = f.thisBlock(reader)
	}
	if err == nil {
		err = f.expiries()
	}
	switch {
	case errors.Is(err, errTooFull):
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/id", Detail: fmt.Sprintf(
			"meter %s (%s) would have to count the minute of the event again, and it is spread over more than %d blocks or %d items of the log",
			f.buckets[0].series.meter.def.Slug, f.buckets[0].series.meter.def.Aggregation, refoldBlocksMax, refoldItemsMax)}, nil
	case errors.Is(err, errArchived), errors.Is(err, wal.ErrNoBlock): // the latter as in recallForVoid
		return &usage.Error{Code: usage.CodeEventArchived, Detail: "events of the same minute are no longer kept, and without them its meters cannot be counted again"}, nil
	}
	return nil, err
}

func (f *minuteFolder) pastBlock(reader *blockReader, index uint64, facts *blockFacts) error {
	if index <= f.block.cfg.kept.archived() {
		return errArchived
	}
	past := &f.shard.rescan
	if err := past.read(f.shard.state.log, index); err != nil {
		return err
	}
	f.blocks = append(f.blocks, scanned{index, past.nanos})
	if f.items += len(past.items); len(f.blocks) > refoldBlocksMax || f.items > refoldItemsMax {
		return errTooFull
	}
	marks, err := reader.voidsIn(f.tenant.num, index)
	if err != nil {
		return err
	}
	p := f.shard.preparer()
	for i := range past.items {
		in := &past.items[i]
		if !f.tenant.owns(in) || !facts.counts(i) || !f.concerns(in, past.nanos) || (place{index, i}) == f.without || markAt(marks, i) != nil {
			continue
		}
		it := &item{Item: *in}
		if err := p.complete(it); err != nil {
			return err
		}
		if err := f.add(it, index, past.nanos); err != nil {
			return err
		}
	}
	return nil
}

// concerns tells whether an item may count in the minute, before it is looked at in full.
func (f *minuteFolder) concerns(in *wal.Item, nanos int64) bool {
	switch {
	case in.Kind == wal.KindOperation:
		return true
	case in.HasTime:
		nanos = in.TimeNanos
	}
	return floorMinute(nanos) == f.minute
}

// thisBlock adds the items of the block at hand before the void.
func (f *minuteFolder) thisBlock(reader *blockReader) error {
	b := f.block
	f.blocks = append(f.blocks, scanned{b.index, b.nanos})
	marks, err := reader.voidsIn(f.tenant.num, b.index)
	if err != nil {
		return err
	}
	for i, it := range b.items[:f.shard.item] {
		if b.tenants[i] != f.tenant || b.results[i].verdict != counted || !f.concerns(&it.Item, b.nanos) ||
			(place{b.index, i}) == f.without || markAt(marks, i) != nil {
			continue
		}
		own := *it
		if err := f.add(&own, b.index, b.nanos); err != nil {
			return err
		}
	}
	return nil
}

// add folds what an item that counted added to the minute.
func (f *minuteFolder) add(it *item, index uint64, nanos int64) error {
	if it.Kind != wal.KindOperation {
		at := nanos
		if it.HasTime {
			at = it.TimeNanos
		}
		return f.count(it, index, nanos, at)
	}
	switch op := it.more.op.Op; op {
	case opReserve, opLease:
		if floorMinute(nanos) == f.minute {
			own := *it
			own.Feature, own.User, own.ID = cloneString(it.Feature), cloneString(it.User), cloneString(it.ID)
			f.holds = append(f.holds, &pastHold{hash: it.hash, item: &own, at: nanos, booked: usage.Int(0)})
		}
	case opCommit, opSettle:
		i := slices.IndexFunc(f.holds, func(h *pastHold) bool { return h.hash == it.hash })
		if i >= 0 {
			return f.book(f.holds[i], it.Quantity, index, nanos)
		}
	}
	return nil
}

// book folds what a hold has booked since it last did; total is all of it.
func (f *minuteFolder) book(h *pastHold, total usage.Decimal, index uint64, nanos int64) error {
	spent, err := subtract(total, h.booked)
	if err != nil || spent.Sign() <= 0 {
		return err
	}
	h.booked = total
	own := *h.item
	own.Quantity = spent
	return f.count(&own, index, nanos, h.at)
}

// expiries folds what leases and reservations were charged when they expired: that is no item of the log.
func (f *minuteFolder) expiries() error {
	for _, past := range f.holds {
		h, err := f.shard.findHold(f.tenant, past.hash)
		if err != nil || h == nil {
			return err
		}
		if h.state != holdExpired || !h.charge || h.booked != h.quantity {
			continue
		}
		when := f.blocks[len(f.blocks)-1]
		if i := slices.IndexFunc(f.blocks, func(s scanned) bool { return s.nanos >= h.expires }); i >= 0 {
			when = f.blocks[i] // the block that was the first to be later is among them: it changed the minute
		}
		if err := f.book(past, h.booked, when.index, when.nanos); err != nil {
			return err
		}
	}
	return nil
}

// count folds an item, at a time, as the meters of its place in the log count it.
func (f *minuteFolder) count(it *item, index uint64, nanos, at int64) error {
	if refusal := f.shard.judgePast(it, f.tenant, index, nanos); refusal != nil {
		return fmt.Errorf("%w: what block %d counted under id %s is refused now: %w", wal.ErrCorrupt, index, shorten(it.ID), refusal)
	}
	for _, c := range f.shard.numberedContribs(f.tenant) {
		for _, r := range f.buckets {
			if r.series != c.series || !r.open {
				continue
			}
			p := c.point(it, at)
			if err := f.each(r, &c, it, &p); err != nil {
				return err
			}
		}
	}
	return nil
}
