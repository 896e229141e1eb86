package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"math/bits"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
)

// crossing is a threshold that was reached in the block at hand, before it has its number in the outbox.
type crossing struct {
	item   int // position in the block; -1: a deadline before the items
	tenant *tenant
	row    usage.Crossing
}

// crossings enters the thresholds that a counter has reached. Quotas of users have those only that they list (usage.ThresholdsDefault).
func (sh *shard) crossings(b *block, l *ledger, s *slot, c *counter, user string) {
	p := s.policy
	used := usedOf(s.kind, &c.agg)
	set := p.Crossed(used, c.fired)
	if set == 0 {
		return
	}
	c.fired |= set
	for rest := set; rest != 0; rest &= rest - 1 {
		row := usage.Crossing{
			Index: b.index, Time: time.Unix(0, b.nanos).UTC(), TenantID: l.acct.tenant.name,
			Quota: p.Quota.Slug, Meter: p.Quota.Meter, Threshold: p.Quota.WarningThresholds[bits.TrailingZeros32(rest)],
			Used: usage.FromUnits(used, p.Scale), Limit: usage.FromUnits(p.Limit, p.Scale), Generation: c.generation,
		}
		if l.user != 0 {
			row.UserID = new(cloneString(user))
		}
		if c.start != 0 {
			row.PeriodStart = time.Unix(0, c.start).UTC()
		}
		if c.end != 0 {
			row.PeriodEnd = time.Unix(0, c.end).UTC()
		}
		sh.crossed = append(sh.crossed, crossing{sh.item, l.acct.tenant, row})
	}
}

// note is an entry for the audit that a shard has found in the block at hand, before it has its number.
type note struct {
	item  int
	entry AuditEntry
}

// collect moves what the shards have found in the block into the outbox and the audit, in an order that does not depend on the
// shards.
func (s *state) collect() {
	for _, sh := range s.shards {
		for _, tenant := range sh.charged {
			if s.charged != nil {
				s.charged(tenant)
			}
		}
		sh.charged = sh.charged[:0]
	}
	var notes []note
	for _, sh := range s.shards {
		notes = append(notes, sh.noted...)
		sh.noted = sh.noted[:0]
	}
	slices.SortFunc(notes, func(a, b note) int { return cmp.Compare(a.item, b.item) })
	for i := range notes {
		s.enter(&notes[i].entry)
	}
	var all []crossing
	for _, sh := range s.shards {
		all = append(all, sh.crossed...)
		sh.crossed = sh.crossed[:0]
	}
	if len(all) == 0 {
		return
	}
	slices.SortStableFunc(all, func(a, b crossing) int {
		return cmp.Or(cmp.Compare(a.item, b.item), cmp.Compare(a.tenant.num, b.tenant.num))
	})
	for i := range all {
		all[i].row.Number = s.outbox.next()
		s.outbox.add(mustJSON(all[i].row), all[i].tenant.num)
	}
}

// Outbox returns at most limit threshold crossings after a number, the oldest first. Each was entered once, by the write that
// reached it, and is returned only when that write is on the disk. Begin at 0, keep the Number of the last one that was dealt with, and ask for
// those after it: nothing is missed, and nothing comes twice. It returns at once, empty when there is nothing; [Engine.Subscribe] waits. A
// limit of 0 or less asks for nothing.
func (e *Engine) Outbox(ctx context.Context, after uint64, limit int) ([]usage.Crossing, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	durable := e.log.DurableIndex()
	var out []usage.Crossing
	err := e.state.outbox.read(e.store, after, limit, func(_ uint64, value []byte) (bool, error) {
		var c usage.Crossing
		if err := json.Unmarshal(value, &c); err != nil {
			return false, err
		}
		if c.Index > durable {
			return false, nil
		}
		out = append(out, c)
		return ctx.Err() == nil, nil
	})
	return out, err
}

// OutboxOf returns at most limit crossings of one tenant: those after a number, the oldest first, or, with newest, those before it, the
// newest first. What others crossed costs nothing.
func (e *Engine) OutboxOf(ctx context.Context, tenant string, at uint64, newest bool, limit int) ([]usage.Crossing, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	t := e.state.dir.tenant(tenant)
	if t == nil || limit <= 0 {
		return nil, nil
	}
	durable := e.log.DurableIndex()
	var out []usage.Crossing
	err := e.state.outbox.readOf(e.store, t.num, at, newest, limit, func(value []byte) (bool, error) {
		var c usage.Crossing
		if err := json.Unmarshal(value, &c); err != nil || c.Index > durable {
			return false, err
		}
		out = append(out, c)
		return true, ctx.Err()
	})
	return out, err
}

// OutboxLast is the number of the newest crossing; 0: there is none.
func (e *Engine) OutboxLast() uint64 { return e.state.outbox.next() - 1 }
