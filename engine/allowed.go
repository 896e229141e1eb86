package engine

import (
	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Allowed tells whether a tenant may use n units of a feature now, without using them: the answer of Check in brief, for the hot
// path. n is in units of the feature's finest limited meter (of a count meter: events; of a latest meter: the value that would be set).
// Quotas of user scope and of distinct users are not asked, as no user is named. A feature that no meter counts is not allowed, nor is
// a tenant that nobody made when the settings reject those. After Close it answers from memory as it was.
//
// It may be overtaken by a consume at the same moment; what must be exact consumes or leases. It shows every write that has
// returned. Lock-free and without allocation while the periods of the tenant's quotas last; the first calls after
// one has ended, until the next write, take the lock of the shard.
func (e *Engine) Allowed(tenant, feature string, n int64) usage.Verdict {
	now := e.clock.now()
	t := e.state.dir.tenant(tenant)
	// The settings first: they are in every cache, the tenant's own line may be in none.
	if e.state.cfg.Load().settings.def.UnknownTenants == usage.UnknownReject && (t == nil || !t.listed.Load()) {
		return usage.Verdict{Decision: usage.DecisionBlock}
	}
	if t == nil {
		return e.allowedWithout(e.state.dir.nobody(tenant, e.state.shards), feature, n, now)
	}
	f := &t.face
	for {
		seq := f.seq.Load()
		b := f.book.Load()
		if b == nil {
			return e.allowedWithout(t, feature, n, now)
		}
		if t.shard.due.Load() <= now {
			return e.allowedSlowly(t, feature, n, now)
		}
		v, known, ok := f.judge(b, feature, n, now)
		if seq&1 != 0 || f.seq.Load() != seq {
			continue // the shard was writing
		}
		switch {
		case !ok:
			return e.allowedSlowly(t, feature, n, now)
		case !known && e.state.cfg.Load().matchOf(feature) == nil:
			return usage.Verdict{Decision: usage.DecisionBlock}
		}
		return v
	}
}

// allowedWithout is Allowed of a tenant that has no quotas yet: those of the default plan are asked, if there is one.
func (e *Engine) allowedWithout(t *tenant, feature string, n, now int64) usage.Verdict {
	cfg := e.state.cfg.Load()
	switch {
	case cfg.matchOf(feature) == nil:
		return usage.Verdict{Decision: usage.DecisionBlock}
	case cfg.settings.def.DefaultPlan == nil:
		return usage.Verdict{Allowed: true, Decision: usage.DecisionAllow}
	default:
		return e.allowedSlowly(t, feature, n, now)
	}
}

// unitsOf turns n units of the feature's finest limited meter into the cost for the slot's own, rounded up.
func (s *slot) unitsOf(n, used int64) int64 {
	switch s.kind {
	case rollup.KindCount:
		return min(n, 1)
	case rollup.KindMax:
		return max(0, ceilDiv(n, s.divisor)-used)
	case rollup.KindLatest:
		return ceilDiv(n, s.divisor) - used // below 0: it raises nothing
	default:
		return ceilDiv(n, s.divisor)
	}
}

func ceilDiv(a, b int64) int64 {
	if b == 1 {
		return a
	}
	return -floorDiv(-a, b)
}

// worse combines two verdicts.
func worse(a, b usage.Verdict) usage.Verdict {
	if quota.Severer(b.Decision, a.Decision) > 0 {
		a.Decision, a.Reason = b.Decision, b.Reason
	}
	retry := max(a.RetryAfter, b.RetryAfter)
	if !a.Allowed && a.RetryAfter == 0 || !b.Allowed && b.RetryAfter == 0 {
		retry = 0 // one of them blocks for good
	}
	a.Allowed = a.Allowed && b.Allowed
	a.Delay, a.RetryAfter = max(a.Delay, b.Delay), retry
	if !a.Allowed {
		a.Delay = 0
	}
	return a
}

// allowedSlowly is Allowed under the shard's lock, with every counter projected to now.
func (e *Engine) allowedSlowly(t *tenant, feature string, n, now int64) usage.Verdict {
	e.catchUp(t, now)
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	v := usage.Verdict{Allowed: true, Decision: usage.DecisionAllow}
	a, err := sh.accountToRead(t, now)
	if err != nil {
		return usage.Verdict{Decision: usage.DecisionBlock}
	}
	for _, i := range a.book.of(feature) {
		s := &a.book.slots[i]
		if c := a.ledger.counters[i]; c != nil && s.kind != rollup.KindUnique && !s.policy.Shadow {
			l, _, _ := c.level(a, s, now)
			v = worse(v, short(s.policy.Judge(l, s.unitsOf(n, l.Used), now)))
		}
	}
	return v
}
