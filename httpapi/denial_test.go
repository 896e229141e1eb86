package httpapi

import (
	"encoding/json"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/strictjson"
)

// TestDenialsAreProblems: whatever asks, a denial under ?deny_status is a problem whose status is the number that was asked for,
// and has every other member of the answer. No member is there twice: which of two counts, readers do not agree about.
func TestDenialsAreProblems(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	w, _ := f.do("POST", "/v1/reservations", `{"id":"held","tenant_id":"acme","feature_type":"api_calls","quantity":1}`)
	require.Equal(t, 201, w.Code, w.Body)

	const much = `"tenant_id":"acme","feature_type":"api_calls","quantity":2000`
	for target, body := range map[string]string{
		"/v1/consume":                  `{"id":"x",` + much + `}`,
		"/v1/check":                    `{"id":"x",` + much + `}`,
		"/v1/reservations":             `{"id":"x",` + much + `}`,
		"/v1/leases":                   `{"id":"x",` + much + `}`,
		"/v1/reservations/held/extend": `{"tenant_id":"acme","quantity":2000}`,
	} {
		_, answer := f.do("POST", target, body)
		require.Equal(t, false, answer["allowed"], target)
		for _, status := range []int{402, 403, 429} {
			w, p := f.do("POST", target+"?deny_status="+strconv.Itoa(status), body)
			requireDenial(t, target, status, w.Code, w.Body.Bytes(), p)
			require.Equal(t, w.Header().Get("X-Request-Id"), p["request_id"], target)
			for name, want := range answer { // order-free: each by itself
				if name != "status" {
					require.Equal(t, want, p[name], "%s: %s", target, name)
				}
			}
		}
	}
	for _, mode := range []string{"check", "consume"} {
		target := "/v1/forward-auth?feature_type=api_calls&quantity=2000&deny=403&mode=" + mode
		w, p := f.do("GET", target, "", "X-Weir-Tenant", "acme")
		requireDenial(t, target, 403, w.Code, w.Body.Bytes(), p)
	}
}

func requireDenial(t *testing.T, target string, want, status int, body []byte, p map[string]any) {
	t.Helper()
	require.Equal(t, want, status, "%s: %s", target, body)
	var members map[string]json.RawMessage
	require.NoError(t, strictjson.Unmarshal(body, &members), "%s: %s", target, body)
	require.Equal(t, []any{float64(want), "quota_exceeded", "block", false, "cost_exceeds_limit"},
		[]any{p["status"], p["code"], p["decision"], p["allowed"], p["reason"]}, "%s: %s", target, body)
}
