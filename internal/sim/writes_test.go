package sim

import (
	"context"
	"time"

	"github.com/weirhq/weir/usage"
)

func (c *caller) record(ctx context.Context, e *entry) bool {
	was := c.before(e)
	out, err := c.door().Record(ctx, e.event())
	err = c.believe(err)
	if alive := c.told(e, was, out.Status, err); !alive || err != nil {
		return alive
	}
	return c.readBack(ctx, e)
}

// recordMany sends a few new events and some old ones together: each stands alone.
func (c *caller) recordMany(ctx context.Context) bool {
	size := 1 + c.rng.IntN(12)
	if c.w.large && c.rng.IntN(5) == 0 {
		size = 200 + c.rng.IntN(300) // the shards of an engine work side by side from 256 items on
	}
	batch := make([]*entry, size)
	evs, was, known := make([]usage.Event, len(batch)), make([]asked, len(batch)), 0
	for i := range batch {
		if c.rng.IntN(3) == 0 {
			batch[i] = c.w.book.pick(c.rng.Int(), func(e *entry) bool { return e.op == opRecord })
		}
		if batch[i] == nil {
			batch[i] = c.w.book.add(c.draw(opRecord))
		}
		evs[i], was[i] = batch[i].event(), c.before(batch[i])
		if was[i].counts {
			known++
		}
	}
	refused, duplicates, err := c.door().RecordMany(ctx, evs)
	err = c.believe(err)
	if err == nil && duplicates+len(refused) < known {
		c.w.violation(lostAcked, "of %d events in a batch that were acknowledged before, %d are duplicates", known, duplicates)
	}
	alive := true
	for i, e := range batch {
		one := err
		if one == nil {
			one = refused[i]
		}
		status := usage.StatusCounted
		if was[i].counts { // a batch does not say which ones are duplicates; their number was checked
			status = usage.StatusDuplicate
		}
		alive = c.told(e, was[i], status, one) && alive
	}
	return alive
}

func (c *caller) consume(ctx context.Context, e *entry) bool {
	was := c.before(e)
	a, err := c.door().Consume(ctx, e.request())
	err = c.believe(err)
	c.admitted(e, &a, err)
	return c.told(e, was, a.Status, err)
}

func (c *caller) consumeMany(ctx context.Context) bool {
	batch := make([]*entry, 1+c.rng.IntN(8))
	rs, was := make([]usage.Request, len(batch)), make([]asked, len(batch))
	for i := range batch {
		batch[i] = c.w.book.add(c.draw(opConsume))
		rs[i], was[i] = batch[i].request(), c.before(batch[i])
	}
	answers, errs, err := c.door().ConsumeMany(ctx, rs)
	err = c.believe(err)
	alive := true
	for i, e := range batch {
		one, a := err, usage.Answer{}
		if one == nil {
			one, a = errs[i], answers[i]
		}
		c.admitted(e, &a, one)
		alive = c.told(e, was[i], a.Status, one) && alive
	}
	return alive
}

// admitted looks at the answer of a decision: what it let through must fit under every quota that can deny, after the call.
func (c *caller) admitted(e *entry, a *usage.Answer, err error) {
	if err != nil {
		return
	}
	if !a.Allowed {
		total.add(func() { total.denied++ })
		return
	}
	if a.Status != usage.StatusCounted {
		return
	}
	for i := range a.Quotas {
		q := &a.Quotas[i]
		if q.Mode != usage.ModeEnforce || !q.Limit.IsSet() || q.Period == usage.PeriodRate {
			continue
		}
		if over := whole(q.Used) + whole(q.Reserved) - whole(q.Limit); over > 0 {
			c.w.broke(overLimit, over, "%s was admitted with %s used and %s reserved of %s %s", e.key(), q.Used, q.Reserved, q.Limit, q.Quota)
		}
	}
}

// whole is a quantity in whole units: nothing here is ever sent with decimals.
func whole(d usage.Decimal) int64 {
	if !d.IsSet() {
		return 0
	}
	n, err := d.Units(0)
	if err != nil {
		panic(err)
	}
	return n
}

// reserve makes a reservation or a lease.
func (c *caller) reserve(ctx context.Context, e *entry) bool {
	was := c.before(e)
	var a usage.Answer
	var err error
	if e.op == opLease {
		a, err = c.door().GrantLease(ctx, usage.LeaseRequest{ID: e.id, TenantID: e.tenant, FeatureType: "api_calls", Quantity: usage.Int(e.parts[0].units), TTLSeconds: e.ttl})
	} else {
		r := usage.Reservation{ID: e.id, TenantID: e.tenant, FeatureType: "api_calls", Quantity: usage.Int(e.parts[0].units), TTLSeconds: e.ttl}
		if e.charge {
			r.OnExpiry = usage.ExpiryCharge
		}
		a, err = c.door().Reserve(ctx, r)
	}
	err = c.believe(err)
	c.admitted(e, &a, err)
	return c.told(e, was, a.Status, err)
}

// correct books an adjustment, or resets the quota.
func (c *caller) correct(ctx context.Context, e *entry) bool {
	was := c.before(e)
	var out usage.Outcome
	var err error
	if e.op == opReset {
		out, err = c.door().ResetQuota(ctx, usage.Reset{ID: e.id, TenantID: e.tenant, Quota: limitSlug, Reason: "sim"})
	} else {
		out, err = c.door().Adjust(ctx, usage.Adjustment{ID: e.id, TenantID: e.tenant, Meter: "api_calls", Quantity: usage.Int(e.parts[0].units), Reason: "sim"})
	}
	return c.told(e, was, out.Status, c.believe(err))
}

// send repeats the write of an entry.
func (c *caller) send(ctx context.Context, e *entry) bool {
	switch e.op {
	case opRecord:
		return c.record(ctx, e)
	case opConsume:
		return c.consume(ctx, e)
	case opAdjust, opReset:
		return c.correct(ctx, e)
	default:
		return c.reserve(ctx, e)
	}
}

// again sends something once more that was sent before, whatever became of it.
func (c *caller) again(ctx context.Context) bool {
	e := c.w.book.pick(c.rng.Int(), func(e *entry) bool { return c.rng.IntN(4) > 0 || e.unknown })
	return e == nil || c.send(ctx, e)
}

// clash sends another payload under an id that counts: it must be a conflict, and count nothing.
func (c *caller) clash(ctx context.Context) bool {
	e := c.w.book.pick(c.rng.Int(), func(e *entry) bool { return e.counts && (e.op == opRecord || e.op == opConsume) })
	if e == nil {
		return true
	}
	var err error
	if e.op == opRecord {
		ev := e.event()
		ev.Quantity = usage.Int(e.parts[0].units + 1)
		_, err = c.door().Record(ctx, ev)
	} else {
		r := e.request()
		r.Items[0].Quantity = usage.Int(e.parts[0].units + 1)
		_, err = c.door().Consume(ctx, r)
	}
	switch err = c.believe(err); {
	case err == nil:
		c.w.violation(doubleCounted, "%s was taken a second time, with another quantity", e.key())
	case usage.Code(err) == usage.CodeConflict:
		total.add(func() { total.conflict++ })
	case usage.Code(err) != usage.CodeOutcomeUnknown && !passing(err):
		c.w.violation(lostAcked, "%s with another quantity is no conflict: %v", e.key(), err)
	default:
		_, alive := c.ended(err)
		return alive
	}
	return true
}

// finish commits some of a hold, settles, releases or extends it. One client at a time has a hold.
func (c *caller) finish(ctx context.Context) bool {
	e := c.w.book.pick(c.rng.Int(), func(e *entry) bool { return e.hold() && e.counts && e.end == open && e.ending == nil })
	if e == nil {
		return true
	}
	do := &ending{kind: committed, units: c.rng.Int64N(e.size + 3)}
	if e.op == opReserve {
		switch c.rng.IntN(6) {
		case 0:
			do = &ending{kind: released}
		case 1:
			do = &ending{kind: open, units: e.size + c.rng.Int64N(10)}
		}
	}
	free := false
	c.w.book.with(func() {
		if free = e.ending == nil; free {
			e.ending = do
		}
	})
	return !free || c.settle(ctx, e)
}

// settle sends what is to become of a hold, and keeps it planned while its outcome is unknown.
func (c *caller) settle(ctx context.Context, e *entry) bool {
	do, a, err := e.ending, usage.Answer{}, error(nil)
	switch {
	case e.op == opLease:
		_, err = c.door().SettleLease(ctx, e.tenant, e.id, usage.Int(do.units), true)
	case do.kind == committed:
		a, err = c.door().Commit(ctx, e.tenant, e.id, usage.Int(do.units))
	case do.kind == released:
		_, err = c.door().Release(ctx, e.tenant, e.id)
	default:
		a, err = c.door().Extend(ctx, e.tenant, e.id, usage.Int(do.units), time.Hour)
		if do.units > max(e.size, e.maybe) { // else only the time is extended: no quota is asked, even when a limit has come down since
			c.admitted(e, &a, c.believe(err))
		}
	}
	err = c.believe(err)
	certain, alive := true, true
	if err != nil && usage.Code(err) != usage.CodeExpired {
		certain, alive = c.ended(err)
	}
	c.w.book.with(func() {
		if certain {
			e.ending = nil
		} else if do.kind == open {
			e.maybe = max(e.maybe, do.units)
		}
		switch {
		case err == nil && do.kind == open:
			if a.Allowed {
				e.size = max(e.size, do.units)
			}
		case err == nil:
			e.end, e.booked, e.free = do.kind, do.units, max(0, do.units-e.size)
			if a.Late {
				e.free = do.units
			}
		case usage.Code(err) == usage.CodeExpired && e.charge && do.kind != open:
			e.end = charged
		}
	})
	return alive
}

// void takes an event or a consume back.
func (c *caller) void(ctx context.Context) bool {
	e := c.w.book.pick(c.rng.Int(), func(e *entry) bool {
		return (e.op == opRecord || e.op == opConsume) && e.counts && (!e.voided || c.rng.IntN(8) == 0)
	})
	return e == nil || c.voidOf(ctx, e)
}

func (c *caller) voidOf(ctx context.Context, e *entry) bool {
	was := false
	c.w.book.with(func() { was = e.voided; e.voiding++ })
	out, err := c.door().Void(ctx, usage.Void{TenantID: e.tenant, ID: e.id, Reason: "sim"})
	certain, alive := true, true
	if err = c.believe(err); err != nil {
		certain, alive = c.ended(err)
	}
	c.w.book.with(func() {
		e.voiding--
		if err == nil {
			e.voided, e.unsure = true, false
		} else if !certain && !e.voided {
			e.unsure = true
		}
	})
	switch {
	case err == nil && was && out.Status != usage.StatusDuplicate:
		c.w.violation(lostAcked, "%s was voided before, and is %s now", e.key(), out.Status)
	case usage.Code(err) == usage.CodeNotFound:
		c.w.violation(lostAcked, "%s was acknowledged, and is not found to be voided: %v", e.key(), err)
	}
	return alive
}
