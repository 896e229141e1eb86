package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/usage"
)

// Remote asks a weir over HTTP, once a call: a request must not wait long for its own permission. A [client.Client] can be asked in its
// place, and tries again.
type Remote struct {
	BaseURL string // such as http://127.0.0.1:7070
	Key     string // with scope check
	// Client sends the requests; its own Timeout is that of a call, and none is none. Default: a client with a timeout of two seconds.
	Client *http.Client
}

var (
	_ Engine       = (*Remote)(nil)
	_ LeaseGranter = (*Remote)(nil)
	_ extender     = (*Remote)(nil)
	_ Engine       = (*client.Client)(nil)
	_ LeaseGranter = (*client.Client)(nil)
	_ extender     = (*client.Client)(nil)
)

// remoteClient is the default of Remote.Client.
var remoteClient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second}}

// timeoutNone is longer than any call.
const timeoutNone = 24 * time.Hour

// remoteAsk makes one call.
func remoteAsk[T any](r *Remote, call func(*client.Client) (T, error)) (answer T, err error) {
	o := client.Options{Key: r.Key, HTTP: r.Client, Timeout: timeoutNone, Attempts: 1, UserAgent: "weir-middleware"}
	if o.HTTP == nil {
		o.HTTP = remoteClient
	}
	c, err := client.New(r.BaseURL, &o)
	if err != nil {
		return answer, err
	}
	return call(c)
}

// Consume implements Engine.
func (r *Remote) Consume(ctx context.Context, q usage.Request) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.Consume(ctx, q) })
}

// Reserve implements Engine.
func (r *Remote) Reserve(ctx context.Context, q usage.Reservation) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.Reserve(ctx, q) })
}

// Commit implements Engine.
func (r *Remote) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.Commit(ctx, tenant, id, actual) })
}

// Release implements Engine.
func (r *Remote) Release(ctx context.Context, tenant, id string) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.Release(ctx, tenant, id) })
}

// Extend holds a new total, or for longer; an absent total and a ttl of 0 stay as they are.
func (r *Remote) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.Extend(ctx, tenant, id, total, ttl) })
}

// GrantLease implements LeaseGranter.
func (r *Remote) GrantLease(ctx context.Context, q usage.LeaseRequest) (usage.Answer, error) {
	return remoteAsk(r, func(c *client.Client) (usage.Answer, error) { return c.GrantLease(ctx, q) })
}

// SettleLease implements LeaseGranter.
func (r *Remote) SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error) {
	return remoteAsk(r, func(c *client.Client) (usage.ReservationState, error) {
		return c.SettleLease(ctx, tenant, id, used, release)
	})
}
