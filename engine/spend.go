package engine

import (
	"fmt"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Apply of what asks before it counts: consumes, and the making of reservations and leases.

// applyConsume decides and counts a consume, all of its items or none.
func (sh *shard) applyConsume(b *block, it *item, t *tenant, res *Result) error {
	refusal, err := sh.admitTenant(b, t)
	if err != nil {
		return err
	}
	if refusal == nil {
		refusal = sh.judgeItems(b, it, t)
	}
	if refusal != nil {
		sh.tally.rejected++
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	a := t.account.Load()
	user := sh.userNumber(t, it)
	j, refusal := sh.weigh(a, it.User, user, it.peeks(b.cfg), b.nanos)
	if refusal == nil && j.allowed && !it.peeks(b.cfg) {
		refusal = sh.roomForUser(a, t, it, user)
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
	switch {
	case it.peeks(b.cfg):
		res.verdict = checked
		return nil
	case !j.allowed:
		sh.tally.denied++
		return nil
	}
	if err := sh.admit(b, it, t, b.nanos); err != nil {
		return err
	}
	sh.settle(b, j, a)
	sh.remember(b, it, outcomeCode(b.cfg, j))
	sh.tally.counted++
	res.verdict = counted
	return nil
}

// remark keeps how the quotas stood before a call, and what it costs, for whoever watches.
func (sh *shard) remark(j *judged) {
	sh.before, sh.costs = append(sh.before[:0], j.quotas...), sh.costs[:0]
	for i := range sh.touched {
		sh.costs = append(sh.costs, sh.touched[i].cost)
	}
}

// peeks tells whether the item only asks how things stand: no quantity at all, and no value to be set.
func (it *item) peeks(cfg *config) bool {
	for _, sub := range it.parts() {
		m := cfg.matchOf(sub.Feature)
		if !sub.Quantity.IsSet() || sub.Quantity.Sign() != 0 || m != nil && m.latest && sub.Op != opAdd {
			return false
		}
	}
	return true
}

// parts is the items of a consume: itself, or those of its body.
func (it *item) parts() []*item {
	if it.more != nil && len(it.more.subs) > 0 {
		return it.more.subs
	}
	return []*item{it}
}

// admitTenant makes sure that a tenant has an account to be judged by, unless unknown tenants are refused.
func (sh *shard) admitTenant(b *block, t *tenant) (*usage.Error, error) {
	if refusal := sh.unknownTenant(b, t); refusal != nil {
		return refusal, nil
	}
	_, err := sh.ensureAccount(t, b.nanos)
	return nil, err
}

// unknownTenant refuses a tenant that nobody made, when the settings say so.
func (sh *shard) unknownTenant(b *block, t *tenant) *usage.Error {
	if b.cfg.settings.def.UnknownTenants != usage.UnknownReject || t.listed.Load() {
		return nil
	}
	return &usage.Error{Code: usage.CodeUnknownTenant, Pointer: "/tenant_id",
		Detail: fmt.Sprintf("there is no tenant %s; make it with PUT /v1/tenants/{id}", shorten(t.name))}
}

// judgeItems evaluates every part of a consume into sh.contribs.
func (sh *shard) judgeItems(b *block, it *item, t *tenant) *usage.Error {
	sh.contribs = sh.contribs[:0]
	parts := it.parts()
	for i, sub := range parts {
		if err := sh.judgePart(b, sub, t); err != nil {
			if len(parts) > 1 {
				err.Pointer = fmt.Sprintf("/items/%d%s", i, err.Pointer)
			}
			return err
		}
	}
	if len(parts) == 1 {
		return nil
	}
	for i := range sh.contribs { // each fits by itself; so must all of a series together
		c, sum := &sh.contribs[i], uint64(0)
		for k := range sh.contribs {
			if sh.contribs[k].meter == c.meter {
				sum += min(sh.contribs[k].abs, 1<<62)
			}
			if c.series != nil && sum+c.series.absolute >= 1<<62 || sum >= 1<<62 {
				return overflowError(c.meter)
			}
		}
	}
	return nil
}

// userNumber is the dense number of the item's user; 0: none, or a new one.
func (sh *shard) userNumber(t *tenant, it *item) uint32 {
	if it.User == "" {
		return 0
	}
	if it.UserNum != 0 {
		return it.UserNum
	}
	return t.numbers.get(nameHash(sh.state.secret, it.User))
}

// roomForUser refuses a new user of a user-scoped quota beyond the bound of users: there is no counter to hold against it.
func (sh *shard) roomForUser(a *account, t *tenant, it *item, user uint32) *usage.Error {
	if !a.book.users || it.User == "" || user != 0 || t.users < usersPerTenantMax {
		return nil
	}
	return &usage.Error{Code: usage.CodeCardinalityLimit, Pointer: "/user_id",
		Detail: fmt.Sprintf("the tenant has %d users, the most that are counted one by one", usersPerTenantMax)}
}

// admit counts the contributions of a call that was allowed, at a time, in the rollups and in every counter that it touches.
func (sh *shard) admit(b *block, it *item, t *tenant, at int64) error {
	a := t.account.Load()
	user := uint32(0)
	if a.book.users && it.User != "" {
		user = sh.number(t, it.User)
	}
	for i := range sh.touched {
		x := &sh.touched[i]
		if x.ledger == nil {
			l, err := a.userLedger(sh, user, b.nanos)
			if err != nil {
				return err
			}
			x.ledger = l
		} else {
			sh.touchObject(x.ledger)
		}
		c := x.ledger.counters[x.pos]
		c.roll(a, x.slot, b.nanos)
		sh.publishLater(x.ledger)
	}
	if err := sh.foldContribs(b, it, t, at); err != nil {
		return err
	}
	for i := range sh.touched {
		x := &sh.touched[i]
		c := x.ledger.counters[x.pos]
		if x.slot.policy.Kind >= quota.KindSliding {
			c.add(x.slot, &rollup.Point{TimeNanos: at}, x.cost, b.nanos, true)
			continue
		}
		counted := false
		for k := range sh.contribs {
			if p := &sh.contribs[k]; p.meter.num == x.slot.meter && !p.excluded {
				point := p.point(it, at)
				c.add(x.slot, &point, p.value, b.nanos, true)
				counted = true
			}
		}
		if counted {
			sh.crossings(b, x.ledger, x.slot, c, it.User)
		}
	}
	return nil
}

// record shows quotas what has happened: it counts whatever they say, in the tenant's counters and in those of the user when
// one is named, and takes no tokens of rates.
func (sh *shard) record(b *block, it *item, a *account, at int64) error {
	ledgers := [2]*ledger{a.ledger}
	if a.book.users && it.User != "" {
		l, err := a.userLedger(sh, sh.number(a.tenant, it.User), b.nanos)
		if err != nil {
			return err
		}
		ledgers[1] = l
	}
	held := it.Kind == wal.KindOperation && (it.more.op.Op == opCommit || it.more.op.Op == opSettle)
	for _, l := range ledgers {
		if l == nil {
			continue
		}
		for i := range l.book.slots {
			s, c := &l.book.slots[i], l.counters[i]
			if c == nil || !sh.contributes(s.meter) {
				continue
			}
			sh.touchObject(l)
			c.roll(a, s, b.nanos)
			if held && s.policy.Kind == quota.KindFirstUse && !c.covers(s, at) {
				continue // the period in which it was reserved is over, and nothing was used in this one
			}
			counted := false
			for k := range sh.contribs {
				if p := &sh.contribs[k]; p.meter.num == s.meter && !p.excluded {
					point := p.point(it, at)
					c.add(s, &point, p.value, b.nanos, false)
					counted = true
				}
			}
			c.mark(s, b.nanos)
			if counted && c.sees(s, at, b.nanos) {
				sh.crossings(b, l, s, c, it.User)
			}
			sh.publishLater(l)
		}
	}
	return nil
}

// point is the contribution as a rollup sees it.
func (c *contribution) point(it *item, at int64) rollup.Point {
	p := rollup.Point{TimeNanos: at, Value: c.value, Member: c.member, Add: c.add, Times: c.times()}
	if c.meter.level() {
		p.Source, p.ID = it.Source, it.ID
	}
	return p
}

// settle brings the answer up to after the call: the levels of every touched counter.
func (sh *shard) settle(b *block, j *judged, a *account) {
	for i := range sh.touched {
		x := &sh.touched[i]
		c := x.ledger.counters[x.pos]
		c.mark(x.slot, b.nanos)
		if j != nil {
			j.quotas[i].level, _, j.quotas[i].start = c.level(a, x.slot, b.nanos)
		}
	}
	if j != nil {
		j.bind()
	}
}

// remember enters the id of something counted into the dedup index, and when it happened into the facts of the block.
func (sh *shard) remember(b *block, it *item, outcome uint32) {
	if it.HasTime {
		sh.sight(it.TimeNanos)
	} else {
		sh.sight(b.nanos)
	}
	sh.ids.insert(it.hash, it.payload, b.index)
	sh.ids.setOutcome(outcome)
	sh.idSum.add(idRowHash(&wal.ID{Hash: it.hash, Payload: it.payload, Block: b.index, Outcome: outcome}))
}

// Stored outcomes, in 32 bits beside the id: what a duplicate repeats.
//
//	bits 0-2 decision   3-5 reason   6-31 number of the binding quota's slug, 0: none
//
// Zero is a plain event. Duplicates of reservations and leases are told apart by the hold itself.
const (
	outcomeReasonShift = 3
	outcomeQuotaShift  = 6
)

var (
	decisions = [...]usage.Decision{"", usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock}
	reasons   = [...]usage.Reason{usage.ReasonNone, usage.ReasonCostTooHigh, usage.ReasonExceeded, usage.ReasonGrace, usage.ReasonThrottled}
)

func outcomeCode(cfg *config, j *judged) uint32 {
	code := uint32(placeOf(decisions[:], j.decision)) | uint32(placeOf(reasons[:], j.reason))<<outcomeReasonShift
	if j.binding >= 0 {
		code |= cfg.quotaNum(j.quotas[j.binding].policy.Quota.Slug) << outcomeQuotaShift
	}
	return code
}

// storedAnswer is what an outcome says.
func storedAnswer(cfg *config, code uint32) (d usage.Decision, r usage.Reason, quotaSlug string) {
	d, r = usage.DecisionAllow, usage.ReasonNone
	if i := code & 7; i != 0 && int(i) < len(decisions) {
		d = decisions[i]
	}
	if i := code >> outcomeReasonShift & 7; int(i) < len(reasons) {
		r = reasons[i]
	}
	if n := code >> outcomeQuotaShift; n != 0 && int(n) <= len(cfg.quotas) {
		quotaSlug = cfg.quotas[n-1]
	}
	return d, r, quotaSlug
}

// applyRepeat answers an id that is known: duplicate with the quotas as they are now, or conflict.
func (sh *shard) applyRepeat(b *block, it *item, t *tenant, outcome uint32, res *Result) error {
	sh.tally.duplicates++
	*res = Result{verdict: duplicate, timeNanos: b.nanos}
	if it.Kind == wal.KindEvent {
		if it.HasTime {
			res.timeNanos = it.TimeNanos
		}
		return nil
	}
	if it.Kind == wal.KindOperation && (it.more.op.Op == opAdjust || it.more.op.Op == opReset) {
		if it.HasTime {
			res.timeNanos = it.TimeNanos
		}
		return nil
	}
	d, r, slug := storedAnswer(b.cfg, outcome)
	j := newJudged()
	j.allowed, j.decision, j.reason, j.now = d != usage.DecisionBlock, d, r, b.nanos
	if a := t.account.Load(); a != nil && sh.judgeItems(b, it, t) == nil { // else: its meter was archived since
		if now, refusal := sh.weigh(a, it.User, sh.userNumber(t, it), true, b.nanos); refusal == nil {
			j.quotas = now.quotas
			for i := range j.quotas {
				if j.quotas[i].policy.Quota.Slug == slug {
					j.binding = i
				}
			}
		}
	}
	if it.Kind == wal.KindOperation {
		h, err := sh.findHold(t, it.hash)
		if err != nil {
			return err
		}
		if h != nil {
			v := h.view()
			j.hold = &v
		}
	}
	res.judged = j
	return nil
}
