package quota

import (
	"time"

	"github.com/weirhq/weir/usage"
)

// Status says in the words of the API how the quota stands at l and what it made of a call. start is that of the period, unix
// nanoseconds, 0 for none; l.End is when it resets.
func (p *Policy) Status(l Level, v Verdict, start, now int64) (st usage.QuotaStatus) {
	p.Show(&st, new([2]time.Time), l, v, start, now)
	return st
}

// Show is [Policy.Status] into a status that is empty. The moments that it points to are put into moments: an answer of several
// quotas takes them from one piece of memory.
func (p *Policy) Show(st *usage.QuotaStatus, moments *[2]time.Time, l Level, v Verdict, start, now int64) {
	q := &p.Quota
	*st = usage.QuotaStatus{
		Quota: q.Slug, Meter: q.Meter, Scope: q.Scope, Mode: q.Mode, Period: q.Period.Kind, OnError: q.OnError,
		Used: usage.FromUnits(l.Used, p.Scale), Reserved: usage.FromUnits(l.Reserved, p.Scale),
		OverageUsed: usage.Int(0), Decision: v.Decision, Reason: v.Reason, Length: time.Duration(p.Length),
	}
	if v.RetryNanos > 0 {
		st.RetryAfterMS = new(ceilMillis(v.RetryNanos))
	}
	if p.Shadow {
		would := v.Decision
		st.Would, st.Decision, st.Reason, st.RetryAfterMS = &would, usage.DecisionAllow, usage.ReasonNone, nil
	}
	if p.Kind == KindRate {
		tokens := l.Bucket.Tokens(p.Rate, now)
		l.Used = p.Rate.Burst - tokens
		st.Period, st.Used = usage.PeriodRate, usage.FromUnits(l.Used, p.Scale)
		l.End = l.Bucket.FullAt(p.Rate, now)
	}
	if start != 0 && p.Kind != KindRate {
		moments[0] = time.Unix(0, start).UTC()
		st.PeriodStart = &moments[0]
	}
	if l.End != 0 {
		moments[1] = time.Unix(0, l.End).UTC()
		st.ResetAt = &moments[1]
	}
	if p.Limit == Unlimited {
		return
	}
	st.Limit = usage.FromUnits(p.Limit, p.Scale)
	st.Remaining = usage.FromUnits(p.Remaining(l), p.Scale)
	st.Percentage = percentage(l.Used, p.Limit)
	if over := l.Used - p.Limit; over > 0 {
		st.OverageUsed, st.Exceeded = usage.FromUnits(over, p.Scale), true
	}
}

// Terms says what the quota allows beside its limit at l.
func (p *Policy) Terms(l Level) usage.QuotaTerms {
	q := &p.Quota
	t := usage.QuotaTerms{Quota: q.Slug, ThrottleAt: usage.Null(), Rate: q.Rate}
	if p.Kind == KindRate || p.Limit == Unlimited {
		return t
	}
	if t.Overage = q.Overage; q.Mode != usage.ModeEnforce { // nothing stops, whatever the quota says
		t.Overage = usage.Overage{Unlimited: true}
	}
	if q.ThrottleAt.Decimal().IsSet() && !p.Shadow {
		t.ThrottleAt = q.ThrottleAt
	}
	if p.grace < 0 || p.Shadow {
		return t
	}
	t.GracePeriod = q.GracePeriod
	if l.OverSince != 0 && addUnits(l.Used, l.Reserved) > p.Limit {
		t.GraceEndsAt = new(time.Unix(0, addUnits(l.OverSince, p.grace)).UTC())
	}
	return t
}

// Remaining is max(0, limit - used - reserved).
func (p *Policy) Remaining(l Level) int64 {
	if p.Limit == Unlimited {
		return Unlimited
	}
	return max(0, p.Limit-addUnits(l.Used, l.Reserved))
}

// percentage is 100 x used / limit, cut to two decimals; 100 of limit 0. It stops at the greatest number that can be written,
// 92 quadrillion percent.
func percentage(used, limit int64) usage.Decimal {
	if limit == 0 {
		return usage.Int(100)
	}
	hundredths, _ := mul(used, 10_000).div(limit)
	return usage.FromUnits(hundredths, 2)
}

// Crossed returns, as a set of positions in the quota's thresholds, those that used units have reached and that are not in
// fired: 100 x used >= limit x threshold. Quotas without a limit, with limit 0, rates and sliding windows have none.
func (p *Policy) Crossed(used int64, fired uint32) uint32 {
	if p.Limit == Unlimited || p.Limit == 0 || p.Kind == KindRate || p.Kind == KindSliding {
		return 0
	}
	set, reached := uint32(0), mul(used, 100)
	for i, t := range p.Quota.WarningThresholds {
		if fired&(1<<i) != 0 {
			continue
		}
		if reached.cmp(mul(p.Limit, int64(t))) >= 0 {
			set |= 1 << i
		}
	}
	return set
}
