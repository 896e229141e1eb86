package httpapi

// The engine as a key that is bound to tenants sees it. It names every method of Engine, and embeds nothing: a method that is
// added to Engine does not compile before somebody has said here what a bound key may do with it. So a handler cannot forget to ask.
//
// Of another tenant everything is forbidden, whether it exists or not; lists hold the key's own; what belongs to no tenant
// (meters, plans) can be read and not changed.

import (
	"context"
	"slices"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

type bound struct {
	all Engine // unexported and unembedded: only what is named below gets through
	key *usage.Key
}

var _ Engine = (*bound)(nil)

// of refuses another tenant.
func (b *bound) of(tenant string) error {
	if b.key.MayAct(tenant) {
		return nil
	}
	return otherTenant(tenant)
}

var errNotOfATenant = refuse(usage.CodeForbidden, "", "this concerns all tenants; the key is bound to some")

func (b *bound) Record(ctx context.Context, ev usage.Event) (usage.Outcome, error) {
	if err := b.of(ev.TenantID); err != nil {
		return usage.Outcome{ID: ev.ID, Status: usage.StatusRejected, Err: err}, err
	}
	return b.all.Record(ctx, ev)
}

func (b *bound) Admissible(ctx context.Context, ev usage.Event) error {
	if err := b.of(ev.TenantID); err != nil {
		return err
	}
	return b.all.Admissible(ctx, ev)
}

// TenantOfStripe tells which tenant a customer is; whether the key is for it is asked when it is used.
func (b *bound) TenantOfStripe(customer string) string { return b.all.TenantOfStripe(customer) }

// RecordBatch refuses events of other tenants, each for itself.
func (b *bound) RecordBatch(ctx context.Context, evs []usage.Event) ([]usage.Outcome, error) {
	return recordSome(evs, func(ev *usage.Event) error { return b.of(ev.TenantID) },
		func(own []usage.Event) ([]usage.Outcome, error) { return b.all.RecordBatch(ctx, own) })
}

// ConsumeAll refuses requests of other tenants, each for itself.
func (b *bound) ConsumeAll(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	return consumeSome(rs, func(r *usage.Request) error { return b.of(r.TenantID) },
		func(own []usage.Request) ([]usage.Answer, []error, error) { return b.all.ConsumeAll(ctx, own) })
}

// Events lists those of one tenant: of the key's only one when none is named.
func (b *bound) Events(ctx context.Context, f usage.EventFilter) (usage.EventPage, error) {
	if f.TenantID == "" && len(b.key.Tenants) == 1 {
		f.TenantID = b.key.Tenants[0]
	}
	if f.TenantID == "" {
		return usage.EventPage{}, refuse(usage.CodeForbidden, "/tenant_id", "the key is bound to several tenants; name one of them as tenant_id")
	}
	if err := b.of(f.TenantID); err != nil {
		return usage.EventPage{}, err
	}
	return b.all.Events(ctx, f)
}

func (b *bound) Event(ctx context.Context, tenant, source, id string) (usage.EventRecord, error) {
	if err := b.of(tenant); err != nil {
		return usage.EventRecord{}, err
	}
	return b.all.Event(ctx, tenant, source, id)
}

func (b *bound) Check(r usage.Request) (usage.Answer, error) {
	if err := b.of(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return b.all.Check(r)
}

func (b *bound) Reserve(ctx context.Context, r usage.Reservation) (usage.Answer, error) {
	if err := b.of(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return b.all.Reserve(ctx, r)
}

func (b *bound) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error) {
	if err := b.of(tenant); err != nil {
		return usage.Answer{}, err
	}
	return b.all.Commit(ctx, tenant, id, actual)
}

func (b *bound) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error) {
	if err := b.of(tenant); err != nil {
		return usage.Answer{}, err
	}
	return b.all.Extend(ctx, tenant, id, total, ttl)
}

func (b *bound) Release(ctx context.Context, tenant, id string) (usage.Answer, error) {
	if err := b.of(tenant); err != nil {
		return usage.Answer{}, err
	}
	return b.all.Release(ctx, tenant, id)
}

func (b *bound) Explain(ctx context.Context, q usage.Query, limit int, cursor string) (usage.Explanation, error) {
	if err := b.of(q.TenantID); err != nil {
		return usage.Explanation{}, err
	}
	return b.all.Explain(ctx, q, limit, cursor)
}

func (b *bound) ExplainDecision(ctx context.Context, tenant, id string) (usage.Explanation, error) {
	if err := b.of(tenant); err != nil {
		return usage.Explanation{}, err
	}
	return b.all.ExplainDecision(ctx, tenant, id)
}

func (b *bound) Changed(ctx context.Context, q usage.Query, since uint64) (usage.Changes, error) {
	if err := b.of(q.TenantID); err != nil {
		return usage.Changes{}, err
	}
	return b.all.Changed(ctx, q, since)
}

func (b *bound) Void(ctx context.Context, v usage.Void) (usage.Outcome, error) {
	if err := b.of(v.TenantID); err != nil {
		return usage.Outcome{ID: v.ID}, err
	}
	return b.all.Void(ctx, v)
}

func (b *bound) Adjust(ctx context.Context, a usage.Adjustment) (usage.Outcome, error) {
	if err := b.of(a.TenantID); err != nil {
		return usage.Outcome{}, err
	}
	return b.all.Adjust(ctx, a)
}

func (b *bound) ResetQuota(ctx context.Context, r usage.Reset) (usage.Outcome, error) {
	if err := b.of(r.TenantID); err != nil {
		return usage.Outcome{}, err
	}
	return b.all.ResetQuota(ctx, r)
}

func (b *bound) Reservation(tenant, id string) (usage.ReservationState, error) {
	if err := b.of(tenant); err != nil {
		return usage.ReservationState{}, err
	}
	return b.all.Reservation(tenant, id)
}

func (b *bound) GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	if err := b.of(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return b.all.GrantLease(ctx, r)
}

func (b *bound) SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error) {
	if err := b.of(tenant); err != nil {
		return usage.ReservationState{}, err
	}
	return b.all.SettleLease(ctx, tenant, id, used, release)
}

func (b *bound) Tenant(id string) (usage.TenantState, error) {
	if err := b.of(id); err != nil {
		return usage.TenantState{}, err
	}
	return b.all.Tenant(id)
}

// Tenants lists the key's own.
func (b *bound) Tenants(f engine.TenantFilter) []engine.TenantEntry {
	f.Among = b.key.Tenants
	return b.all.Tenants(f)
}

func (b *bound) PutTenantIf(ctx context.Context, t usage.Tenant, cond usage.Condition) (usage.TenantState, bool, error) {
	if err := b.of(t.ID); err != nil {
		return usage.TenantState{}, false, err
	}
	return b.all.PutTenantIf(ctx, t, cond)
}

func (b *bound) DeleteTenant(ctx context.Context, id string, cond usage.Condition) error {
	if err := b.of(id); err != nil {
		return err
	}
	return b.all.DeleteTenant(ctx, id, cond)
}

func (b *bound) ChangePlan(ctx context.Context, c usage.PlanChange) error {
	if err := b.of(c.TenantID); err != nil {
		return err
	}
	return b.all.ChangePlan(ctx, c)
}

func (b *bound) PutOverrideIf(ctx context.Context, o usage.Override, cond usage.Condition) (bool, error) {
	if err := b.of(o.TenantID); err != nil {
		return false, err
	}
	return b.all.PutOverrideIf(ctx, o, cond)
}

func (b *bound) DeleteOverrideIf(ctx context.Context, tenant, quota string, cond usage.Condition) error {
	if err := b.of(tenant); err != nil {
		return err
	}
	return b.all.DeleteOverrideIf(ctx, tenant, quota, cond)
}

func (b *bound) Quotas(tenant, user string) ([]usage.QuotaStatus, error) {
	if err := b.of(tenant); err != nil {
		return nil, err
	}
	return b.all.Quotas(tenant, user)
}

func (b *bound) FeatureQuotas(tenant, user, feature string) []usage.QuotaStatus {
	if b.of(tenant) != nil {
		return nil
	}
	return b.all.FeatureQuotas(tenant, user, feature)
}

func (b *bound) OverLimit(tenant, user string) []usage.QuotaStatus {
	if b.of(tenant) != nil {
		return nil
	}
	return b.all.OverLimit(tenant, user)
}

func (b *bound) Users(tenant, quota string, nearLimit bool, after uint32, limit int) ([]engine.UserQuotas, uint32, error) {
	if err := b.of(tenant); err != nil {
		return nil, 0, err
	}
	return b.all.Users(tenant, quota, nearLimit, after, limit)
}

// Outbox holds the key's own crossings. It reads on when a page has none of them: an empty page is the end.
func (b *bound) Outbox(ctx context.Context, after uint64, limit int) ([]usage.Crossing, error) {
	for {
		page, err := b.all.Outbox(ctx, after, limit)
		if err != nil || len(page) == 0 {
			return nil, err
		}
		after = page[len(page)-1].Number
		page = slices.DeleteFunc(page, func(x usage.Crossing) bool { return b.of(x.TenantID) != nil })
		if len(page) > 0 {
			return page, nil
		}
	}
}

func (b *bound) OutboxOf(ctx context.Context, tenant string, at uint64, newest bool, limit int) ([]usage.Crossing, error) {
	if err := b.of(tenant); err != nil {
		return nil, err
	}
	return b.all.OutboxOf(ctx, tenant, at, newest, limit)
}

func (b *bound) Decisions(tenant string, decision usage.Decision, from time.Time, limit int) []engine.Decision {
	if b.of(tenant) != nil {
		return nil
	}
	return b.all.Decisions(tenant, decision, from, limit)
}

func (b *bound) DecisionsBefore(tenant string, decision usage.Decision, from time.Time, before uint64, limit int) []engine.Decision {
	if b.of(tenant) != nil {
		return nil
	}
	return b.all.DecisionsBefore(tenant, decision, from, before, limit)
}

func (b *bound) Overview(context.Context, usage.OverviewQuery) (usage.Overview, error) {
	return usage.Overview{}, errNotOfATenant
}

func (b *bound) Summary(ctx context.Context, tenant string) (usage.TenantSummary, error) {
	if err := b.of(tenant); err != nil {
		return usage.TenantSummary{}, err
	}
	return b.all.Summary(ctx, tenant)
}

// Subscribe without a tenant is to the key's own, when that is one.
func (b *bound) Subscribe(o engine.SubscribeOptions) (*engine.Subscription, error) {
	if o.TenantID == "" && len(b.key.Tenants) == 1 {
		o.TenantID = b.key.Tenants[0]
	}
	if o.TenantID == "" {
		return nil, refuse(usage.CodeForbidden, "/tenant_id", "the key is bound to several tenants; name one of them as tenant_id")
	}
	if err := b.of(o.TenantID); err != nil {
		return nil, err
	}
	return b.all.Subscribe(o)
}

func (b *bound) BillingPeriods(tenant string, n int) ([]usage.Interval, time.Time, error) {
	if err := b.of(tenant); err != nil {
		return nil, time.Time{}, err
	}
	return b.all.BillingPeriods(tenant, n)
}

// Usage without a tenant is of the key's own, when that is one.
func (b *bound) Usage(ctx context.Context, q usage.Query) (usage.Rows, error) {
	if err := b.own(&q.TenantID); err != nil {
		return usage.Rows{}, err
	}
	return b.all.Usage(ctx, q)
}

func (b *bound) Top(ctx context.Context, q usage.TopQuery) (usage.Top, error) {
	if err := b.own(&q.TenantID); err != nil {
		return usage.Top{}, err
	}
	return b.all.Top(ctx, q)
}

func (b *bound) TryEvent(ctx context.Context, meter string, ev usage.Event) (usage.EventTrial, error) {
	if err := b.of(ev.TenantID); err != nil {
		return usage.EventTrial{}, err
	}
	return b.all.TryEvent(ctx, meter, ev)
}

// own makes a question about any tenant one about the key's own, and refuses one about another.
func (b *bound) own(tenant *string) error {
	if *tenant == "" && len(b.key.Tenants) == 1 {
		*tenant = b.key.Tenants[0]
	}
	if *tenant == "" {
		return refuse(usage.CodeForbidden, "/tenant_id", "the key is bound to several tenants; name one of them as tenant_id")
	}
	return b.of(*tenant)
}
