package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Apply of reservations and leases. A hold takes its units out of every counter it touches when it is made, as reserved
// units (tokens of a rate and the room of a sliding window are spent at once). What is committed counts in the period in
// which it was reserved, whatever the log time is then.

func (sh *shard) applyOperation(b *block, it *item, t *tenant, res *Result) error {
	op := it.more.op
	switch op.Op {
	case opReserve, opLease:
		return sh.applyHold(b, it, t, res)
	case opAdjust, opReset:
		return sh.applyCorrection(b, it, t, res)
	}
	if op.Op == opVoid {
		return sh.applyVoid(b, it, t, res)
	}
	h, err := sh.findHold(t, it.hash)
	if err != nil {
		return err
	}
	if h == nil || h.lease != (op.Op == opSettle) {
		*res = refusedAt(usage.CodeNotFound, "", fmt.Sprintf("tenant %s has no such reservation or lease: %s", shorten(t.name), shorten(it.ID)))
		return nil
	}
	switch op.Op {
	case opCommit:
		return sh.commitHold(b, it, h, res)
	case opExtend:
		return sh.extendHold(b, it, h, res)
	case opRelease:
		return sh.releaseHold(b, h, res)
	case opSettle:
		return sh.settleLease(b, it, h, res)
	default:
		return fmt.Errorf("operation %q: a newer weir wrote this log", op.Op)
	}
}

// applyHold makes a reservation or a lease.
func (sh *shard) applyHold(b *block, it *item, t *tenant, res *Result) error {
	refusal, err := sh.admitTenant(b, t)
	if err != nil {
		return err
	}
	if refusal == nil {
		refusal = sh.judgeHold(b, it, t)
	}
	var j *judged
	a := t.account.Load()
	user := sh.userNumber(t, it)
	if refusal == nil && it.more.op.Op == opLease {
		refusal = sh.leasable(a)
	}
	if refusal == nil {
		j, refusal = sh.weigh(a, it.User, user, false, b.nanos)
	}
	if refusal == nil && j.allowed {
		refusal = sh.roomForUser(a, t, it, user)
	}
	if refusal == nil && j.allowed {
		refusal = sh.holdable(b, j)
	}
	if refusal != nil {
		sh.tally.rejected++
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	*res = Result{verdict: denied, timeNanos: b.nanos, judged: j}
	if sh.witness != nil {
		sh.remark(j)
	}
	if !j.allowed {
		sh.tally.denied++
		return nil
	}
	h := sh.newHold(b, it, a)
	if h.lease {
		for i := range j.quotas { // no lease outlives a period: its units would be missing in one and spent in the next
			end, p := j.quotas[i].level.End, j.quotas[i].policy
			if end == 0 && p.Kind == quota.KindFirstUse {
				end = b.nanos + p.Length // it begins the period
			}
			if end != 0 {
				h.expires = min(h.expires, end)
			}
		}
	}
	if err := sh.reserve(b, it, h); err != nil {
		return err
	}
	sh.list(t, true)
	sh.settle(b, j, a)
	sh.remember(b, it, outcomeCode(b.cfg, j))
	sh.tally.counted++
	v := h.view()
	j.hold, j.created, res.verdict = &v, true, counted
	return nil
}

// newHold makes the hold of an item.
func (sh *shard) newHold(b *block, it *item, a *account) *hold {
	op := it.more.op
	ttl := op.TTL
	if ttl == 0 {
		ttl = usage.HoldTTLDefaultSeconds
	}
	h := &hold{
		acct: a, hash: it.hash, id: cloneString(it.ID), feature: cloneString(it.Feature), user: cloneString(it.User),
		lease: op.Op == opLease, state: holdOpen, at: b.nanos, place: place{sh.index, sh.item}.number(), expires: b.nanos + int64(ttl)*1e9, quantity: it.Quantity,
	}
	h.charge = op.OnExpiry == usage.ExpiryCharge || h.lease && op.OnExpiry == ""
	return h
}

// judgeHold evaluates what a hold takes: units of sum and count meters. Distinct users, highest values and the like are counted
// when it is committed; a level cannot be held.
func (sh *shard) judgeHold(b *block, it *item, t *tenant) *usage.Error {
	sh.contribs = sh.contribs[:0]
	if err := sh.judgePart(b, it, t); err != nil {
		return err
	}
	sh.contribs = slices.DeleteFunc(sh.contribs, func(c contribution) bool {
		return c.excluded || !c.meter.level() && c.meter.kind != rollup.KindSum && c.meter.kind != rollup.KindCount
	})
	for i := range sh.contribs {
		c := &sh.contribs[i]
		if c.meter.level() {
			return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/feature_type",
				Detail: fmt.Sprintf("meter %s is %s; only units of sum and count meters can be held", c.meter.def.Slug, c.meter.def.Aggregation)}
		}
		if err := c.countMany(it); err != nil {
			return err
		}
	}
	if len(sh.contribs) == 0 {
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/feature_type", Detail: "no sum or count meter counts this feature"}
	}
	return nil
}

// countMany makes a lease of a count meter one of as many events as its quantity says.
func (c *contribution) countMany(it *item) *usage.Error {
	if c.meter.kind != rollup.KindCount || it.Kind != wal.KindOperation || it.more.op.Op != opLease && it.more.op.Op != opSettle {
		return nil
	}
	n, err := it.Quantity.Units(0)
	if err != nil {
		return meterError(c.meter, err)
	}
	c.value = n
	return nil
}

// holdable refuses to hold more of a meter at once than its total could be, 2^62 units: sums of what is held have the bound of sums.
func (sh *shard) holdable(b *block, j *judged) *usage.Error {
	const bound = 1 << 62
	for i := range sh.touched { // of which j.quotas are the levels
		x, held := &sh.touched[i], j.quotas[i].level.Reserved
		if x.slot.policy.Kind == quota.KindSliding {
			held = j.quotas[i].level.Used
		}
		if held >= bound-x.cost {
			return overflowError(b.cfg.meters[x.slot.meter-1])
		}
	}
	return nil
}

// leasable refuses a lease under quotas whose room cannot be handed out for later.
func (sh *shard) leasable(a *account) *usage.Error {
	for i := range a.book.slots {
		s := &a.book.slots[i]
		if p := s.policy; sh.contributes(s.meter) && (p.Kind == quota.KindSliding || p.Kind == quota.KindRate || p.UserScope) {
			return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/feature_type",
				Detail: fmt.Sprintf("quota %s is sliding, a rate, or for each user: it cannot be leased; consume instead", p.Quota.Slug)}
		}
	}
	return nil
}

// match is the meters that count what a hold books: those of its feature, and those that it holds units of, also when they were
// archived since.
func (h *hold) match(cfg *config) *match {
	m := cfg.matchOf(h.feature)
	var archived []*meter
	for i := range h.parts {
		if mt := cfg.meters[h.parts[i].meter-1]; mt.archived {
			archived = append(archived, mt)
		}
	}
	if len(archived) == 0 {
		return m
	}
	if m != nil {
		archived = append(archived, m.meters...)
	}
	all := &match{meters: archived}
	all.complete()
	return all
}

// reserve takes the units of a hold out of every counter in sh.touched.
func (sh *shard) reserve(b *block, it *item, h *hold) error {
	a := h.acct
	for i := range sh.contribs {
		h.addPart(sh.contribs[i].meter.num, sh.contribs[i].value)
	}
	for i := range sh.touched {
		x := &sh.touched[i]
		if x.ledger == nil {
			l, err := a.userLedger(sh, sh.number(a.tenant, it.User), b.nanos)
			if err != nil {
				return err
			}
			x.ledger = l
		}
		sh.touchObject(x.ledger)
		c := x.ledger.counters[x.pos]
		c.roll(a, x.slot, b.nanos)
		switch x.slot.policy.Kind {
		case quota.KindRate, quota.KindSliding:
			c.add(x.slot, &rollup.Point{TimeNanos: b.nanos}, x.cost, b.nanos, true)
		default:
			if x.slot.policy.Kind == quota.KindFirstUse && c.start == 0 {
				c.start, c.end = b.nanos, b.nanos+x.slot.policy.Length
			}
			c.reserved += x.cost
		}
		sh.publishLater(x.ledger)
	}
	sh.touchObject(a)
	sh.touchObject(h)
	a.holds[h.hash] = h
	sh.schedule(deadline{nanos: h.expires, tenant: a.tenant, hold: h.hash})
	return nil
}

func (h *hold) addPart(meter uint32, units int64) {
	for i := range h.parts {
		if h.parts[i].meter == meter {
			h.parts[i].units += units
			return
		}
	}
	h.parts = append(h.parts, holdPart{meter, units})
}

// unreserve gives back to the counters what the hold still holds, or so much of it as fn says for each meter. booked is called
// for room of sliding windows, which was spent at once.
func (sh *shard) unreserve(b *block, h *hold, back func(p *holdPart) int64) {
	for i := range h.parts {
		p := &h.parts[i]
		n := back(p)
		h.eachCounter(sh, p.meter, func(l *ledger, s *slot, c *counter) {
			sh.touchObject(l)
			c.roll(h.acct, s, b.nanos)
			switch {
			case s.policy.Kind == quota.KindSliding:
				h.slideOut(s, c, n, b.nanos)
			case s.policy.Kind != quota.KindRate && c.covers(s, h.at):
				c.reserved -= n
			}
			c.mark(s, b.nanos)
			sh.publishLater(l)
		})
		p.units -= n
	}
}

// slideOut takes units of the hold out of a sliding window, unless they have left it already: then what is in there are
// the units of others.
func (h *hold) slideOut(s *slot, c *counter, units, now int64) {
	if h.at+s.policy.Length > now {
		c.sliding.Remove(s.policy.Length, units, now)
	}
}

// eachCounter calls fn for every counter of a meter that the hold's tenant, or its user, has, and that the hold is in.
func (h *hold) eachCounter(sh *shard, meter uint32, fn func(*ledger, *slot, *counter)) {
	ledgers := [2]*ledger{h.acct.ledger}
	if h.user != "" {
		ledgers[1] = h.acct.users[h.acct.tenant.numbers.get(nameHash(sh.state.secret, h.user))]
	}
	for _, l := range ledgers {
		if l == nil {
			continue
		}
		for i, c := range l.counters {
			if s := &l.book.slots[i]; c != nil && c.meter == meter && h.within(s, c) {
				fn(l, s, c)
			}
		}
	}
}

func allOf(p *holdPart) int64 { return p.units }

// close ends an open hold; it stays in memory until a checkpoint has its row.
func (sh *shard) closeHold(h *hold, state holdState) {
	sh.touchObject(h.acct)
	sh.touchObject(h)
	h.state = state
	delete(h.acct.holds, h.hash)
	h.acct.closed[h.hash] = h // it may have come from the store
	sh.settled = append(sh.settled, h)
}

// book counts what a hold has used, at the time at which it was made.
func (sh *shard) book(b *block, h *hold, quantity usage.Decimal) (*usage.Error, error) {
	it := &item{cfg: b.cfg, match: h.match(b.cfg), hash: h.hash, Item: wal.Item{
		Kind: wal.KindOperation, Tenant: h.acct.tenant.name, User: h.user, Feature: h.feature, ID: h.id, Quantity: quantity}}
	it.more = &itemMore{op: &operation{Op: opCommit}}
	if h.lease {
		it.more.op.Op = opSettle
	}
	t := h.acct.tenant
	sh.contribs = sh.contribs[:0]
	if refusal := sh.judgePart(b, it, t); refusal != nil {
		return refusal, nil
	}
	for i := range sh.contribs {
		if refusal := sh.contribs[i].countMany(it); refusal != nil {
			return refusal, nil
		}
	}
	if quantity.Sign() == 0 {
		return nil, nil // nothing was used
	}
	sh.note(t, b.index)
	sh.sight(h.at)
	if err := sh.foldContribs(b, it, t, h.at); err != nil {
		return nil, err
	}
	return nil, sh.record(b, it, h.acct, h.at)
}

// holdDue ends a hold whose time has come, as of that moment.
func (sh *shard) holdDue(b *block, t *tenant, hash wal.Hash, at int64) error {
	a := t.account.Load()
	if a == nil {
		return nil
	}
	h := a.holds[hash]
	if h == nil || h.state != holdOpen || h.expires != at {
		return nil // settled, or extended
	}
	due := *b
	due.nanos, due.seconds = at, floorDiv(at, 1e9)
	sh.item = -1
	sh.touchObject(h)
	rest, err := subtract(h.quantity, orZero(h.booked))
	if h.charge && err == nil && rest.Sign() > 0 && sh.canBook(&due, h, rest) == nil {
		held := slices.Clone(h.parts)
		sh.unreserveForBooking(&due, h)
		if _, err := sh.book(&due, h, rest); err != nil {
			return err
		}
		sh.charged = append(sh.charged, t.num)
		sh.slide(&due, h, held, false)
		h.booked = h.quantity
	}
	sh.unreserve(&due, h, allOf)
	sh.closeHold(h, holdExpired)
	return nil
}

// findHold returns a hold of a tenant by the hash of its id: an open one, or one that is over, which may be in the store only.
func (sh *shard) findHold(t *tenant, hash wal.Hash) (*hold, error) {
	a := t.account.Load()
	if a == nil {
		return nil, nil
	}
	if h := cmp.Or(a.holds[hash], a.closed[hash]); h != nil || sh.state.store == nil {
		return h, nil
	}
	view := sh.state.store.View()
	defer view.Close()
	h := &hold{acct: a, hash: hash}
	found, err := view.Get(wal.AppendHoldKey(nil, t.num, hash), h.decode)
	if err != nil || !found {
		return nil, err
	}
	return h, nil
}

// answerHold answers with the hold and the quotas that it touches as they are now.
func (sh *shard) answerHold(b *block, h *hold, v verdict, res *Result) error {
	j := &judged{allowed: true, decision: usage.DecisionAllow, binding: -1, now: b.nanos}
	it := &item{cfg: b.cfg, match: h.match(b.cfg), Item: wal.Item{Kind: wal.KindEvent, Tenant: h.acct.tenant.name,
		User: h.user, Feature: h.feature, Quantity: h.quantity}}
	sh.contribs = sh.contribs[:0]
	if sh.judgePart(b, it, h.acct.tenant) == nil {
		if now, refusal := sh.weigh(h.acct, h.user, sh.userNumber(h.acct.tenant, it), true, b.nanos); refusal == nil {
			j.quotas, j.binding = now.quotas, now.binding
		}
	}
	view := h.view()
	j.hold = &view
	*res = Result{verdict: v, timeNanos: h.at, judged: j}
	return nil
}

func orZero(d usage.Decimal) usage.Decimal {
	if !d.IsSet() {
		return usage.Int(0)
	}
	return d
}

// subtract is a - b, exactly.
func subtract(a, b usage.Decimal) (usage.Decimal, error) {
	coef, scale := b.Parts()
	return a.Add(usage.FromUnits(-coef, int(scale)))
}
