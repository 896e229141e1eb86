package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// limitSlug is the quota under which api_calls are consumed, reserved and leased: for ever, so that no period forgives a unit.
const limitSlug = "calls"

var tenants = []string{"acme", "globex", "initech"}

// client works on an engine until it fails or its time is over, and enters what it is told in the book.
type client struct {
	w   *world
	e   *engine.Engine
	d   *disk
	rng *rand.Rand
}

// errPowerCut stands in for whatever a ghost answered.
var errPowerCut = &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "the power was cut before the answer came"}

// believe returns the error of a call, or that nothing is known when the power is off by now.
func (c *client) believe(err error) error {
	if c.d.off() {
		return errPowerCut
	}
	return err
}

// run does so many random things. It returns early when the engine takes nothing any more.
func (c *client) run(ctx context.Context, steps int) {
	for range steps {
		if !c.step(ctx) || c.d.off() {
			return
		}
		switch c.rng.IntN(40) {
		case 0:
			c.w.clock.pass(time.Duration(c.rng.Int64N(int64(12 * time.Hour))))
		case 1, 2, 3, 4, 5, 6, 7:
			c.w.clock.pass(time.Duration(c.rng.Int64N(int64(10 * time.Minute))))
		case 8:
			time.Sleep(time.Duration(c.rng.Int64N(int64(time.Second))))
		case 9:
			c.w.clock.set(time.Duration(c.rng.IntN(241)-120) * time.Second)
		}
	}
}

// step does one thing; false: the engine has failed or is closed.
func (c *client) step(ctx context.Context) bool {
	b := c.w.book
	switch n := c.rng.IntN(100); {
	case n < 30:
		return c.record(ctx, b.add(c.draw(opRecord)))
	case n < 42:
		return c.again(ctx, func(e *entry) bool { return e.op == opRecord && !e.voided })
	case n < 62:
		return c.consume(ctx, b.add(c.draw(opConsume)))
	case n < 68:
		return c.again(ctx, func(e *entry) bool { return e.op == opConsume && !e.voided })
	case n < 75:
		return c.reserve(ctx, b.add(c.draw(opReserve)))
	case n < 79:
		return c.reserve(ctx, b.add(c.draw(opLease)))
	case n < 88:
		return c.close(ctx)
	case n < 91:
		return c.adjust(ctx, b.add(c.draw(opAdjust)))
	case n < 95:
		return c.void(ctx)
	case n < 97:
		return c.limit(ctx)
	default:
		return c.look(ctx)
	}
}

// draw makes up an entry.
func (c *client) draw(op opKind) *entry {
	e := &entry{op: op, tenant: tenants[c.rng.IntN(len(tenants))], feature: "api_calls", units: c.rng.Int64N(8)}
	switch op {
	case opRecord:
		e.feature, e.user = "data_transfer", fmt.Sprint("user-", c.rng.IntN(12))
		if c.rng.IntN(3) == 0 { // late, up to what is accepted
			e.at = c.w.clock.Now().Add(-time.Duration(c.rng.Int64N(int64(34 * 24 * time.Hour)))).Truncate(time.Second)
		}
	case opConsume:
		e.user, e.units = fmt.Sprint("user-", c.rng.IntN(12)), 1+c.rng.Int64N(7)
	case opReserve, opLease:
		e.units, e.ttl = 1+c.rng.Int64N(20), 60+c.rng.IntN(3600)
	case opAdjust:
		e.units = c.rng.Int64N(9) - 6
	}
	return e
}

// ended sorts out an error of a write: known tells that it is certain that nothing was done, alive that more can be asked.
func (c *client) ended(err error) (known, alive bool) {
	switch usage.Code(err) {
	case usage.CodeOutcomeUnknown:
		return false, true
	case usage.CodeFailed, usage.CodeDraining:
		return true, false
	case usage.CodeDiskFull, usage.CodeOverloaded, usage.CodeClock:
		time.Sleep(time.Second)
		return true, true
	}
	if usage.Code(err) == "" {
		c.w.violation("an error without a code: %v", err)
	}
	return true, true
}

// told enters the answer of a write under an id. known is whether it was known to count when it was asked.
func (c *client) told(e *entry, known bool, status usage.Status, err error) bool {
	if err != nil {
		certain, alive := c.ended(err)
		if !certain {
			c.w.book.with(e, func() { e.unknown = true })
		}
		if known && certain && usage.Code(err) == usage.CodeConflict {
			c.w.violation("%s is in conflict with itself: %v", e.key(), err)
		}
		return alive
	}
	switch {
	case known && status != usage.StatusDuplicate:
		c.w.violation("%s was acknowledged before and is %s now", e.key(), status)
	case status == usage.StatusCounted || status == usage.StatusDuplicate:
		c.w.book.with(e, func() { e.counts = true })
	}
	return true
}

func (c *client) counts(e *entry) (known bool) {
	c.w.book.with(e, func() { known = e.counts })
	return known
}

func (c *client) record(ctx context.Context, e *entry) bool {
	known := c.counts(e)
	out, err := c.e.Record(ctx, e.event())
	err = c.believe(err)
	if usage.Code(err) == usage.CodeEventTooOld && !known { // it waited for so long
		return true
	}
	return c.told(e, known, out.Status, err)
}

func (c *client) consume(ctx context.Context, e *entry) bool {
	known := c.counts(e)
	a, err := c.e.Consume(ctx, e.request())
	err = c.believe(err)
	if err == nil && !a.Allowed {
		c.w.book.with(e, func() { c.w.book.attempt += e.units })
	}
	return c.told(e, known, a.Status, err)
}

func (c *client) again(ctx context.Context, fits func(*entry) bool) bool {
	e := c.w.book.pick(c.rng.Int(), fits)
	switch {
	case e == nil:
		return true
	case e.op == opRecord:
		return c.record(ctx, e)
	default:
		return c.consume(ctx, e)
	}
}

// reserve makes a reservation or a lease.
func (c *client) reserve(ctx context.Context, e *entry) bool {
	known := c.counts(e)
	var a usage.Answer
	var err error
	if e.op == opLease {
		a, err = c.e.GrantLease(ctx, usage.LeaseRequest{ID: e.id, TenantID: e.tenant, FeatureType: e.feature, Quantity: usage.Int(e.units), TTLSeconds: e.ttl})
	} else {
		a, err = c.e.Reserve(ctx, usage.Reservation{ID: e.id, TenantID: e.tenant, FeatureType: e.feature, Quantity: usage.Int(e.units), TTLSeconds: e.ttl})
	}
	if err = c.believe(err); err == nil && !a.Allowed {
		c.w.book.with(e, func() { c.w.book.attempt += e.units })
	}
	return c.told(e, known, a.Status, err)
}

// close ends a hold: commits some of it, releases it, settles it. One client at a time has a hold.
func (c *client) close(ctx context.Context) bool {
	b := c.w.book
	e := b.pick(c.rng.Int(), func(e *entry) bool {
		return (e.op == opReserve || e.op == opLease) && e.counts && !e.over && e.closing == 0
	})
	if e == nil {
		return true
	}
	free := false
	b.with(e, func() {
		if free = e.closing == 0; free {
			e.closing = 1 + c.rng.Int64N(e.units+1)
		}
	})
	return !free || c.settle(ctx, e)
}

// settle sends the commit or settlement that an entry has planned, and keeps it planned while its outcome is unknown.
func (c *client) settle(ctx context.Context, e *entry) bool {
	units, err, late := e.closing-1, error(nil), false
	if e.op == opLease {
		_, err = c.e.SettleLease(ctx, e.tenant, e.id, usage.Int(units), true)
	} else {
		var a usage.Answer
		a, err = c.e.Commit(ctx, e.tenant, e.id, usage.Int(units))
		late = a.Late
	}
	err = c.believe(err)
	switch {
	case err == nil:
		c.w.book.with(e, func() {
			e.over, e.closing, e.booked = true, 0, units
			if late {
				e.late = units
			}
		})
		return true
	case usage.Code(err) == usage.CodeExpired: // of a lease: it was charged
		c.w.book.with(e, func() { e.over, e.closing = true, 0 })
		return true
	}
	certain, alive := c.ended(err)
	if certain {
		c.w.book.with(e, func() { e.closing = 0 })
	}
	return alive
}

func (c *client) adjust(ctx context.Context, e *entry) bool {
	known := c.counts(e)
	out, err := c.e.Adjust(ctx, usage.Adjustment{ID: e.id, TenantID: e.tenant, Meter: e.feature, Quantity: usage.Int(e.units), Reason: "sim"})
	err = c.believe(err)
	return c.told(e, known, out.Status, err)
}

// void takes an event or a consume back.
func (c *client) void(ctx context.Context) bool {
	e := c.w.book.pick(c.rng.Int(), func(e *entry) bool {
		return (e.op == opRecord || e.op == opConsume) && e.counts && !e.voided
	})
	if e == nil {
		return true
	}
	return c.voidOf(ctx, e)
}

func (c *client) voidOf(ctx context.Context, e *entry) bool {
	v, ok := any(c.e).(interface {
		Void(context.Context, usage.Void) (usage.Outcome, error)
	})
	if !ok {
		return true
	}
	_, err := v.Void(ctx, usage.Void{TenantID: e.tenant, ID: e.id, Reason: "sim"})
	if err = c.believe(err); err == nil {
		c.w.book.with(e, func() { e.voided, e.voiding = true, false })
		return true
	}
	certain, alive := c.ended(err)
	if !certain {
		c.w.book.with(e, func() { e.voiding = true })
	}
	if code := usage.Code(err); code == usage.CodeNotFound {
		c.w.violation("%s was acknowledged, and is not found to be voided: %v", e.key(), err)
	}
	return alive
}

// limit changes the limit of a tenant.
func (c *client) limit(ctx context.Context) bool {
	tenant, limit := tenants[c.rng.IntN(len(tenants))], 20+c.rng.Int64N(400)
	c.w.book.mu.Lock()
	c.w.book.limits[tenant] = max(c.w.book.limits[tenant], limit) // also when the outcome is unknown
	c.w.book.mu.Unlock()
	err := c.e.PutOverride(ctx, usage.Override{TenantID: tenant, Quota: limitSlug, Fields: json.RawMessage(fmt.Sprintf(`{"limit":%d}`, limit))})
	if err == nil {
		return true
	}
	_, alive := c.ended(err)
	return alive
}

// look asks something, and looks at what must always hold.
func (c *client) look(ctx context.Context) bool {
	tenant := tenants[c.rng.IntN(len(tenants))]
	switch c.rng.IntN(4) {
	case 0:
		if _, err := c.e.Usage(ctx, usage.Query{Meter: "data_transfer", TenantID: tenant, Window: usage.WindowDay}); err != nil {
			_, alive := c.ended(err)
			return alive
		}
	case 1:
		if _, err := c.e.Check(usage.Request{TenantID: tenant, Items: []usage.Item{{FeatureType: "api_calls"}}}); err != nil {
			_, alive := c.ended(err)
			return alive
		}
	case 2:
		c.e.Allowed(tenant, "api_calls", 1)
	default:
		if err := c.e.Expire(ctx); err != nil {
			_, alive := c.ended(err)
			return alive
		}
	}
	return true
}
