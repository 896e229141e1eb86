package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Events lists what was counted by Record and Consume, the newest in the log first: that is the order of arrival, not of
// timestamps. Events that were taken back are in it, with status voided; duplicates and refusals are not. Everything
// that was recorded before the call is there, and nothing that a power cut could still lose.
//
// A page that is short, even an empty one, is not the last unless Next is empty: so far it has looked. It reads at most
// a million items of the log. Errors: invalid_cursor, not_found for a tenant that never was.
func (e *Engine) Events(ctx context.Context, f usage.EventFilter) (usage.EventPage, error) {
	if e.closed.Load() {
		return usage.EventPage{}, usage.ErrClosed
	}
	l := &eventLister{engine: e, filter: f, limit: f.Limit, until: place{e.log.DurableIndex(), math.MaxInt32}}
	if l.limit == 0 {
		l.limit = eventsPageDefault
	}
	if f.Cursor != "" {
		at, ok := parsePlace(f.Cursor)
		if !ok {
			return usage.EventPage{}, &usage.Error{Code: usage.CodeInvalidCursor, Pointer: "/cursor", Detail: "the cursor is not one of this list; start without one"}
		}
		if at.block <= l.until.block { // else it is of another store: what is not durable is not listed, nor looked for
			l.until = at
		}
	}
	if f.TenantID != "" {
		if l.tenant = e.state.dir.tenant(f.TenantID); l.tenant == nil {
			return usage.EventPage{}, nil // it may come yet
		}
	}
	return l.list(ctx)
}

// place is where an item stands in the log: after its block's items before it.
type place struct {
	block    uint64
	position int
}

func (p place) String() string { return fmt.Sprintf("%d.%d", p.block, p.position) }

func parsePlace(text string) (p place, ok bool) {
	n, err := fmt.Sscanf(text, "%d.%d", &p.block, &p.position)
	return p, err == nil && n == 2 && p.position >= 0 && p.String() == text
}

// eventLister makes one page.
type eventLister struct {
	engine *Engine
	filter usage.EventFilter
	tenant *tenant // nil: all
	limit  int
	until  place // list what is before it
	reader *blockReader
	past   pastBlock
	seen   int // items looked at
	page   usage.EventPage
}

func (l *eventLister) list(ctx context.Context) (usage.EventPage, error) {
	l.reader = l.engine.state.readBlocks(l.tenant)
	defer l.reader.Close()
	wanted := timeSpan{math.MinInt64, math.MaxInt64}
	if !l.filter.From.IsZero() {
		wanted.min = floorDiv(l.filter.From.Unix(), 60)
	}
	if !l.filter.To.IsZero() {
		wanted.max = floorDiv(l.filter.To.Unix(), 60)
	}
	err := l.reader.descend(l.until.block, func(index uint64) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if index <= l.engine.state.cfg.Load().kept.archived() {
			return errStop // older events are no longer kept
		}
		if l.seen >= eventsScanItemsMax {
			l.page.Next = place{index, math.MaxInt32}.String()
			return errStop
		}
		facts, err := l.reader.factsOf(index)
		if err != nil || !facts.span.meets(wanted) {
			l.seen++
			return err
		}
		return l.block(index, &facts)
	})
	if errors.Is(err, wal.ErrNoBlock) {
		return l.page, nil // older events are no longer kept
	}
	return l.page, err
}

// block lists the events of one block, from the last to the first.
func (l *eventLister) block(index uint64, facts *blockFacts) error {
	if err := l.past.read(l.engine.state.log, index); err != nil {
		return err
	}
	l.seen += len(l.past.items)
	for i := len(l.past.items) - 1; i >= 0; i-- {
		in := &l.past.items[i]
		if index == l.until.block && i >= l.until.position || in.Kind != wal.KindEvent && in.Kind != wal.KindConsume ||
			!facts.counts(i) || l.tenant != nil && !l.tenant.owns(in) {
			continue
		}
		at := in.TimeNanos
		if !in.HasTime {
			at = l.past.nanos
		}
		if f := &l.filter; !f.From.IsZero() && at < f.From.UnixNano() || !f.To.IsZero() && at >= f.To.UnixNano() {
			continue
		}
		rec, err := l.engine.eventRecord(l.reader, &l.past, i)
		if err != nil {
			return err
		}
		if !l.wants(&rec) {
			continue
		}
		if len(l.page.Data) == l.limit {
			l.page.Next = place{index, i + 1}.String()
			return errStop
		}
		l.page.Data = append(l.page.Data, rec)
	}
	return nil
}

func (l *eventLister) wants(rec *usage.EventRecord) bool {
	feature := l.filter.FeatureType
	return feature == "" || rec.FeatureType == feature ||
		slices.ContainsFunc(rec.Items, func(it usage.Item) bool { return it.FeatureType == feature })
}

// Event returns what was counted under an id. Errors: not_found when nothing was, event_archived when it is no longer kept.
func (e *Engine) Event(_ context.Context, tenantID, source, id string) (usage.EventRecord, error) {
	if e.closed.Load() {
		return usage.EventRecord{}, usage.ErrClosed
	}
	t := e.state.dir.tenant(tenantID)
	if t == nil {
		return usage.EventRecord{}, noEvent(tenantID, id)
	}
	hash, _ := idHash(e.state.secret, nil, tenantID, source, id)
	known, found, err := t.shard.locate(hash)
	if err != nil {
		return usage.EventRecord{}, err
	}
	if !found || known.Block > e.log.DurableIndex() {
		return usage.EventRecord{}, noEvent(tenantID, id)
	}
	if known.Block <= e.state.cfg.Load().kept.archived() {
		return usage.EventRecord{}, archived(id)
	}
	r := e.state.readBlocks(t)
	defer r.Close()
	var past pastBlock
	if err := past.read(e.state.log, known.Block); errors.Is(err, wal.ErrNoBlock) {
		return usage.EventRecord{}, archived(id)
	} else if err != nil {
		return usage.EventRecord{}, err
	}
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	i, err := p.position(t, &past, known)
	if err != nil {
		return usage.EventRecord{}, err
	}
	return e.eventRecord(r, &past, i)
}

func noEvent(tenant, id string) *usage.Error {
	return &usage.Error{Code: usage.CodeNotFound, Detail: fmt.Sprintf("tenant %s has counted nothing under id %s", shorten(tenant), shorten(id))}
}

func archived(id string) *usage.Error {
	return &usage.Error{Code: usage.CodeEventArchived, Detail: fmt.Sprintf("event %s is no longer kept; its id and its totals are", shorten(id))}
}

// locate returns what the dedup index has of a hash. The caller does not hold shard.mu.
func (sh *shard) locate(hash wal.Hash) (id wal.ID, found bool, err error) {
	sh.mu.Lock()
	id, found = sh.locateOpen(hash)
	sh.mu.Unlock()
	if found {
		return id, true, nil
	}
	return sh.locateClosed(hash, math.MaxUint64)
}

// locateClosed looks in the runs, as an item of the block at index does.
func (sh *shard) locateClosed(hash wal.Hash, index uint64) (wal.ID, bool, error) {
	past := &sh.state.past
	if past.runs == nil {
		return wal.ID{}, false, nil
	}
	id, found, err := past.runs.Lookup(hash)
	return id, found && past.has(&id, index), err
}

// locateOpen looks in the ids that no run holds yet. The caller holds shard.mu.
func (sh *shard) locateOpen(hash wal.Hash) (id wal.ID, found bool) {
	for _, table := range [2]*idTable{sh.ids, sh.frozenIDs} {
		if table == nil {
			continue
		}
		if e := table.find(hash); e != nil {
			return wal.ID{Hash: hash, Block: table.base + uint64(e.offset), Payload: e.payload, Outcome: table.outcome(hash)}, true
		}
	}
	return id, false
}

// position finds the item that an id was counted with in its block. Of several copies the first with the payload that was
// kept is taken: they are alike.
func (p *preparer) position(t *tenant, past *pastBlock, id wal.ID) (int, error) {
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	return p.positionLocked(t, past, id)
}

func (p *preparer) positionLocked(t *tenant, past *pastBlock, id wal.ID) (int, error) {
	for i := range past.items {
		if !t.owns(&past.items[i]) {
			continue
		}
		it := item{Item: past.items[i]}
		if err := p.complete(&it); err != nil {
			return 0, err
		}
		if it.hash == id.Hash && it.payload == id.Payload && (it.more == nil || it.more.op == nil || it.more.op.makes()) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%w: block %d does not hold the item that the dedup index names", wal.ErrCorrupt, past.index)
}

// eventRecord shows an item of a block. What it returns shares nothing with the block.
func (e *Engine) eventRecord(r *blockReader, past *pastBlock, i int) (usage.EventRecord, error) {
	in := &past.items[i]
	t := e.state.dir.number(in.TenantNum)
	if in.TenantNum == 0 {
		t = e.state.dir.tenant(in.Tenant)
	}
	if t == nil {
		return usage.EventRecord{}, fmt.Errorf("%w: block %d names a tenant that no entry made", wal.ErrCorrupt, past.index)
	}
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	it := item{Item: *in}
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	if err := p.complete(&it); err != nil {
		return usage.EventRecord{}, err
	}
	rec := usage.EventRecord{
		ID: cloneString(it.ID), TenantID: t.name, UserID: cloneString(it.User), FeatureType: cloneString(it.Feature), Quantity: it.Quantity,
		Source: cloneString(it.Source), Metadata: slices.Clone(it.Metadata), Op: opName(it.Op), Kind: it.kindName(),
		Index: past.index, Timestamp: time.Unix(0, past.nanos).UTC(), ReceivedAt: time.Unix(0, past.nanos).UTC(), Status: usage.StatusCounted,
	}
	if it.HasTime {
		rec.Timestamp = time.Unix(0, it.TimeNanos).UTC()
	}
	if it.Kind == wal.KindOperation {
		rec.Metadata = slices.Clone(it.more.op.Metadata)
		if m := it.more.op.Meter; m != "" {
			rec.Meters = []string{m}
		}
		return rec, nil
	}
	for _, sub := range it.parts() {
		if sub != &it {
			rec.Items = append(rec.Items, usage.Item{FeatureType: cloneString(sub.Feature), Quantity: sub.Quantity, Op: opName(sub.Op), Metadata: slices.Clone(sub.Metadata)})
		}
	}
	if refusal := t.shard.judgePast(&it, t, past.index, past.nanos); refusal == nil {
		for i := range t.shard.contribs {
			if slug := t.shard.contribs[i].meter.def.Slug; !t.shard.contribs[i].excluded && !slices.Contains(rec.Meters, slug) {
				rec.Meters = append(rec.Meters, slug)
			}
		}
	}
	marks, err := r.voidsIn(t.num, past.index)
	if m := markAt(marks, i); m != nil {
		rec.Status, rec.Voided = usage.StatusVoided, m.view()
	}
	return rec, err
}

// kindName is what the item is, in the words of the API.
func (it *item) kindName() string {
	switch {
	case it.Kind == wal.KindConsume:
		return usage.KindConsume
	case it.Kind != wal.KindOperation:
		return usage.KindEvent
	}
	switch it.more.op.Op {
	case opLease:
		return usage.KindLease
	case opAdjust:
		return usage.KindAdjustment
	case opReset:
		return usage.KindReset
	default:
		return usage.KindReservation
	}
}
