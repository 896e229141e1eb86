package engine

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Reserve holds units of sum and count meters until they are committed, released, or the reservation expires. It is decided like a
// consume, and a denial is no error. The hold, what is committed and what exceeds it belong to the period of this call.
//
// The quantity must be given, in the meter's unit. It lasts 300 s unless TTLSeconds says otherwise, at most a day, by log time; what is
// still held then is given back, or counted with usage.ExpiryCharge. It returns when the hold is durable. A retry with the same id and
// payload is a duplicate, whatever became of the reservation meanwhile. Errors and cost are those of Consume; invalid_value for a
// meter that is neither sum nor count.
func (e *Engine) Reserve(ctx context.Context, r usage.Reservation) (usage.Answer, error) {
	if err := r.Validate(); err != nil {
		return usage.Answer{ID: r.ID}, err
	}
	return e.operate(ctx, wal.Item{Tenant: r.TenantID, User: r.UserID, Feature: r.FeatureType, ID: r.ID, Quantity: r.Quantity},
		&operation{Op: opReserve, TTL: r.TTLSeconds, OnExpiry: r.OnExpiry})
}

// Commit books what a reservation really used, in the meter's unit, less or more than was held; it never fails for lack of room. 0 counts
// nothing, also in a count meter. The same quantity again is a duplicate, another one a conflict. After the expiry it is booked
// all the same, and the answer says late.
//
// It returns when the booking is durable. Errors: not_found, reservation_released, reservation_expired (it was charged in full when it
// expired), missing_field for an absent quantity, and those of Record; after ErrUnknownOutcome call again. One fsync, shared.
func (e *Engine) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error) {
	if !actual.IsSet() {
		return usage.Answer{}, &usage.Error{Code: usage.CodeMissingField, Pointer: "/quantity", Detail: "quantity is missing; say how much was used"}
	}
	return e.onHold(ctx, tenant, id, actual, &operation{Op: opCommit})
}

// Extend holds more, or for longer: total is what is held in all from now on (absent: as it is), ttl how long from now (0: as it is).
// Holding more is decided like a consume: a denial is no error, and leaves the hold as it is. A total below what is held changes nothing.
// Repeating the call changes nothing but the expiry. It returns when that is durable. Errors: not_found, reservation_committed,
// reservation_released, reservation_expired, invalid_value for a ttl below a second or beyond a day, and those of Record.
func (e *Engine) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error) {
	seconds := int(ttl / time.Second)
	if ttl < 0 || seconds > usage.HoldTTLMaxSeconds || ttl > 0 && seconds == 0 {
		return usage.Answer{}, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/ttl_seconds",
			Detail: "ttl_seconds " + strconv.Itoa(seconds) + " is out of range; use 1 to " + strconv.Itoa(usage.HoldTTLMaxSeconds)}
	}
	return e.onHold(ctx, tenant, id, total, &operation{Op: opExtend, TTL: seconds})
}

// Release gives back everything that a reservation holds, and returns when that is durable. Again it is a duplicate. Errors: not_found,
// reservation_committed, reservation_expired, and those of Record.
func (e *Engine) Release(ctx context.Context, tenant, id string) (usage.Answer, error) {
	return e.onHold(ctx, tenant, id, usage.Decimal{}, &operation{Op: opRelease})
}

// onHold submits an operation on a hold that is there.
func (e *Engine) onHold(ctx context.Context, tenant, id string, quantity usage.Decimal, op *operation) (usage.Answer, error) {
	if quantity.Sign() < 0 {
		return usage.Answer{}, &usage.Error{Code: usage.CodeNegativeQuantity, Pointer: "/quantity", Detail: "quantity " + quantity.String() + " is negative"}
	}
	if !usage.ValidIdentifier(tenant) {
		return usage.Answer{}, &usage.Error{Code: usage.CodeMissingField, Pointer: "/tenant_id", Detail: "tenant_id is missing or not valid"}
	}
	if !usage.ValidIdentifier(id) {
		return usage.Answer{}, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/id", Detail: "the reservation's id is not valid"}
	}
	return e.operate(ctx, wal.Item{Tenant: tenant, ID: id, Quantity: quantity}, op)
}

func (e *Engine) operate(ctx context.Context, base wal.Item, op *operation) (usage.Answer, error) {
	res, err := e.submitOperation(ctx, base, op)
	if err != nil {
		return usage.Answer{ID: base.ID}, err
	}
	return res.answer(base.ID)
}

// submitOperation commits one operation.
func (e *Engine) submitOperation(ctx context.Context, base wal.Item, op *operation) (*Result, error) {
	err := e.writable()
	if err == nil && (op.Op == opReserve || op.Op == opLease) { // the others end or correct what is there
		err = e.memory.err()
	}
	if err != nil {
		return nil, err
	}
	r := &request{items: make([]item, 1), results: make([]Result, 1)}
	p := e.preparers.Get().(*preparer)
	refusal := p.operation(&r.items[0], base, op)
	if refusal == nil {
		p.find(r.items)
		if e.opts.AutoMeters && (op.Op == opReserve || op.Op == opLease) {
			err = e.autoMeters(ctx, p, r.items)
		}
	}
	e.preparers.Put(p)
	if refusal != nil {
		return nil, refusal
	}
	if err != nil {
		return nil, err
	}
	if err := e.committer.submit(ctx, r); err != nil {
		return nil, err
	}
	return &r.results[0], nil
}

// Reservation returns a reservation or a lease by its id, as it stands now. Errors: not_found. It takes the lock of the tenant's shard for
// about a microsecond, and a read of the store for one that ended long ago.
func (e *Engine) Reservation(tenant, id string) (usage.ReservationState, error) {
	if e.closed.Load() {
		return usage.ReservationState{}, usage.ErrClosed
	}
	if err := e.store.Failed(); err != nil {
		return usage.ReservationState{}, err
	}
	none := &usage.Error{Code: usage.CodeNotFound, Detail: fmt.Sprintf("tenant %s has no such reservation or lease: %s", shorten(tenant), shorten(id))}
	t := e.state.dir.tenant(tenant)
	if t == nil {
		return usage.ReservationState{}, none
	}
	e.catchUp(t, e.clock.now())
	hash, _ := idHash(e.state.secret, nil, tenant, "", id)
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	h, err := t.shard.findHold(t, hash)
	if err != nil {
		return usage.ReservationState{}, err
	}
	if h == nil {
		return usage.ReservationState{}, none
	}
	return h.view(), nil
}

// GrantLease is Lease for those who spend somewhere else: it answers like a consume.
func (e *Engine) GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	as := usage.Reservation{ID: r.ID, TenantID: r.TenantID, FeatureType: r.FeatureType, Quantity: r.Quantity, TTLSeconds: r.TTLSeconds, OnExpiry: r.OnExpiry}
	if err := as.Validate(); err != nil {
		return usage.Answer{ID: r.ID}, err
	}
	return e.operate(ctx, wal.Item{Tenant: r.TenantID, Feature: r.FeatureType, ID: r.ID, Quantity: r.Quantity},
		&operation{Op: opLease, TTL: r.TTLSeconds, OnExpiry: r.OnExpiry})
}

// SettleLease books what was spent of a lease in all, in the meter's unit, and with release gives back the rest. Repeating it changes
// nothing. It returns when the booking is durable. Errors: not_found, reservation_released, reservation_expired, and those of Record.
func (e *Engine) SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error) {
	if !used.IsSet() {
		return usage.ReservationState{}, &usage.Error{Code: usage.CodeMissingField, Pointer: "/used", Detail: "used is missing; say how much was spent in all"}
	}
	if _, err := e.onHold(ctx, tenant, id, used, &operation{Op: opSettle, Release: release}); err != nil {
		return usage.ReservationState{}, err
	}
	return e.Reservation(tenant, id)
}

// finestScale is the scale of the units of a feature: that of its finest sum or count meter.
func (e *Engine) finestScale(feature string) (scale int) {
	if m := e.state.cfg.Load().matchOf(feature); m != nil {
		for _, mt := range m.meters {
			if mt.usesValue {
				scale = max(scale, mt.scale)
			}
		}
	}
	return scale
}
