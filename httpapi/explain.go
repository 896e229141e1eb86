package httpapi

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/weirhq/weir/usage"
)

// getExplain traces a number, or a decision, back to what it was made of.
func (c *call) getExplain() {
	v, err := c.query("tenant_id", "meter", "from", "to", "time_zone", "decision", "limit", "cursor")
	if err != nil {
		c.writeError(err)
		return
	}
	tenant, decision := v.Get("tenant_id"), v.Get("decision")
	switch {
	case tenant == "":
		err = refuse(usage.CodeMissingField, "/tenant_id", "tenant_id is missing; what is explained is of one tenant")
	case decision == "" && v.Get("meter") == "":
		err = refuse(usage.CodeMissingField, "/meter", "name a meter, whose number is to be explained, or a decision by its id")
	case decision != "" && v.Get("meter") != "":
		err = refuse(usage.CodeInvalidValue, "/decision", "explain a meter or a decision, not both at once")
	}
	var x usage.Explanation
	if err == nil && decision != "" {
		x, err = c.eng.ExplainDecision(c.r.Context(), tenant, decision)
	} else if err == nil {
		q := usage.Query{Meter: v.Get("meter"), TenantID: tenant, TimeZone: v.Get("time_zone")}
		var limit int
		var cursor string
		if q.From, err = queryTime(v, "from"); err == nil {
			q.To, err = queryTime(v, "to")
		}
		if err == nil {
			limit, err = listLimit(v.Get("limit"))
		}
		if err == nil {
			cursor, err = c.decodeCursor(v.Get("cursor"))
		}
		if err == nil {
			x, err = c.eng.Explain(c.r.Context(), q, limit, cursor)
		}
	}
	if err != nil {
		c.writeError(err)
		return
	}
	for i := range x.Steps {
		if ev := x.Steps[i].Events; ev != nil && ev.NextCursor != nil {
			ev.NextCursor = new(c.encodeCursor(*ev.NextCursor))
		}
	}
	c.marshal(http.StatusOK, x)
}

// getChanges answers the rows of usage that are no longer what they were as of a block of the log.
func (c *call) getChanges() {
	v, err := c.query("tenant_id", "meter", "from", "to", "window", "time_zone", "group_by", "since")
	if err != nil {
		c.writeError(err)
		return
	}
	q := usage.Query{Meter: v.Get("meter"), TimeZone: v.Get("time_zone")}
	var since uint64
	switch {
	case q.Meter == "":
		err = refuse(usage.CodeMissingField, "/meter", "name a meter: ?meter=<slug>; GET /v1/meters lists them")
	case v.Has("since"):
		if since, err = strconv.ParseUint(v.Get("since"), 10, 64); err != nil || since == 0 {
			err = refuse(usage.CodeInvalidValue, "/since", "since "+quoted(v.Get("since"))+" must be a log index, such as as_of.index of an earlier answer")
		}
	}
	if err == nil {
		q.TenantID, err = queryTenant(v)
	}
	if err == nil {
		q.From, q.To, err = queryRange(v)
	}
	if err == nil && v.Has("window") {
		if q.Window, err = usage.ParseWindow(v.Get("window")); err != nil {
			err = refuse(usage.CodeInvalidValue, "/window", "window "+quoted(v.Get("window"))+" must be one of minute, 15m, hour, day, week, month, billing, total")
		}
	}
	if v.Has("group_by") {
		q.GroupBy = strings.Split(v.Get("group_by"), ",")
	}
	var changes usage.Changes
	if err == nil {
		changes, err = c.eng.Changed(c.r.Context(), q, since)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, changes)
}
