package engine

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
)

// plan is a plan with all its versions. Immutable.
type plan struct {
	slug     string
	versions []*planVersion // version n is at n-1
	version  uint64         // log index of the newest change
	archived bool
}

// planVersion is one version of a plan. Immutable.
type planVersion struct {
	number  int
	index   uint64 // of the entry that made it
	created int64  // its log time, unix nanoseconds
	def     usage.Plan
	book    *book
}

func (p *plan) newest() *planVersion { return p.versions[len(p.versions)-1] }

// planOf finds a version of a plan that tenants may be moved to; number 0 is the newest.
func (c *config) planOf(slug string, number int) (*planVersion, *usage.Error) {
	p := c.plans[slug]
	if p == nil || p.archived {
		return nil, usage.NoPlan(usage.CodeUnknownPlan, "/plan", slug, c.planSlugs())
	}
	if number == 0 {
		return p.newest(), nil
	}
	if number < 0 || number > len(p.versions) {
		return nil, &usage.Error{Code: usage.CodeUnknownPlan, Pointer: "/version",
			Detail: fmt.Sprintf("plan %q has no version %d; its newest is %d", slug, number, len(p.versions))}
	}
	return p.versions[number-1], nil
}

func (c *config) planSlugs() []string {
	var slugs []string
	for slug, p := range c.plans { // order-free: sorted below
		if !p.archived {
			slugs = append(slugs, slug)
		}
	}
	slices.Sort(slugs)
	return slugs
}

// next returns a copy of c to change, as of a log index. Maps and slices that change are copied by whoever changes them.
func (c *config) next(index uint64) *config {
	n := *c
	n.version = index
	return &n
}

// withPlan returns a config with p in place of the plan of its slug.
func (c *config) withPlan(index uint64, p *plan) *config {
	n := c.next(index)
	n.plans = maps.Clone(c.plans)
	if n.plans == nil {
		n.plans = make(map[string]*plan)
	}
	n.plans[p.slug] = p
	return n
}

// quotaNum is the number of a quota's slug in stored outcomes, from 1; 0: none.
func (c *config) quotaNum(slug string) uint32 { return c.quotaNums[slug] }

// withQuotas returns c with numbers for the slugs that had none.
func (c *config) withQuotas(slugs ...string) *config {
	n := c
	for _, slug := range slugs {
		if _, ok := n.quotaNums[slug]; ok {
			continue
		}
		if n == c {
			n = c.next(c.version)
			n.quotaNums = maps.Clone(c.quotaNums)
			if n.quotaNums == nil {
				n.quotaNums = make(map[string]uint32)
			}
			n.quotas = slices.Clip(c.quotas)
		}
		n.quotas = append(n.quotas, slug)
		n.quotaNums[slug] = uint32(len(n.quotas))
	}
	return n
}

// applyPlanPut makes a new version of a plan. e.Apply says who moves to it: nobody, everybody now, or everybody at the end of
// the billing period.
func (s *state) applyPlanPut(b *block, cfg *config, e *configEntry) (Result, error) {
	def := e.Plan.WithDefaults()
	old := cfg.plans[def.Slug]
	exists := old != nil && !old.archived
	if err := conditionHolds(e.Condition, exists, versionOf(old), "plan "+def.Slug); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	bk, err := newBook(cfg, def.Quotas)
	if err != nil {
		ue := *asError(err)
		ue.Pointer = "/quotas" + ue.Pointer
		return Result{verdict: rejected, err: &ue}, nil
	}
	p := &plan{slug: def.Slug, version: b.index}
	var before any
	v := configCreated
	if old != nil {
		p.versions = slices.Clip(old.versions)
		before = old.newest().def
		if exists {
			v = configChanged
		}
	}
	if exists && samePlan(old.newest().def, def) {
		p, v = old, configIdentical
	} else {
		p.versions = append(p.versions, &planVersion{number: len(p.versions) + 1, index: b.index, created: b.nanos, def: def, book: bk})
		slugs := make([]string, len(def.Quotas))
		for i := range def.Quotas {
			slugs[i] = def.Quotas[i].Slug
		}
		s.publishPlan(cfg.withPlan(b.index, p).withQuotas(slugs...), old, p)
		s.audit(b, e, "plan", def.Slug, before, def)
	}
	if e.Apply != "" {
		if err := s.movePlan(b, p, e.Apply); err != nil {
			return Result{}, err
		}
	}
	return Result{verdict: v}, nil
}

// movePlan moves everybody on an older version of p to the newest. Who is to go to another plan still is: until then on the newest
// version of p when it holds from now on, else on the version of today. O(tenants).
func (s *state) movePlan(b *block, p *plan, when string) error {
	for _, t := range s.dir.all() {
		a := t.account.Load()
		if a == nil || a.plan == nil || a.plan.def.Slug != p.slug || a.plan == p.newest() && a.pending == nil {
			continue
		}
		leaves := a.pending
		if leaves != nil && leaves.plan.def.Slug == p.slug {
			leaves = nil // a move to an older version is overtaken
		}
		if leaves != nil && (when != usage.EffectiveNow || a.plan == p.newest()) {
			continue
		}
		err := s.inShard(t, func(sh *shard) error {
			if leaves == nil {
				return a.changePlan(sh, p.newest(), when, 0, b.nanos)
			}
			sh.touchObject(a)
			a.plan = p.newest()
			return a.refresh(sh, b.nanos)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *state) applyPlanDelete(b *block, cfg *config, e *configEntry) (Result, error) {
	old := cfg.plans[e.Slug]
	if old == nil || old.archived {
		return Result{verdict: rejected, err: usage.NoPlan(usage.CodeNotFound, "", e.Slug, cfg.planSlugs())}, nil
	}
	if err := conditionHolds(e.Condition, true, old.version, "plan "+e.Slug); err != nil {
		return Result{verdict: rejected, err: err}, nil
	}
	if d := cfg.settings.def.DefaultPlan; d != nil && *d == e.Slug {
		return refused(usage.CodeInUse, fmt.Sprintf("plan %q is the default plan; change the settings first", e.Slug)), nil
	}
	if n := s.tenantsOn(old); n > 0 {
		return refused(usage.CodeInUse, fmt.Sprintf("plan %q has %s; move them to another plan first", e.Slug, many(n, "tenant"))), nil
	}
	p := *old
	p.archived, p.version = true, b.index
	s.publishPlan(cfg.withPlan(b.index, &p), old, &p)
	s.audit(b, e, "plan", e.Slug, old.newest().def, nil)
	return Result{verdict: configChanged}, nil
}

// tenantsOn counts who is on a plan, or about to be. O(tenants).
func (s *state) tenantsOn(p *plan) (n int) {
	for _, t := range s.dir.all() {
		if a := t.account.Load(); a != nil && a.listed && (a.plan != nil && a.plan.def.Slug == p.slug || a.pending != nil && a.pending.plan.def.Slug == p.slug) {
			n++
		}
	}
	return n
}

// publishPlan makes next the configuration, and keeps the digest in step.
func (s *state) publishPlan(next *config, old, p *plan) {
	key := []byte("plan/" + p.slug)
	if old != nil {
		s.cfgSum.sub(rowHash(key, old.encode()))
	}
	s.cfgSum.add(rowHash(key, p.encode()))
	s.cfg.Store(next)
}

func versionOf(p *plan) uint64 {
	if p == nil {
		return 0
	}
	return p.version
}

// plainPlan is a plan as it enters the log: with its defaults, and without an overage of 0, which is the default in other words. It
// is not for apply: an entry of an older log has to make the versions that it made.
func plainPlan(p usage.Plan) usage.Plan {
	p = p.WithDefaults()
	for i := range p.Quotas { // a copy
		if o := &p.Quotas[i].Overage; p.Quotas[i].Rate == nil && !o.Unlimited && o.Units.Sign() == 0 {
			*o = usage.Overage{}
		}
	}
	return p
}

func samePlan(a, b usage.Plan) bool {
	x, errA := json.Marshal(a)
	y, errB := json.Marshal(b)
	return errA == nil && errB == nil && string(x) == string(y)
}

// planJSON is the stored form of a plan.
type planJSON struct {
	Slug     string            `json:"slug"`
	Version  uint64            `json:"version"`
	Archived bool              `json:"archived,omitempty"`
	Versions []planVersionJSON `json:"versions"`
}

type planVersionJSON struct {
	Index   uint64     `json:"index"`
	Created int64      `json:"created"`
	Plan    usage.Plan `json:"plan"`
}

func (p *plan) json() planJSON {
	out := planJSON{Slug: p.slug, Version: p.version, Archived: p.archived}
	for _, v := range p.versions {
		out.Versions = append(out.Versions, planVersionJSON{v.index, v.created, v.def})
	}
	return out
}

func (p *plan) encode() []byte { return mustJSON(p.json()) }

// plan is the inverse of json. The meters of cfg are there already.
func (j *planJSON) plan(cfg *config) (*plan, error) {
	p := &plan{slug: j.Slug, version: j.Version, archived: j.Archived}
	for i, v := range j.Versions {
		bk, err := newStoredBook(cfg, v.Plan.Quotas)
		if err != nil {
			return nil, fmt.Errorf("plan %s, version %d: %w", j.Slug, i+1, err)
		}
		p.versions = append(p.versions, &planVersion{i + 1, v.Index, v.Created, v.Plan, bk})
	}
	return p, nil
}

// newStoredBook is newBook for quotas that were accepted once: a meter may have been archived since.
func newStoredBook(cfg *config, quotas []usage.Quota) (*book, error) {
	all := *cfg
	all.bySlug = make(map[string]*meter, len(cfg.bySlug))
	for slug, m := range cfg.bySlug { // order-free: a copy
		live := *m
		live.archived = false
		all.bySlug[slug] = &live
	}
	return newBook(&all, quotas)
}

// state is the version as the API shows it.
func (v *planVersion) state(p *plan, tenants int) usage.PlanState {
	return usage.PlanState{Plan: v.def.Clone(), Number: v.number, Version: p.version, Tenants: tenants, Archived: p.archived,
		Created: time.Unix(0, v.created).UTC()}
}

// conditionHolds judges a condition against a row that exists or not, at a version.
func conditionHolds(cond usage.Condition, exists bool, version uint64, what string) *usage.Error {
	switch {
	case cond.IfNoneMatchAny && exists:
		return &usage.Error{Code: usage.CodePrecondition, Detail: what + " exists already"}
	case cond.IfMatch != 0 && (!exists || version != cond.IfMatch):
		return &usage.Error{Code: usage.CodePrecondition, Detail: what + " was changed meanwhile; read it again, then repeat the change"}
	}
	return nil
}

// mustJSON encodes what always can be.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: state does not marshal: " + err.Error())
	}
	return b
}
