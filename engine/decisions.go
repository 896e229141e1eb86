package engine

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// Decisions are kept for people who ask why a call was denied: the newest of each tenant, in memory only. They are no state.

// Decision is one answer of Consume that was given since Open.
type Decision = usage.DecisionRecord

const (
	// decisionsPerTenant is how many decisions of a tenant are answered for.
	decisionsPerTenant = 1000
	decisionStripes    = 16
	// decisionsPerStripe bounds memory: 16 x 8,192 decisions of 88 bytes and their texts are 20 MiB at most. A stripe of tenants
	// that ask very much forgets those that ask little the sooner.
	decisionsPerStripe = 8192
)

// decisionLog is the newest decisions, in stripes by tenant.
type decisionLog struct {
	seed    maphash.Seed
	stripes [decisionStripes]decisionStripe
	counts  [len(decisions)]atomic.Uint64 // by place in decisions
}

// count is how many answers had each decision since Open.
func (l *decisionLog) count() map[usage.Decision]uint64 {
	out := make(map[usage.Decision]uint64, len(decisions))
	for i, name := range decisions {
		if name != "" {
			out[name] = l.counts[i].Load()
		}
	}
	return out
}

// decisionStripe is a ring of decisions, each with the number of the one before of its tenant. Numbers count from 1; number n
// stands at (n-1) mod decisionsPerStripe as long as it is among the newest.
type decisionStripe struct {
	sync.Mutex // guards the block below
	ring       []keptDecision
	count      uint64 // decisions ever added
	tenants    map[string]*decisionsOf
}

// decisionsOf is a tenant with decisions in the ring. One record that all of them point to saves two look-ups of the name at each.
type decisionsOf struct {
	tenant string
	newest uint64 // number of its newest decision
}

// keptDecision is a Decision in few bytes, which keeps neither the request nor the answer alive.
type keptDecision struct {
	of       *decisionsOf
	text     string // id, user and feature, one after the other
	quota    string // the binding one; "": none
	quantity usage.Decimal
	nanos    int64
	before   uint64 // number of the tenant's decision before; 0: none
	id, user uint16 // bytes of text
	decision uint8  // place in decisions
	reason   uint8  // place in reasons
	status   verdict
	allowed  bool
}

func (d keptDecision) decisionOf() Decision {
	out := Decision{ID: d.text[:d.id], Time: time.Unix(0, d.nanos).UTC(), TenantID: d.of.tenant, UserID: d.text[d.id : d.id+d.user],
		FeatureType: d.text[d.id+d.user:], Quantity: d.quantity, Allowed: d.allowed, Decision: decisions[d.decision], Reason: reasons[d.reason],
		Status: d.status.status()}
	if d.quota != "" {
		out.BindingQuota = &d.quota
	}
	return out
}

func newDecisionLog() *decisionLog { return &decisionLog{seed: maphash.MakeSeed()} }

func (l *decisionLog) stripe(tenant string) *decisionStripe {
	return &l.stripes[maphash.String(l.seed, tenant)%decisionStripes]
}

// add keeps what became of a request that was judged, and returns it.
func (l *decisionLog) add(r *usage.Request, j *judged, v verdict, nanos int64) keptDecision {
	text := r.ID + r.UserID + r.Items[0].FeatureType // one copy for all: the request's strings may be parts of a whole body
	d := keptDecision{text: text, id: uint16(len(r.ID)), user: uint16(len(r.UserID)), nanos: nanos, quantity: r.Items[0].Quantity,
		decision: placeOf(decisions[:], j.decision), reason: placeOf(reasons[:], j.reason), status: v, allowed: j.allowed}
	if j.binding >= 0 {
		d.quota = j.quotas[j.binding].policy.Quota.Slug
	}
	l.counts[d.decision].Add(1)
	s := l.stripe(r.TenantID)
	s.Lock()
	defer s.Unlock()
	if s.tenants == nil {
		s.tenants = make(map[string]*decisionsOf)
	}
	s.count++
	of := s.tenants[r.TenantID]
	if of == nil {
		of = &decisionsOf{tenant: cloneString(r.TenantID)}
		s.tenants[of.tenant] = of
	}
	d.of, d.before, of.newest = of, of.newest, s.count
	if len(s.ring) < decisionsPerStripe {
		s.ring = append(s.ring, d)
		return d
	}
	old := &s.ring[(s.count-1)%decisionsPerStripe]
	if old.of.newest == s.count-decisionsPerStripe {
		delete(s.tenants, old.of.tenant)
	}
	*old = d
	return d
}

// placeOf is the place of a name among others, or 0.
func placeOf[T comparable](names []T, name T) uint8 {
	for i := range names {
		if names[i] == name {
			return uint8(i)
		}
	}
	return 0
}

// at returns a decision by its number, or nil when it is forgotten.
func (s *decisionStripe) at(number uint64) *keptDecision {
	if number == 0 || number+decisionsPerStripe <= s.count {
		return nil
	}
	return &s.ring[(number-1)%decisionsPerStripe]
}

// Decisions returns the newest answers of Consume for a tenant, the newest first, at most limit: those since from (zero: all) with
// a decision ("": any). They are those since Open, at most 1,000, fewer when others have asked very much.
func (e *Engine) Decisions(tenant string, decision usage.Decision, from time.Time, limit int) []Decision {
	return e.DecisionsBefore(tenant, decision, from, 0, limit)
}

// DecisionsBefore is Decisions of those with a smaller number than before (0: from the newest), for pages that stay in step while new
// decisions come.
func (e *Engine) DecisionsBefore(tenant string, decision usage.Decision, from time.Time, before uint64, limit int) []Decision {
	s := e.decisions.stripe(tenant)
	s.Lock()
	defer s.Unlock()
	var out []Decision
	of := s.tenants[tenant]
	if of == nil {
		return nil
	}
	number := of.newest
	for range decisionsPerTenant {
		d := s.at(number)
		if d == nil || len(out) >= limit {
			break
		}
		if kept := d.decisionOf(); (before == 0 || number < before) && (decision == "" || kept.Decision == decision) && !kept.Time.Before(from) {
			kept.Number = number
			out = append(out, kept)
		}
		number = d.before
	}
	return out
}
