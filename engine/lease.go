package engine

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/escrow"
	"github.com/weirhq/weir/usage"
)

// Lease is units that were taken out of a tenant's quotas for this process to spend. Take is exact and costs one atomic
// operation; what was spent is counted when the lease is settled. A process that ends without settling has spent everything, unless
// the lease was made with usage.ExpiryRelease.
type Lease struct {
	engine  *Engine
	tenant  string
	id      string
	scale   int
	granted int64
	expires int64 // log time, unix nanoseconds
	left    escrow.Units
	timer   *time.Timer // ends the lease when it expires
	ask     bool        // the engine's clock is not the machine's, on which timer runs: Take asks it
	settle  sync.Mutex  // one settlement at a time, so that what is booked only grows
}

// Lease takes units for this process, whole or not at all: a denial is an *usage.Error of code quota_exceeded. It is refused
// under sliding, rate and user-scoped quotas (invalid_value). It expires no later than the earliest period of its quotas ends, by log time;
// what was not settled by then is counted as used, all of it, unless r says usage.ExpiryRelease. So settle it in time and before
// Engine.Close, also when nothing was taken. It returns when the grant is durable: one fsync. Errors beside these are those of Record.
//
// The id of a lease that this engine has handed out and that is not over returns the same Lease. One that was handed out elsewhere, by
// POST /v1/leases or to a process before this one, is a conflict: nobody here knows what was spent of it.
func (e *Engine) Lease(ctx context.Context, r usage.LeaseRequest) (*Lease, error) {
	key := leaseKey{r.TenantID, r.ID}
	leave, err := e.leases.enter(ctx, key)
	if err != nil {
		return nil, err
	}
	defer leave()
	ans, err := e.GrantLease(ctx, r)
	if usage.Code(err) == usage.CodeOutcomeUnknown {
		e.leases.doubt(key)
	}
	if err != nil {
		return nil, err
	}
	if ans.Status == usage.StatusDuplicate {
		l, ok := e.leases.again(key)
		if l != nil {
			return l, nil
		}
		if ok {
			if ok, err = e.unspent(r.TenantID, r.ID); err != nil {
				e.leases.doubt(key) // as before
				return nil, err
			}
		}
		if !ok {
			return nil, &usage.Error{Code: usage.CodeConflict, Pointer: "/id", Detail: fmt.Sprintf("lease %s was granted before, and is over or not this engine's to spend; take one with another id", shorten(r.ID))}
		}
	}
	if !ans.Allowed {
		return nil, &usage.Error{Code: usage.CodeQuotaExceeded, Detail: fmt.Sprintf("tenant %s has no room for %s units of %s",
			shorten(r.TenantID), r.Quantity, r.FeatureType)}
	}
	l := &Lease{engine: e, tenant: r.TenantID, id: r.ID, expires: ans.ExpiresAt.UnixNano(), scale: e.finestScale(r.FeatureType)}
	units, err := r.Quantity.Units(l.scale)
	if err != nil {
		return nil, err
	}
	l.granted = units
	_, machine := e.clock.clock.(*systemClock)
	l.ask = !machine
	l.left.Fill(units)
	e.leases.add(key, l, time.Duration(l.expires-e.clock.now()))
	return l, nil
}

// unspent tells whether a lease that was granted to a call in doubt is as it was made. That call may have been a repeated one, and
// whoever had the lease before is done with it.
func (e *Engine) unspent(tenant, id string) (bool, error) {
	st, err := e.Reservation(tenant, id)
	return err == nil && st.State == holdOpen.String() && st.Committed.Sign() == 0 && st.ExpiresAt.UnixNano() > e.clock.now(), err
}

// leases are those that this engine has handed out and that are not over, by which a repeated call finds its own again: to fill a second
// one would spend the units twice.
type leases struct {
	mu     sync.Mutex
	calls  map[leaseKey]chan struct{} // under way, closed when they end
	live   map[leaseKey]*Lease
	closed bool
	unsure map[leaseKey]bool // of calls whose outcome was not known: granted or not, nobody spends of them
}

type leaseKey struct{ tenant, id string }

// enter begins a call. Those of one id come one after another: else two that are in doubt, or one in doubt and the first, could fill it.
func (x *leases) enter(ctx context.Context, key leaseKey) (leave func(), err error) {
	for {
		x.mu.Lock()
		other, busy := x.calls[key]
		if !busy {
			break
		}
		x.mu.Unlock()
		select {
		case <-other:
		case <-ctx.Done():
			return nil, gaveUp(ctx.Err())
		}
	}
	defer x.mu.Unlock()
	if x.calls == nil {
		x.calls = make(map[leaseKey]chan struct{})
	}
	ended := make(chan struct{})
	x.calls[key] = ended
	return func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		delete(x.calls, key)
		close(ended)
	}, nil
}

// add takes in a lease that is over after a while.
func (x *leases) add(key leaseKey, l *Lease, after time.Duration) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.closed {
		l.left.End()
		after = 0
	}
	l.timer = time.AfterFunc(after, func() {
		l.left.End()
		x.drop(key)
	})
	if x.live == nil {
		x.live = make(map[leaseKey]*Lease)
	}
	x.live[key] = l
	delete(x.unsure, key)
}

// close ends all leases: what is spent of one from now on nobody could count.
func (x *leases) close() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.closed = true
	for _, l := range x.live { // order-free: each by itself
		l.left.End()
		l.timer.Stop() // it would keep all of the engine in memory until then
	}
	x.live = nil
}

func (x *leases) drop(key leaseKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.live, key)
}

func (x *leases) doubt(key leaseKey) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.unsure == nil || len(x.unsure) >= leaseDoubtsMax {
		x.unsure = make(map[leaseKey]bool) // a repeated call of one that is forgotten is a conflict, and takes another id
	}
	x.unsure[key] = true
}

// again finds the lease of a call that is repeated. ok without a lease: it was granted, and handed out to nobody yet.
func (x *leases) again(key leaseKey) (l *Lease, ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	ok = x.unsure[key]
	delete(x.unsure, key)
	return x.live[key], ok
}

// Take spends n units of the lease, in units of the feature's finest meter, and reports whether they were there. It never
// spends more than was granted, and nothing after the expiry or the Close of the engine. Lock-free, no allocation; one atomic operation (with a Clock of the
// embedder's own, which is asked each time, what that costs).
func (l *Lease) Take(n int64) bool {
	if l.ask && l.Expired() {
		return false
	}
	return l.left.Take(n)
}

// Expired reports whether the lease's time is over; take another one then.
func (l *Lease) Expired() bool { return l.engine.clock.now() >= l.expires }

// Settle counts what was spent so far. With release the rest is given back and the lease is over: Take refuses from then on.
// It returns when that is durable: one fsync. It may be called again after an error, and repeated calls count nothing twice. Errors:
// reservation_expired when its time was over (then all of it was counted, or given back), and those of Record.
func (l *Lease) Settle(ctx context.Context, release bool) error {
	l.settle.Lock()
	defer l.settle.Unlock()
	left, _ := l.left.Rest()
	if release {
		left = l.left.End()
	}
	_, err := l.engine.SettleLease(ctx, l.tenant, l.id, usage.FromUnits(l.granted-left, l.scale), release)
	if release && err == nil { // else a repeated call of Lease must find it still
		l.timer.Stop()
		l.engine.leases.drop(leaseKey{l.tenant, l.id})
	}
	return err
}
