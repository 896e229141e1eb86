package httpapi

import (
	"testing"

	"github.com/stretchr/testify/require"
)

const teamPlan = `{"quotas":[{"slug":"api-monthly","meter":"api_calls","period":"month","limit":1000},
	{"slug":"api-user","meter":"api_calls","scope":"user","period":"month","limit":10,"warning_thresholds":[50]}]}`

// TestCorrections: an adjustment and a reset change what a quota has used, once for each id.
func TestCorrections(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/team", teamPlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"team"}`)
	_, a := f.do("POST", "/v1/consume", `{"id":"c","tenant_id":"acme","user_id":"ann","feature_type":"api_calls","quantity":9}`)
	require.Equal(t, true, a["allowed"], a)
	used := func() any {
		_, list := f.do("GET", "/v1/tenants/acme/quotas", "")
		return list["data"].([]any)[0].(map[string]any)["used"]
	}
	for range 2 {
		w, out := f.do("POST", "/v1/adjustments", `{"id":"a","tenant_id":"acme","meter":"api_calls","quantity":-4,"reason":"refund"}`)
		require.Equal(t, 200, w.Code, out)
		require.EqualValues(t, 5, used())
		require.Len(t, out["quotas"], 1, "as of one event")
		require.EqualValues(t, 5, out["quotas"].([]any)[0].(map[string]any)["used"])
	}
	w, _ := f.do("POST", "/v1/adjustments", `{"id":"a","tenant_id":"acme","meter":"api_calls","quantity":-5,"reason":"refund"}`)
	require.Equal(t, 409, w.Code)
	w, _ = f.do("POST", "/v1/adjustments", `{"tenant_id":"acme","meter":"api_calls","quantity":1}`)
	require.Equal(t, 422, w.Code)
	for _, want := range []string{"counted", "duplicate"} {
		w, out := f.do("POST", "/v1/tenants/acme/quotas/api-monthly/reset", `{"id":"r","reason":"goodwill"}`)
		require.Equal(t, 200, w.Code, out)
		require.Equal(t, want, out["status"])
		require.EqualValues(t, 0, used())
	}

	w, users := f.do("GET", "/v1/tenants/acme/users?quota=api-user&near_limit=true", "")
	require.Equal(t, 200, w.Code)
	require.Len(t, users["data"], 1)
	ann := users["data"].([]any)[0].(map[string]any)
	require.Equal(t, "ann", ann["user_id"])
	require.EqualValues(t, 9, ann["quotas"].([]any)[0].(map[string]any)["used"], "a reset of the tenant's quota is not one of the user's")
}

// TestHoldsAreReadBack: a released reservation and a spent lease say so.
func TestHoldsAreReadBack(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	w, _ := f.do("POST", "/v1/reservations", `{"id":"r","tenant_id":"acme","feature_type":"api_calls","quantity":5}`)
	require.Equal(t, 201, w.Code)
	w, _ = f.do("POST", "/v1/reservations/r/release", `{"tenant_id":"acme"}`)
	require.Equal(t, 200, w.Code)
	_, st := f.do("GET", "/v1/reservations/r?tenant_id=acme", "")
	require.Equal(t, "released", st["state"])
	w, _ = f.do("POST", "/v1/reservations/r/commit", `{"tenant_id":"acme","quantity":1}`)
	require.Equal(t, 409, w.Code)

	w, _ = f.do("POST", "/v1/leases", `{"id":"l","tenant_id":"acme","feature_type":"api_calls","quantity":10}`)
	require.Equal(t, 201, w.Code)
	f.do("POST", "/v1/leases/l/settle", `{"tenant_id":"acme","used":4}`)
	w, st = f.do("GET", "/v1/leases/l?tenant_id=acme", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{"held", 10.0, 4.0}, []any{st["state"], st["granted"], st["used"]})
	require.Equal(t, 404, f.get("/v1/reservations/l?tenant_id=acme").Code, "a lease is no reservation")
}

// TestConfigurationIsReadBack: what was put is listed and got, and what is in use is not deleted.
func TestConfigurationIsReadBack(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free","metadata":{"tier":1}}`)
	_, plans := f.do("GET", "/v1/plans", "")
	require.Len(t, plans["data"], 1)
	w, tenant := f.do("GET", "/v1/tenants/acme", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{"acme", "acme", "free", "UTC", map[string]any{"tier": 1.0}},
		[]any{tenant["id"], tenant["name"], tenant["plan"], tenant["time_zone"], tenant["metadata"]})
	require.Equal(t, 304, f.get("/v1/tenants/acme", "If-None-Match", w.Header().Get("ETag")).Code)
	w, _ = f.do("DELETE", "/v1/plans/free", "")
	require.Equal(t, 409, w.Code)
	w, _ = f.do("DELETE", "/v1/tenants/acme", "")
	require.Equal(t, 204, w.Code)
	require.Equal(t, 404, f.get("/v1/tenants/acme").Code)
	w, _ = f.do("DELETE", "/v1/plans/free", "")
	require.Equal(t, 204, w.Code)
	_, settings := f.do("GET", "/v1/settings", "")
	require.Equal(t, "create", settings["unknown_tenants"])
}
