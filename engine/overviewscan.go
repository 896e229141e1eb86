package engine

import (
	"cmp"
	"context"
	"math"
	"math/bits"
	"slices"
	"strings"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// overviewScan walks over all tenants once, in memory: who was active, what the meters stand at, which quotas need attention.
type overviewScan struct {
	cfg           *config
	now           int64 // log time, unix nanoseconds
	since         int64 // unix seconds: tenants that changed since are active
	month, before int64 // starts of the open month and the one before it, unix seconds

	tenants, active int
	meters          []meterScan // by number - 1
	needAttention   int
	attention       *ranking[attentionQuota]
}

// meterScan is what a scan finds of one meter.
type meterScan struct {
	tenants int
	sum     rollup.Int128
}

// attentionQuota is a quota that somebody should look at, and how urgent that is.
type attentionQuota struct {
	tenant *tenant
	slug   string // of the quota
	why    string
	share  int64 // of the limit, in 1/10,000; of what is expected at the end of the period, when why is pace
	told   *usage.QuotaAttention
}

// scanChunk is how many tenants are looked at under one hold of a shard's lock: about 100 us.
const scanChunk = 256

func newOverviewScan(cfg *config, now, since int64, attention int) *overviewScan {
	return &overviewScan{cfg: cfg, now: now, since: since, meters: make([]meterScan, len(cfg.meters)), attention: newRanking(attention, compareAttention)}
}

// run scans, a chunk of one shard's tenants at a time, so that a busy shard is waited for once a chunk and not once a tenant.
func (o *overviewScan) run(ctx context.Context, e *Engine) error {
	o.month, o.before = e.state.months.of(o.now)
	byShard := make(map[*shard][]*tenant, len(e.state.shards))
	for _, t := range e.state.dir.all() {
		byShard[t.shard] = append(byShard[t.shard], t)
	}
	for _, sh := range e.state.shards {
		for part := range slices.Chunk(byShard[sh], scanChunk) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := o.lookAt(sh, part); err != nil {
				return err
			}
		}
	}
	return nil
}

func (o *overviewScan) lookAt(sh *shard, part []*tenant) error {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, t := range part {
		if t.listed.Load() {
			o.look(sh, t)
		}
	}
	return sh.failed
}

// compareAttention puts what is most urgent first.
func compareAttention(a, b attentionQuota) int {
	if a.why != b.why {
		return cmp.Compare(slices.Index(attentionOrder, a.why), slices.Index(attentionOrder, b.why))
	}
	return cmp.Or(cmp.Compare(b.share, a.share), strings.Compare(a.tenant.name, b.tenant.name), strings.Compare(a.slug, b.slug))
}

var attentionOrder = []string{usage.AttentionOver, usage.AttentionNear, usage.AttentionPace}

// look takes in one tenant. The caller holds shard.mu.
func (o *overviewScan) look(sh *shard, t *tenant) {
	o.tenants++
	active := false
	t.eachSeries(func(s *series) {
		active = active || s.touched >= o.since
		if int(s.meter.num) > len(o.meters) {
			return // the meter was made after the walk began
		}
		m := &o.meters[s.meter.num-1]
		if v := s.current(o.month, o.before); v != 0 || s.lifetime() {
			m.tenants++
			m.sum = m.sum.Plus(rollup.Wide(v))
		}
	})
	if active {
		o.active++
	}
	a := t.account.Load()
	if a == nil || a.ledger == nil {
		return
	}
	for i := range a.book.slots {
		s, c := &a.book.slots[i], a.ledger.counters[i]
		if c == nil || s.policy.Shadow || s.policy.Kind == quota.KindRate || s.policy.Limit == quota.Unlimited {
			continue
		}
		level, _, start := c.level(a, s, o.now)
		v := s.policy.Judge(level, 0, o.now)
		why, share := attentionOf(s.policy, level, v, start, o.now)
		if why == "" {
			continue
		}
		o.needAttention++
		found := attentionQuota{tenant: t, slug: s.policy.Quota.Slug, why: why, share: share}
		if o.attention.admits(found) { // to describe a quota takes longer than to judge it
			q := judgedQuota{policy: s.policy, level: level, start: start, verdict: v}
			found.told = &usage.QuotaAttention{TenantID: t.name, Name: cmp.Or(a.def.Name, t.name), Why: why, Quota: q.status(o.now)}
			if a.plan != nil {
				found.told.Plan = a.plan.def.Slug
			}
			o.attention.offer(found)
		}
	}
}

// attentionOf says why a quota needs attention, "" for not at all, and what share of its limit is used or expected.
func attentionOf(p *quota.Policy, l quota.Level, v quota.Verdict, start, now int64) (why string, share int64) {
	share = shareOf(l.Used, p.Limit)
	switch {
	case l.Used > p.Limit || v.Decision == usage.DecisionBlock:
		return usage.AttentionOver, share
	case v.Decision != usage.DecisionAllow:
		return usage.AttentionNear, share
	case !p.InCalendar() || l.End == 0 || start == 0 || l.Used == 0:
		return "", 0
	}
	// The first twentieth of a period says little about the rest.
	passed, whole := now-start, l.End-start
	if passed < whole/20 {
		return "", 0
	}
	if expected := mulDiv(l.Used, whole, passed); expected > p.Limit {
		return usage.AttentionPace, shareOf(expected, p.Limit)
	}
	return "", 0
}

// shareOf is used/limit in 1/10,000, rounded down; of a limit of 0 everything is too much.
func shareOf(used, limit int64) int64 {
	if limit == 0 {
		if used == 0 {
			return 10_000
		}
		return math.MaxInt64
	}
	return mulDiv(used, 10_000, limit)
}

// mulDiv is a*b/c, rounded down and at most the greatest int64. None is negative, and c is not zero.
func mulDiv(a, b, c int64) int64 {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	if hi >= uint64(c) {
		return math.MaxInt64
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, math.MaxInt64))
}

// list is what needs attention most.
func (o *overviewScan) list() []usage.QuotaAttention {
	out := []usage.QuotaAttention{}
	for _, f := range o.attention.first() {
		out = append(out, *f.told)
	}
	return out
}

// top finds the tenants that used most of a meter; "": of the one that most tenants use, the first of them.
func (o *overviewScan) top(e *Engine, slug string, limit int) usage.TopTenants {
	var m *meter
	for i, x := range o.cfg.meters {
		if x.def.Slug == slug || slug == "" && o.meters[i].tenants > 0 && (m == nil || o.meters[i].tenants > o.meters[m.num-1].tenants) {
			m = x
		}
	}
	out := usage.TopTenants{Data: []usage.TopTenant{}}
	if m == nil {
		return out
	}
	out.Meter = m.def.Slug
	type ranked struct {
		tenant *tenant
		value  int64
	}
	most := newRanking(limit, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(b.value, a.value), strings.Compare(a.tenant.name, b.tenant.name))
	})
	for _, t := range e.state.dir.all() {
		if s := t.seriesOf(m); s != nil && t.listed.Load() {
			if v := s.current(o.month, o.before); v > 0 {
				most.offer(ranked{t, v})
			}
		}
	}
	for _, r := range most.first() {
		st := r.tenant.describe()
		t := usage.TopTenant{TenantID: r.tenant.name, Name: cmp.Or(st.Tenant.Name, r.tenant.name), Plan: st.Tenant.Plan, Value: usage.FromUnits(r.value, m.scale)}
		if quotas, err := e.Quotas(r.tenant.name, ""); err == nil {
			t.Quota = nearest(quotas, m.def.Slug)
		}
		out.Data = append(out.Data, t)
	}
	return out
}

// nearest is the quota on a meter ("": on any) of which the greatest share is used; nil: none has a limit.
func nearest(quotas []usage.QuotaStatus, meter string) (best *usage.QuotaStatus) {
	for i := range quotas {
		q := &quotas[i]
		if meter != "" && q.Meter != meter || !q.Percentage.IsSet() || q.Period == usage.PeriodRate || q.Mode == usage.ModeShadow {
			continue
		}
		if best == nil || q.Percentage.Cmp(best.Percentage) > 0 {
			best = q
		}
	}
	return best
}
