package engine

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// Apply of the entries that configure tenants. Each changes one tenant, in its shard.

// inShard runs fn while holding the shard of t, and shows readers what it changed.
func (s *state) inShard(t *tenant, fn func(sh *shard) error) (err error) {
	sh := t.shard
	sh.mu.Lock()
	defer sh.leave(&err)
	if err = fn(sh); err != nil {
		return err
	}
	sh.publish()
	return nil
}

// tenantNamed returns the tenant of a configuration entry, numbering it if it is new.
func (s *state) tenantNamed(name string) *tenant {
	if t := s.dir.tenant(name); t != nil {
		return t
	}
	return s.dir.addTenant(name, s.shards)
}

func (s *state) applyTenantPut(b *block, e *configEntry) (Result, error) {
	if err := s.learnZone(b, e.Zone); err != nil {
		return Result{}, err
	}
	cfg := s.cfg.Load()
	t := s.dir.tenant(e.Tenant.ID)
	var old *account
	if t != nil {
		old = t.account.Load()
	}
	exists := t != nil && t.listed.Load() // not one that was deleted, or never admitted to anything
	version := uint64(0)
	if old != nil {
		version = old.version
	}
	if err := conditionHolds(e.Condition, exists, version, "the tenant"); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	var v *planVersion
	slug := e.Tenant.Plan
	if d := cfg.settings.def.DefaultPlan; slug == "" && d != nil {
		slug = *d
	}
	if slug != "" {
		var err *usage.Error
		if v, err = cfg.planOf(slug, 0); err != nil {
			return Result{verdict: rejected, err: err}, nil
		}
	}
	t = s.tenantNamed(e.Tenant.ID)
	res := Result{verdict: configChanged}
	if !exists {
		res.verdict = configCreated
	}
	return res, s.inShard(t, func(sh *shard) error {
		a, err := sh.ensureAccount(t, b.nanos)
		if err != nil {
			return err
		}
		var before any
		if exists {
			before = a.state().Tenant
		}
		def := *e.Tenant
		def.Plan = ""
		if a.made && sameTenant(a.def, def) && samePlanSlug(a.plan, v) {
			res.verdict = configIdentical
			return nil
		}
		if err := a.define(sh, cfg, b, def, v); err != nil {
			return err
		}
		s.audit(b, e, "tenant", def.ID, before, a.state().Tenant)
		return nil
	})
}

// define replaces what is said of the account's tenant, and its plan when that is another one.
func (a *account) define(sh *shard, cfg *config, b *block, def usage.Tenant, v *planVersion) (err error) {
	sh.touchObject(a)
	// What nobody has made yet, and no quota has counted for, is in no period that has to end first.
	inPeriod := a.made || len(a.book.slots) > 0
	a.def, a.made, a.version = def, true, b.index
	sh.list(a.tenant, true)
	if inPeriod {
		err = a.changeCalendar(sh, cfg, b.nanos)
	} else {
		err = a.setCalendar(cfg, nil)
	}
	if err != nil {
		return err
	}
	if !samePlanSlug(a.plan, v) {
		a.plan, a.pending = v, nil
	}
	return a.refresh(sh, b.nanos)
}

func sameTenant(a, b usage.Tenant) bool {
	a.Plan, b.Plan = "", ""
	return string(mustJSON(a)) == string(mustJSON(b))
}

func samePlanSlug(a, b *planVersion) bool {
	return a == nil && b == nil || a != nil && b != nil && a.def.Slug == b.def.Slug
}

// knownTenant finds the tenant that an entry changes, or refuses.
func (s *state) knownTenant(id string) (*tenant, *usage.Error) {
	t := s.dir.tenant(id)
	if t == nil || !t.listed.Load() {
		return nil, noTenant(id)
	}
	return t, nil
}

// applyTenantDelete takes a tenant's configuration away: plan, overrides, name. Its usage stays, and so do its open holds. From here on
// it is as any tenant that nobody knows: the next event makes it on the default plan.
func (s *state) applyTenantDelete(b *block, e *configEntry) (Result, error) {
	t, refusal := s.knownTenant(e.Slug)
	if refusal != nil {
		return Result{verdict: rejected, err: refusal}, nil
	}
	res := Result{verdict: configChanged}
	err := s.inShard(t, func(sh *shard) error {
		a, err := sh.ensureAccount(t, b.nanos)
		if err != nil {
			return err
		}
		if err := conditionHolds(e.Condition, true, a.version, "the tenant"); err != nil {
			res = Result{verdict: rejected, err: err}
			return nil
		}
		before := a.state().Tenant
		sh.touchObject(a)
		a.def, a.made, a.version = usage.Tenant{ID: t.name}, false, b.index
		a.plan, a.pending, a.overrides = s.cfg.Load().defaultPlan(), nil, nil
		sh.list(t, false)
		if err := a.setCalendar(s.cfg.Load(), nil); err != nil {
			return err
		}
		if err := a.refresh(sh, b.nanos); err != nil {
			return err
		}
		s.audit(b, e, "tenant", t.name, before, nil)
		return nil
	})
	return res, err
}

func (s *state) applyPlanChange(b *block, cfg *config, e *configEntry) (Result, error) {
	t, refusal := s.knownTenant(e.Change.TenantID)
	if refusal != nil {
		return Result{verdict: rejected, err: refusal}, nil
	}
	v, refusal := cfg.planOf(e.Change.Plan, e.Change.Version)
	if refusal != nil {
		return Result{verdict: rejected, err: refusal}, nil
	}
	at := int64(0)
	if when := e.Change.Effective; when != "" && when != usage.EffectiveNow && when != usage.EffectivePeriodEnd {
		moment, err := time.Parse(time.RFC3339Nano, when)
		if err != nil {
			return Result{}, err // the caller checked it: another program wrote this
		}
		if at = moment.UnixNano(); at <= b.nanos {
			return refusedAt(usage.CodeInvalidValue, "/effective", "effective "+when+" is not in the future; use now, period_end or a later time"), nil
		}
	}
	return Result{verdict: configChanged}, s.inShard(t, func(sh *shard) error {
		a, err := sh.ensureAccount(t, b.nanos)
		if err != nil {
			return err
		}
		before := a.state()
		sh.touchObject(a)
		a.version = b.index
		if err := a.changePlan(sh, v, e.Change.Effective, at, b.nanos); err != nil {
			return err
		}
		s.audit(b, e, "tenant_plan", t.name, before.Tenant.Plan, e.Change)
		return nil
	})
}

func (s *state) applyOverridePut(b *block, cfg *config, e *configEntry) (Result, error) {
	o := e.Override
	t, refusal := s.knownTenant(o.TenantID)
	if refusal != nil {
		return Result{verdict: rejected, err: refusal}, nil
	}
	res := Result{verdict: configChanged}
	err := s.inShard(t, func(sh *shard) error {
		a, err := sh.ensureAccount(t, b.nanos)
		if err != nil {
			return err
		}
		base := usage.Quota{Slug: o.Quota}
		if a.plan != nil {
			if i := slices.IndexFunc(a.plan.def.Quotas, func(q usage.Quota) bool { return q.Slug == o.Quota }); i >= 0 {
				base = a.plan.def.Quotas[i]
			}
		}
		q, refusal := checkOverride(cfg, base, o)
		if m := cfg.bySlug[q.Meter]; refusal == nil && q.Meter != base.Meter && m.archived {
			refusal = &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/meter", Detail: fmt.Sprintf("meter %q is archived; make it again with PUT /v1/meters/{slug}", q.Meter)}
		}
		if refusal != nil {
			res = Result{verdict: rejected, err: refusal}
			return nil
		}
		i, found := slices.BinarySearchFunc(a.overrides, o.Quota, func(x *override, slug string) int { return strings.Compare(x.def.Quota, slug) })
		if err := conditionHolds(e.Condition, found, overrideVersion(a, i, found), "the override"); err != nil {
			res = Result{verdict: rejected, err: err}
			return nil
		}
		next := &override{def: *o, version: b.index}
		next.def.TenantID = ""
		if found && string(mustJSON(a.overrides[i].def)) == string(mustJSON(next.def)) {
			res.verdict = configIdentical
			return nil
		}
		sh.touchObject(a)
		a.overrides = slices.Clone(a.overrides)
		var before any
		if found {
			before = a.overrides[i].def
			a.overrides[i] = next
		} else {
			a.overrides = slices.Insert(a.overrides, i, next)
			res.verdict = configCreated
		}
		if next := cfg.withQuotas(o.Quota); next != cfg {
			next.version = b.index // or no checkpoint would take the number along
			s.cfg.Store(next)
		}
		s.audit(b, e, "override", t.name+"/"+o.Quota, before, next.def)
		return a.refresh(sh, b.nanos)
	})
	return res, err
}

func overrideVersion(a *account, i int, found bool) uint64 {
	if !found {
		return 0
	}
	return a.overrides[i].version
}

func (s *state) applyOverrideDelete(b *block, e *configEntry) (Result, error) {
	t, refusal := s.knownTenant(e.Override.TenantID)
	if refusal != nil {
		return Result{verdict: rejected, err: refusal}, nil
	}
	res := Result{verdict: configChanged}
	err := s.inShard(t, func(sh *shard) error {
		a := t.account.Load()
		i := -1
		if a != nil {
			i = slices.IndexFunc(a.overrides, func(o *override) bool { return o.def.Quota == e.Override.Quota })
		}
		if i < 0 {
			res = refused(usage.CodeNotFound, fmt.Sprintf("tenant %q has no override of quota %q", t.name, e.Override.Quota))
			return nil
		}
		if err := conditionHolds(e.Condition, true, a.overrides[i].version, "the override"); err != nil {
			res = Result{verdict: rejected, err: err}
			return nil
		}
		sh.touchObject(a)
		before := a.overrides[i].def
		a.overrides = slices.Delete(slices.Clone(a.overrides), i, i+1)
		s.audit(b, e, "override", t.name+"/"+e.Override.Quota, before, nil)
		return a.refresh(sh, b.nanos)
	})
	return res, err
}

// applySettings replaces the settings.
func (s *state) applySettings(b *block, cfg *config, e *configEntry) (Result, error) {
	if err := conditionHolds(e.Condition, true, cfg.settings.version, "the settings"); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	if d := e.Settings.DefaultPlan; d != nil {
		if _, err := cfg.planOf(*d, 0); err != nil {
			err.Pointer = "/default_plan"
			return Result{verdict: rejected, err: err}, nil
		}
	}
	if string(mustJSON(cfg.settings.def)) == string(mustJSON(e.Settings)) {
		return Result{verdict: configIdentical}, nil
	}
	key := []byte("settings")
	if cfg.settings.version != 0 {
		s.cfgSum.sub(rowHash(key, cfg.settings.encode()))
	}
	n := cfg.next(b.index)
	n.settings = settings{def: *e.Settings, version: b.index}
	s.cfgSum.add(rowHash(key, n.settings.encode()))
	s.cfg.Store(n)
	s.audit(b, e, "settings", "", cfg.settings.def, e.Settings)
	return Result{verdict: configChanged}, nil
}

// settings are the settings of the store.
type settings struct {
	def     usage.Settings
	version uint64 // log index of the newest change; 0: never changed
}

func (s *settings) encode() []byte {
	return mustJSON(settingsJSON{s.def, s.version})
}

type settingsJSON struct {
	Settings usage.Settings `json:"settings"`
	Version  uint64         `json:"version"`
}

func refusedAt(code usage.ErrorCode, pointer, detail string) Result {
	return Result{verdict: rejected, err: &usage.Error{Code: code, Pointer: pointer, Detail: detail}}
}
