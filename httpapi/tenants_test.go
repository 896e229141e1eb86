package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever a tenant's body says, its entity tag follows: overrides and plans change it without a put of the tenant.
func TestTagOfTenant(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	tag := func() string { return f.get("/v1/tenants/acme").Header().Get("ETag") }
	for _, change := range [][3]string{
		{"PUT", "/v1/tenants/acme/quotas/api-monthly", `{"limit":20}`},
		{"PUT", "/v1/tenants/acme/quotas/api-monthly", `{"limit":21}`},
		{"DELETE", "/v1/tenants/acme/quotas/api-monthly", ``},
		{"PUT", "/v1/plans/free?apply=now", `{"quotas":[]}`},
		{"PUT", "/v1/plans/free?apply=period_end", freePlan},
		{"PUT", "/v1/tenants/acme", `{"plan":"free","name":"Acme"}`},
	} {
		stale := tag()
		w, _ := f.do("GET", "/v1/tenants/acme", "", "If-None-Match", stale)
		require.Equal(t, 304, w.Code)
		w, _ = f.do(change[0], change[1], change[2])
		require.Less(t, w.Code, 300, "%v: %s", change, w.Body)
		w, _ = f.do("GET", "/v1/tenants/acme", "", "If-None-Match", stale)
		require.Equal(t, 200, w.Code, change)
		w, _ = f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`, "If-Match", stale)
		require.Equal(t, 412, w.Code, change)
		w, _ = f.do("DELETE", "/v1/tenants/acme", ``, "If-Match", stale)
		require.Equal(t, 412, w.Code, change)
	}
	w, _ := f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`, "If-Match", tag())
	require.Equal(t, 200, w.Code, w.Body)
}

func TestOverrideUnderCondition(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	const path = "/v1/tenants/acme/quotas/api-monthly"
	w, _ := f.do("PUT", path, `{"limit":20}`)
	tag := w.Header().Get("ETag")
	w, _ = f.do("PUT", path, `{"limit":20}`)
	require.Equal(t, []any{200, tag}, []any{w.Code, w.Header().Get("ETag")}, "identical: no version")
	w, _ = f.do("DELETE", path, "", "If-Match", `"v1"`)
	require.Equal(t, 412, w.Code)
	w, _ = f.do("DELETE", path, "", "If-Match", tag)
	require.Equal(t, 204, w.Code)
	w, _ = f.do("DELETE", path, "", "If-Match", tag)
	require.Equal(t, 404, w.Code)

	w, _ = f.do("PUT", "/v1/settings", `{"default_plan":"free"}`)
	tag = w.Header().Get("ETag")
	w, _ = f.do("PUT", "/v1/settings", `{"default_plan":"free"}`)
	require.Equal(t, []any{200, tag}, []any{w.Code, w.Header().Get("ETag")})
}

// A tenant that was deleted is made anew by a put, as meters and plans are.
func TestDeletedTenantIsMadeAnew(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/tenants/acme", `{}`)
	w, _ := f.do("DELETE", "/v1/tenants/acme", "")
	require.Equal(t, 204, w.Code)
	w, _ = f.do("PUT", "/v1/tenants/acme", `{}`, "If-None-Match", "*")
	require.Equal(t, []any{201, "/v1/tenants/acme"}, []any{w.Code, w.Header().Get("Location")})
	w, _ = f.do("PUT", "/v1/tenants/acme", `{}`, "If-None-Match", "*")
	require.Equal(t, 412, w.Code)
}

// The audit names who changed a meter, and in which request.
func TestAuditOfMeters(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/meters/m", `{"aggregation":"sum"}`)
	f.do("DELETE", "/v1/meters/m", "")
	_, list := f.do("GET", "/v1/audit?order=newest&limit=2", "")
	for _, x := range list["data"].([]any) {
		entry := x.(map[string]any)
		require.NotEmpty(t, entry["request_id"], entry)
		require.Regexp(t, `^meter\.`, entry["action"])
	}
}

// A lease under a quota of users is refused for what it is: a lease has no user.
func TestLeaseUnderQuotaOfUsers(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/team", teamPlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"team"}`)
	w, p := f.do("POST", "/v1/leases", `{"id":"l","tenant_id":"acme","feature_type":"api_calls","quantity":1}`)
	require.Equal(t, []any{422, "invalid_value"}, []any{w.Code, p["code"]})
	require.Contains(t, p["detail"], "cannot be leased")

	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	f.do("POST", "/v1/leases", `{"id":"l","tenant_id":"acme","feature_type":"api_calls","quantity":1}`)
	f.do("POST", "/v1/reservations", `{"id":"r","tenant_id":"acme","feature_type":"api_calls","quantity":1}`)
	w, p = f.do("POST", "/v1/reservations/r/extend", `{"tenant_id":"acme","ttl_seconds":18446744074}`)
	require.Equal(t, []any{422, "invalid_value"}, []any{w.Code, p["code"]}, "so many nanoseconds are a few")
	f.do("POST", "/v1/leases/l/settle", `{"tenant_id":"acme","used":0,"release":true}`)
	_, p = f.do("POST", "/v1/leases/l/settle", `{"tenant_id":"acme","used":1}`)
	require.Contains(t, p["detail"], "is released already")
	require.Contains(t, p["detail"], "lease")
}

// TestOverrideSpellings: an override may name the quota of its path, as a whole quota does, and says its numbers as numbers, in
// whatever way they were sent; the same override in other words is no change.
func TestOverrideSpellings(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/tenants/acme", `{}`)
	put := func(status int, body string) string {
		t.Helper()
		w, _ := f.do("PUT", "/v1/tenants/acme/quotas/day", body)
		require.Equal(t, status, w.Code, "%s: %s", body, w.Body)
		return w.Header().Get("ETag") + w.Body.String()
	}
	first := put(201, `{"slug":"day","meter":"api_calls","period":"day","limit":5,"overage":2,"warn_at":0.5,"throttle_at":null}`)
	require.Contains(t, first, `"fields":{"limit":5,"meter":"api_calls","overage":2,"period":"day","throttle_at":null,"warn_at":0.5}`)
	for _, same := range []string{
		`{"meter":"api_calls","period":"day","limit":5,"overage":2,"warn_at":0.5,"throttle_at":null}`,
		`{"meter":"api_calls","period":"day","limit":"5.0","overage":"2","warn_at":"0.50","throttle_at":null}`,
		`{"slug":null,"throttle_at":null,"warn_at":5e-1,"overage":2.0,"limit":50e-1,"period":"day","meter":"api_calls","effective_from":null}`,
	} {
		require.Equal(t, first, put(200, same), same)
	}
	pace := put(200, `{"meter":"api_calls","rate":{"limit":"10.0","per":"1s","burst":2e1}}`)
	require.Contains(t, pace, `"rate":{"burst":20,"limit":10,"per":"1s"}`)
	require.Equal(t, pace, put(200, `{"meter":"api_calls","rate":{"burst":"20","per":"1s","limit":10}}`))
	require.Contains(t, put(200, `{"meter":"api_calls","period":"day","limit":null,"overage":"unlimited"}`), `{"limit":null,"meter":"api_calls","overage":"unlimited","period":"day"}`)

	for body, code := range map[string]string{
		`{"slug":"other","limit":5}`: "invalid_value",
		`{"slug":"","limit":5}`:      "invalid_value",
		`{"slug":7,"limit":5}`:       "wrong_type",
		`{"slug":"day"}`:             "missing_field",
		`{"limit":"x"}`:              "invalid_value",
		`{"rate":7}`:                 "wrong_type",
	} {
		_, p := f.do("PUT", "/v1/tenants/acme/quotas/day", body)
		require.Equal(t, code, p["code"], "%s: %v", body, p)
	}
}
