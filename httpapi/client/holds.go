package client

import (
	"context"
	"time"

	"github.com/weirhq/weir/usage"
)

// Reserve holds units until they are committed, released, or expire. A reservation without id gets one: Answer.ReservationID.
func (c *Client) Reserve(ctx context.Context, r usage.Reservation) (a usage.Answer, err error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	err = c.post(ctx, "/v1/reservations", r, &a)
	return a, err
}

// Commit counts what was really used of a reservation, and gives back the rest.
func (c *Client) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (a usage.Answer, err error) {
	err = c.post(ctx, path("reservations", id, "commit"), map[string]any{"tenant_id": tenant, "quantity": actual}, &a)
	return a, err
}

// Extend holds a new total, or longer; an absent total and a ttl of 0 stay as they are.
func (c *Client) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (a usage.Answer, err error) {
	body := map[string]any{"tenant_id": tenant}
	if total.IsSet() {
		body["quantity"] = total
	}
	if ttl != 0 {
		body["ttl_seconds"] = wholeSeconds(ttl)
	}
	err = c.post(ctx, path("reservations", id, "extend"), body, &a)
	return a, err
}

// Release gives all of a reservation back.
func (c *Client) Release(ctx context.Context, tenant, id string) (a usage.Answer, err error) {
	err = c.post(ctx, path("reservations", id, "release"), map[string]any{"tenant_id": tenant}, &a)
	return a, err
}

// Reservation answers how a reservation stands. Errors: not_found, also when the id is of a lease.
func (c *Client) Reservation(ctx context.Context, tenant, id string) (st usage.ReservationState, err error) {
	err = c.get(ctx, query(path("reservations", id), given("tenant_id", tenant)), &st)
	return st, err
}

// LeaseState answers how a lease stands; Quantity is what was granted. Errors: not_found, also when the id is of a reservation.
func (c *Client) LeaseState(ctx context.Context, tenant, id string) (usage.ReservationState, error) {
	var l lease
	err := c.get(ctx, query(path("leases", id), given("tenant_id", tenant)), &l)
	return l.state(id), err
}
