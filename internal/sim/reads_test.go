package sim

import (
	"context"
	"time"

	"github.com/weirhq/weir/usage"
)

// allTime is a range that holds everything.
var allTime = usage.Interval{Start: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), End: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}

// readBack asks, now and then, for the number that an event has just changed. Others work meanwhile, so the answer has bounds.
func (c *caller) readBack(ctx context.Context, e *entry) bool {
	feature := e.parts[0].feature
	if c.rng.IntN(3) > 0 || feature == "seats" {
		return true
	}
	known := c.w.book.known(e.tenant, feature)
	rows, err := c.door().Usage(ctx, usage.Query{Meter: feature, TenantID: e.tenant, From: allTime.Start, To: allTime.End})
	if err = c.believe(err); err != nil {
		return c.unread(err)
	}
	least, most := c.w.book.bounds(known, e.tenant, feature)
	switch got := whole(rows.Data[0].Value); {
	case got < least:
		c.w.violation(staleRead, "%s of %s is %d, and %d were acknowledged before it was asked", feature, e.tenant, got, least)
	case got > most:
		c.w.violation(doubleCounted, "%s of %s is %d, and %d were sent in all", feature, e.tenant, got, most)
	}
	return true
}

// look asks something, and looks at what must always hold.
func (c *caller) look(ctx context.Context) bool {
	tenant, err := tenants[c.rng.IntN(len(tenants))], error(nil)
	switch c.rng.IntN(7) {
	case 0:
		_, err = c.door().Usage(ctx, usage.Query{Meter: "llm_tokens", TenantID: tenant, Window: usage.WindowDay, GroupBy: []string{"metadata.model"}})
	case 1:
		_, err = c.door().Check(ctx, usage.Request{TenantID: tenant, Items: []usage.Item{{FeatureType: "api_calls"}}})
	case 2:
		c.e.Allowed(tenant, "api_calls", 1)
	case 3:
		if err = c.e.Expire(ctx); usage.Code(err) == "" {
			err = nil // the base is written another time: a janitor's matter
		}
	case 4:
		_, err = c.door().Quotas(ctx, tenant, userName(c.rng.IntN(users)))
	case 5:
		index, _ := c.e.Digest()
		_, err = c.door().Usage(ctx, usage.Query{Meter: "data_transfer", TenantID: tenant, AsOfIndex: max(1, index/2)})
	default:
		_, err = c.e.Events(ctx, usage.EventFilter{TenantID: tenant, Limit: 20})
	}
	if err = c.believe(err); err == nil {
		return true
	}
	return c.unread(err)
}
