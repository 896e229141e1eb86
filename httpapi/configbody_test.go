package httpapi

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestConfigurationBodiesRefused is the table of bodies of configuration and corrections that are refused, by status, code and pointer.
func TestConfigurationBodiesRefused(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, 201, f.send("PUT", "/v1/plans/pro", strings.NewReader(`{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":10}]}`)).Code)
	require.Equal(t, 201, f.send("PUT", "/v1/tenants/acme", strings.NewReader(`{"plan":"pro"}`)).Code)
	require.Equal(t, 200, f.send("PUT", "/v1/settings", strings.NewReader(`{"unknown_tenants":"reject"}`)).Code)
	plan := func(members string) string {
		return `{"quotas":[{"slug":"q","meter":"api_calls",` + members + `}]}`
	}
	adjust := func(members string) string {
		return `{"id":"a","tenant_id":"acme","meter":"api_calls","reason":"r",` + members + `}`
	}
	const override, lateComma = "PUT /v1/tenants/acme/quotas/q", `"2026-11-27T01:14:58,5Z"`
	for _, tc := range []struct {
		what, body    string
		status        int
		code, pointer string
		detail        string // a part of it
	}{
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":"noon"`), 422, "invalid_value", "/timestamp", `timestamp "noon" must be a time like 2026-01-31T00:00:00Z`},
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":` + lateComma), 422, "invalid_value", "/timestamp", "RFC 3339"},
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":"0001-01-01T00:00:00Z"`), 422, "event_too_old", "/timestamp", "never set"},
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":"1066-10-14T00:00:00Z"`), 422, "event_too_old", "/timestamp", "1066"},
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":"9999-12-31T00:00:00Z"`), 422, "event_in_future", "/timestamp", "9999"},
		{"POST /v1/adjustments", adjust(`"quantity":1,"timestamp":7`), 400, "wrong_type", "/timestamp", "must be a string"},
		{"POST /v1/adjustments", adjust(`"quantity":true`), 400, "wrong_type", "/quantity", "must be a number or a decimal string"},
		{"POST /v1/adjustments", adjust(`"quantity":"x"`), 422, "invalid_value", "/quantity", ""},
		{"POST /v1/adjustments", `{"tenant_id":"acme","meter":"api_calls","quantity":1,"reason":"r"}`, 422, "missing_field", "/id", "Idempotency-Key"},
		{"POST /v1/reservations", `{"tenant_id":"acme","feature_type":"api_calls","quantity":1}`, 422, "missing_field", "/id", "Idempotency-Key"},
		{"POST /v1/leases", `{"tenant_id":"acme","feature_type":"api_calls","quantity":1}`, 422, "missing_field", "/id", "Idempotency-Key"},
		{"POST /v1/tenants/acme/quotas/q/reset", `{"reason":"r"}`, 422, "missing_field", "/id", "Idempotency-Key"},
		{"PUT /v1/tenants/new", `{"billing_anchor":"2026-1-1"}`, 422, "invalid_value", "/billing_anchor", "must be a time like"},
		{"PUT /v1/tenants/new", `{"billing_anchor":"2026-11-27T01:00:00+24:00"}`, 422, "invalid_value", "/billing_anchor", ""},
		{"PUT /v1/tenants/new", `{"billing_anchor":"2026-11-27T01:01:00Z"}`, 422, "invalid_value", "/billing_anchor", "quarter hour"},
		{"PUT /v1/tenants/new", `{"billing_anchor":5}`, 400, "wrong_type", "/billing_anchor", "must be a string"},
		{"PUT /v1/tenants/new", `{"metadata":[1]}`, 400, "wrong_type", "/metadata", "must be an object"},
		{"PUT /v1/tenants/new", `{"metadata":"x"}`, 400, "wrong_type", "/metadata", ""},
		{"POST /v1/tenants/acme/plan", `{"plan":"pro","effective":"2099-11-27T1:00:00Z"}`, 422, "invalid_value", "/effective", ""},
		{"POST /v1/tenants/acme/plan", `{}`, 422, "missing_field", "/plan", ""},

		{"PUT /v1/plans/x", plan(`"period":"month","limit":true`), 400, "wrong_type", "/quotas/0/limit", ""},
		{"PUT /v1/plans/x", plan(`"period":"month","limit":{}`), 400, "wrong_type", "/quotas/0/limit", ""},
		{"PUT /v1/plans/x", plan(`"period":"month","limit":[1]`), 400, "wrong_type", "/quotas/0/limit", ""},
		{"PUT /v1/plans/x", plan(`"period":"month","limit":1,"warn_at":true`), 400, "wrong_type", "/quotas/0/warn_at", ""},
		{"PUT /v1/plans/x", plan(`"period":"month","limit":1,"overage":false`), 400, "wrong_type", "/quotas/0/overage", ""},
		{"PUT /v1/plans/x", plan(`"period":"month","limit":1,"grace_period":5`), 400, "wrong_type", "/quotas/0/grace_period", `must be a duration string such as "24h"`},
		{"PUT /v1/plans/x", plan(`"rate":{"limit":1,"per":1}`), 400, "wrong_type", "/quotas/0/rate/per", `must be a duration string such as "24h"`},
		{"PUT /v1/plans/x", plan(`"rate":{"limit":1}`), 422, "missing_field", "/quotas/0/rate/per", "per is missing"},
		{"PUT /v1/plans/x", plan(`"rate":{"limit":1,"per":"1s"},"overage":1`), 422, "invalid_value", "/quotas/0/overage", "a rate or an overage"},

		{override, `{"scope":5}`, 400, "wrong_type", "/scope", "must be a string"},
		{override, `{"limit":true}`, 400, "wrong_type", "/limit", ""},
		{override, `{"limit":"x"}`, 422, "invalid_value", "/limit", ""},
		{override, `{"warn_at":"zz"}`, 422, "invalid_value", "/warn_at", ""},
		{override, `{"rate":{"limit":[],"per":"1s"}}`, 400, "wrong_type", "/rate/limit", ""},
		{override, `{"slug":5}`, 400, "wrong_type", "/slug", ""},
		{override, `{"slug":"other"}`, 422, "invalid_value", "/slug", ""},
		{override, `{"limit":1,"effective_from":5}`, 400, "wrong_type", "/effective_from", "must be a string"},
		{override, `{"limit":1,"effective_from":"soon"}`, 422, "invalid_value", "/effective_from", `effective_from "soon" must be a time`},
		{override, `{"limit":1,"effective_until":` + lateComma + `}`, 422, "invalid_value", "/effective_until", ""},
		{override, `{"limt":1}`, 400, "unknown_field", "/limt", "did you mean limit?"},

		{"POST /v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":18446744074}`, 422, "invalid_value", "/ttl_seconds", ""},
		{"POST /v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":86401}`, 422, "invalid_value", "/ttl_seconds", ""},
		{"POST /v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":0}`, 422, "invalid_value", "/ttl_seconds", ""},
	} {
		method, path, _ := strings.Cut(tc.what, " ")
		w := f.send(method, path, strings.NewReader(tc.body))
		p := f.problem(w)
		require.Equal(t, tc.status, w.Code, "%s %s: %s", tc.what, tc.body, w.Body)
		require.Equal(t, tc.code, p.Code, "%s %s: %s", tc.what, tc.body, w.Body)
		require.NotEmpty(t, p.Errors, "%s %s: %s", tc.what, tc.body, w.Body)
		require.Equal(t, tc.pointer, p.Errors[0].Pointer, "%s %s: %s", tc.what, tc.body, w.Body)
		require.Contains(t, p.Errors[0].Detail, tc.detail, "%s %s", tc.what, tc.body)
		require.NotContains(t, w.Body.String(), "Go ", tc.body)
	}
	w := f.send("PUT", "/v1/settings", strings.NewReader(`{}`), "If-Match", `"v1"`)
	require.Contains(t, f.problem(w).Detail, "the settings document is not of the version")

	// A body that must be an object is one: null is not {}.
	for _, what := range []string{"PUT /v1/settings", "PUT /v1/plans/x", "PUT /v1/meters/x", "PUT /v1/tenants/x", override, "POST /v1/tenants/acme/plan",
		"POST /v1/adjustments", "POST /v1/reservations", "POST /v1/leases", "POST /v1/keys", "POST /v1/portal/sessions", "POST /v1/consume", "POST /v1/consume/batch",
		"POST /v1/check", "POST /v1/check/batch", "POST /v1/meters/api_calls/test", "POST /v1/events/e/void", "POST /v1/tenants/acme/quotas/q/reset"} {
		for _, body := range []string{`null`, " null\n", `[]`, `"x"`, `7`} {
			method, path, _ := strings.Cut(what, " ")
			w := f.send(method, path, strings.NewReader(body))
			require.Equal(t, 400, w.Code, "%s %s: %s", what, body, w.Body)
			require.Equal(t, "wrong_type", f.problem(w).Code, "%s %s: %s", what, body, w.Body)
		}
	}
	require.Contains(t, f.get("/v1/settings").Body.String(), `"unknown_tenants":"reject"`)
	require.Equal(t, 404, f.get("/v1/tenants/new").Code)
	require.Equal(t, 404, f.get("/v1/plans/x").Code)

	// null as metadata, or as a time, means absent.
	w = f.send("PUT", "/v1/tenants/new", strings.NewReader(`{"metadata":null,"billing_anchor":null}`))
	require.Equal(t, 201, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"billing_anchor":null,"metadata":{}`)
	w = f.send("PUT", "/v1/tenants/new/quotas/q", strings.NewReader(`{"meter":"api_calls","period":"day","limit":5,"effective_from":null,"effective_until":"2099-01-01T00:00:00+01:00"}`))
	require.Equal(t, 201, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"effective_from":null,"effective_until":"2098-12-31T23:00:00Z"`)

	// A quota of a plan has its slug, and may be sent as an override as it is.
	w = f.send("PUT", "/v1/tenants/new/quotas/q", strings.NewReader(`{"slug":"q","meter":"api_calls","period":"day","limit":6}`))
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"fields":{"limit":6,"meter":"api_calls","period":"day"}`)
}

// What GET answers can be sent back as it is: nothing is refused, and no version made.
func TestConfigurationAnswersPutBack(t *testing.T) {
	f := newFixture(t)
	put := func(path, body string, status int) {
		t.Helper()
		w := f.send("PUT", path, strings.NewReader(body))
		require.Equal(t, status, w.Code, "%s", w.Body)
	}
	put("/v1/meters/words", `{"event_type":"text","aggregation":"sum","dimensions":["metadata.lang"]}`, 201)
	put("/v1/plans/pro", `{"quotas":[{"slug":"q","meter":"words","period":"month","limit":10}]}`, 201)
	put("/v1/plans/max", `{"quotas":[]}`, 201)
	put("/v1/tenants/acme", `{"plan":"pro","time_zone":"Europe/Berlin","billing_anchor":"2026-01-31T00:00:00+01:00","metadata":{"a":1}}`, 201)
	put("/v1/tenants/acme/quotas/q", `{"limit":20,"effective_until":"2099-01-01T00:00:00Z"}`, 201)
	require.Equal(t, 200, f.send("POST", "/v1/tenants/acme/plan", strings.NewReader(`{"plan":"max","effective":"period_end"}`)).Code)
	put("/v1/settings", `{"default_plan":"max"}`, 200)
	put("/v1/tenants/bare", `{}`, 201)
	audit := f.send("GET", "/v1/audit", nil).Body.String()
	for _, path := range []string{"/v1/meters/words", "/v1/meters/api_calls", "/v1/plans/pro", "/v1/tenants/bare", "/v1/tenants/acme", "/v1/settings"} {
		before := f.send("GET", path, nil)
		w := f.send("PUT", path, strings.NewReader(before.Body.String()))
		require.Equal(t, 200, w.Code, "%s: %s", path, w.Body)
		require.Equal(t, before.Header().Get("ETag"), w.Header().Get("ETag"), path)
		require.JSONEq(t, before.Body.String(), w.Body.String())
	}
	require.Equal(t, audit, f.send("GET", "/v1/audit", nil).Body.String())
}

// TestSpelledDefaultsOfPlans: a quota that names its defaults is the quota that leaves them out: no version, no entry of the audit.
// The overage of a quota with a period is always told.
func TestSpelledDefaultsOfPlans(t *testing.T) {
	f := newFixture(t)
	put := func(quota string) (version any, body string) {
		t.Helper()
		w, p := f.do("PUT", "/v1/plans/pro", `{"quotas":[`+quota+`]}`)
		require.Less(t, w.Code, 300, "%s: %s", quota, w.Body)
		return p["version"], w.Body.String()
	}
	for _, tc := range []struct{ bare, defaults, told string }{
		{`{"slug":"q","meter":"api_calls","period":"month","limit":10`, `,"scope":"tenant","mode":"enforce","overage":0,"grace_period":null,"warn_at":"0.80","throttle_at":null,` +
			`"max_delay":"1000ms","warning_thresholds":[50,75,90,100],"on_error":"closed"`, `"limit":10,"overage":0,`},
		{`{"slug":"q","meter":"api_calls","period":{"sliding":"1h"},"limit":null`, `,"overage":"0.0"`, `"limit":null,"overage":0,`},
		{`{"slug":"q","meter":"api_calls","period":"month","mode":"soft","limit":10`, `,"overage":0`, `"limit":10,"warn_at"`},
		{`{"slug":"q","meter":"api_calls","rate":{"limit":10,"per":"1s"}`, `,"scope":"tenant","grace_period":null`, `"rate":{"limit":10,`},
	} {
		version, body := put(tc.bare + "}")
		require.Contains(t, body, tc.told)
		audit := f.send("GET", "/v1/audit", nil).Body.String()
		w, trial := f.do("PUT", "/v1/plans/pro?dry_run=true", `{"quotas":[`+tc.bare+tc.defaults+`}]}`)
		require.Equal(t, true, trial["identical"], w.Body)
		again, spelled := put(tc.bare + tc.defaults + "}")
		require.Equal(t, version, again, tc.defaults)
		require.Equal(t, body, spelled)
		require.Equal(t, audit, f.send("GET", "/v1/audit", nil).Body.String())
		w, _ = f.do("PUT", "/v1/plans/pro", body)
		require.Equal(t, body, w.Body.String(), "what was answered, put back")
	}
	_, body := put(`{"slug":"q","meter":"api_calls","period":"month","limit":10,"overage":"unlimited"}`)
	require.Contains(t, body, `"overage":"unlimited"`)
	_, body = put(`{"slug":"q","meter":"api_calls","period":"month","limit":10,"overage":5}`)
	require.Contains(t, body, `"overage":5,`)
}
