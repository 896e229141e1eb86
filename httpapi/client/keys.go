package client

import (
	"context"
	"iter"
	"time"

	"github.com/weirhq/weir/usage"
)

// MadeKey is a key with its secret, which is shown once.
type MadeKey struct {
	usage.KeyState
	Text string `json:"key"` // as it is sent: weir_<id>_<secret>
}

// CreateKey makes a key; its id is chosen by weir. A key has no id before it is made, so the call is tried once: after an outcome_unknown a
// key may be there whose secret nobody knows. Find it in Keys, by its name, and delete it.
func (c *Client) CreateKey(ctx context.Context, k usage.Key) (made MadeKey, err error) {
	body := map[string]any{"scopes": k.Scopes}
	if k.Name != "" {
		body["name"] = k.Name
	}
	if len(k.Tenants) > 0 {
		body["tenants"] = k.Tenants
	}
	err = c.Once().post(ctx, "/v1/keys", body, &made)
	return made, err
}

// RotateKey gives a key a new secret; the one before goes on working for overlap, at most 30 days. It is tried once: a second
// rotation would end the secret that is in use. After an outcome_unknown, see by Rotated of the key whether it was done.
func (c *Client) RotateKey(ctx context.Context, id string, overlap time.Duration) (made MadeKey, err error) {
	err = c.Once().post(ctx, path("keys", id, "rotate"), map[string]any{"overlap_seconds": wholeSeconds(overlap)}, &made)
	return made, err
}

// Key answers a key without its secret. Errors: not_found.
func (c *Client) Key(ctx context.Context, id string) (st usage.KeyState, err error) {
	err = c.get(ctx, path("keys", id), &st)
	return st, err
}

// Keys walks the keys, without their secrets.
func (c *Client) Keys(ctx context.Context) iter.Seq2[usage.KeyState, error] {
	return pages(ctx, c, "/v1/keys", nil, plain[usage.KeyState])
}

// DeleteKey revokes a key: nobody is let in with it any more when the call returns. Errors: not_found, also when an earlier try of the call,
// whose answer was lost, has done it.
func (c *Client) DeleteKey(ctx context.Context, id string) error {
	return c.remove(ctx, path("keys", id))
}

// PortalSession is a token with which a customer reads its own tenant for a while.
type PortalSession struct {
	Token     string    `json:"token"`
	TenantID  string    `json:"tenant_id"`
	ExpiresAt time.Time `json:"expires_at"`
	URL       string    `json:"url"` // of the portal, from the root of the server
}

// NewPortalSession makes a session for a tenant; a ttl of 0 is an hour, the most is a day. It ends with the client's key.
func (c *Client) NewPortalSession(ctx context.Context, tenant string, ttl time.Duration) (s PortalSession, err error) {
	body := map[string]any{"tenant_id": tenant}
	if ttl != 0 {
		body["ttl_seconds"] = wholeSeconds(ttl)
	}
	err = c.post(ctx, "/v1/portal/sessions", body, &s)
	return s, err
}
