package httpapi

import (
	"encoding/json"
	"strings"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// tenantEntryBody is a tenant of a list, with the quota that the list is sorted by.
type tenantEntryBody struct {
	tenantBody
	Quota *usage.QuotaStatus `json:"quota,omitempty"`
}

// tenantSorts are the orders of a list of tenants; "-" before one turns it round.
var tenantSorts = map[string]engine.TenantSort{"": engine.TenantsByID, "id": engine.TenantsByID, "name": engine.TenantsByName, "usage": engine.TenantsByUsage}

func (c *call) listTenants() {
	q := c.r.URL.Query()
	f := engine.TenantFilter{Query: q.Get("q"), Plan: q.Get("plan")}
	name, turned := strings.CutPrefix(q.Get("sort"), "-")
	var ok bool
	if f.Sort, ok = tenantSorts[name]; !ok || turned && name == "" {
		c.writeError(refuse(usage.CodeInvalidValue, "/sort", "sort "+quoted(q.Get("sort"))+" must be id, name or usage, or one of them after a -, for the other way round"))
		return
	}
	f.Descending = turned
	switch near := q.Get("near_limit"); near {
	case "", "false":
	case "true":
		f.NearLimit = true
	default:
		c.writeError(refuse(usage.CodeInvalidValue, "/near_limit", "near_limit "+quoted(near)+" must be true or false"))
		return
	}
	order := q.Get("sort")
	pageOf(c, func(e engine.TenantEntry) string { return tenantCursor(order, e.Place) }, func(after string, limit int) ([]engine.TenantEntry, error) {
		f.Limit = limit
		if after != "" {
			place, err := parseTenantCursor(order, after)
			if err != nil {
				return nil, err
			}
			f.After = &place
		}
		return c.eng.Tenants(f), nil
	}, func(e engine.TenantEntry) any { return tenantEntryBody{tenantOf(e.TenantState), e.Quota} }, "q", "plan", "near_limit", "sort")
}

// placeJSON is what a cursor of tenants holds: the order of its list, and the place of the last entry told.
type placeJSON struct {
	Order string
	Place engine.TenantPlace
}

func tenantCursor(order string, place engine.TenantPlace) string {
	b, err := json.Marshal(placeJSON{order, place})
	if err != nil {
		panic("BUG: a cursor does not marshal: " + err.Error())
	}
	return string(b)
}

// parseTenantCursor reads a cursor; one of a list in another order would skip some and repeat others.
func parseTenantCursor(order, cursor string) (engine.TenantPlace, error) {
	var p placeJSON
	if err := json.Unmarshal([]byte(cursor), &p); err != nil || p.Order != order || p.Place.ID == "" {
		return p.Place, refuse(usage.CodeInvalidCursor, "/cursor", "the cursor is not one of this list in this order; start without one")
	}
	return p.Place, nil
}
