package engine

import (
	"context"
	"fmt"

	"github.com/weirhq/weir/usage"
)

// Admissible says why an event would be refused now, by itself: its fields, metadata, feature, tenant, age, and what its meters make of
// it. It is a look, not a promise: ids are not looked at (a known one answers for itself).
func (e *Engine) Admissible(ctx context.Context, ev usage.Event) error {
	if e.closed.Load() {
		return usage.ErrClosed
	}
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	var items [1]item
	it := &items[0]
	if _, err := p.event(&ev, it, nil); err != nil {
		return err
	}
	cfg, now := e.state.cfg.Load(), e.clock.now()
	backfill := ctx.Value(backfillKey{}) != nil
	switch {
	case it.HasTime && !backfill && it.TimeNanos < now-cfg.ages.MaxAge:
		return tooOld(it.TimeNanos, now, cfg.ages.MaxAge)
	case it.HasTime && it.TimeNanos > now+cfg.ages.MaxAhead:
		return inFuture(it.TimeNanos, now, cfg.ages.MaxAhead)
	case cfg.matchOf(ev.FeatureType) == nil && !(e.opts.AutoMeters && usage.ValidSlug(ev.FeatureType)):
		return cfg.unknownFeature(ev.FeatureType)
	}
	t := e.state.dir.tenant(ev.TenantID)
	if cfg.settings.def.UnknownTenants == usage.UnknownReject && (t == nil || !t.listed.Load()) {
		return &usage.Error{Code: usage.CodeUnknownTenant, Pointer: "/tenant_id", Detail: fmt.Sprintf("there is no tenant %s", shorten(ev.TenantID))}
	}
	if cfg.matchOf(ev.FeatureType) == nil {
		return nil // a meter will be made for it
	}
	if t == nil {
		t = e.state.dir.nobody(ev.TenantID, e.state.shards)
	}
	p.find(items[:])
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	sh.contribs = sh.contribs[:0]
	if refusal := sh.judgePart(&block{nanos: now, seconds: floorDiv(now, 1e9), cfg: cfg}, it, t); refusal != nil {
		return refusal
	}
	return nil
}

// TenantOfStripe returns the tenant whose stripe_customer_id is customer; customer itself when there is none. Of several, the
// one that was first seen. O(tenants).
func (e *Engine) TenantOfStripe(customer string) string {
	for _, t := range e.state.dir.all() {
		a := t.account.Load()
		if a == nil {
			continue
		}
		t.shard.mu.Lock()
		found := a.def.StripeCustomerID == customer
		t.shard.mu.Unlock()
		if found {
			return t.name
		}
	}
	return customer
}
