package httpapi

import (
	"net/http"

	"github.com/weirhq/weir/usage"
)

// listEvents answers the events that were counted, the newest in the log first.
func (c *call) listEvents() {
	q, err := c.query("tenant_id", "feature_type", "from", "to", "limit", "cursor")
	if err != nil {
		c.writeError(err)
		return
	}
	f := usage.EventFilter{TenantID: q.Get("tenant_id"), FeatureType: q.Get("feature_type")}
	if f.From, err = queryTime(q, "from"); err == nil {
		f.To, err = queryTime(q, "to")
	}
	if err == nil && !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		err = refuse(usage.CodeInvalidValue, "/to", "to must be after from; the interval is [from, to)")
	}
	if err == nil {
		f.Limit, err = listLimit(q.Get("limit"))
	}
	if err == nil {
		f.Cursor, err = c.decodeCursor(q.Get("cursor"))
	}
	var events usage.EventPage
	if err == nil {
		events, err = c.eng.Events(c.r.Context(), f)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	body := struct {
		Data       []usage.EventRecord `json:"data"`
		NextCursor *string             `json:"next_cursor"`
	}{Data: events.Data}
	if body.Data == nil {
		body.Data = []usage.EventRecord{}
	}
	if events.Next != "" {
		body.NextCursor = new(c.encodeCursor(events.Next))
	}
	c.marshal(http.StatusOK, body)
}

// getEvent answers what was counted under an id.
func (c *call) getEvent() {
	q, err := c.query("tenant_id", "source")
	if err == nil && q.Get("tenant_id") == "" {
		err = refuse(usage.CodeMissingField, "/tenant_id", "tenant_id is missing; ids are a tenant's own")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	rec, err := c.eng.Event(c.r.Context(), q.Get("tenant_id"), q.Get("source"), c.slug)
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, rec)
}
