package engine

import (
	"fmt"
	"slices"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Apply of what becomes of a hold: commit, extend, release, settle.

// commitHold books what a reservation really used, and returns the rest.
func (sh *shard) commitHold(b *block, it *item, h *hold, res *Result) error {
	switch {
	case h.state == holdCommitted && h.booked == it.Quantity:
		return sh.answerHold(b, h, duplicate, res)
	case h.state == holdCommitted:
		*res = refusedAt(usage.CodeConflict, "/quantity", fmt.Sprintf("reservation %s was committed with %s; its quantity cannot change", shorten(h.id), h.booked))
		return nil
	case h.state == holdReleased:
		*res = refusedAt(usage.CodeReleased, "", fmt.Sprintf("reservation %s was released; reserve again", shorten(h.id)))
		return nil
	case h.state == holdExpired && h.charge:
		*res = refusedAt(usage.CodeExpired, "", fmt.Sprintf("reservation %s expired and was charged in full; correct it with an adjustment", shorten(h.id)))
		return nil
	}
	if refusal := sh.canBook(b, h, it.Quantity); refusal != nil {
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	late := h.state == holdExpired
	held := slices.Clone(h.parts)
	sh.touchObject(h)
	if !late {
		sh.unreserveForBooking(b, h)
	}
	if _, err := sh.book(b, h, it.Quantity); err != nil {
		return err
	}
	sh.slide(b, h, held, late)
	h.booked, h.late = it.Quantity, late
	sh.closeHold(h, holdCommitted)
	return sh.answerHold(b, h, counted, res)
}

// canBook evaluates a booking without doing it, so that a refusal changes nothing.
func (sh *shard) canBook(b *block, h *hold, quantity usage.Decimal) *usage.Error {
	it := &item{cfg: b.cfg, match: h.match(b.cfg), Item: wal.Item{
		Kind: wal.KindEvent, Tenant: h.acct.tenant.name, User: h.user, Feature: h.feature, ID: h.id, Quantity: quantity}}
	sh.contribs = sh.contribs[:0]
	return sh.judgePart(b, it, h.acct.tenant)
}

// unreserveForBooking gives back reserved units that are about to be booked; room of sliding windows stays taken.
func (sh *shard) unreserveForBooking(b *block, h *hold) {
	for i := range h.parts {
		p := &h.parts[i]
		h.eachCounter(sh, p.meter, func(l *ledger, s *slot, c *counter) {
			sh.touchObject(l)
			c.roll(h.acct, s, b.nanos)
			if s.policy.Kind < quota.KindSliding && c.covers(s, h.at) {
				c.reserved -= p.units
			}
			sh.publishLater(l)
		})
		p.units = 0
	}
}

// slide corrects sliding windows after a booking: sh.record has added what was booked, while what was held is there since the
// reservation. Of the two the smaller is taken out again; after an expiry nothing was there.
func (sh *shard) slide(b *block, h *hold, held []holdPart, late bool) {
	if late {
		return
	}
	for _, p := range held {
		h.eachCounter(sh, p.meter, func(l *ledger, s *slot, c *counter) {
			if s.policy.Kind == quota.KindSliding {
				h.slideOut(s, c, p.units, b.nanos)
				sh.publishLater(l)
			}
		})
	}
}

// extendHold holds more, or for longer. The quantity is the total, so repeating the call changes nothing.
func (sh *shard) extendHold(b *block, it *item, h *hold, res *Result) error {
	if refusal := h.openOrWhy(); refusal != nil {
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	if it.Quantity.IsSet() && it.Quantity.Cmp(h.quantity) > 0 {
		more := *it
		more.cfg, more.match, more.Feature, more.User = b.cfg, b.cfg.matchOf(h.feature), h.feature, h.user
		extra, err := subtract(it.Quantity, h.quantity)
		if err != nil {
			*res = Result{verdict: rejected, err: asError(err)}
			return nil
		}
		more.Quantity = extra
		more.more = &itemMore{op: &operation{Op: opReserve}}
		if refusal := sh.judgeHold(b, &more, h.acct.tenant); refusal != nil {
			*res = Result{verdict: rejected, err: refusal}
			return nil
		}
		sh.contribs = slices.DeleteFunc(sh.contribs, func(c contribution) bool { return c.meter.kind == rollup.KindCount }) // it is one event still
		sh.extending = h
		j, refusal := sh.weigh(h.acct, h.user, sh.userNumber(h.acct.tenant, &more), false, b.nanos)
		sh.extending = nil
		if refusal == nil && j.allowed {
			refusal = sh.holdable(b, j)
		}
		if refusal != nil {
			*res = Result{verdict: rejected, err: refusal}
			return nil
		}
		if !j.allowed {
			v := h.view()
			j.hold = &v
			*res = Result{verdict: denied, timeNanos: b.nanos, judged: j}
			return nil
		}
		sh.touchObject(h)
		if err := sh.reserve(b, &more, h); err != nil {
			return err
		}
		sh.settle(b, j, h.acct)
		h.quantity = it.Quantity
	}
	if ttl := it.more.op.TTL; ttl != 0 {
		sh.touchObject(h)
		h.expires = b.nanos + int64(ttl)*1e9
		sh.schedule(deadline{nanos: h.expires, tenant: h.acct.tenant, hold: h.hash})
	}
	return sh.answerHold(b, h, counted, res)
}

// openOrWhy refuses what only an open hold can do.
func (h *hold) openOrWhy() *usage.Error {
	code := usage.ErrorCode("")
	switch h.state {
	case holdOpen:
		return nil
	case holdCommitted:
		code = usage.CodeCommitted
	case holdReleased:
		code = usage.CodeReleased
	default:
		code = usage.CodeExpired
	}
	kind := "reservation"
	if h.lease {
		kind = "lease"
	}
	return &usage.Error{Code: code, Detail: fmt.Sprintf("%s %s is %s already", kind, shorten(h.id), h.state)}
}

func (sh *shard) releaseHold(b *block, h *hold, res *Result) error {
	if h.state == holdReleased {
		return sh.answerHold(b, h, duplicate, res)
	}
	if refusal := h.openOrWhy(); refusal != nil {
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	sh.touchObject(h)
	sh.unreserve(b, h, allOf)
	sh.closeHold(h, holdReleased)
	return sh.answerHold(b, h, counted, res)
}

// settleLease books what was spent of a lease since it was last settled; quantity is the total. With release the rest is given
// back and the lease is over.
func (sh *shard) settleLease(b *block, it *item, h *hold, res *Result) error {
	if h.state != holdOpen {
		if h.state == holdReleased && it.Quantity.Cmp(orZero(h.booked)) <= 0 {
			return sh.answerHold(b, h, duplicate, res)
		}
		*res = Result{verdict: rejected, err: h.openOrWhy()}
		return nil
	}
	sh.touchObject(h)
	if it.Quantity.Cmp(orZero(h.booked)) > 0 {
		spent, err := subtract(it.Quantity, orZero(h.booked))
		if err != nil {
			*res = Result{verdict: rejected, err: asError(err)}
			return nil
		}
		if refusal := sh.canBook(b, h, spent); refusal != nil {
			*res = Result{verdict: rejected, err: refusal}
			return nil
		}
		sh.contribs = sh.contribs[:0]
		units := make(map[uint32]int64, len(h.parts))
		if refusal, err := sh.book(b, h, spent); err != nil || refusal != nil {
			*res = Result{verdict: rejected, err: refusal}
			return err
		}
		for i := range sh.contribs {
			units[sh.contribs[i].meter.num] += sh.contribs[i].value
		}
		sh.unreserve(b, h, func(p *holdPart) int64 { return min(p.units, units[p.meter]) })
		h.booked = it.Quantity
	}
	if it.more.op.Release {
		sh.unreserve(b, h, allOf)
		sh.closeHold(h, holdReleased)
	}
	return sh.answerHold(b, h, counted, res)
}
