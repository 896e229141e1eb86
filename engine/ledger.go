package engine

import (
	"encoding/binary"
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// ledger is the counters of a tenant's quotas, or those of one of its users (quotas of user scope). The tenant's exists
// while quotas hold for it; a user's from its first counted use.
//
//	account ── book (which quotas, compiled) ──┐ position by position
//	ledger  ── counters (what they counted) ───┘
type ledger struct {
	objectTag
	acct     *account
	user     uint32     // dense number; 0: the tenant's own
	book     *book      // that counters are bound to
	counters []*counter // one a slot of book; nil for slots of the other scope

	changed bool // in shard.ledgers
}

// publishLater enters the ledger in what the shard shows at the end of the block.
func (sh *shard) publishLater(l *ledger) {
	if !l.changed {
		l.changed = true
		sh.ledgers = append(sh.ledgers, l)
	}
}

// bind makes the counters those of b, as of now (unix nanoseconds). A slot takes over the counter of the same meter and
// period, preferably that of its own slug; a new one starts from what the meter counted in the open period, or empty, as
// SEMANTICS 3 says. The caller is apply, and has touched l.
func (l *ledger) bind(sh *shard, b *book, now int64) error {
	old, was := append([]*counter(nil), l.counters...), l.book
	l.book, l.counters = b, make([]*counter, len(b.slots))
	for pass := range 2 { // own slug first
		for i := range b.slots {
			s := &b.slots[i]
			if l.counters[i] != nil || s.policy.UserScope != (l.user != 0) {
				continue
			}
			for j, c := range old {
				if c != nil && c.meter == s.meter && c.period == s.policy.PeriodKey && (pass == 1 || c.quota == s.policy.Quota.Slug) {
					l.counters[i], old[j] = c, nil
					c.handOn(&was.slots[j].policy.Quota, &s.policy.Quota)
					break
				}
			}
		}
	}
	for i := range b.slots {
		s := &b.slots[i]
		if s.policy.UserScope != (l.user != 0) {
			continue
		}
		if l.counters[i] == nil {
			c, err := l.newCounter(sh, s, now)
			if err != nil {
				return err
			}
			c.since = place{sh.index, max(sh.item, 0)}.number()
			l.counters[i] = c
		}
		l.counters[i].roll(l.acct, s, now)
		l.counters[i].rebind(s, now)
	}
	sh.publishLater(l)
	return nil
}

// newCounter makes the counter of a slot that had none. Readers call it too, for an account as it would be made: it reads nothing
// of the block under way.
func (l *ledger) newCounter(sh *shard, s *slot, now int64) (*counter, error) {
	c := &counter{quota: s.policy.Quota.Slug, meter: s.meter, period: s.policy.PeriodKey, limit: s.policy.Limit}
	if !s.policy.FromBuckets() {
		return c, nil
	}
	start, end := l.acct.periodOf(s.policy, floorDiv(now, 1e9))
	c.start, c.end = start*1e9, end*1e9
	if err := sh.fillCounter(c, l.acct.tenant, s.kind); err != nil {
		return nil, err
	}
	for _, h := range l.acct.holds { // order-free: a sum
		c.reserved += h.heldIn(c)
	}
	return c, nil
}

// fillCounter starts a counter from what its meter counted in the open period, and beyond its end.
func (sh *shard) fillCounter(c *counter, t *tenant, kind rollup.Kind) error {
	s := t.seriesNum(c.meter)
	if s == nil {
		return nil
	}
	from, to := rollup.MinuteMin, rollup.MinuteMax
	if c.end != 0 {
		from, to = floorMinute(c.start), floorMinute(c.end)
		from = sh.state.cfg.Load().kept.of(t.num, kind).Align(from) // whoever folds the log has all minutes, or not: the answer is one
	}
	aggs, err := sh.rangeLocked(s, []rollup.Span{{StartMin: from, EndMin: to}, {StartMin: to, EndMin: rollup.MinuteMax}})
	if err != nil {
		return err
	}
	c.agg = aggs[0]
	if aggs[1].Empty(kind) || c.end == 0 {
		return nil
	}
	spans := make([]rollup.Span, 0, aheadMinutesMax)
	for m := to; m < to+aheadMinutesMax; m++ {
		spans = append(spans, rollup.Span{StartMin: m, EndMin: m + 1})
	}
	if aggs, err = sh.rangeLocked(s, spans); err != nil {
		return err
	}
	for i := range aggs {
		if !aggs[i].Empty(kind) {
			c.ahead = append(c.ahead, aheadAgg{spans[i].StartMin, aggs[i]})
		}
	}
	return nil
}

// appendKey implements object.
func (l *ledger) appendKey(dst []byte) []byte {
	return wal.AppendLedgerKey(dst, l.acct.tenant.num, l.user)
}

const ledgerRowVersion = 1

// appendRow implements object: 1 (u8), the number of counters, and the counters in the order of the book.
func (l *ledger) appendRow(dst []byte) []byte {
	var page rollup.Page
	n := 0
	for _, c := range l.counters {
		if c != nil {
			n++
		}
	}
	dst = binary.AppendUvarint(append(dst, ledgerRowVersion), uint64(n))
	for i, c := range l.counters {
		if c != nil {
			dst = c.append(dst, l.book.slots[i].kind, &page)
		}
	}
	return dst
}

// decode reads a row; the counters are bound to the book afterwards.
func (l *ledger) decode(src []byte, kindOf func(uint32) (rollup.Kind, bool)) error {
	r := rowReader{src: src}
	if r.byte() != ledgerRowVersion {
		return fmt.Errorf("%w: ledger of unknown version", wal.ErrCorrupt)
	}
	var page rollup.Page
	for range r.count(8) {
		c := new(counter)
		if _, err := c.decode(&r, kindOf, &page); err != nil {
			return err
		}
		l.counters = append(l.counters, c)
	}
	return r.end("ledger")
}

// restore gives the counters that were read their places in the book of the account, which is the one they were saved with.
func (l *ledger) restore(b *book) error {
	counters := l.counters
	l.book, l.counters = b, make([]*counter, len(b.slots))
	for i := range b.slots {
		s := &b.slots[i]
		if s.policy.UserScope != (l.user != 0) {
			continue
		}
		if len(counters) == 0 || counters[0].quota != s.policy.Quota.Slug || counters[0].meter != s.meter || counters[0].period != s.policy.PeriodKey {
			return fmt.Errorf("%w: ledger of tenant %q has no counter of quota %s", wal.ErrCorrupt, l.acct.tenant.name, s.policy.Quota.Slug)
		}
		l.counters[i], counters = counters[0], counters[1:]
	}
	if len(counters) > 0 {
		return fmt.Errorf("%w: ledger of tenant %q has counters of no quota", wal.ErrCorrupt, l.acct.tenant.name)
	}
	l.show()
	return nil
}

// userLedger returns the ledger of a user, making it. The caller is apply.
func (a *account) userLedger(sh *shard, user uint32, now int64) (*ledger, error) {
	if l := a.users[user]; l != nil {
		sh.touchObject(l)
		return l, nil
	}
	l := &ledger{acct: a, user: user}
	sh.touchObject(l)
	if err := l.bind(sh, a.book, now); err != nil {
		return nil, err
	}
	a.users[user] = l
	return l, nil
}
