package engine

import (
	"hash/maphash"
	"sync"
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
	decisionsPerTenant = 1000
	decisionStripes    = 16
	// decisionTenantsMax bounds the tenants of a stripe: with 1,000 decisions of 200 bytes each, 16 x 64 of them take 200 MiB
	// at the very most, and usual ones a few.
	decisionTenantsMax = 64
)

// decisionLog is the newest decisions of the tenants that were last asked for.
type decisionLog struct {
	seed    maphash.Seed
	stripes [decisionStripes]decisionStripe
}

type decisionStripe struct {
	sync.Mutex // guards the block below
	tenants    map[string]*decisionRing
	clock      uint64
}

// decisionRing is the decisions of one tenant; next is where the next one goes once it is full.
type decisionRing struct {
	tenant string
	list   []Decision
	next   int
	used   uint64 // clock of its newest
}

func newDecisionLog() *decisionLog { return &decisionLog{seed: maphash.MakeSeed()} }

func (l *decisionLog) stripe(tenant string) *decisionStripe {
	return &l.stripes[maphash.String(l.seed, tenant)%decisionStripes]
}

// add keeps what became of a request that was judged.
func (l *decisionLog) add(r *usage.Request, a *usage.Answer, err error, nanos int64) {
	if err != nil || a.Status == usage.StatusChecked {
		return
	}
	text := r.ID + r.UserID + r.Items[0].FeatureType // one copy for all: the request's strings may be parts of a whole body
	id, user := len(r.ID), len(r.ID)+len(r.UserID)
	d := Decision{ID: text[:id], Time: time.Unix(0, nanos).UTC(), UserID: text[id:user], FeatureType: text[user:],
		Quantity: r.Items[0].Quantity, Allowed: a.Allowed, Decision: a.Decision, Reason: a.Reason, BindingQuota: a.BindingQuota, Status: a.Status}
	s := l.stripe(r.TenantID)
	s.Lock()
	defer s.Unlock()
	s.clock++
	ring := s.tenants[r.TenantID]
	if ring == nil {
		s.makeRoom()
		ring = &decisionRing{tenant: cloneString(r.TenantID)}
		s.tenants[ring.tenant] = ring
	}
	d.TenantID = ring.tenant
	ring.used = s.clock
	if len(ring.list) < decisionsPerTenant {
		ring.list = append(ring.list, d)
		return
	}
	ring.list[ring.next] = d
	ring.next = (ring.next + 1) % decisionsPerTenant
}

// makeRoom forgets the tenant that was asked for longest ago, when there are too many.
func (s *decisionStripe) makeRoom() {
	if s.tenants == nil {
		s.tenants = make(map[string]*decisionRing)
	}
	if len(s.tenants) < decisionTenantsMax {
		return
	}
	oldest, used := "", s.clock+1
	for name, ring := range s.tenants { // order-free: the least, and no two are equal
		if ring.used < used {
			oldest, used = name, ring.used
		}
	}
	delete(s.tenants, oldest)
}

// Decisions returns the newest answers of Consume for a tenant, the newest first, at most limit: those since from (zero: all) with
// a decision ("": any). They are those since Open, at most 1,000, and of tenants that were asked for lately.
func (e *Engine) Decisions(tenant string, decision usage.Decision, from time.Time, limit int) []Decision {
	s := e.decisions.stripe(tenant)
	s.Lock()
	defer s.Unlock()
	ring := s.tenants[tenant]
	if ring == nil {
		return nil
	}
	var out []Decision
	for i := range ring.list {
		at := (ring.next + len(ring.list) - 1 - i) % len(ring.list)
		d := ring.list[at]
		if len(out) < limit && (decision == "" || d.Decision == decision) && !d.Time.Before(from) {
			out = append(out, d)
		}
	}
	return out
}
