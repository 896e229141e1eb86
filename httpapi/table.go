package httpapi

import (
	"net/http"
	"slices"
	"strings"

	"github.com/weirhq/weir/usage"
)

// scope is what a key must be allowed before a handler runs: one scope, or one of several with "|" between them.
type scope string

// The scopes. A key of scope admin may call everything.
const (
	scopePublic scope = ""       // no key is asked for
	scopeIngest scope = "ingest" // record events
	scopeCheck  scope = "check"  // check, consume, reserve, lease, forward-auth
	scopeRead   scope = "read"   // every GET but keys and audit
	scopeAdmin  scope = "admin"

	scopeHold   = scopeCheck + "|" + scopeRead // a reservation or a lease, by whoever made it
	scopePortal = "portal|" + scopeRead        // quotas, summary, usage and forecast of a tenant
)

// endpoint is one method of one path.
type endpoint struct {
	method  string // GET stands for HEAD too
	pattern string // with {name} for a variable segment, two at most
	needs   scope
	do      handler
}

// admits reports whether a key may call the endpoint.
func (e *endpoint) admits(k *usage.Key) bool {
	if e.needs == scopePublic || k.Has(usage.ScopeAdmin) {
		return true
	}
	for s := range strings.SplitSeq(string(e.needs), "|") {
		if k.Has(usage.Scope(s)) {
			return true
		}
	}
	return false
}

// endpoints is the whole API, on one page.
var endpoints = slices.Concat(eventEndpoints, decisionEndpoints, configEndpoints, usageEndpoints, operationEndpoints, compatEndpoints)

var eventEndpoints = []endpoint{
	{"POST", "/v1/events", scopeIngest, bare((*call).postEvents)},
	{"GET", "/v1/events", scopeRead, (*call).listEvents},
	{"GET", "/v1/events/{id}", scopeRead, (*call).getEvent},
	{"POST", "/v1/events/{id}/void", scopeAdmin, bare((*call).voidEvent)},
	{"POST", "/v1/adjustments", scopeAdmin, bare((*call).postAdjustment)},
}

var decisionEndpoints = []endpoint{
	{"POST", "/v1/consume", scopeCheck, (*call).postConsume},
	{"POST", "/v1/consume/batch", scopeCheck, (*call).postConsumeBatch},
	{"POST", "/v1/check", scopeCheck, (*call).postCheck},
	{"POST", "/v1/check/batch", scopeCheck, bare((*call).postCheckBatch)},
	{"POST", "/v1/reservations", scopeCheck, (*call).postReservation},
	{"GET", "/v1/reservations/{id}", scopeHold, (*call).getReservation},
	{"POST", "/v1/reservations/{id}/commit", scopeCheck, (*call).commitReservation},
	{"POST", "/v1/reservations/{id}/extend", scopeCheck, (*call).extendReservation},
	{"POST", "/v1/reservations/{id}/release", scopeCheck, (*call).releaseReservation},
	{"POST", "/v1/leases", scopeCheck, (*call).postLease},
	{"GET", "/v1/leases/{id}", scopeHold, (*call).getReservation},
	{"POST", "/v1/leases/{id}/settle", scopeCheck, bare((*call).settleLease)},
	{"GET", "/v1/forward-auth", scopeCheck, (*call).forwardAuth},
	{"GET", "/v1/decisions", scopeRead, (*call).listDecisions},
	{"GET", "/v1/crossings", scopeRead, (*call).listCrossings},
	{"GET", "/v1/tenants/{id}/quotas", scopePortal, (*call).listQuotas},
	{"GET", "/v1/tenants/{id}/users", scopeRead, (*call).listUsers},
	{"POST", "/v1/tenants/{id}/quotas/{quota}/reset", scopeAdmin, bare((*call).resetQuota)},
}

var configEndpoints = []endpoint{
	{"GET", "/v1/meters", scopeRead, (*call).listMeters},
	{"GET", "/v1/meters/{slug}", scopeRead, (*call).getMeter},
	{"PUT", "/v1/meters/{slug}", scopeAdmin, (*call).putMeter},
	{"DELETE", "/v1/meters/{slug}", scopeAdmin, (*call).deleteMeter},
	{"POST", "/v1/meters/{slug}/test", scopeRead, (*call).testMeter},
	{"GET", "/v1/plans", scopeRead, (*call).listPlans},
	{"GET", "/v1/plans/{slug}", scopeRead, bare((*call).getPlan)},
	{"PUT", "/v1/plans/{slug}", scopeAdmin, (*call).putPlan},
	{"DELETE", "/v1/plans/{slug}", scopeAdmin, bare((*call).deletePlan)},
	{"GET", "/v1/plans/{slug}/versions", scopeRead, (*call).listPlanVersions},
	{"GET", "/v1/tenants", scopeRead, (*call).listTenants},
	{"GET", "/v1/tenants/{id}", scopeRead, bare((*call).getTenant)},
	{"PUT", "/v1/tenants/{id}", scopeAdmin, (*call).putTenant},
	{"DELETE", "/v1/tenants/{id}", scopeAdmin, bare((*call).deleteTenant)},
	{"POST", "/v1/tenants/{id}/plan", scopeAdmin, bare((*call).changePlan)},
	{"PUT", "/v1/tenants/{id}/quotas/{quota}", scopeAdmin, (*call).putOverride},
	{"DELETE", "/v1/tenants/{id}/quotas/{quota}", scopeAdmin, bare((*call).deleteOverride)},
	{"GET", "/v1/settings", scopeRead, bare((*call).getSettings)},
	{"PUT", "/v1/settings", scopeAdmin, bare((*call).putSettings)},
	{"GET", "/v1/audit", scopeAdmin, (*call).listAudit},
	{"GET", "/v1/keys", scopeAdmin, (*call).listKeys},
	{"POST", "/v1/keys", scopeAdmin, (*call).postKey},
	{"GET", "/v1/keys/{id}", scopeAdmin, bare((*call).getKey)},
	{"DELETE", "/v1/keys/{id}", scopeAdmin, bare((*call).deleteKey)},
	{"POST", "/v1/keys/{id}/rotate", scopeAdmin, (*call).rotateKey},
	{"POST", "/v1/portal/sessions", scopeAdmin, (*call).postSession},
}

var usageEndpoints = []endpoint{
	{"GET", "/v1/usage/changes", scopeRead, (*call).getChanges},
	{"GET", "/v1/explain", scopeRead, (*call).getExplain},
	{"GET", "/v1/usage", scopePortal, (*call).getUsage},
	{"GET", "/v1/usage/top", scopeRead, (*call).getTop},
	{"GET", "/v1/stream", scopePortal, (*call).getStream},
	{"GET", "/v1/overview", scopeRead, (*call).getOverview},
	{"GET", "/v1/tenants/{id}/summary", scopePortal, (*call).getSummary},
	{"GET", "/v1/tenants/{id}/forecast", scopePortal, (*call).getForecast},
	{"GET", "/v1/tenants/{id}/recommendations", scopeRead, (*call).getRecommendations},
}

var operationEndpoints = []endpoint{
	{"GET", "/v1/system", scopeRead, (*call).getSystem},
	{"GET", "/v1/system/meters", scopeRead, unbound(bare((*call).getMeterStats))},
	{"GET", "/v1/config", scopeAdmin, unbound(bare((*call).getConfig))},
	{"POST", "/v1/backup", scopeAdmin, (*call).postBackup},
	{"GET", "/healthz", scopePublic, (*call).getHealth},
	{"GET", "/readyz", scopePublic, (*call).getReady},
	{"GET", "/metrics", scopePublic, (*call).getMetrics},
	{"GET", "/version", scopePublic, (*call).getVersion},
	{"GET", "/openapi.json", scopePublic, (*call).getOpenAPI},
	{"GET", "/docs", scopePublic, (*call).getDocs},
}

// table makes the routes: one for each path, in the order of endpoints.
func table(all []endpoint) []*route {
	var routes []*route
	for _, e := range all {
		i := slices.IndexFunc(routes, func(r *route) bool { return r.pattern == e.pattern })
		if i < 0 {
			i = len(routes)
			routes = append(routes, newRoute(e.pattern))
		}
		routes[i].add(e)
	}
	return routes
}

// add gives the route one more method.
func (r *route) add(e endpoint) {
	r.methods[e.method] = &e
	names := []string{e.method}
	if e.method == http.MethodGet {
		r.methods[http.MethodHead] = &e
		names = append(names, http.MethodHead)
	}
	r.allow = append(r.allow, names...)
	slices.Sort(r.allow)
}
