package httpapi

// Every endpoint, with every scope, for the key's own tenant and another, without a key, and with a revoked one. What is expected
// stands here a second time, in words of its own: the table of endpoints is what is tested. A new endpoint without a row fails.

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// reach says what a key that is bound to tenants gets.
type reach int

const (
	public   reach = iota // no key is asked for
	ofTenant              // {t} names the tenant: its own as any key, another is 403
	shared                // it names no tenant: as any key (lists hold the key's own tenants: TestBoundLists)
	ofAll                 // it concerns all tenants: 403
)

// routeRow is what is expected of one endpoint. In target and body {t} is the tenant, {n} a new number for each call.
type routeRow struct {
	route  string
	scopes string // that let in, beside admin
	reach  reach
	target string
	body   string
	want   []int // of a call that is let in
}

var okay = []int{200, 201, 204}

// orNone is what a call gets that names something which is not there, or is no more.
var orNone = []int{200, 201, 204, 404, 409, 422}

var routeRows = []routeRow{
	{"POST /v1/events", "ingest", ofTenant, "/v1/events", `{"id":"e{n}","tenant_id":"{t}","feature_type":"api_calls"}`, okay},
	{"POST /compat/openmeter/api/v1/events", "ingest", ofTenant, "/compat/openmeter/api/v1/events",
		`{"specversion":"1.0","id":"o{n}","source":"s","type":"api_calls","subject":"{t}"}`, okay},
	{"POST /compat/lago/api/v1/events", "ingest", ofTenant, "/compat/lago/api/v1/events",
		`{"event":{"transaction_id":"l{n}","external_subscription_id":"{t}","code":"api_calls"}}`, okay},
	{"POST /compat/lago/api/v1/events/batch", "ingest", ofTenant, "/compat/lago/api/v1/events/batch",
		`{"events":[{"transaction_id":"b{n}","external_subscription_id":"{t}","code":"api_calls"}]}`, okay},
	{"POST /compat/stripe/v1/billing/meter_events", "ingest", ofTenant, "/compat/stripe/v1/billing/meter_events",
		`event_name=api_calls&payload%5Bstripe_customer_id%5D={t}&payload%5Bvalue%5D=1&identifier=s{n}`, okay},
	{"GET /v1/events", "read", ofTenant, "/v1/events?tenant_id={t}", "", okay},
	{"GET /v1/events/{id}", "read", ofTenant, "/v1/events/none?tenant_id={t}", "", orNone},
	{"POST /v1/events/{id}/void", "", ofTenant, "/v1/events/none/void", `{"tenant_id":"{t}","reason":"test"}`, orNone},
	{"POST /v1/adjustments", "", ofTenant, "/v1/adjustments", `{"id":"a{n}","tenant_id":"{t}","meter":"api_calls","quantity":1,"reason":"test"}`, okay},

	{"POST /v1/consume", "check", ofTenant, "/v1/consume", `{"tenant_id":"{t}","feature_type":"api_calls"}`, okay},
	{"POST /v1/consume/batch", "check", shared, "/v1/consume/batch", `{"requests":[{"tenant_id":"{t}","feature_type":"api_calls"}]}`,
		[]int{200, 422}}, // 422: every request was of another tenant
	{"POST /v1/check", "check", ofTenant, "/v1/check", `{"tenant_id":"{t}","feature_type":"api_calls"}`, okay},
	{"POST /v1/check/batch", "check", shared, "/v1/check/batch", `{"tenants":["{t}"],"features":["api_calls"]}`, []int{200, 422}},
	{"POST /v1/reservations", "check", ofTenant, "/v1/reservations", `{"id":"r{n}","tenant_id":"{t}","feature_type":"api_calls","quantity":1}`, okay},
	{"GET /v1/reservations/{id}", "check read", ofTenant, "/v1/reservations/none?tenant_id={t}", "", orNone},
	{"POST /v1/reservations/{id}/commit", "check", ofTenant, "/v1/reservations/none/commit", `{"tenant_id":"{t}","quantity":1}`, orNone},
	{"POST /v1/reservations/{id}/extend", "check", ofTenant, "/v1/reservations/none/extend", `{"tenant_id":"{t}","ttl_seconds":9}`, orNone},
	{"POST /v1/reservations/{id}/release", "check", ofTenant, "/v1/reservations/none/release", `{"tenant_id":"{t}"}`, orNone},
	{"POST /v1/leases", "check", ofTenant, "/v1/leases", `{"id":"l{n}","tenant_id":"{t}","feature_type":"api_calls","quantity":1}`, okay},
	{"GET /v1/leases/{id}", "check read", ofTenant, "/v1/leases/none?tenant_id={t}", "", orNone},
	{"POST /v1/leases/{id}/settle", "check", ofTenant, "/v1/leases/none/settle", `{"tenant_id":"{t}","used":0,"release":true}`, orNone},
	{"GET /v1/forward-auth", "check", ofTenant, "/v1/forward-auth?feature_type=api_calls", "", okay},
	{"GET /v1/decisions", "read", ofTenant, "/v1/decisions?tenant_id={t}", "", okay},
	{"GET /v1/crossings", "read", ofTenant, "/v1/crossings?tenant_id={t}", "", okay},
	{"GET /v1/tenants/{id}/quotas", "read portal", ofTenant, "/v1/tenants/{t}/quotas", "", okay},
	{"GET /v1/tenants/{id}/users", "read", ofTenant, "/v1/tenants/{t}/users", "", okay},
	{"POST /v1/tenants/{id}/quotas/{quota}/reset", "", ofTenant, "/v1/tenants/{t}/quotas/none/reset", `{"id":"s{n}","reason":"test"}`, orNone},

	{"GET /v1/meters", "read", shared, "/v1/meters", "", okay},
	{"GET /v1/meters/{slug}", "read", shared, "/v1/meters/api_calls", "", okay},
	{"POST /v1/meters/{slug}/test", "read", ofTenant, "/v1/meters/api_calls/test", `{"event":{"id":"x{n}","tenant_id":"{t}","feature_type":"api_calls"}}`, okay},
	{"PUT /v1/meters/{slug}", "", ofAll, "/v1/meters/scratch", `{"aggregation":"sum"}`, okay},
	{"DELETE /v1/meters/{slug}", "", ofAll, "/v1/meters/scratch", "", orNone},
	{"GET /v1/plans", "read", shared, "/v1/plans", "", okay},
	{"GET /v1/plans/{slug}", "read", shared, "/v1/plans/free", "", okay},
	{"PUT /v1/plans/{slug}", "", ofAll, "/v1/plans/scratch", `{"quotas":[]}`, okay},
	{"DELETE /v1/plans/{slug}", "", ofAll, "/v1/plans/scratch", "", orNone},
	{"GET /v1/plans/{slug}/versions", "read", shared, "/v1/plans/free/versions", "", okay},
	{"GET /v1/tenants", "read", shared, "/v1/tenants", "", okay},
	{"GET /v1/tenants/{id}", "read", ofTenant, "/v1/tenants/{t}", "", okay},
	{"PUT /v1/tenants/{id}", "", ofTenant, "/v1/tenants/{t}", `{"plan":"free"}`, okay},
	{"DELETE /v1/tenants/{id}", "", ofTenant, "/v1/tenants/{t}", "", orNone},
	{"POST /v1/tenants/{id}/plan", "", ofTenant, "/v1/tenants/{t}/plan", `{"plan":"free"}`, orNone},
	{"PUT /v1/tenants/{id}/quotas/{quota}", "", ofTenant, "/v1/tenants/{t}/quotas/m", `{"meter":"api_calls","period":"month","limit":1000000}`, okay},
	{"DELETE /v1/tenants/{id}/quotas/{quota}", "", ofTenant, "/v1/tenants/{t}/quotas/m", "", orNone},
	{"GET /v1/settings", "read", shared, "/v1/settings", "", okay},
	{"PUT /v1/settings", "", ofAll, "/v1/settings", `{}`, okay},
	{"GET /v1/audit", "", ofAll, "/v1/audit", "", okay},
	{"GET /v1/config", "", ofAll, "/v1/config", "", okay},
	{"GET /v1/keys", "", ofAll, "/v1/keys", "", okay},
	{"POST /v1/keys", "", ofAll, "/v1/keys", `{"scopes":["read"]}`, okay},
	{"GET /v1/keys/{id}", "", ofAll, "/v1/keys/none", "", orNone},
	{"DELETE /v1/keys/{id}", "", ofAll, "/v1/keys/none", "", orNone},
	{"POST /v1/keys/{id}/rotate", "", ofAll, "/v1/keys/none/rotate", "", orNone},
	{"POST /v1/portal/sessions", "", ofTenant, "/v1/portal/sessions", `{"tenant_id":"{t}"}`, okay},

	{"GET /v1/usage/top", "read", shared, "/v1/usage/top?meter=api_calls&by=tenant", "", okay},
	{"GET /v1/usage/changes", "read", ofTenant, "/v1/usage/changes?tenant_id={t}&meter=api_calls&since=1", "", okay},
	{"GET /v1/explain", "read", ofTenant, "/v1/explain?tenant_id={t}&meter=api_calls", "", okay},
	{"GET /v1/usage", "read portal", ofTenant, "/v1/usage?meter=api_calls&tenant_id={t}", "", okay},
	{"GET /v1/stream", "read portal", ofTenant, "/v1/stream?tenant_id={t}", "", okay},
	{"GET /v1/overview", "read", ofAll, "/v1/overview", "", okay},
	{"GET /v1/tenants/{id}/summary", "read portal", ofTenant, "/v1/tenants/{t}/summary", "", okay},
	{"GET /v1/tenants/{id}/forecast", "read portal", ofTenant, "/v1/tenants/{t}/forecast?meter=api_calls", "", okay},
	{"GET /v1/tenants/{id}/recommendations", "read", ofTenant, "/v1/tenants/{t}/recommendations", "", okay},

	{"GET /v1/system", "read", shared, "/v1/system", "", okay},
	{"GET /v1/system/meters", "read", ofAll, "/v1/system/meters", "", okay},
	{"POST /v1/backup", "", ofAll, "/v1/backup", "", okay},
	{"GET /healthz", "", public, "/healthz", "", okay},
	{"GET /readyz", "", public, "/readyz", "", okay},
	{"GET /metrics", "", public, "/metrics", "", okay},
	{"GET /openapi.json", "", public, "/openapi.json", "", okay},
	{"GET /docs", "", public, "/docs", "", okay},
	{"GET /version", "", public, "/version", "", okay},
}

// scopeFixture makes an API with tenants acme and globex.
func scopeFixture(t testing.TB) *fixture {
	f := newFixture(t)
	for _, step := range []struct{ method, target, body string }{
		{"PUT", "/v1/plans/free", `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":1000000}]}`},
		{"PUT", "/v1/tenants/acme", `{"plan":"free"}`},
		{"PUT", "/v1/tenants/globex", `{"plan":"free"}`},
	} {
		w, _ := f.do(step.method, step.target, step.body)
		require.Equal(t, 201, w.Code, w.Body)
	}
	return f
}

// newKey makes a key, and answers it as it is sent.
func (f *fixture) newKey(tenants []string, scopes ...usage.Scope) string {
	f.t.Helper()
	st, secret, err := f.eng.CreateKey(context.Background(), usage.Key{Scopes: scopes, Tenants: tenants})
	require.NoError(f.t, err)
	return FormatKey(st.ID, secret)
}

func TestEveryRouteAndScope(t *testing.T) {
	f := scopeFixture(t)
	n := 0
	call := func(row *routeRow, authorization, tenant string) *httptest.ResponseRecorder {
		n++
		fill := strings.NewReplacer("{t}", tenant, "{n}", fmt.Sprint(n))
		method, _, _ := strings.Cut(row.route, " ")
		headers := []string{"Authorization", authorization, "X-Weir-Tenant", tenant}
		switch {
		case strings.HasPrefix(row.body, "{"):
			headers = append(headers, "Content-Type", "application/json")
		case row.body != "":
			headers = append(headers, "Content-Type", "application/x-www-form-urlencoded")
		}
		return f.send(method, fill.Replace(row.target), strings.NewReader(fill.Replace(row.body)), headers...)
	}
	revoked := f.newKey(nil, usage.ScopeAdmin)
	id, _, err := ParseKey(revoked)
	require.NoError(t, err)
	require.NoError(t, f.eng.DeleteKey(context.Background(), id))
	strangers := map[string]string{"no key": "", "a revoked key": "Bearer " + revoked, "another secret": "Bearer " + FormatKey(id, strings.Repeat("x", 52)),
		"another scheme": "Basic " + f.key}
	unbound, bound := map[usage.Scope]string{}, map[usage.Scope]string{}
	for _, s := range usage.Scopes() {
		if s != usage.ScopePortal { // such a key is always bound
			unbound[s] = f.newKey(nil, s)
		}
		bound[s] = f.newKey([]string{"acme"}, s)
	}
	w, made := f.do("POST", "/v1/portal/sessions", `{"tenant_id":"acme"}`)
	require.Equal(t, 201, w.Code)
	session := made["token"].(string)

	for i := range endpoints {
		e := &endpoints[i]
		name := e.method + " " + e.pattern
		at := slices.IndexFunc(routeRows, func(r routeRow) bool { return r.route == name })
		require.GreaterOrEqual(t, at, 0, "%s has no row in routeRows (scopes_test.go): say which scopes let it in, what a key that is "+
			"bound to another tenant gets, and an example of a call", name)
		row := &routeRows[at]
		_, err := f.eng.Tenant("acme") // the row before may have deleted it
		if err != nil {
			require.NoError(t, f.eng.PutTenant(context.Background(), usage.Tenant{ID: "acme", Plan: "free"}))
		}
		for who, authorization := range strangers {
			w := call(row, authorization, "acme")
			if row.reach == public {
				require.Contains(t, row.want, w.Code, "%s, %s: %s", name, who, w.Body)
			} else {
				require.Equal(t, 401, w.Code, "%s, %s: %s", name, who, w.Body)
			}
		}
		expect := func(key, tenant, who string, letIn, own bool) {
			t.Helper()
			w := call(row, "Bearer "+key, tenant)
			switch {
			case row.reach == public || letIn && own:
				require.Contains(t, row.want, w.Code, "%s, %s: %s", name, who, w.Body)
			default:
				require.Equal(t, 403, w.Code, "%s, %s: %s", name, who, w.Body)
				if !strings.Contains(e.pattern, "/compat/") { // those answer in their peer's shape
					require.Equal(t, "forbidden", f.problem(w).Code)
				}
			}
		}
		for _, s := range usage.Scopes() {
			letIn := s == usage.ScopeAdmin || slices.Contains(strings.Fields(row.scopes), string(s))
			expect(bound[s], "acme", string(s)+" of acme", letIn, row.reach != ofAll)
			expect(bound[s], "globex", string(s)+" of acme, for globex", letIn, row.reach == shared)
			if s == usage.ScopePortal {
				expect(session, "acme", "a portal session", letIn, row.reach != ofAll)
				expect(session, "globex", "a portal session, for another", letIn, row.reach == shared)
			}
			if key := unbound[s]; key != "" { // last, as it may delete what the others asked for
				expect(key, "acme", string(s), letIn, true)
			}
		}
	}
	for _, row := range routeRows { // of rows that are left over
		require.True(t, slices.ContainsFunc(endpoints, func(e endpoint) bool { return e.method+" "+e.pattern == row.route }),
			"%s is in routeRows and nowhere else; take it out", row.route)
	}
	require.NoError(t, f.eng.Verify(context.Background()))
}

// TestBoundLists: what names no tenant shows a bound key its own, and batches refuse others one by one.
func TestBoundLists(t *testing.T) {
	f := scopeFixture(t)
	for _, tenant := range []string{"acme", "globex", "initech"} {
		w, _ := f.do("POST", "/v1/events", `{"id":"1","tenant_id":"`+tenant+`","feature_type":"api_calls","quantity":600000}`)
		require.Equal(t, 200, w.Code)
	}
	admin := f.key
	f.key = f.newKey([]string{"acme", "initech"}, "read", "ingest", "check")
	_, list := f.do("GET", "/v1/tenants", "")
	var ids []string
	for _, row := range list["data"].([]any) {
		ids = append(ids, row.(map[string]any)["id"].(string))
	}
	require.Equal(t, []string{"acme", "initech"}, ids)
	_, list = f.do("GET", "/v1/crossings?limit=1", "")
	require.Equal(t, "acme", list["data"].([]any)[0].(map[string]any)["tenant_id"])
	require.Nil(t, list["next_cursor"], "globex crossed 50 % too")
	w, p := f.do("GET", "/v1/usage?meter=api_calls", "")
	require.Equal(t, []any{403, "forbidden"}, []any{w.Code, p["code"]}, "which of the two?")

	w, b := f.do("POST", "/v1/events", `[{"id":"2","tenant_id":"globex","feature_type":"api_calls"},{"id":"2","tenant_id":"acme","feature_type":"api_calls"},
		{"tenant_id":"acme"},{"id":"3","tenant_id":"globex","feature_type":"api_calls"}]`)
	require.Equal(t, 200, w.Code)
	require.EqualValues(t, 1, b["accepted"])
	var refused []string
	for _, r := range b["rejected"].([]any) {
		refused = append(refused, fmt.Sprintf("%v %v %v", r.(map[string]any)["index"], r.(map[string]any)["code"], r.(map[string]any)["pointer"]))
	}
	require.Equal(t, []string{"0 forbidden /0/tenant_id", "2 missing_field /2/id", "3 forbidden /3/tenant_id"}, refused)
	w, b = f.do("POST", "/v1/events", `[{"id":"2","tenant_id":"globex","feature_type":"api_calls"}]`)
	require.Equal(t, []any{422, 1.0}, []any{w.Code, b["rejected_total"]}, "everything refused")
	w = f.post(`{"id":"4","tenant_id":"globex","feature_type":"api_calls"}`+"\n"+`{"id":"4","tenant_id":"acme","feature_type":"api_calls"}`, "Content-Type", "application/x-ndjson")
	require.Contains(t, w.Body.String(), `"accepted":1,"duplicates":0,"rejected":[{"index":0,"id":"4","code":"forbidden"`)

	_, b = f.do("POST", "/v1/consume/batch", `{"requests":[{"tenant_id":"globex","feature_type":"api_calls"},{"tenant_id":"acme","feature_type":"api_calls"},{"tenant_id":"globex","feature_type":"api_calls"}]}`)
	var answers []string
	for _, r := range b["results"].([]any) {
		if e, ok := r.(map[string]any)["error"].(map[string]any); ok {
			answers = append(answers, fmt.Sprintf("%v %v", e["code"], e["status"]))
		} else {
			answers = append(answers, r.(map[string]any)["status"].(string))
		}
	}
	require.Equal(t, []string{"forbidden 403", "counted", "forbidden 403"}, answers)
	_, b = f.do("POST", "/v1/check/batch", `{"tenants":["globex","acme"],"features":["api_calls"]}`)
	require.Equal(t, "forbidden", b["results"].([]any)[0].(map[string]any)["error"].(map[string]any)["code"])
	require.Equal(t, true, b["results"].([]any)[1].(map[string]any)["allowed"])

	f.key = f.newKey([]string{"acme"}, "portal")
	w, b = f.do("GET", "/v1/usage?meter=api_calls", "")
	require.Equal(t, 200, w.Code)
	require.EqualValues(t, 600003, b["data"].([]any)[0].(map[string]any)["value"], "of its own tenant")
	f.key = admin
	require.Equal(t, "1800003", f.total("api_calls"))
}
