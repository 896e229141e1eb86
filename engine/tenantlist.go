package engine

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
)

// TenantSort is the order of a list of tenants.
type TenantSort string

// The orders. Tenants that are equal in one follow by id.
const (
	TenantsByID    TenantSort = "id"
	TenantsByName  TenantSort = "name"  // letter case ignored; the id stands for a missing name
	TenantsByUsage TenantSort = "usage" // the greatest share of a limit that is used
)

// TenantFilter chooses tenants; zero fields choose all, by id.
type TenantFilter struct {
	Query      string // part of the id or name, letter case ignored
	Plan       string
	NearLimit  bool     // a quota of the tenant warns, throttles, is over, or blocks
	Among      []string // ids; only these
	Sort       TenantSort
	Descending bool
	After      *TenantPlace // only those that come after it
	Limit      int
}

// TenantPlace is where a tenant stands in a list: by what the list is sorted, then by id.
type TenantPlace struct {
	Name  string // of TenantsByName, in lower case
	Share int64  // of TenantsByUsage, in 1/10,000; -1: no quota has a limit
	ID    string
}

// TenantEntry is a tenant of a list.
type TenantEntry struct {
	usage.TenantState
	Place TenantPlace
	Quota *usage.QuotaStatus // of TenantsByUsage: the one of which the greatest share is used; nil: none has a limit
}

// compare orders two places of a list.
func (f *TenantFilter) compare(a, b *TenantPlace) int {
	c := cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.Share, b.Share), strings.Compare(a.ID, b.ID))
	if f.Descending {
		return -c
	}
	return c
}

// Tenants returns tenants in the order of the filter, at most f.Limit. A list that goes on after the place of its last entry
// misses nobody whose place stays, and tells nobody twice. O(tenants), in memory.
func (e *Engine) Tenants(f TenantFilter) []TenantEntry {
	query, now := strings.ToLower(f.Query), e.clock.now()
	if e.earliestDue() <= now && (f.NearLimit || f.Sort == TenantsByUsage) {
		e.passTime(context.Background()) // as catchUp
	}
	found := newRanking(f.Limit, func(a, b tenantCandidate) int { return f.compare(&a.place, &b.place) })
	for _, t := range e.state.dir.all() {
		if !t.listed.Load() || len(f.Among) > 0 && !slices.Contains(f.Among, t.name) {
			continue
		}
		c := tenantCandidate{tenant: t}
		c.place.ID = t.name
		if f.admits(&c, query, now) && (f.After == nil || f.compare(&c.place, f.After) > 0) {
			found.offer(c)
		}
	}
	out := []TenantEntry{}
	for _, c := range found.first() {
		entry := TenantEntry{TenantState: c.tenant.describe(), Place: c.place}
		if f.Sort == TenantsByUsage {
			if quotas, err := e.Quotas(c.tenant.name, ""); err == nil {
				entry.Quota = nearest(quotas, "")
			}
		}
		out = append(out, entry)
	}
	return out
}

type tenantCandidate struct {
	tenant *tenant
	place  TenantPlace
}

// admits tells whether the filter lets a tenant through, and finds its place. It looks at the account under the shard's lock, and
// describes nothing: a list of a hundred among a million describes a hundred.
func (f *TenantFilter) admits(c *tenantCandidate, query string, now int64) bool {
	t := c.tenant
	byID := f.Sort == "" || f.Sort == TenantsByID
	if query == "" && f.Plan == "" && !f.NearLimit && byID {
		return true
	}
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	a := t.account.Load()
	name, plan := t.name, ""
	if a != nil {
		name = cmp.Or(a.def.Name, name)
		if a.plan != nil {
			plan = a.plan.def.Slug
		}
	}
	lower := strings.ToLower(name)
	if query != "" && !strings.Contains(lower, query) && !strings.Contains(strings.ToLower(t.name), query) || f.Plan != "" && f.Plan != plan {
		return false
	}
	if f.Sort == TenantsByName {
		c.place.Name = lower
	}
	if !f.NearLimit && f.Sort != TenantsByUsage {
		return true
	}
	if a == nil && t.shard.state.cfg.Load().settings.def.DefaultPlan != nil {
		a, _ = t.shard.accountToRead(t, now) // as it would be made with the tenant's next event
	}
	near, share := a.standingOf(now)
	if f.Sort == TenantsByUsage {
		c.place.Share = share
	}
	return near || !f.NearLimit
}

// standingOf tells whether a quota of the tenant itself is beyond its warning, or would be, and the greatest share of a limit that is
// used, in 1/10,000; -1 when there is no limit. The caller holds shard.mu; a may be nil.
func (a *account) standingOf(now int64) (near bool, share int64) {
	share = -1
	if a == nil || a.ledger == nil {
		return false, share
	}
	for i := range a.book.slots {
		s, c := &a.book.slots[i], a.ledger.counters[i]
		if c == nil {
			continue
		}
		level, _, _ := c.level(a, s, now)
		near = near || s.policy.Judge(level, 0, now).Decision != usage.DecisionAllow
		if s.policy.Kind != quota.KindRate && s.policy.Limit != quota.Unlimited && !s.policy.Shadow {
			share = max(share, shareOf(level.Used, s.policy.Limit))
		}
	}
	return near, share
}
