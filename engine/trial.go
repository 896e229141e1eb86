package engine

import (
	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
)

// PlanTrial is what a new version of a plan would do to those who are on it, if they were moved now.
type PlanTrial = usage.PlanTrial

// PlanTrial says what a plan would do without putting it. Errors are those of PutPlan. O(tenants).
func (e *Engine) PlanTrial(p usage.Plan) (PlanTrial, error) {
	if e.closed.Load() {
		return PlanTrial{}, usage.ErrClosed
	}
	p = plainPlan(p)
	if errs := p.Validate(); len(errs) > 0 {
		return PlanTrial{}, errs[0]
	}
	cfg := e.state.cfg.Load()
	b, err := newBook(cfg, p.Quotas)
	if err != nil {
		ue := *asError(err)
		ue.Pointer = "/quotas" + ue.Pointer
		return PlanTrial{}, &ue
	}
	out := PlanTrial{TenantsOver: []string{}}
	old := cfg.plans[p.Slug]
	out.Identical = old != nil && !old.archived && samePlan(old.newest().def, p)
	now := e.clock.now()
	for _, t := range e.state.dir.all() {
		if t.account.Load() == nil || !t.listed.Load() {
			continue
		}
		over, on, err := e.wouldExceed(t, &p, b, now)
		if err != nil {
			return PlanTrial{}, err
		}
		if on {
			out.Tenants++
		}
		if over && len(out.TenantsOver) < 1000 {
			out.TenantsOver = append(out.TenantsOver, t.name)
		}
	}
	return out, nil
}

// wouldExceed tells whether a tenant is on a plan, and whether its usage would be over a limit of b, that of p, or of its own override.
func (e *Engine) wouldExceed(t *tenant, p *usage.Plan, b *book, now int64) (over, on bool, err error) {
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a := t.account.Load()
	if a.plan == nil || a.plan.def.Slug != p.Slug {
		return false, false, nil
	}
	if len(a.overrides) > 0 {
		as := *a
		as.plan = &planVersion{def: *p, book: b}
		if b, err = as.bookAt(e.state.cfg.Load(), now); err != nil {
			return false, true, err
		}
	}
	as := &ledger{acct: a}
	for i := range b.slots {
		s := &b.slots[i]
		if !s.policy.FromBuckets() || s.policy.Limit == quota.Unlimited {
			continue
		}
		c, err := as.newCounter(sh, s, now)
		if err != nil {
			return false, true, err
		}
		over = over || usedOf(s.kind, &c.agg) > s.policy.Limit
	}
	return over, true, nil
}
