package httpapi

import (
	"context"
	"sync"
	"time"

	"github.com/weirhq/weir/usage"
)

// paced is an engine that takes so many events and decisions a second from each tenant, and refuses the rest as rate_limited: weir
// protects itself and the others from one that runs wild. It is no quota: it counts nothing, is not in the log, and forgets.
type paced struct {
	Engine
	perSecond float64
	now       func() time.Time // a seam for tests

	mu   sync.Mutex // guards left
	left map[string]*allowance
}

func newPaced(eng Engine, perSecond int) *paced {
	return &paced{Engine: eng, perSecond: float64(perSecond), now: time.Now, left: make(map[string]*allowance)}
}

// spend takes one from a tenant's allowance, which holds what comes in within a second.
func (p *paced) spend(tenant string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	a := p.left[tenant]
	if a == nil {
		if len(p.left) >= pacedTenantsMax {
			p.forget(now)
		}
		a = &allowance{tokens: p.perSecond, at: now}
		p.left[tenant] = a
	}
	a.tokens = min(p.perSecond, a.tokens+now.Sub(a.at).Seconds()*p.perSecond)
	a.at = now
	if a.tokens < 1 {
		return refuse(usage.CodeRateLimited, "/tenant_id", "tenant "+quoted(tenant)+" sends more than this server takes from one tenant; retry later")
	}
	a.tokens--
	return nil
}

// forget drops the tenants whose allowance is whole again, and all when there are none.
func (p *paced) forget(now time.Time) {
	for tenant, a := range p.left { // order-free: each by itself
		if now.Sub(a.at) >= time.Second {
			delete(p.left, tenant)
		}
	}
	if len(p.left) >= pacedTenantsMax {
		clear(p.left)
	}
}

func (p *paced) Record(ctx context.Context, ev usage.Event) (usage.Outcome, error) {
	if err := p.spend(ev.TenantID); err != nil {
		return usage.Outcome{ID: ev.ID, Status: usage.StatusRejected, Err: err}, err
	}
	return p.Engine.Record(ctx, ev)
}

func (p *paced) RecordBatch(ctx context.Context, evs []usage.Event) ([]usage.Outcome, error) {
	return recordSome(evs, func(ev *usage.Event) error { return p.spend(ev.TenantID) },
		func(own []usage.Event) ([]usage.Outcome, error) { return p.Engine.RecordBatch(ctx, own) })
}

func (p *paced) ConsumeAll(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	return consumeSome(rs, func(r *usage.Request) error { return p.spend(r.TenantID) },
		func(own []usage.Request) ([]usage.Answer, []error, error) { return p.Engine.ConsumeAll(ctx, own) })
}

func (p *paced) Check(r usage.Request) (usage.Answer, error) {
	if err := p.spend(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return p.Engine.Check(r)
}

func (p *paced) Reserve(ctx context.Context, r usage.Reservation) (usage.Answer, error) {
	if err := p.spend(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return p.Engine.Reserve(ctx, r)
}

func (p *paced) GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	if err := p.spend(r.TenantID); err != nil {
		return usage.Answer{}, err
	}
	return p.Engine.GrantLease(ctx, r)
}

// Extend is a decision like Reserve. Commit, Release and Settle are not held up: they end what was admitted.
func (p *paced) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error) {
	if err := p.spend(tenant); err != nil {
		return usage.Answer{}, err
	}
	return p.Engine.Extend(ctx, tenant, id, total, ttl)
}

// recordSome records the events that refuse lets pass, and answers for all of them in order.
func recordSome(evs []usage.Event, refuse func(*usage.Event) error, record func([]usage.Event) ([]usage.Outcome, error)) ([]usage.Outcome, error) {
	refusals := make([]error, len(evs))
	own := make([]usage.Event, 0, len(evs))
	for i := range evs {
		if refusals[i] = refuse(&evs[i]); refusals[i] == nil {
			own = append(own, evs[i])
		}
	}
	var outcomes []usage.Outcome
	if len(own) > 0 {
		var err error
		if outcomes, err = record(own); err != nil || len(own) == len(evs) {
			return outcomes, err
		}
	}
	all := make([]usage.Outcome, 0, len(evs))
	for i := range evs {
		if refusals[i] != nil {
			all = append(all, usage.Outcome{ID: evs[i].ID, Status: usage.StatusRejected, Err: refusals[i]})
			continue
		}
		all, outcomes = append(all, outcomes[0]), outcomes[1:]
	}
	return all, nil
}

// consumeSome is recordSome for consumes.
func consumeSome(rs []usage.Request, refuse func(*usage.Request) error, consume func([]usage.Request) ([]usage.Answer, []error, error)) ([]usage.Answer, []error, error) {
	refusals := make([]error, len(rs))
	own := make([]usage.Request, 0, len(rs))
	for i := range rs {
		if refusals[i] = refuse(&rs[i]); refusals[i] == nil {
			own = append(own, rs[i])
		}
	}
	var answers []usage.Answer
	var errs []error
	if len(own) > 0 {
		var err error
		if answers, errs, err = consume(own); err != nil || len(own) == len(rs) {
			return answers, errs, err
		}
	}
	all := make([]usage.Answer, len(rs))
	next := 0
	for i := range rs {
		if refusals[i] == nil {
			all[i], refusals[i] = answers[next], errs[next]
			next++
		}
	}
	return all, refusals, nil
}
