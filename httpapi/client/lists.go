package client

import (
	"context"
	"iter"
	"maps"
	"net/url"
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
)

// Lists are walked entry by entry, and asked for page by page: breaking off early saves the rest. An error is the last thing that comes, and
// what came before it holds.

// pages walks a list of entries as they are on the wire.
func pages[W, T any](ctx context.Context, c *Client, p string, filter url.Values, entry func(*W) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		q := url.Values{}
		maps.Copy(q, filter)
		for {
			var page struct {
				Data       []W     `json:"data"`
				NextCursor *string `json:"next_cursor"`
			}
			if err := c.get(ctx, query(p, q), &page); err != nil {
				var none T
				yield(none, err)
				return
			}
			for i := range page.Data {
				if !yield(entry(&page.Data[i]), nil) {
					return
				}
			}
			if page.NextCursor == nil {
				return
			}
			q.Set("cursor", *page.NextCursor)
		}
	}
}

// plain is an entry that is on the wire what it is here.
func plain[T any](x *T) T { return *x }

// Event answers what was counted under an id, which is a tenant's and a source's own; the default source is "". Errors: not_found.
func (c *Client) Event(ctx context.Context, tenant, source, id string) (rec usage.EventRecord, err error) {
	err = c.get(ctx, query(path("events", id), given("tenant_id", tenant, "source", source)), &rec)
	return rec, err
}

// Events walks what was counted, events and consumes, the newest in the log first. Limit is of one page.
func (c *Client) Events(ctx context.Context, f usage.EventFilter) iter.Seq2[usage.EventRecord, error] {
	q := given("tenant_id", f.TenantID, "feature_type", f.FeatureType, "from", instant(f.From), "to", instant(f.To), "cursor", f.Cursor)
	if f.Limit != 0 {
		q.Set("limit", strconv.Itoa(f.Limit))
	}
	return pages(ctx, c, "/v1/events", q, plain[usage.EventRecord])
}

// Decisions walks the newest decisions about a tenant since the server started, at most 1,000, the newest first. An empty decision is any,
// a zero time no bound.
func (c *Client) Decisions(ctx context.Context, tenant string, d usage.Decision, from time.Time) iter.Seq2[usage.DecisionRecord, error] {
	return pages(ctx, c, "/v1/decisions", given("tenant_id", tenant, "decision", string(d), "from", instant(from)), plain[usage.DecisionRecord])
}

// Order is the order of a journal.
type Order string

// The orders.
const (
	OldestFirst Order = "oldest"
	NewestFirst Order = "newest"
)

// Crossings walks the warning thresholds that usage has reached, of one tenant or, with "", of all. To follow them, remember the greatest
// Number and walk them newest first down to it.
func (c *Client) Crossings(ctx context.Context, tenant string, o Order) iter.Seq2[usage.Crossing, error] {
	return pages(ctx, c, "/v1/crossings", given("tenant_id", tenant, "order", string(o)), plain[usage.Crossing])
}

// Audit walks the changes of configuration and the corrections, about one tenant or, with "", all of them.
func (c *Client) Audit(ctx context.Context, tenant string, o Order) iter.Seq2[usage.AuditEntry, error] {
	return pages(ctx, c, "/v1/audit", given("tenant_id", tenant, "order", string(o)), plain[usage.AuditEntry])
}

// Users walks the users of a tenant whom quotas of user scope have counted, with their quotas: of one quota or, with "", of all, and only
// those beyond a warning when nearLimit is set.
func (c *Client) Users(ctx context.Context, tenant, quota string, nearLimit bool) iter.Seq2[usage.UserQuotas, error] {
	return pages(ctx, c, path("tenants", tenant, "users"), given("quota", quota, "near_limit", flag(nearLimit)), plain[usage.UserQuotas])
}
