package engine

import (
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
)

// answer says in the words of the API what was judged.
func (j *judged) answer(id string, v verdict) usage.Answer {
	a := usage.Answer{ID: id, Allowed: j.allowed, Decision: j.decision, Reason: j.reason, DelayMS: millis(j.delay), Status: v.status()}
	if j.retry > 0 && !j.allowed {
		a.RetryAfterMS = new(millis(j.retry))
	}
	a.Quotas = make([]usage.QuotaStatus, len(j.quotas))
	moments := make([]time.Time, 2*len(j.quotas)) // one piece of memory for all that point to one
	for i := range j.quotas {
		j.quotas[i].show(&a.Quotas[i], (*[2]time.Time)(moments[2*i:]), j.now)
	}
	if j.binding >= 0 {
		a.BindingQuota = &a.Quotas[j.binding].Quota
	}
	if h := j.hold; h != nil {
		a.ReservationID, a.ExpiresAt, a.Late, a.Created = h.ID, h.ExpiresAt, h.Late, j.created
	}
	return a
}

func (q *judgedQuota) status(now int64) (st usage.QuotaStatus) {
	q.show(&st, new([2]time.Time), now)
	return st
}

// show writes how the quota stands into st, which is empty, and the moments that st points to into moments.
func (q *judgedQuota) show(st *usage.QuotaStatus, moments *[2]time.Time, now int64) {
	q.policy.Show(st, moments, q.level, q.verdict, q.start, now)
	if q.user != "" {
		st.UserID = new(q.user)
	}
}

// status says in the words of the API what became of a call.
func (v verdict) status() usage.Status {
	switch v {
	case counted:
		return usage.StatusCounted
	case duplicate:
		return usage.StatusDuplicate
	case denied:
		return usage.StatusDenied
	default:
		return usage.StatusChecked
	}
}

// millis rounds nanoseconds up to milliseconds.
func millis(nanos int64) int64 {
	return (nanos + int64(time.Millisecond) - 1) / int64(time.Millisecond)
}

// short is the verdict in brief.
func short(v quota.Verdict) usage.Verdict {
	return usage.Verdict{Allowed: v.Allowed, Decision: v.Decision, Reason: v.Reason,
		Delay: time.Duration(v.DelayNanos), RetryAfter: time.Duration(v.RetryNanos)}
}
