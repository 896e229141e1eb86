package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func (f *fixture) do(method, target, body string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
	f.t.Helper()
	if body != "" {
		headers = append([]string{"Content-Type", "application/json"}, headers...)
	}
	w := f.send(method, target, strings.NewReader(body), headers...)
	var out map[string]any
	if w.Body.Len() > 0 {
		require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &out), "%s %s: %s", method, target, w.Body)
	}
	return w, out
}

const freePlan = `{"name":"Free","quotas":[{"slug":"api-monthly","meter":"api_calls","period":"month","limit":1000}]}`

func TestConsumeOverHTTP(t *testing.T) {
	f := newFixture(t)
	w, plan := f.do("PUT", "/v1/plans/free", freePlan)
	require.Equal(t, 201, w.Code)
	require.EqualValues(t, 1, plan["version"])
	require.NotEmpty(t, w.Header().Get("ETag"))
	w, _ = f.do("PUT", "/v1/plans/free", freePlan)
	require.Equal(t, 200, w.Code, "identical: no new version")
	w, tenant := f.do("PUT", "/v1/tenants/acme", `{"name":"Acme","plan":"free","time_zone":"Europe/Berlin"}`)
	require.Equal(t, 201, w.Code)
	require.Equal(t, "free", tenant["plan"])

	w, a := f.do("POST", "/v1/consume", `{"id":"r1","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":812}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{true, "warn", "counted", "api-monthly", nil}, []any{a["allowed"], a["decision"], a["status"], a["binding_quota"], a["reason"]})
	q := a["quotas"].([]any)[0].(map[string]any)
	require.Equal(t, []any{1000.0, 812.0, 0.0, 188.0, 81.2, false, nil, "enforce", "tenant", "month"},
		[]any{q["limit"], q["used"], q["reserved"], q["remaining"], q["percentage"], q["exceeded"], q["user_id"], q["mode"], q["scope"], q["period"]})
	require.Equal(t, "812", w.Header().Get("X-Usage-Current"))
	require.Contains(t, w.Header().Get("RateLimit"), `"api-monthly";r=188;t=`)
	require.Contains(t, w.Header().Get("RateLimit-Policy"), `"api-monthly";q=1000;w=`)
	require.Empty(t, w.Header().Get("Retry-After"))
	w, _ = f.do("POST", "/v1/consume?headers=none", `{"id":"r1","tenant_id":"acme","user_id":"u","feature_type":"api_calls","quantity":812}`)
	require.Contains(t, w.Body.String(), `"status":"duplicate"`)
	require.Empty(t, w.Header().Get("RateLimit"))
	w, _ = f.do("POST", "/v1/consume", `{"id":"r1","tenant_id":"acme","feature_type":"api_calls","quantity":1}`)
	require.Equal(t, 409, w.Code)

	w, a = f.do("POST", "/v1/consume", `{"tenant_id":"acme","items":[{"feature_type":"api_calls","quantity":200},{"feature_type":"data_transfer"}]}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{false, "block", "denied", "quota_exceeded"}, []any{a["allowed"], a["decision"], a["status"], a["reason"]})
	require.NotEmpty(t, a["id"])
	w, a = f.do("POST", "/v1/consume?deny_status=429", `{"tenant_id":"acme","feature_type":"api_calls","quantity":200}`)
	require.Equal(t, 429, w.Code)
	require.Equal(t, []any{"quota_exceeded", "api-monthly", 429.0}, []any{a["code"], a["binding_quota"], a["status"]})
	require.NotEmpty(t, w.Header().Get("Retry-After"))

	w, a = f.do("POST", "/v1/check", `{"tenant_id":"acme","feature_type":"api_calls","quantity":188}`)
	require.Equal(t, []any{200, true, "checked"}, []any{w.Code, a["allowed"], a["status"]})
	w, a = f.do("POST", "/v1/check/batch", `{"tenants":["acme","other"],"features":["api_calls","seats"]}`)
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.Len(t, a["results"], 4)

	w, a = f.do("POST", "/v1/consume/batch", `{"requests":[{"id":"b1","tenant_id":"acme","feature_type":"api_calls"},{"id":"b2","tenant_id":"acme","feature_type":"nope"},
		{"id":"b3","tenantid":"acme"},{"id":"b4","tenant_id":"acme","feature_type":"api_calls","quantity":9999}]}`)
	require.Equal(t, 200, w.Code)
	results := a["results"].([]any)
	require.Len(t, results, 4)
	require.Equal(t, true, results[0].(map[string]any)["allowed"])
	require.Equal(t, "unknown_feature", results[1].(map[string]any)["error"].(map[string]any)["code"])
	require.Equal(t, "unknown_field", results[2].(map[string]any)["error"].(map[string]any)["code"])
	require.Equal(t, "cost_exceeds_limit", results[3].(map[string]any)["reason"])

	w, a = f.do("POST", "/v1/events", `{"id":"e1","tenant_id":"acme","feature_type":"api_calls","quantity":500}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, true, a["quotas"].([]any)[0].(map[string]any)["exceeded"])
	w, a = f.do("POST", "/v1/events", `[{"id":"e2","tenant_id":"acme","feature_type":"api_calls"},{"id":"e3","tenant_id":"free","feature_type":"api_calls"}]`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{map[string]any{"tenant_id": "acme", "quota": "api-monthly"}}, a["over_limit"])

	_, a = f.do("GET", "/v1/crossings?tenant_id=acme", "")
	require.Len(t, a["data"], 4)
	_, a = f.do("GET", "/v1/decisions?tenant_id=acme&decision=block", "")
	require.Len(t, a["data"], 3)
	_, a = f.do("GET", "/v1/tenants/acme/quotas", "")
	require.EqualValues(t, 1314, a["data"].([]any)[0].(map[string]any)["used"])
	_, a = f.do("GET", "/v1/tenants?near_limit=true", "")
	require.Len(t, a["data"], 1)
	_, a = f.do("GET", "/v1/audit", "")
	require.NotEmpty(t, a["data"])
}

func TestForwardAuth(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", strings.Replace(freePlan, "1000", "2", 1))
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	ask := func(query string, headers ...string) int {
		r := httptest.NewRequest("GET", "/v1/forward-auth?feature_type=api_calls"+query, nil)
		r.Header.Set("Authorization", "Bearer the-clients-own")
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := httptest.NewRecorder()
		f.api.ServeHTTP(w, r)
		return w.Code
	}
	require.Equal(t, 401, ask("", "X-Weir-Tenant", "acme"))
	require.Equal(t, 200, ask("", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme", "X-Request-Id", "r1"))
	require.Equal(t, 200, ask("", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme", "X-Request-Id", "r1"), "a retry counts once")
	require.Equal(t, 200, ask("&mode=check", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme"))
	require.Equal(t, 200, ask("", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme"))
	require.Equal(t, 429, ask("", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme"))
	require.Equal(t, 403, ask("&deny=403", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme"))
	require.Equal(t, 422, ask("&deny=500", "X-Weir-Key", f.key, "X-Weir-Tenant", "acme"))
}

// TestPolicyWindows: the window that RateLimit-Policy tells is the length of the period, which does not change from call to call.
func TestPolicyWindows(t *testing.T) {
	f := newFixture(t)
	for period, want := range map[string]string{
		`"minute"`: `;w=60;`, `"day"`: `;w=86400;`, `"week"`: `;w=604800;`,
		`{"sliding":"1h"}`: `;w=3600;`, `{"sliding":"1h30m"}`: `;w=5400;`, `{"first_use":"30d"}`: `;w=2592000;`,
	} {
		w, _ := f.do("PUT", "/v1/plans/p", `{"quotas":[{"slug":"q","meter":"api_calls","period":`+period+`,"limit":2}]}`)
		require.Less(t, w.Code, 300, "%s", w.Body)
		tenant := "of " + want
		f.do("PUT", "/v1/tenants/"+url.PathEscape(tenant), `{"plan":"p"}`)
		for _, quantity := range []string{"0", "1", "1", "1"} { // a peek, two calls that count, and a denial
			w, _ = f.do("POST", "/v1/consume", `{"tenant_id":"`+tenant+`","feature_type":"api_calls","quantity":`+quantity+`}`)
			require.Contains(t, w.Header().Get("RateLimit-Policy"), want, "%s: %s", period, w.Body)
		}
	}
}

func TestReservationsOverHTTP(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	w, a := f.do("POST", "/v1/reservations", `{"id":"h1","tenant_id":"acme","feature_type":"api_calls","quantity":400,"ttl_seconds":60}`)
	require.Equal(t, 201, w.Code)
	require.Equal(t, "h1", a["reservation_id"])
	require.NotEmpty(t, a["expires_at"])
	w, _ = f.do("POST", "/v1/reservations", `{"id":"h1","tenant_id":"acme","feature_type":"api_calls","quantity":400,"ttl_seconds":60}`)
	require.Equal(t, 200, w.Code)
	w, a = f.do("POST", "/v1/reservations", `{"id":"h2","tenant_id":"acme","feature_type":"api_calls","quantity":700}`)
	require.Equal(t, []any{200, false}, []any{w.Code, a["allowed"]})
	_, a = f.do("GET", "/v1/reservations/h1?tenant_id=acme", "")
	require.Equal(t, []any{"held", 400.0, 0.0}, []any{a["state"], a["quantity"], a["committed"]})
	w, _ = f.do("POST", "/v1/reservations/h1/extend", `{"tenant_id":"acme","ttl_seconds":600}`)
	require.Equal(t, 200, w.Code)
	w, a = f.do("POST", "/v1/reservations/h1/commit", `{"tenant_id":"acme","quantity":300}`)
	require.Equal(t, []any{200, false, "counted"}, []any{w.Code, a["late"], a["status"]})
	_, a = f.do("POST", "/v1/reservations/h1/commit", `{"tenant_id":"acme","quantity":300}`)
	require.Equal(t, "duplicate", a["status"])
	w, a = f.do("POST", "/v1/reservations/h1/release", `{"tenant_id":"acme"}`)
	require.Equal(t, []any{409, "reservation_committed"}, []any{w.Code, a["code"]})
	w, _ = f.do("POST", "/v1/reservations/none/commit", `{"tenant_id":"acme","quantity":1}`)
	require.Equal(t, 404, w.Code)
	w, a = f.do("POST", "/v1/reservations", `{"id":"h3","tenant_id":"acme","feature_type":"api_calls","quantity":1,"ttl_seconds":86401}`)
	require.Equal(t, []any{422, "invalid_value"}, []any{w.Code, a["code"]})

	w, a = f.do("POST", "/v1/leases", `{"id":"l1","tenant_id":"acme","feature_type":"api_calls","quantity":200}`)
	require.Equal(t, []any{201, "l1", 200.0}, []any{w.Code, a["lease_id"], a["granted"]})
	_, a = f.do("POST", "/v1/leases/l1/settle", `{"tenant_id":"acme","used":50,"release":false}`)
	require.Equal(t, []any{50.0, 0.0, "held"}, []any{a["used"], a["returned"], a["state"]})
	_, a = f.do("POST", "/v1/leases/l1/settle", `{"tenant_id":"acme","used":70,"release":true}`)
	require.Equal(t, []any{70.0, 130.0, "released"}, []any{a["used"], a["returned"], a["state"]})
	_, a = f.do("GET", "/v1/tenants/acme/quotas", "")
	q := a["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{370.0, 0.0}, []any{q["used"], q["reserved"]})
}

func TestConfigurationOverHTTP(t *testing.T) {
	f := newFixture(t)
	w, _ := f.do("PUT", "/v1/plans/free", freePlan)
	tag := w.Header().Get("ETag")
	w, _ = f.do("PUT", "/v1/plans/free", freePlan, "If-None-Match", "*")
	require.Equal(t, 412, w.Code)
	w, _ = f.do("PUT", "/v1/plans/free", strings.Replace(freePlan, "1000", "10", 1), "If-Match", tag)
	require.Equal(t, 200, w.Code)
	w, _ = f.do("PUT", "/v1/plans/free", freePlan, "If-Match", tag)
	require.Equal(t, 412, w.Code)
	w, _ = f.do("GET", "/v1/plans/free", "", "If-None-Match", f.get("/v1/plans/free").Header().Get("ETag"))
	require.Equal(t, 304, w.Code)
	_, a := f.do("GET", "/v1/plans/free/versions", "")
	require.Len(t, a["data"], 2)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	f.do("POST", "/v1/events", `{"id":"1","tenant_id":"acme","feature_type":"api_calls","quantity":8}`)
	w, a = f.do("PUT", "/v1/plans/free?dry_run=true", strings.Replace(freePlan, "1000", "5", 1))
	require.Equal(t, []any{200, []any{"acme"}}, []any{w.Code, a["tenants_over"]})
	w, _ = f.do("DELETE", "/v1/plans/free", "")
	require.Equal(t, 409, w.Code)
	w, _ = f.do("PUT", "/v1/tenants/acme/quotas/api-monthly", `{"limit":20}`)
	require.Equal(t, 201, w.Code, "%s", w.Body)
	_, a = f.do("GET", "/v1/tenants/acme/quotas", "")
	require.EqualValues(t, 20, a["data"].([]any)[0].(map[string]any)["limit"])
	w, _ = f.do("DELETE", "/v1/tenants/acme/quotas/api-monthly", "")
	require.Equal(t, 204, w.Code)
	f.do("PUT", "/v1/plans/pro", `{"quotas":[]}`)
	w, a = f.do("POST", "/v1/tenants/acme/plan", `{"plan":"pro","effective":"period_end"}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, "free", a["plan"])
	require.Equal(t, "pro", a["pending_plan"].(map[string]any)["plan"])
	w, a = f.do("PUT", "/v1/settings", `{"default_plan":"pro","unknown_tenants":"reject","upgrade_url":null}`)
	require.Equal(t, []any{200, "reject"}, []any{w.Code, a["unknown_tenants"]})
	w, a = f.do("POST", "/v1/consume", `{"tenant_id":"stranger","feature_type":"api_calls"}`)
	require.Equal(t, []any{422, "unknown_tenant"}, []any{w.Code, a["code"]})

	_, a = f.do("PUT", "/v1/settings", `{"retention":{"raw":"90d","minute":"7d","hour":null}}`)
	require.Equal(t, map[string]any{"raw": "90d", "minute": "7d", "quarter_hour": "400d", "hour": nil}, a["retention"])
	_, a = f.do("PUT", "/v1/settings", `{}`)
	require.Equal(t, map[string]any{"raw": nil, "minute": "14d", "quarter_hour": "400d", "hour": nil}, a["retention"])
	for body, want := range map[string][2]string{
		`{"retention":{"raw":"35d"}}`:                      {"invalid_value", "/retention/raw"},
		`{"retention":{"minute":"soon"}}`:                  {"invalid_value", "/retention/minute"},
		`{"retention":{"minute":14}}`:                      {"wrong_type", "/retention/minute"},
		`{"retention":{"hour":"10d","quarter_hour":"9d"}}`: {"invalid_value", "/retention/quarter_hour"},
		`{"retention":{"days":"10d"}}`:                     {"unknown_field", "/retention/days"},
	} {
		w, a := f.do("PUT", "/v1/settings", body)
		require.GreaterOrEqual(t, w.Code, 400, body)
		require.Equal(t, want[0], a["code"], "%s: %s", body, w.Body)
		require.Equal(t, want[1], a["errors"].([]any)[0].(map[string]any)["pointer"], "%s: %s", body, w.Body)
	}

	for body, want := range map[string][2]string{ // PUT /v1/plans/bad
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"fortnight","limit":1}]}`:                           {"invalid_value", "/quotas/0/period"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":-1}]}`:                              {"invalid_value", "/quotas/0/limit"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"month"}]}`:                                         {"missing_field", "/quotas/0/limit"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":1,"warning_thresholds":[0]}]}`:      {"invalid_value", "/quotas/0/warning_thresholds/0"},
		`{"quotas":[{"slug":"q","meter":"none","period":"month","limit":1}]}`:                                    {"invalid_value", "/quotas/0/meter"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":0.5}]}`:                             {"too_many_decimals", "/quotas/0/limit"},
		`{"quotas":[{"slug":"q","meter":"seats","period":"month","limit":5}]}`:                                   {"invalid_value", "/quotas/0/period"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":1,"rate":{"limit":1,"per":"1s"}}]}`: {"invalid_value", "/quotas/0/period"},
		`{"quotas":[{"slug":"q","meter":"api_calls","period":"lifetime","limit":9,"throttle_at":0.5}]}`:          {"invalid_value", "/quotas/0/throttle_at"},
		`{"quotas":[],"prices":[]}`: {"invalid_value", "/prices"},
		`{"quota":[]}`:              {"unknown_field", "/quota"},
	} {
		w, a := f.do("PUT", "/v1/plans/bad", body)
		require.GreaterOrEqual(t, w.Code, 400, body)
		require.Equal(t, want[0], a["code"], "%s: %s", body, w.Body)
		require.Equal(t, want[1], a["errors"].([]any)[0].(map[string]any)["pointer"], "%s: %s", body, w.Body)
	}
	w, _ = f.do("GET", "/v1/plans/bad", "")
	require.Equal(t, 404, w.Code, "nothing changed")
	for body, want := range map[string]string{
		`{"plan":"none"}`:                           "unknown_plan",
		`{"time_zone":"Mars/Olympus"}`:              "invalid_value",
		`{"billing_anchor":"2026-01-01T00:07:00Z"}`: "invalid_value",
		`{"id":"other"}`:                            "invalid_value",
	} {
		_, a := f.do("PUT", "/v1/tenants/new", body)
		require.Equal(t, want, a["code"], body)
	}
	for i := range 5 {
		f.do("PUT", fmt.Sprintf("/v1/tenants/page-%d", i), `{}`)
	}
	_, a = f.do("GET", "/v1/tenants?q=page&limit=2", "")
	require.Len(t, a["data"], 2)
	_, a = f.do("GET", "/v1/tenants?q=page&limit=10&cursor="+a["next_cursor"].(string), "")
	require.Len(t, a["data"], 3)
	require.Nil(t, a["next_cursor"])
}

// TestParametersOfDecisions: a value that means nothing is refused before anything is done.
func TestParametersOfDecisions(t *testing.T) {
	f := newFixture(t)
	const plan = `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":100},{"slug":"u","meter":"api_calls","period":"month","limit":100,"scope":"user"}]}`
	_, made := f.do("PUT", "/v1/plans/p", plan)
	require.EqualValues(t, 1, made["version"])
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	const ask, hold = `{"id":"x","tenant_id":"a","feature_type":"api_calls"}`, `{"id":"h","tenant_id":"a","feature_type":"api_calls","quantity":1}`
	for _, tc := range []struct {
		method, target, body, pointer, names string
		headers                              []string
		status                               int
	}{
		{"POST", "/v1/consume?headers=all", ask, "/headers", "none", nil, 422},
		{"POST", "/v1/check?headers=nope", ask, "/headers", "none", nil, 422},
		{"POST", "/v1/reservations?headers=nope", hold, "/headers", "none", nil, 422},
		{"POST", "/v1/reservations?deny_status=500", hold, "/deny_status", "429", nil, 422},
		{"POST", "/v1/leases?deny_status=500", hold, "/deny_status", "429", nil, 422},
		{"POST", "/v1/consume/batch?detail=all", `{"requests":[` + ask + `]}`, "/detail", "quotas", nil, 422},
		{"GET", "/v1/tenants/a/users?near_limit=yes", "", "/near_limit", "true or false", nil, 422},
		{"GET", "/v1/tenants/a/users?quota=none", "", "/quota", "none", nil, 404},
		{"GET", "/v1/tenants/a/users?quota=u&near_limit=false", "", "", "", nil, 200},
		{"GET", "/v1/tenants/a/quotas?user_id=a%00b", "", "/user_id", "control characters", nil, 422},
		{"PUT", "/v1/plans/p?dry_run=1", freePlan, "/dry_run", "true or false", nil, 422},
		{"PUT", "/v1/plans/p?dry_run=true&apply=nonsense", freePlan, "/apply", "now or period_end", nil, 422},
		{"PUT", "/v1/plans/p?apply=nonsense", freePlan, "/apply", "now or period_end", nil, 422},
		{"PUT", "/v1/plans/p?dry_run=true", freePlan, "", "", []string{"If-Match", `"v99"`}, 412},
		{"PUT", "/v1/plans/p?dry_run=true", freePlan, "", "", []string{"If-None-Match", "*"}, 412},
		{"PUT", "/v1/plans/p?dry_run=true", freePlan, "", "", nil, 200},
		{"PUT", "/v1/plans/fresh?dry_run=true", freePlan, "", "", []string{"If-None-Match", "*"}, 200},
	} {
		w, _ := f.do(tc.method, tc.target, tc.body, tc.headers...)
		require.Equal(t, tc.status, w.Code, "%s: %s", tc.target, w.Body)
		if tc.pointer != "" {
			p := f.problem(w)
			require.Len(t, p.Errors, 1, tc.target)
			require.Equal(t, tc.pointer, p.Errors[0].Pointer, tc.target)
			require.Contains(t, p.Detail, tc.names)
		}
	}
	_, now := f.do("GET", "/v1/plans/p", "")
	require.EqualValues(t, 1, now["version"], "nothing was written")
	_, quotas := f.do("GET", "/v1/tenants/a/quotas", "")
	q := quotas["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{0.0, 0.0}, []any{q["used"], q["reserved"]}, "nothing was done")
}

// TestPointersOfDecisions: an error names its member as the sender wrote it.
func TestPointersOfDecisions(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", freePlan)
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	w, _ := f.do("POST", "/v1/leases", `{"id":"l","tenant_id":"a","feature_type":"api_calls","quantity":10}`)
	require.Equal(t, 201, w.Code)
	for _, tc := range []struct{ target, body, pointer string }{
		{"/v1/consume", `{"tenant_id":"a","feature_type":"nope"}`, "/feature_type"},
		{"/v1/consume", `{"tenant_id":"a","items":[{"feature_type":"nope"}]}`, "/items/0/feature_type"},
		{"/v1/check", `{"tenant_id":"a","items":[{"feature_type":"nope"}]}`, "/items/0/feature_type"},
		{"/v1/consume", `{"tenant_id":"a","items":[{"feature_type":"api_calls","quantity":0.5}]}`, "/items/0/quantity"},
		{"/v1/consume", `{"tenant_id":"a","items":[{"feature_type":"api_calls","op":"x"}]}`, "/items/0/op"},
		{"/v1/consume", `{"tenant_id":"a","items":[{"feature_type":"api_calls","metadata":{"a":{"b":{"c":{"d":{"e":{"f":{}}}}}}}}]}`, "/items/0/metadata/a/b/c/d"},
		{"/v1/consume", `{"tenant_id":"","items":[{"feature_type":"api_calls"}]}`, "/tenant_id"},
		{"/v1/consume", `{"tenant_id":"a","items":[{"feature_type":"api_calls"},{"feature_type":"nope"}]}`, "/items/1/feature_type"},
		{"/v1/check/batch", `{"tenants":["a"],"features":[]}`, "/features"},
		{"/v1/leases/l/settle", `{"tenant_id":"a","used":-1}`, "/used"},
		{"/v1/leases/l/settle", `{"tenant_id":"a"}`, "/used"},
	} {
		w, _ := f.do("POST", tc.target, tc.body)
		p := f.problem(w)
		require.Len(t, p.Errors, 1, "%s %s: %s", tc.target, tc.body, w.Body)
		require.Equal(t, tc.pointer, p.Errors[0].Pointer, "%s %s", tc.target, tc.body)
	}
	w, a := f.do("POST", "/v1/consume/batch", `{"requests":[{"tenant_id":"a","feature_type":"nope"},{"tenant_id":"a","items":[{"feature_type":"nope"}]},{"tenant_id":"a","feature_type":3},
		{"tenant_id":"a","items":[],"op":"set"},{"tenant_id":"a","timestamp":"x"},{"id":"dear","tenant_id":"a","feature_type":"api_calls","quantity":9999}]}`)
	require.Equal(t, 200, w.Code, "a denial is an answer")
	var pointers []string
	for _, r := range a["results"].([]any)[:5] {
		pointers = append(pointers, r.(map[string]any)["error"].(map[string]any)["errors"].([]any)[0].(map[string]any)["pointer"].(string))
	}
	require.Equal(t, []string{"/requests/0/feature_type", "/requests/1/items/0/feature_type", "/requests/2/feature_type", "/requests/3/items", "/requests/4/timestamp"}, pointers)
}

// TestCheckBatchPairs: what cannot be judged has an error of its own beside the answers; 422 when nothing could.
func TestCheckBatchPairs(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", freePlan)
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	w, a := f.do("POST", "/v1/check/batch", `{"tenants":["a","b"],"features":["api_calls","nope"]}`)
	require.Equal(t, 200, w.Code)
	var pairs []string
	for _, r := range a["results"].([]any) {
		pair := r.(map[string]any)
		line := fmt.Sprint(pair["tenant_id"], " ", pair["feature_type"], " ")
		if problem, refused := pair["error"].(map[string]any); refused {
			require.NotContains(t, pair, "allowed")
			line += fmt.Sprint(problem["code"], " ", problem["errors"].([]any)[0].(map[string]any)["pointer"])
		} else {
			line += fmt.Sprint(pair["allowed"])
		}
		pairs = append(pairs, line)
	}
	require.Equal(t, []string{"a api_calls true", "a nope unknown_feature /features/1", "b api_calls true", "b nope unknown_feature /features/1"}, pairs)
	w, a = f.do("POST", "/v1/check/batch", `{"tenants":["a"],"features":["nope"]}`)
	require.Equal(t, 422, w.Code)
	require.Len(t, a["results"], 1)
}

// TestConsumeBatchStatus: 422 when every request was refused; a denial is not a refusal, and an empty batch has none.
func TestConsumeBatchStatus(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", freePlan)
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	const wrong, dear = `{"tenant_id":"a","feature_type":"nope"}`, `{"id":"d","tenant_id":"a","feature_type":"api_calls","quantity":9999}`
	for requests, status := range map[string]int{"": 200, wrong: 422, wrong + `,{"tenant_id":3}`: 422, dear: 200, wrong + "," + dear: 200} { // order-free: nothing counts
		w, a := f.do("POST", "/v1/consume/batch", `{"requests":[`+requests+`]}`)
		require.Equal(t, status, w.Code, requests)
		require.Equal(t, "application/json", w.Header().Get("Content-Type"))
		require.Contains(t, a, "results")
	}
}

// TestHoldLocations: the place of what was made can be asked for, whatever its id; and a tenant must be named.
func TestHoldLocations(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", freePlan)
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	for _, kind := range []string{"reservations", "leases"} {
		w, _ := f.do("POST", "/v1/"+kind, fmt.Sprintf(`{"id":"%.1s/b c?","tenant_id":"a","feature_type":"api_calls","quantity":1}`, kind))
		require.Equal(t, 201, w.Code, "%s", w.Body)
		place := w.Header().Get("Location")
		require.Equal(t, fmt.Sprintf("/v1/%s/%.1s%%2Fb%%20c%%3F", kind, kind), place)
		w, _ = f.do("GET", place+"?tenant_id=a", "")
		require.Equal(t, 200, w.Code, "%s", w.Body)
		w, _ = f.do("GET", place, "")
		require.Equal(t, 422, w.Code)
		p := f.problem(w)
		require.Equal(t, []string{"missing_field", "/tenant_id"}, []string{p.Code, p.Errors[0].Pointer})
	}
}

// TestWholeNumbers: a number that is not whole, or too large, is refused in words of the API.
func TestWholeNumbers(t *testing.T) {
	f := newFixture(t)
	for _, tc := range []struct{ method, target, body, detail string }{
		{"POST", "/v1/reservations", `{"tenant_id":"a","feature_type":"api_calls","quantity":1,"ttl_seconds":1.5}`, "ttl_seconds must be a whole number in range"},
		{"POST", "/v1/reservations", `{"tenant_id":"a","feature_type":"api_calls","quantity":1,"ttl_seconds":100000000000000000000}`, "ttl_seconds must be a whole number in range"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum","scale":1.5}`, "scale must be a whole number in range"},
		{"PUT", "/v1/plans/p", `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":1,"warning_thresholds":[50.5]}]}`,
			"quotas/0/warning_thresholds/0 must be a whole number in range"},
	} {
		w, _ := f.do(tc.method, tc.target, tc.body)
		require.Equal(t, 400, w.Code, "%s", w.Body)
		require.Equal(t, tc.detail, f.problem(w).Detail, tc.body)
	}
}

// TestPointersAreShort: what is deep or long in a body is not sent back whole.
func TestPointersAreShort(t *testing.T) {
	f := newFixture(t)
	name := strings.Repeat("~", 100)
	for _, body := range []string{strings.Repeat("[", 200_000), strings.Repeat(`{"`+name+`":`, 200), `{"events":` + strings.Repeat("[", 9000),
		`{"` + strings.Repeat("n", 100_000) + `":1}`, `{"id":"1","metadata":` + strings.Repeat(`{"`+name+`":`, 200) + `x`} {
		for _, target := range []string{"/v1/events", "/v1/consume", "/v1/plans/p"} {
			method := "POST"
			if target == "/v1/plans/p" {
				method = "PUT"
			}
			w, _ := f.do(method, target, body)
			require.GreaterOrEqual(t, w.Code, 400)
			require.Less(t, w.Body.Len(), 2500, "%s %.30s: %s", target, body, w.Body)
		}
	}
	w := f.post(strings.Repeat("[", 9000)+"x", "Content-Type", "application/x-ndjson")
	require.Less(t, w.Body.Len(), 2500)
}

// TestMembersOfDecisions: too many entries are too_large everywhere, a list that is not there is missing, and a timestamp is no member.
func TestMembersOfDecisions(t *testing.T) {
	f := newFixture(t)
	ids := `["a"` + strings.Repeat(`,"a"`, 100) + `]`
	for _, tc := range []struct {
		target, body, code, pointer string
		status                      int
	}{
		{"/v1/check/batch", `{"tenants":` + ids + `,"features":["api_calls"]}`, "too_large", "/tenants", 413},
		{"/v1/check/batch", `{"tenants":["a"],"features":` + ids + `}`, "too_large", "/features", 413},
		{"/v1/check/batch", `{"tenants":["a"]}`, "missing_field", "/features", 422},
		{"/v1/check/batch", `{"tenants":[],"features":["api_calls"]}`, "invalid_value", "/tenants", 422},
		{"/v1/consume", `{"tenant_id":"a","feature_type":"api_calls","timestamp":"2026-01-31T00:00:00Z"}`, "unknown_field", "/timestamp", 400},
	} {
		w, _ := f.do("POST", tc.target, tc.body)
		p := f.problem(w)
		require.Equal(t, tc.status, w.Code, tc.body)
		require.Equal(t, []string{tc.code, tc.pointer}, []string{p.Code, p.Errors[0].Pointer}, tc.body)
	}
}
