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
type Decision struct {
	ID           string         `json:"id"`
	Time         time.Time      `json:"time"`
	TenantID     string         `json:"tenant_id"`
	UserID       string         `json:"user_id,omitempty"`
	FeatureType  string         `json:"feature_type"`
	Quantity     usage.Decimal  `json:"quantity,omitzero"`
	Allowed      bool           `json:"allowed"`
	Decision     usage.Decision `json:"decision"`
	Reason       usage.Reason   `json:"reason"`
	BindingQuota *string        `json:"binding_quota"`
	Status       usage.Status   `json:"status"`
}

const (
	// decisionsPerTenant is how many decisions of a tenant are answered for.
	decisionsPerTenant = 1000
	decisionStripes    = 16
	// decisionsPerStripe bounds memory: 16 x 8,192 decisions of about 200 bytes are 26 MiB at most. A stripe of tenants
	// that ask very much forgets those that ask little the sooner.
	decisionsPerStripe = 8192
)

// decisionLog is the newest decisions, in stripes by tenant.
type decisionLog struct {
	seed    maphash.Seed
	stripes [decisionStripes]decisionStripe
	counts  [len(decisionNames)]atomic.Uint64 // by place in decisionNames
}

var decisionNames = [...]usage.Decision{usage.DecisionAllow, usage.DecisionWarn, usage.DecisionThrottle, usage.DecisionOverage, usage.DecisionBlock}

// count is how many answers had each decision since Open.
func (l *decisionLog) count() map[usage.Decision]uint64 {
	out := make(map[usage.Decision]uint64, len(decisionNames))
	for i, name := range decisionNames {
		out[name] = l.counts[i].Load()
	}
	return out
}

// decisionStripe is a ring of decisions, each with the number of the one before of its tenant. Numbers count from 1; number n
// stands at (n-1) mod decisionsPerStripe as long as it is among the newest.
type decisionStripe struct {
	sync.Mutex // guards the block below
	ring       []chainedDecision
	count      uint64            // decisions ever added
	newest     map[string]uint64 // by tenant
}

type chainedDecision struct {
	Decision
	before uint64 // number of the tenant's decision before; 0: none
}

func newDecisionLog() *decisionLog { return &decisionLog{seed: maphash.MakeSeed()} }

func (l *decisionLog) stripe(tenant string) *decisionStripe {
	return &l.stripes[maphash.String(l.seed, tenant)%decisionStripes]
}

// add keeps what became of a request that was judged, and returns it.
func (l *decisionLog) add(r *usage.Request, a *usage.Answer, err error, nanos int64) (kept Decision, ok bool) {
	if err != nil || a.Status == usage.StatusChecked {
		return Decision{}, false
	}
	for i, name := range decisionNames {
		if name == a.Decision {
			l.counts[i].Add(1)
		}
	}
	text := r.ID + r.UserID + r.Items[0].FeatureType // one copy for all: the request's strings may be parts of a whole body
	id, user := len(r.ID), len(r.ID)+len(r.UserID)
	d := chainedDecision{Decision: Decision{ID: text[:id], Time: time.Unix(0, nanos).UTC(), TenantID: r.TenantID, UserID: text[id:user], FeatureType: text[user:],
		Quantity: r.Items[0].Quantity, Allowed: a.Allowed, Decision: a.Decision, Reason: a.Reason, BindingQuota: a.BindingQuota, Status: a.Status}}
	s := l.stripe(r.TenantID)
	s.Lock()
	defer s.Unlock()
	if s.newest == nil {
		s.newest = make(map[string]uint64)
	}
	d.before = s.newest[r.TenantID]
	if at := s.at(d.before); at != nil {
		d.TenantID = at.TenantID
	} else {
		d.TenantID = cloneString(r.TenantID)
	}
	s.count++
	s.newest[d.TenantID] = s.count
	if len(s.ring) < decisionsPerStripe {
		s.ring = append(s.ring, d)
		return d.Decision, true
	}
	old := &s.ring[(s.count-1)%decisionsPerStripe]
	if s.newest[old.TenantID] == s.count-decisionsPerStripe {
		delete(s.newest, old.TenantID)
	}
	*old = d
	return d.Decision, true
}

// at returns a decision by its number, or nil when it is forgotten.
func (s *decisionStripe) at(number uint64) *chainedDecision {
	if number == 0 || number+decisionsPerStripe <= s.count {
		return nil
	}
	return &s.ring[(number-1)%decisionsPerStripe]
}

// Decisions returns the newest answers of Consume for a tenant, the newest first, at most limit: those since from (zero: all) with
// a decision ("": any). They are those since Open, at most 1,000, fewer when others have asked very much.
func (e *Engine) Decisions(tenant string, decision usage.Decision, from time.Time, limit int) []Decision {
	s := e.decisions.stripe(tenant)
	s.Lock()
	defer s.Unlock()
	var out []Decision
	number := s.newest[tenant]
	for range decisionsPerTenant {
		d := s.at(number)
		if d == nil || len(out) >= limit {
			break
		}
		if (decision == "" || d.Decision.Decision == decision) && !d.Time.Before(from) {
			out = append(out, d.Decision)
		}
		number = d.before
	}
	return out
}
