package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Void takes an event or a consume back, by its id: out of every number, in the minute in which it counted, and out of the quotas
// of that period, which have room again at once. (Not out of rates; and a warning that was given is not given again.) Its id
// stays used. Nothing is edited: a void is an entry of the log, and stands in the audit.
//
// The outcome is voided, or duplicate when it was voided before. Errors: not_found when nothing was counted under the id,
// event_archived when the event itself is no longer kept, invalid_value for an id of something else than an event or consume, and
// for a minute that is too full to be counted again.
func (e *Engine) Void(ctx context.Context, v usage.Void) (usage.Outcome, error) {
	out := usage.Outcome{ID: v.ID}
	if err := v.Validate(); err != nil {
		return out, err
	}
	if e.state.dir.tenant(v.TenantID) == nil { // the log need not know of it
		return out, noEvent(v.TenantID, v.ID)
	}
	res, err := e.submitOperation(ctx, wal.Item{Tenant: v.TenantID, Source: v.Source, ID: v.ID},
		&operation{Op: opVoid, Reason: v.Reason, Actor: actorOf(ctx)})
	if err != nil {
		return out, err
	}
	new(outcomePeriod).fill(&out, res, calendarOf(e.state.dir.tenant(v.TenantID)))
	if out.Status == usage.StatusCounted {
		out.Status = usage.StatusVoided
	}
	return out, out.Err
}

// recalled is an item of the log that is looked at again, with what it added.
type recalled struct {
	item     *item
	place    place
	logged   int64 // log time of its block, unix nanoseconds
	at       int64 // when it counted
	contribs []contribution
}

// applyVoid takes an item back.
func (sh *shard) applyVoid(b *block, it *item, t *tenant, res *Result) error {
	x, refusal, err := sh.recallForVoid(b, it, t)
	if err != nil {
		return err
	}
	if refusal != nil {
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	mark, err := sh.markOf(t, x.place)
	if err != nil {
		return err
	}
	if mark != nil {
		*res = Result{verdict: duplicate, timeNanos: x.at}
		return nil
	}
	buckets, refusal, err := sh.bucketsWithout(b, t, x)
	if err != nil {
		return err
	}
	if refusal != nil {
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	mark = &voidMark{tenant: t.num, block: x.place.block, position: uint16(x.place.position), index: b.index, nanos: b.nanos,
		reason: cloneString(it.more.op.Reason)}
	sh.touchObject(mark)
	sh.voids = append(sh.voids, mark)
	if err := sh.takeBack(b, t, x, buckets); err != nil {
		return err
	}
	sh.sight(x.at) // the block of the void changes that minute
	if sh.witness != nil {
		sh.voided = x
	}
	sh.noted = append(sh.noted, note{sh.item, AuditEntry{Index: b.index, Time: time.Unix(0, b.nanos).UTC(), Actor: it.more.op.Actor,
		Action: opVoid, Target: "tenant/" + t.name + "/" + it.ID, Before: []byte("null"),
		After: mustJSON(map[string]any{"id": it.ID, "source": it.Source, "index": x.place.block, "reason": it.more.op.Reason})}})
	*res = Result{verdict: counted, timeNanos: x.at}
	return nil
}

// recallForVoid finds what an id names, if it can be taken back.
func (sh *shard) recallForVoid(b *block, it *item, t *tenant) (*recalled, *usage.Error, error) {
	id, found, err := sh.locateAny(it.hash)
	if err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, noEvent(t.name, it.ID), nil
	}
	if id.Block <= b.cfg.kept.archived() {
		return nil, archived(it.ID), nil
	}
	x, err := sh.recallID(b, t, id)
	switch {
	case errors.Is(err, wal.ErrNoBlock):
		// The log is folded again from a base, and the block is not among those that voids need (blocksOfVoids): so the void was
		// refused, or a duplicate. Neither leaves a trace.
		return nil, archived(it.ID), nil
	case err != nil:
		return nil, nil, err
	case x.item.Kind == wal.KindEvent || x.item.Kind == wal.KindConsume:
	case x.item.more.op.Op == opAdjust || x.item.more.op.Op == opReset:
		return nil, notVoidable(it.ID, "an adjustment; correct it with another one"), nil
	default:
		return nil, notVoidable(it.ID, "a reservation or lease; release it, or correct what it booked with an adjustment"), nil
	}
	if refusal := sh.judgePast(x.item, t, x.place.block, x.logged); refusal != nil {
		return nil, nil, fmt.Errorf("%w: what was counted under id %s is refused now: %w", wal.ErrCorrupt, shorten(it.ID), refusal)
	}
	x.contribs = sh.numberedContribs(t)
	return x, nil, nil
}

func notVoidable(id, what string) *usage.Error {
	return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/id", Detail: fmt.Sprintf("id %s is of %s", shorten(id), what)}
}

// locateAny is locate for who holds shard.mu.
func (sh *shard) locateAny(hash wal.Hash) (wal.ID, bool, error) {
	if id, found := sh.locateOpen(hash); found {
		return id, true, nil
	}
	return sh.locateClosed(hash, sh.index)
}

// recallID finds the item of an id: in a block before, or in the one at hand.
func (sh *shard) recallID(b *block, t *tenant, id wal.ID) (*recalled, error) {
	x := &recalled{place: place{block: id.Block}, logged: b.nanos}
	if id.Block == b.index {
		i := 0
		for i < sh.item && !(b.tenants[i] == t && b.items[i].hash == id.Hash && b.items[i].payload == id.Payload && b.items[i].named()) {
			i++
		}
		if i == sh.item {
			return nil, fmt.Errorf("%w: block %d does not hold the item that the dedup index names", wal.ErrCorrupt, b.index)
		}
		own := *b.items[i]
		x.item, x.place.position = &own, i
	} else {
		if err := sh.recall.read(sh.state.log, id.Block); err != nil {
			return nil, err
		}
		p := sh.preparer()
		i, err := p.positionLocked(t, &sh.recall, id)
		if err != nil {
			return nil, err
		}
		x.item, x.place.position, x.logged = &item{Item: sh.recall.items[i]}, i, sh.recall.nanos
		if err := p.complete(x.item); err != nil {
			return nil, err
		}
	}
	if x.at = x.logged; x.item.HasTime {
		x.at = x.item.TimeNanos
	}
	return x, nil
}

// named tells whether the item made something under its own id.
func (it *item) named() bool { return it.more == nil || it.more.op == nil || it.more.op.makes() }

// preparer returns the shard's own, to complete items of its tenants.
func (sh *shard) preparer() *preparer {
	if sh.prep.state == nil {
		sh.prep.state = sh.state
	}
	return &sh.prep
}

// numberedContribs copies what judgePast found, without what was excluded, with the numbers of unique values as they were given
// when it was counted.
func (sh *shard) numberedContribs(t *tenant) []contribution {
	var out []contribution
	for _, c := range sh.contribs {
		if c.excluded {
			continue
		}
		if c.name != "" {
			if c.member = t.numbers.get(nameHash(sh.state.secret, c.name)); c.member == 0 {
				c.member = otherMember // there was no room for it, and never will be
			}
		}
		c.series = t.seriesOf(c.meter)
		out = append(out, c)
	}
	return out
}

// markOf finds the mark of an item that was taken back; nil: it counts.
func (sh *shard) markOf(t *tenant, p place) (*voidMark, error) {
	for _, m := range sh.voids {
		if m.tenant == t.num && m.block == p.block && int(m.position) == p.position {
			return m, nil
		}
	}
	if sh.state.store == nil {
		return nil, nil
	}
	view := sh.state.store.View()
	defer view.Close()
	m := &voidMark{tenant: t.num, block: p.block, position: uint16(p.position)}
	found, err := view.Get(m.appendKey(nil), m.decode)
	if err != nil || !found {
		return nil, err
	}
	return m, nil
}

// takeBack takes what x added out of the rollups and of the quotas. buckets are the minutes of the series that do not add up,
// as they are without it.
func (sh *shard) takeBack(b *block, t *tenant, x *recalled, buckets []*refolded) error {
	if refusal := sh.judgePast(x.item, t, x.place.block, x.logged); refusal != nil { // others were looked at since
		return fmt.Errorf("%w: %w", wal.ErrCorrupt, refusal)
	}
	for _, c := range sh.numberedContribs(t) {
		if !c.meter.kind.Additive() {
			continue
		}
		p := c.point(x.item, x.at)
		c.series.unfold(sh, &p, c.abs, b.seconds)
		if !c.meter.grouped {
			continue
		}
		minute := floorMinute(x.at)
		if err := sh.place(t, &c, x.item, minute); err != nil {
			return err
		}
		c.series.groups().Unfold(c.meter.kind, minute, sh.tuple, &p)
	}
	if err := sh.replaceBuckets(b, t, x, buckets); err != nil {
		return err
	}
	if a := t.account.Load(); a != nil {
		return sh.takeBackFromCounters(b, a, x)
	}
	return nil
}

// takeBackFromCounters frees the units of x in the quotas that counted it. What was counted is not judged again: thresholds that
// fired stay so.
func (sh *shard) takeBackFromCounters(b *block, a *account, x *recalled) error {
	ledgers := [2]*ledger{a.ledger}
	if x.item.User != "" {
		ledgers[1] = a.users[sh.userNumber(a.tenant, x.item)]
	}
	for _, l := range ledgers {
		if l == nil {
			continue
		}
		for i, c := range l.counters {
			if c == nil || !slices.ContainsFunc(x.contribs, func(p contribution) bool { return p.meter.num == c.meter }) {
				continue
			}
			s := &l.book.slots[i]
			sh.touchObject(l)
			c.roll(a, s, b.nanos)
			if err := sh.takeBackFrom(a.tenant, c, s, x, b.nanos); err != nil {
				return err
			}
			c.mark(s, b.nanos)
			sh.publishLater(l)
		}
	}
	return nil
}

func (sh *shard) takeBackFrom(t *tenant, c *counter, s *slot, x *recalled, now int64) error {
	if s.kind.Additive() {
		for k := range x.contribs {
			if p := &x.contribs[k]; p.meter.num == c.meter {
				point := p.point(x.item, x.at)
				c.takeBack(s, &point, p.value, x, now)
			}
		}
		return nil
	}
	// The greatest, the newest, a set: what is left of them is in the buckets, for quotas that count what the buckets have. Others,
	// of users or from the first use on, keep what they saw until their period ends: never more is admitted for it.
	if !s.policy.FromBuckets() {
		return nil
	}
	c.agg, c.ahead = rollup.Agg{}, nil
	return sh.fillCounter(c, t, s.kind)
}

// takeBack takes out a point, of units, that x added, if it did so in this counter and its open period.
func (c *counter) takeBack(s *slot, p *rollup.Point, units int64, x *recalled, now int64) {
	length := s.policy.Length
	switch {
	case s.policy.Kind == quota.KindRate: // tokens are not given back
	case !s.policy.FromBuckets() && x.place.number() < c.since: // it counted before this counter was there
	case s.policy.Kind == quota.KindSliding:
		if (x.item.Kind == wal.KindConsume || x.at > x.logged-length) && x.logged+length > now {
			c.sliding.Remove(length, units, now)
		}
	case s.policy.Kind == quota.KindFirstUse:
		if c.start != 0 && x.logged >= c.start && x.at > x.logged-length {
			c.agg.Unfold(s.kind, p)
		}
	case x.at < c.start: // a closed period
	case c.end != 0 && x.at >= c.end:
		c.aheadOf(x.at).Unfold(s.kind, p)
	default:
		c.agg.Unfold(s.kind, p)
	}
}

// number orders places: a block has at most 4,096 items.
func (p place) number() uint64 { return p.block*wal.BlockItemsMax + uint64(p.position) }
