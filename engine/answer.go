package engine

import (
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
)

// answer says in the words of the API what was judged.
func (j *judged) answer(id string, v verdict) usage.Answer {
	a := usage.Answer{ID: id, Allowed: j.allowed, Decision: j.decision, Reason: j.reason, DelayMS: millis(j.delay),
		Quotas: make([]usage.QuotaStatus, 0, len(j.quotas))}
	switch v {
	case counted:
		a.Status = usage.StatusCounted
	case duplicate:
		a.Status = usage.StatusDuplicate
	case denied:
		a.Status = usage.StatusDenied
	default:
		a.Status = usage.StatusChecked
	}
	if j.retry > 0 && !j.allowed {
		a.RetryAfterMS = new(millis(j.retry))
	}
	for i := range j.quotas {
		a.Quotas = append(a.Quotas, j.quotas[i].status(j.now))
	}
	if j.binding >= 0 {
		a.BindingQuota = &a.Quotas[j.binding].Quota
	}
	if h := j.hold; h != nil {
		a.ReservationID, a.ExpiresAt, a.Late, a.Created = h.ID, h.ExpiresAt, h.Late, j.created
	}
	return a
}

func (q *judgedQuota) status(now int64) usage.QuotaStatus {
	st := q.policy.Status(q.level, q.verdict, q.start, now)
	if q.user != "" {
		st.UserID = &q.user
	}
	return st
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
