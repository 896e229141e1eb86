package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/internal/escrow"
	"github.com/weirhq/weir/usage"
)

// leases are the units that mode Lease has taken in advance, one lease for each tenant and feature. Taking from one is an atomic
// subtraction; when it runs low the next one is fetched beside the requests, and the old one is settled.
type leases struct {
	granter LeaseGranter
	units   int64
	ttl     int
	margin  time.Duration // before the end of a lease
	onError func(error)

	held     sync.Map // leaseKey -> *slot
	work     sync.WaitGroup
	starting sync.Mutex // no work is started after closed is set
	closed   atomic.Bool
}

type leaseKey struct{ tenant, feature string }

// slot is where the lease of a tenant and feature stands.
type slot struct {
	now      atomic.Pointer[lease]
	fetching atomic.Bool
	notUntil atomic.Int64 // unix nanoseconds: after a refusal, when to ask again
}

// lease is units that this process may spend.
type lease struct {
	id      string
	granted int64
	expires time.Time
	left    escrow.Units
	timer   *time.Timer // settles it when it expires
}

// refusedPause is how long a tenant without room for a lease is consumed one by one before the next try.
const refusedPause = time.Second

// expiryMarginMax is how long before its end a lease is no longer spent, and settled: at its end weir would count all of it as used. It is
// time for a call, and for clocks of two machines that differ. A lease of less than four times as long has a quarter of its life.
const expiryMarginMax = 2 * time.Second

// settleTries bounds how often a settlement is tried that weir does not answer.
const settleTries = 3

// settlePause is how long is waited between two of them.
const settlePause = 200 * time.Millisecond

func newLeases(g LeaseGranter, o *Options) *leases {
	l := &leases{granter: g, units: o.LeaseUnits, ttl: o.LeaseTTLSeconds, onError: o.OnError}
	if l.units <= 0 {
		l.units = 1000
	}
	if l.ttl <= 0 {
		l.ttl = 60
	}
	l.margin = min(expiryMarginMax, time.Duration(l.ttl)*time.Second/4)
	return l
}

// take spends cost of the lease, and reports whether it was there. Costs that are no whole number are not leased.
func (l *leases) take(ctx context.Context, tenant, feature string, cost usage.Decimal) bool {
	n, err := cost.Units(0)
	if err != nil || n < 0 || l.closed.Load() {
		return false
	}
	v, ok := l.held.Load(leaseKey{tenant, feature})
	if !ok {
		v, _ = l.held.LoadOrStore(leaseKey{tenant, feature}, new(slot))
	}
	s := v.(*slot)
	now := time.Now()
	h := s.now.Load()
	taken := h != nil && now.Before(h.expires) && h.left.Take(n)
	if h != nil && h.left.Left() >= l.units/4 && now.Before(h.expires.Add(-time.Duration(l.ttl)*time.Second/4)) {
		return taken
	}
	if now.UnixNano() < s.notUntil.Load() || !s.fetching.CompareAndSwap(false, true) {
		return taken // one lease is fetched at a time; whoever finds nothing to spend is consumed meanwhile
	}
	if h == nil && s.notUntil.Load() == 0 { // the first request, or the first in a while, waits for the lease
		l.fetchFirst(ctx, s, tenant, feature)
		h = s.now.Load()
		return h != nil && h.left.Take(n)
	}
	l.start(func() {
		defer s.fetching.Store(false)
		l.fetch(context.Background(), s, tenant, feature)
	})
	return taken
}

// start does work beside the requests, unless the leases are closed.
func (l *leases) start(work func()) {
	l.starting.Lock()
	defer l.starting.Unlock()
	if !l.closed.Load() {
		l.work.Go(work)
	}
}

func (l *leases) fetchFirst(ctx context.Context, s *slot, tenant, feature string) {
	defer s.fetching.Store(false) // also when the engine panics, which a server recovers
	l.fetch(ctx, s, tenant, feature)
}

// fetch replaces the lease of a slot and settles the old one.
func (l *leases) fetch(ctx context.Context, s *slot, tenant, feature string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	id, asked := "lease-"+rand.Text(), time.Now()
	a, err := l.granter.GrantLease(ctx, usage.LeaseRequest{ID: id, TenantID: tenant, FeatureType: feature, Quantity: usage.Int(l.units), TTLSeconds: l.ttl})
	next := &lease{id: id, granted: l.units, expires: a.ExpiresAt}
	if err != nil || !a.Allowed {
		s.notUntil.Store(time.Now().Add(refusedPause).UnixNano())
		l.report(err)
		if usage.Code(err) == usage.CodeOutcomeUnknown { // it may have been granted, and would be counted whole
			next.left.Fill(l.units)
			if err := l.retire(context.WithoutCancel(ctx), tenant, next); usage.Code(err) != usage.CodeNotFound {
				l.report(err)
			}
		}
		return
	}
	if own := asked.Add(time.Duration(l.ttl) * time.Second); own.Before(next.expires) {
		next.expires = own // by this machine's clock: that of weir may be ahead
	}
	next.expires = next.expires.Add(-l.margin)
	next.left.Fill(l.units)
	if !time.Now().Before(next.expires) { // a period is about to end: nothing of it can be spent
		s.notUntil.Store(time.Now().Add(refusedPause).UnixNano())
		l.report(l.retire(ctx, tenant, next))
		return
	}
	next.timer = time.AfterFunc(time.Until(next.expires), func() {
		l.start(func() { // after close has begun it is close that settles
			if s.now.CompareAndSwap(next, nil) { // nobody asks any more, or nobody could fetch another one
				l.report(l.retire(context.Background(), tenant, next))
			}
		})
	})
	if old := s.now.Swap(next); old != nil {
		l.report(l.retire(ctx, tenant, old))
	}
	if l.closed.Load() { // close may have looked before the lease was there
		if h := s.now.Swap(nil); h != nil {
			l.report(l.retire(ctx, tenant, h))
		}
	}
}

// retire ends a lease: what was spent is counted, the rest given back.
func (l *leases) retire(ctx context.Context, tenant string, h *lease) error {
	if h.timer != nil {
		h.timer.Stop()
	}
	spent := h.granted - h.left.End()
	for n := 1; ; n++ {
		try, cancel := context.WithTimeout(ctx, expiryMarginMax)
		_, err := l.granter.SettleLease(try, tenant, h.id, usage.Int(spent), true)
		cancel()
		if code := usage.Code(err); err == nil || n == settleTries || code == usage.CodeExpired || code == usage.CodeNotFound || ctx.Err() != nil {
			return err
		}
		time.Sleep(settlePause)
	}
}

func (l *leases) report(err error) {
	if err != nil && l.onError != nil {
		l.onError(err)
	}
}

// close settles every lease.
func (l *leases) close(ctx context.Context) error {
	l.starting.Lock()
	again := l.closed.Swap(true)
	l.starting.Unlock()
	if again {
		return nil
	}
	l.work.Wait()
	var errs []error
	l.held.Range(func(k, v any) bool {
		if h := v.(*slot).now.Swap(nil); h != nil {
			errs = append(errs, l.retire(ctx, k.(leaseKey).tenant, h))
		}
		return true
	})
	return errors.Join(errs...)
}
