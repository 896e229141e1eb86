package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/weirhq/weir/usage"
)

// Configuration of plans, tenants and settings. Every change is an entry of the log, judged at its place, and stands in the audit;
// each call returns when it is durable. The variants with If take a condition, and say whether something was made.

// PutPlan makes a plan, or a new version of one. Tenants stay on their version; see PutPlanIf to move them.
func (e *Engine) PutPlan(ctx context.Context, p usage.Plan) error {
	_, _, err := e.PutPlanIf(ctx, p, "", usage.Condition{})
	return err
}

// PutPlanIf is PutPlan under a condition. apply moves everybody who is on the plan to its newest version: usage.EffectiveNow,
// usage.EffectivePeriodEnd of each, or "" for nobody.
func (e *Engine) PutPlanIf(ctx context.Context, p usage.Plan, apply string, cond usage.Condition) (usage.PlanState, bool, error) {
	p = plainPlan(p)
	if errs := p.Validate(); len(errs) > 0 {
		return usage.PlanState{}, false, errs[0]
	}
	if apply != "" && apply != usage.EffectiveNow && apply != usage.EffectivePeriodEnd {
		return usage.PlanState{}, false, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/apply",
			Detail: fmt.Sprintf("apply %q is unknown; use now or period_end, or leave it out", apply)}
	}
	res, err := e.submitConfig(ctx, &configEntry{Op: opPlanPut, Actor: actorOf(ctx), Plan: &p, Apply: apply, Condition: cond})
	if err != nil {
		return usage.PlanState{}, false, err
	}
	st, _ := e.Plan(p.Slug)
	return st, res.verdict == configCreated, nil
}

// DeletePlan archives a plan that nobody is on; else usage.Code(err) is in_use.
func (e *Engine) DeletePlan(ctx context.Context, slug string, cond usage.Condition) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opPlanDelete, Actor: actorOf(ctx), Slug: slug, Condition: cond})
	return err
}

// Plan returns the newest version of a plan, archived or not.
func (e *Engine) Plan(slug string) (usage.PlanState, bool) {
	versions := e.PlanVersions(slug)
	if len(versions) == 0 {
		return usage.PlanState{}, false
	}
	return versions[len(versions)-1], true
}

// PlanVersions returns every version of a plan, the oldest first. O(tenants), to count who is on each.
func (e *Engine) PlanVersions(slug string) []usage.PlanState {
	p := e.state.cfg.Load().plans[slug]
	if p == nil {
		return nil
	}
	on := e.tenantsByVersion(p)
	out := make([]usage.PlanState, 0, len(p.versions))
	for _, v := range p.versions {
		out = append(out, v.state(p, on[v.number]))
	}
	return out
}

// Plans returns the newest version of every plan that is not archived, by slug.
func (e *Engine) Plans() []usage.PlanState {
	cfg := e.state.cfg.Load()
	out := make([]usage.PlanState, 0, len(cfg.plans))
	for _, slug := range cfg.planSlugs() {
		p := cfg.plans[slug]
		n := 0
		for _, count := range e.tenantsByVersion(p) { // order-free: a sum
			n += count
		}
		out = append(out, p.newest().state(p, n))
	}
	return out
}

func (e *Engine) tenantsByVersion(p *plan) map[int]int {
	on := make(map[int]int)
	for _, t := range e.state.dir.all() {
		if t.account.Load() == nil || !t.listed.Load() {
			continue
		}
		t.shard.mu.Lock()
		if a := t.account.Load(); a.plan != nil && a.plan.def.Slug == p.slug {
			on[a.plan.number]++
		}
		t.shard.mu.Unlock()
	}
	return on
}

// PutTenant makes a tenant or replaces what is said of it. Another plan takes effect now; overrides stay.
func (e *Engine) PutTenant(ctx context.Context, t usage.Tenant) error {
	_, _, err := e.PutTenantIf(ctx, t, usage.Condition{})
	return err
}

// PutTenantIf is PutTenant under a condition.
func (e *Engine) PutTenantIf(ctx context.Context, t usage.Tenant, cond usage.Condition) (usage.TenantState, bool, error) {
	if errs := t.Validate(); len(errs) > 0 {
		return usage.TenantState{}, false, errs[0]
	}
	zone, err := e.zoneEntry(t.TimeZone)
	if err != nil {
		return usage.TenantState{}, false, err
	}
	t = t.Canonical()
	res, err := e.submitConfig(ctx, &configEntry{Op: opTenantPut, Actor: actorOf(ctx), Tenant: &t, Zone: zone, Condition: cond})
	if err != nil {
		return usage.TenantState{}, false, err
	}
	st, err := e.Tenant(t.ID)
	return st, res.verdict == configCreated, err
}

// DeleteTenant takes away what an operator said of a tenant: plan, overrides, zone. Its usage stays.
func (e *Engine) DeleteTenant(ctx context.Context, id string, cond usage.Condition) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opTenantDelete, Actor: actorOf(ctx), Slug: id, Condition: cond})
	return err
}

// Tenant returns a tenant that was made, by an operator or by its usage; else usage.Code(err) is not_found.
func (e *Engine) Tenant(id string) (usage.TenantState, error) {
	if e.closed.Load() {
		return usage.TenantState{}, usage.ErrClosed
	}
	t := e.state.dir.tenant(id)
	if t == nil || !t.listed.Load() {
		return usage.TenantState{}, noTenant(id)
	}
	return t.describe(), nil
}

func (t *tenant) describe() usage.TenantState {
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	if a := t.account.Load(); a != nil {
		return a.state()
	}
	return usage.TenantState{Tenant: usage.Tenant{ID: t.name}}
}

// PutOverride changes a quota for one tenant, or gives it one of its own, from its effective time on. It returns when that is durable.
// Errors: malformed_json, unknown_field, missing_field and invalid_value for its fields, or for the quota that they would make of that of
// the tenant's plan, and those of Record.
func (e *Engine) PutOverride(ctx context.Context, o usage.Override) error {
	_, err := e.PutOverrideIf(ctx, o, usage.Condition{})
	return err
}

// PutOverrideIf is PutOverride under a condition; it reports whether the override was made.
func (e *Engine) PutOverrideIf(ctx context.Context, o usage.Override, cond usage.Condition) (bool, error) {
	if errs := o.Validate(); len(errs) > 0 {
		return false, errs[0]
	}
	o.EffectiveFrom, o.EffectiveUntil = utc(o.EffectiveFrom), utc(o.EffectiveUntil)
	res, err := e.submitConfig(ctx, &configEntry{Op: opOverridePut, Actor: actorOf(ctx), Override: &o, Condition: cond})
	return res.verdict == configCreated, err
}

func utc(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	return t.UTC()
}

// DeleteOverride ends an override.
func (e *Engine) DeleteOverride(ctx context.Context, tenant, quotaSlug string) error {
	return e.DeleteOverrideIf(ctx, tenant, quotaSlug, usage.Condition{})
}

// DeleteOverrideIf is DeleteOverride under a condition.
func (e *Engine) DeleteOverrideIf(ctx context.Context, tenant, quotaSlug string, cond usage.Condition) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opOverrideDelete, Actor: actorOf(ctx), Override: &usage.Override{TenantID: tenant, Quota: quotaSlug}, Condition: cond})
	return err
}

// ChangePlan moves a tenant to a plan: now, at the end of its billing period, or at a time. Usage of the open period stays. It returns
// when the change is durable; one that is still to take effect is replaced by a later one. Errors: not_found for the tenant,
// unknown_plan, invalid_value for a time that is over, and those of Record.
func (e *Engine) ChangePlan(ctx context.Context, c usage.PlanChange) error {
	if errs := c.Validate(); len(errs) > 0 {
		return errs[0]
	}
	_, err := e.submitConfig(ctx, &configEntry{Op: opTenantPlan, Actor: actorOf(ctx), Change: &c})
	return err
}

// Settings returns the settings of the store and their version.
func (e *Engine) Settings() (usage.Settings, uint64) {
	s := e.state.cfg.Load().settings
	s.def = s.def.Clone()
	if s.def.UnknownTenants == "" {
		s.def.UnknownTenants = usage.UnknownCreate
	}
	s.def.Retention = s.def.Retention.WithDefaults()
	return s.def, s.version
}

// PutSettings replaces the settings.
func (e *Engine) PutSettings(ctx context.Context, s usage.Settings, cond usage.Condition) error {
	if errs := s.Validate(); len(errs) > 0 {
		return errs[0]
	}
	if s.UnknownTenants == "" {
		s.UnknownTenants = usage.UnknownCreate
	}
	s.Retention = s.Retention.WithDefaults()
	_, err := e.submitConfig(ctx, &configEntry{Op: opSettingsPut, Actor: actorOf(ctx), Settings: &s, Condition: cond})
	return err
}
