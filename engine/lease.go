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
	settle  sync.Mutex  // one settlement at a time, so that what is booked only grows
}

// Lease takes units for this process, whole or not at all: a denial is an *usage.Error of code quota_exceeded. It is refused
// under sliding, rate and user-scoped quotas. It expires no later than the earliest period of its quotas ends.
func (e *Engine) Lease(ctx context.Context, r usage.LeaseRequest) (*Lease, error) {
	ans, err := e.GrantLease(ctx, r)
	if err != nil {
		return nil, err
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
	l.left.Fill(units)
	l.timer = time.AfterFunc(time.Duration(l.expires-e.clock.now()), func() { l.left.End() })
	return l, nil
}

// Take spends n units of the lease, in units of the feature's finest meter, and reports whether they were there. It never
// spends more than was granted, and nothing after the expiry. Lock-free, no allocation; one atomic operation.
func (l *Lease) Take(n int64) bool { return l.left.Take(n) }

// Expired reports whether the lease's time is over; take another one then.
func (l *Lease) Expired() bool { return l.engine.clock.now() >= l.expires }

// Settle counts what was spent so far. With release the rest is given back and the lease is over: Take refuses from then on.
// It may be called again after an error, and repeated calls count nothing twice.
func (l *Lease) Settle(ctx context.Context, release bool) error {
	l.settle.Lock()
	defer l.settle.Unlock()
	left, _ := l.left.Rest()
	if release {
		l.timer.Stop()
		left = l.left.End()
	}
	_, err := l.engine.SettleLease(ctx, l.tenant, l.id, usage.FromUnits(l.granted-left, l.scale), release)
	return err
}
