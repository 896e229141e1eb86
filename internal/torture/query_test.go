package torture

// Reads: what they must show at least and at most.

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// query asks, and compares with what must be seen at least and at most.
func (c *client) query(ctx context.Context) {
	switch c.rng.IntN(4) {
	case 0:
		c.queryOrders(ctx)
	case 1:
		tenant := uint8(c.rng.IntN(strictTenants))
		o, ok := c.send(ctx, http.MethodGet, fmt.Sprintf("/v1/tenants/strict-%d/quotas", tenant), nil)
		var list struct {
			Data []struct {
				Quota          string
				Used, Reserved int64
			}
		}
		if !ok {
			return
		}
		if err := json.Unmarshal(o.Body, &list); err != nil || !o.ok() {
			c.violation("quotas of strict-%d: %d %s", tenant, o.Status, o.Body)
		}
		for _, q := range list.Data {
			if q.Quota == "m" {
				c.look(tenant, q.Used, q.Reserved)
			}
		}
	case 2:
		c.get(ctx, fmt.Sprintf("/v1/usage?meter=llm_tokens&tenant_id=record-%d&window=day&group_by=metadata.model", c.rng.IntN(recordTenants)))
	default:
		paths := []string{"/v1/overview", "/v1/usage/top?meter=orders&by=tenant", "/v1/events?limit=5", "/v1/crossings?limit=5", "/v1/tenants?limit=5"}
		c.get(ctx, paths[c.rng.IntN(len(paths))])
	}
}

func (c *client) get(ctx context.Context, path string) (o outcome, ok bool) {
	o, ok = c.send(ctx, http.MethodGet, path, nil)
	if ok && !o.ok() {
		c.violation("GET %s: %d %s", path, o.Status, o.Body)
	}
	return o, ok && o.ok()
}

// queryOrders: a read shows everything that was acknowledged before it began, and nothing that was not sent when it ended.
func (c *client) queryOrders(ctx context.Context) {
	tenant := c.rng.IntN(recordTenants)
	before := c.events.ordersOf(tenant)
	o, ok := c.get(ctx, fmt.Sprintf("/v1/usage?meter=orders&tenant_id=record-%d&%s", tenant, allTime))
	if !ok {
		return
	}
	after := c.events.ordersOf(tenant)
	var rows rows
	if err := json.Unmarshal(o.Body, &rows); err != nil || len(rows.Data) != 1 {
		c.violation("orders of record-%d: %s", tenant, o.Body)
		return
	}
	seen, _ := rows.Data[0].Value.Int64()
	if low, high := before.acked-after.voidSent, after.sent-before.voidAcked; seen < low || seen > high {
		c.violation("orders of record-%d are %d; the books say %d to %d", tenant, seen, low, high)
	}
}

// allTime is the range of everything.
const allTime = "from=2000-01-01T00:00:00Z&to=2100-01-01T00:00:00Z"

// rows is an answer of /v1/usage.
type rows struct {
	Data []struct {
		WindowStart time.Time         `json:"window_start"`
		Value       json.Number       `json:"value"`
		Group       map[string]string `json:"group"`
	} `json:"data"`
}
