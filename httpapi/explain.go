package httpapi

import (
	"net/http"

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
			cursor, err = decodeCursor(v.Get("cursor"))
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
			ev.NextCursor = new(encodeCursor(*ev.NextCursor))
		}
	}
	c.marshal(http.StatusOK, x)
}
