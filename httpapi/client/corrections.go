package client

import (
	"context"

	"github.com/weirhq/weir/usage"
)

// Void takes back an event or a consume, which goes on existing under its id. The status is "voided", and duplicate when it had been taken
// back before. Errors: not_found, event_archived when its raw event is no longer kept, invalid_value for what cannot be voided.
func (c *Client) Void(ctx context.Context, v usage.Void) (out usage.Outcome, err error) {
	body := map[string]any{"tenant_id": v.TenantID, "reason": v.Reason}
	if v.Source != "" {
		body["source"] = v.Source
	}
	err = c.post(ctx, path("events", v.ID, "void"), body, &out)
	return out, err
}

// Adjust corrects what a sum or count meter counted by a signed quantity; no quota is asked. An adjustment without id gets one. To be free
// to adjust again after an outcome_unknown, give it an id of its own: the same id with the same body counts once.
func (c *Client) Adjust(ctx context.Context, a usage.Adjustment) (out usage.Outcome, err error) {
	if a.ID == "" {
		a.ID = NewID()
	}
	err = c.post(ctx, "/v1/adjustments", a, &out)
	return out, err
}

// ResetQuota gives back what a quota of a sum or count meter has used, by one adjustment of that much. A reset without id gets one; the same
// id resets once.
func (c *Client) ResetQuota(ctx context.Context, r usage.Reset) (out usage.Outcome, err error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	body := map[string]any{"id": r.ID, "reason": r.Reason}
	if r.UserID != "" {
		body["user_id"] = r.UserID // which a server that does not know it refuses
	}
	err = c.post(ctx, path("tenants", r.TenantID, "quotas", r.Quota, "reset"), body, &out)
	return out, err
}
