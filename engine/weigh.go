package engine

import (
	"fmt"
	"sync"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Weighing is the decision: what the quotas of a tenant, and of its user, make of the contributions of a call. It is the same
// function for a consume in apply and for a check, which asks under the shard's lock and changes nothing.

// judged is what was decided of a call, with every quota as it stands afterwards. It leaves apply and is read only.
type judged struct {
	allowed  bool
	decision usage.Decision
	reason   usage.Reason
	binding  int // position in quotas; -1: none
	delay    int64
	retry    int64
	now      int64
	quotas   []judgedQuota
	hold     *usage.ReservationState
	created  bool
	first    [3]judgedQuota // room for quotas, so that most answers are one allocation
}

// judgedQuota is one quota in an answer.
type judgedQuota struct {
	policy  *quota.Policy
	level   quota.Level
	start   int64
	verdict quota.Verdict
	user    string
}

// touched is a counter that a call has to do with.
type touched struct {
	ledger *ledger // nil: of a user that has none yet
	slot   *slot
	pos    int // of the slot in the book
	cost   int64
}

// weigh judges sh.contribs, those of a call of a tenant (and user) at now, against the account's quotas. It fills sh.touched and
// returns what is decided, with the levels before the call; settle brings them up to after it. A refusal is one that no quota
// can answer.
func (sh *shard) weigh(a *account, user string, userNum uint32, peek bool, now int64) (*judged, *usage.Error) {
	j := newJudged()
	j.allowed, j.decision, j.now = true, usage.DecisionAllow, now
	sh.touched = sh.touched[:0]
	for i := range a.book.slots {
		s := &a.book.slots[i]
		if !sh.contributes(s.meter) {
			continue
		}
		l := a.ledger
		if s.policy.UserScope {
			if user == "" {
				return nil, &usage.Error{Code: usage.CodeUserRequired, Pointer: "/user_id",
					Detail: fmt.Sprintf("quota %s is for each user; send user_id", s.policy.Quota.Slug)}
			}
			l = a.users[userNum] // nil for a new user, and userNum 0 is nobody's
		}
		q := judgedQuota{policy: s.policy}
		if s.policy.UserScope {
			q.user = user
		}
		agg := &rollup.Agg{}
		if l != nil {
			q.level, agg, q.start = l.counters[i].level(a, s, now)
		} else if s.policy.InCalendar() {
			start, end := a.periodOf(s.policy, floorDiv(now, 1e9))
			q.level.End, q.start = end*1e9, start*1e9
		}
		if h := sh.extending; h != nil && (q.endedBefore(h.at) || l == nil || !h.within(s, l.counters[i])) {
			continue // its units are not in there, nor will be what is added to them
		}
		cost := int64(0)
		if !peek || s.policy.Latest {
			cost = sh.costOf(s, agg)
		}
		q.verdict = s.policy.Judge(q.level, cost, now)
		sh.touched = append(sh.touched, touched{l, s, i, cost})
		j.quotas = append(j.quotas, q)
		if !s.policy.Shadow {
			j.take(&q)
		}
	}
	j.bind()
	return j, nil
}

// judgeds are those that were answered: half a kilobyte for each call would be a third of the garbage.
var judgeds = sync.Pool{New: func() any { return new(judged) }}

func newJudged() *judged {
	j := judgeds.Get().(*judged)
	*j = judged{binding: -1}
	j.quotas = j.first[:0]
	return j
}

// recycle gives up a judged whose answer was made. Nobody else may have it.
func (j *judged) recycle() { judgeds.Put(j) }

// take adds one quota's verdict to the answer.
func (j *judged) take(q *judgedQuota) {
	v := q.verdict
	j.allowed = j.allowed && v.Allowed
	if quota.Severer(v.Decision, j.decision) > 0 {
		j.decision, j.reason = v.Decision, v.Reason
	}
	j.delay = max(j.delay, v.DelayNanos)
	if !v.Allowed {
		j.retry = max(j.retry, v.RetryNanos)
	}
}

// bind finds the quota that decides.
func (j *judged) bind() {
	j.binding = -1
	var best quota.Standing
	never := false // a quota blocks that no time opens again: that the others do is no reason to come back
	for i := range j.quotas {
		q := &j.quotas[i]
		if q.policy.Shadow {
			continue
		}
		if !q.verdict.Allowed && q.verdict.RetryNanos == 0 {
			never = true
		}
		s := quota.Standing{Decision: q.verdict.Decision, Remaining: q.remaining(j.now), Limit: q.policy.Limit, Slug: q.policy.Quota.Slug}
		if j.binding < 0 || s.Binds(best) {
			j.binding, best = i, s
		}
	}
	if j.binding >= 0 {
		if v := j.quotas[j.binding].verdict; v.Decision == j.decision {
			j.reason = v.Reason
		}
	}
	if never {
		j.retry = 0
	}
	if !j.allowed {
		j.delay = 0 // what another quota throttles does not go on
	}
}

func (q *judgedQuota) remaining(now int64) int64 {
	if q.policy.Rate != nil {
		return q.level.Bucket.Tokens(q.policy.Rate, now)
	}
	return q.policy.Remaining(q.level)
}

// contributes tells whether a contribution of the call is of a meter, one that its filters exclude included: it costs 0.
func (sh *shard) contributes(meter uint32) bool {
	for i := range sh.contribs {
		if sh.contribs[i].meter.num == meter {
			return true
		}
	}
	return false
}

// costOf is what the contributions of the call add to a counter that holds agg; items on one meter are added first.
func (sh *shard) costOf(s *slot, agg *rollup.Agg) (cost int64) {
	switch s.kind {
	case rollup.KindSum, rollup.KindCount:
		for i := range sh.contribs {
			if c := &sh.contribs[i]; c.meter.num == s.meter && !c.excluded {
				cost += c.value
			}
		}
	case rollup.KindMax:
		highest := usedOf(s.kind, agg)
		for i := range sh.contribs {
			if c := &sh.contribs[i]; c.meter.num == s.meter && !c.excluded {
				cost = max(cost, c.value-highest)
			}
		}
	case rollup.KindLatest:
		was := counterValue(s.kind, agg)
		cost = sh.levelAfter(s.meter, was) - max(0, was)
	case rollup.KindUnique:
		for i := range sh.contribs {
			if c := &sh.contribs[i]; c.meter.num == s.meter && !c.excluded && !c.repeatsIn(sh.contribs[:i]) && !(c.member != 0 && agg.Has(c.member)) {
				cost++
			}
		}
	}
	return cost
}

// levelAfter is where the contributions of the call leave a level. They have one time and one id, so they are folded as events that tie
// are (rollup.Latest): the greatest value that is set, and on top of it everything that is added.
func (sh *shard) levelAfter(meter uint32, level int64) int64 {
	set, added := false, int64(0)
	for i := range sh.contribs {
		switch c := &sh.contribs[i]; {
		case c.meter.num != meter || c.excluded:
		case c.add:
			added += c.value
		case !set || c.value > level:
			set, level = true, c.value
		}
	}
	return level + added
}

// endedBefore tells that the period which the quota is in is not that of a moment, at which something was reserved: what belongs to
// that moment is not this period's.
func (q *judgedQuota) endedBefore(at int64) bool {
	kind := q.policy.Kind
	return kind < quota.KindSliding && (q.start > at || kind == quota.KindFirstUse && q.start == 0)
}

// repeatsIn tells whether an earlier contribution of the call is of the same member.
func (c *contribution) repeatsIn(earlier []contribution) bool {
	for i := range earlier {
		if e := &earlier[i]; e.meter == c.meter && e.member == c.member && e.name == c.name {
			return true
		}
	}
	return false
}
