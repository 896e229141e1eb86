package engine

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// account is a tenant's configuration, and what its quotas have counted. A tenant that only records usage under no plan
// has none.
type account struct {
	objectTag
	tenant    *tenant
	def       usage.Tenant // as put, but for Plan, which is plan's
	made      bool         // by an operator, not by usage
	listed    bool         // as tenant.listed, for the row
	version   uint64       // log index of the newest change
	plan      *planVersion // nil: none
	pending   *pendingPlan // nil: none
	overrides []*override  // ascending by quota
	calendar

	book   *book
	ledger *ledger            // the tenant's own
	users  map[uint32]*ledger // by number, of users under a quota of user scope
	holds  map[wal.Hash]*hold // open
	closed map[wal.Hash]*hold // over since the newest checkpoint: apart, as half a million may be, and the row names the open ones
	due    int64              // of the scheduled deadline; noDeadline: none
}

// pendingPlan is a change of plan that is still to come.
type pendingPlan struct {
	plan *planVersion
	at   int64 // unix nanoseconds
}

// override is a usage.Override in force for a tenant, or still to come, or over.
type override struct {
	def     usage.Override
	version uint64 // log index of its newest change
}

// ensureAccount returns the account of t, making it on the default plan: also that of a tenant which was deleted, or never admitted
// to anything, since it is about to be made anew. The caller is apply and holds shard.mu.
func (sh *shard) ensureAccount(t *tenant, now int64) (*account, error) {
	v := sh.state.cfg.Load().defaultPlan()
	a := t.account.Load()
	switch {
	case a == nil:
		a = newAccount(t)
		a.listed = t.listed.Load()
	case a.listed || a.made || a.plan == v:
		return a, nil
	}
	a.plan = v
	sh.touchObject(a)
	if err := a.refresh(sh, now); err != nil {
		return nil, err
	}
	t.account.Store(a)
	return a, nil
}

// defaultPlan is the plan of a tenant that its usage makes; nil: none.
func (c *config) defaultPlan() *planVersion {
	d := c.settings.def.DefaultPlan
	if d == nil {
		return nil
	}
	v, _ := c.planOf(*d, 0) // nil when it was archived since
	return v
}

// list says whether t exists for those who ask: it was made, or has counted something, and was not deleted since.
func (sh *shard) list(t *tenant, listed bool) {
	t.listed.Store(listed)
	if a := t.account.Load(); a != nil && a.listed != listed {
		sh.touchObject(a)
		a.listed = listed
	}
}

func newAccount(t *tenant) *account {
	return &account{tenant: t, def: usage.Tenant{ID: t.name}, calendar: *utcCalendar, book: emptyBook,
		users: make(map[uint32]*ledger), holds: make(map[wal.Hash]*hold), closed: make(map[wal.Hash]*hold), due: noDeadline}
}

// refresh brings the quotas of the account to what holds at now: a pending plan that is due, overrides that begin or end. It
// binds every ledger anew when the quotas changed, and schedules the next moment at which they will. The caller
// has touched a.
func (a *account) refresh(sh *shard, now int64) error {
	if a.pending != nil && a.pending.at <= now {
		a.plan, a.pending = a.pending.plan, nil
	}
	b, err := a.bookAt(sh.state.cfg.Load(), now)
	if err != nil {
		return err
	}
	if b != a.book || a.ledger == nil {
		if err := a.bind(sh, b, now); err != nil {
			return err
		}
	}
	a.schedule(sh, now)
	return nil
}

// bookAt compiles the quotas that hold at a moment.
func (a *account) bookAt(cfg *config, now int64) (*book, error) {
	var quotas []usage.Quota
	if a.plan != nil {
		quotas = a.plan.def.Quotas
	}
	at, changed := time.Unix(0, now), false
	for _, o := range a.overrides {
		if !o.def.In(at) {
			continue
		}
		if !changed {
			quotas, changed = slices.Clone(quotas), true
		}
		quotas = overridden(cfg, quotas, &o.def)
	}
	switch {
	case changed:
		return newStoredBook(cfg, quotas)
	case a.plan != nil:
		return a.plan.book, nil
	default:
		return emptyBook, nil
	}
}

// overridden returns quotas with one changed or added. An override that does not fit the plan of today, or that it no longer
// completes, has no effect: it was whole when it was made, and the plan changed under it.
func overridden(cfg *config, quotas []usage.Quota, o *usage.Override) []usage.Quota {
	i := slices.IndexFunc(quotas, func(q usage.Quota) bool { return q.Slug == o.Quota })
	base := usage.Quota{Slug: o.Quota}
	if i >= 0 {
		base = quotas[i]
	}
	q, err := checkOverride(cfg, base, o)
	switch {
	case err != nil:
	case i >= 0:
		quotas[i] = q
	default:
		quotas = append(quotas, q)
	}
	return quotas
}

// checkOverride applies an override to a quota and validates what comes out.
func checkOverride(cfg *config, base usage.Quota, o *usage.Override) (usage.Quota, *usage.Error) {
	q, err := o.Apply(base)
	if err != nil {
		return q, asError(err)
	}
	q = q.WithDefaults()
	if errs := q.Validate(); len(errs) > 0 {
		return q, errs[0]
	}
	if _, err := newStoredBook(cfg, []usage.Quota{q}); err != nil {
		e := *asError(err)
		e.Pointer = e.Pointer[len("/0"):]
		return q, &e
	}
	return q, nil
}

// bind makes b the account's book in all its ledgers.
func (a *account) bind(sh *shard, b *book, now int64) error {
	a.book = b
	if a.ledger == nil {
		a.ledger = &ledger{acct: a}
	}
	sh.touchObject(a.ledger)
	if err := a.ledger.bind(sh, b, now); err != nil {
		return err
	}
	for _, num := range sortedKeys(a.users) {
		l := a.users[num]
		sh.touchObject(l)
		if err := l.bind(sh, b, now); err != nil {
			return err
		}
	}
	return nil
}

// schedule enters the next moment at which the account changes by itself.
func (a *account) schedule(sh *shard, now int64) {
	at := int64(noDeadline)
	if a.pending != nil {
		at = a.pending.at
	}
	for _, o := range a.overrides {
		for _, edge := range []time.Time{o.def.EffectiveFrom, o.def.EffectiveUntil} {
			if !edge.IsZero() && edge.UnixNano() > now {
				at = min(at, edge.UnixNano())
			}
		}
	}
	if a.due = at; at != noDeadline {
		sh.schedule(deadline{nanos: at, tenant: a.tenant})
	}
}

// accountDue is called when a scheduled moment of an account has come.
func (sh *shard) accountDue(t *tenant, now int64) error {
	a := t.account.Load()
	if a == nil || a.due != now {
		return nil // it was changed since
	}
	sh.touchObject(a)
	return a.refresh(sh, now)
}

// changePlan moves the account to a version of a plan: now, at the end of its billing period, or at a time (unix nanoseconds).
func (a *account) changePlan(sh *shard, v *planVersion, when string, at, now int64) error {
	sh.touchObject(a)
	switch when {
	case usage.EffectivePeriodEnd:
		_, end := a.billingPeriod(floorDiv(now, 1e9))
		a.pending = &pendingPlan{v, end * 1e9}
	case usage.EffectiveNow, "":
		a.plan, a.pending = v, nil
	default:
		a.pending = &pendingPlan{v, at}
	}
	return a.refresh(sh, now)
}

// appendKey implements object.
func (a *account) appendKey(dst []byte) []byte { return wal.AppendAccountKey(dst, a.tenant.num) }

// accountJSON is the stored form of an account.
type accountJSON struct {
	Tenant    usage.Tenant   `json:"tenant"`
	Made      bool           `json:"made,omitempty"`
	Listed    bool           `json:"listed,omitempty"`
	Version   uint64         `json:"version"`
	Plan      string         `json:"plan,omitempty"`
	Number    int            `json:"number,omitempty"`
	Pending   *pendingJSON   `json:"pending,omitempty"`
	Overrides []overrideJSON `json:"overrides,omitempty"`
	Earlier   []earlierJSON  `json:"earlier,omitempty"`
	Holds     []string       `json:"holds,omitempty"` // hashes of the ids of open ones, in hex, ascending
}

type pendingJSON struct {
	Plan   string `json:"plan"`
	Number int    `json:"number"`
	At     int64  `json:"at"`
}

// earlierJSON is an earlierGrid; times are unix seconds, a missing anchor is none.
type earlierJSON struct {
	TimeZone string `json:"time_zone"`
	Anchor   int64  `json:"anchor,omitempty"`
	Until    int64  `json:"until"`
}

type overrideJSON struct {
	Override usage.Override `json:"override"`
	Version  uint64         `json:"version"`
}

// appendRow implements object.
func (a *account) appendRow(dst []byte) []byte {
	out := accountJSON{Tenant: a.def, Made: a.made, Listed: a.listed, Version: a.version}
	if a.plan != nil {
		out.Plan, out.Number = a.plan.def.Slug, a.plan.number
	}
	if p := a.pending; p != nil {
		out.Pending = &pendingJSON{p.plan.def.Slug, p.plan.number, p.at}
	}
	for _, o := range a.overrides {
		out.Overrides = append(out.Overrides, overrideJSON{o.def, o.version})
	}
	for _, g := range a.earlier {
		out.Earlier = append(out.Earlier, earlierJSON{g.name, g.anchor, g.until})
	}
	for hash := range a.holds { // order-free: sorted below
		key := wal.AppendHoldKey(nil, 0, hash)
		out.Holds = append(out.Holds, hex.EncodeToString(key[5:]))
	}
	slices.Sort(out.Holds)
	return append(dst, mustJSON(out)...)
}

// decode reads a row; open is the hashes of the holds to load.
func (a *account) decode(cfg *config, src []byte) (open []wal.Hash, err error) {
	var in accountJSON
	if err := json.Unmarshal(src, &in); err != nil {
		return nil, fmt.Errorf("%w: account: %w", wal.ErrCorrupt, err)
	}
	a.def, a.made, a.listed, a.version = in.Tenant, in.Made, in.Listed, in.Version
	if in.Plan != "" {
		if a.plan, err = cfg.storedPlan(in.Plan, in.Number); err != nil {
			return nil, err
		}
	}
	if p := in.Pending; p != nil {
		v, err := cfg.storedPlan(p.Plan, p.Number)
		if err != nil {
			return nil, err
		}
		a.pending = &pendingPlan{v, p.At}
	}
	for _, o := range in.Overrides {
		a.overrides = append(a.overrides, &override{o.Override, o.Version})
	}
	var earlier []earlierGrid
	for _, g := range in.Earlier {
		earlier = append(earlier, earlierGrid{grid{name: g.TimeZone, anchor: g.Anchor}, g.Until})
	}
	if err := a.setCalendar(cfg, earlier); err != nil {
		return nil, err
	}
	for _, text := range in.Holds {
		key, err := hex.DecodeString("68" + "00000000" + text)
		if err != nil {
			return nil, fmt.Errorf("%w: account: hold %q", wal.ErrCorrupt, text)
		}
		_, hash, err := wal.ParseHoldKey(key)
		if err != nil {
			return nil, err
		}
		open = append(open, hash)
	}
	return open, nil
}

// storedPlan finds a version that a row names, archived or not.
func (c *config) storedPlan(slug string, number int) (*planVersion, error) {
	p := c.plans[slug]
	if p == nil || number < 1 || number > len(p.versions) {
		return nil, fmt.Errorf("%w: plan %q, version %d is missing", wal.ErrCorrupt, slug, number)
	}
	return p.versions[number-1], nil
}

// state is the account as the API shows it.
func (a *account) state() usage.TenantState {
	st := usage.TenantState{Tenant: a.def, Version: a.version}
	st.Tenant.Metadata = slices.Clone(a.def.Metadata)
	if a.plan != nil {
		st.Tenant.Plan, st.PlanVersion = a.plan.def.Slug, a.plan.number
	}
	if p := a.pending; p != nil {
		st.Pending = &usage.PlanChange{Plan: p.plan.def.Slug, Version: p.plan.number,
			Effective: time.Unix(0, p.at).UTC().Format(time.RFC3339Nano)}
	}
	for _, o := range a.overrides {
		def := o.def
		def.Version, def.Fields = o.version, slices.Clone(o.def.Fields)
		st.Overrides = append(st.Overrides, def)
	}
	return st
}

// sortedKeys returns the keys of a map of users in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m { // order-free: sorted below
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
