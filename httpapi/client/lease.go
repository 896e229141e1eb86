package client

import (
	"context"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/escrow"
	"github.com/weirhq/weir/usage"
)

// GrantLease asks for a lease, whole or not at all, and answers how it went; [Client.Lease] makes it something to spend.
func (c *Client) GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	var body struct {
		usage.Answer
		LeaseID   string       `json:"lease_id"`
		ExpiresAt time.Time    `json:"expires_at"`
		Status    usage.Status `json:"status"`
	}
	if err := c.post(ctx, "/v1/leases", r, &body); err != nil {
		return usage.Answer{}, err
	}
	a := body.Answer
	a.ExpiresAt, a.Status = body.ExpiresAt, body.Status
	if body.LeaseID != "" {
		a.Allowed, a.Decision, a.ReservationID = true, usage.DecisionAllow, body.LeaseID
	}
	return a, nil
}

// SettleLease books what was spent of a lease in all so far, and with release gives back the rest.
func (c *Client) SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error) {
	var l lease
	err := c.post(ctx, path("leases", id, "settle"), map[string]any{"tenant_id": tenant, "used": used, "release": release}, &l)
	return l.state(id), err
}

// lease is a lease as weir shows it.
type lease struct {
	State     string        `json:"state"`
	Granted   usage.Decimal `json:"granted"`
	Used      usage.Decimal `json:"used"`
	ExpiresAt time.Time     `json:"expires_at"`
}

func (l *lease) state(id string) usage.ReservationState {
	return usage.ReservationState{ID: id, State: l.State, Quantity: l.Granted, Committed: l.Used, ExpiresAt: l.ExpiresAt, Lease: true}
}

// expiryMargin is how long before its end a lease is no longer spent: the clocks of two machines differ. A short lease has a quarter of its
// life.
const expiryMargin = 2 * time.Second

// Lease is units that this process may spend without asking. Spending is one atomic operation. Package middleware renews leases by
// itself; this is one lease.
type Lease struct {
	client   *Client
	tenant   string
	id       string
	granted  int64
	expires  time.Time
	left     escrow.Units // whole units
	settling sync.Mutex   // one settlement at a time, so that what is booked only grows
}

// Lease takes a lease of n whole units for ttl; 0 is the server's default of five minutes. When the quotas have no room for all of
// it, the error is an *usage.Error of code quota_exceeded. A lease that is not settled when it expires is charged whole.
func (c *Client) Lease(ctx context.Context, tenant, feature string, n int64, ttl time.Duration) (*Lease, error) {
	r := usage.LeaseRequest{ID: NewID(), TenantID: tenant, FeatureType: feature, Quantity: usage.Int(n), TTLSeconds: wholeSeconds(ttl)}
	a, err := c.GrantLease(ctx, r)
	if err != nil {
		return nil, err
	}
	if !a.Allowed {
		return nil, &usage.Error{Code: usage.CodeQuotaExceeded, Detail: "the quotas have no room for the whole lease (" + string(a.Reason) + ")"}
	}
	l := &Lease{client: c, tenant: tenant, id: r.ID, granted: n, expires: a.ExpiresAt.Add(-min(expiryMargin, time.Until(a.ExpiresAt)/4))}
	l.left.Fill(n)
	return l, nil
}

// ID is the id of the lease, for SettleLease after a restart.
func (l *Lease) ID() string { return l.id }

// Take spends n units when they are there and the lease has not expired. No allocation.
func (l *Lease) Take(n int64) bool {
	return !time.Now().After(l.expires) && l.left.Take(n)
}

// Left is how many units are left to spend.
func (l *Lease) Left() int64 { return l.left.Left() }

// Settle books what was spent so far. With release it also gives back the rest: Take is false from then on. After an error it may be
// called again; what is booked is a total, so nothing counts twice.
func (l *Lease) Settle(ctx context.Context, release bool) error {
	l.settling.Lock()
	defer l.settling.Unlock()
	left, over := l.left.Rest()
	if release {
		left = l.left.End()
	}
	_, err := l.client.SettleLease(ctx, l.tenant, l.id, usage.Int(l.granted-left), release || over)
	return err
}
