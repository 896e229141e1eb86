package engine

import "github.com/weirhq/weir/usage"

// FeatureQuotas returns the quotas that a feature of a tenant (and user, if one is named) counts in, as they stand: what a recorded
// event reports. None when the tenant is unknown.
func (e *Engine) FeatureQuotas(tenantID, user, feature string) []usage.QuotaStatus {
	t := e.state.dir.tenant(tenantID)
	if t == nil || t.account.Load() == nil {
		return nil
	}
	cfg := e.state.cfg.Load()
	m := cfg.matchOf(feature)
	if m == nil {
		return nil
	}
	now := e.clock.now()
	e.catchUp(t, now)
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.failed != nil {
		return nil
	}
	all := sh.standing(t.account.Load(), user, t.userNum(e.state, user), now)
	out := all[:0]
	for _, q := range all {
		for _, mt := range m.meters {
			if mt.def.Slug == q.Meter {
				out = append(out, q)
				break
			}
		}
	}
	return out
}

// OverLimit returns the quotas of a tenant (and user, if one is named) whose usage is beyond the limit. A tenant without quotas
// costs a look-up.
func (e *Engine) OverLimit(tenantID, user string) []usage.QuotaStatus {
	t := e.state.dir.tenant(tenantID)
	if t == nil {
		return nil
	}
	a := t.account.Load()
	if a == nil {
		return nil
	}
	now := e.clock.now()
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if sh.failed != nil || len(a.book.slots) == 0 {
		return nil
	}
	all := sh.standing(a, user, t.userNum(e.state, user), now)
	out := all[:0]
	for _, q := range all {
		if q.Exceeded {
			out = append(out, q)
		}
	}
	return out
}

// userNum is the dense number of a user, 0 for none.
func (t *tenant) userNum(s *state, user string) uint32 {
	if user == "" {
		return 0
	}
	return t.numbers.get(nameHash(s.secret, user))
}
