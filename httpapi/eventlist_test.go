package httpapi

import (
	"encoding/base64"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEventListOverHTTP(t *testing.T) {
	f := newFixture(t)
	for _, body := range []string{
		`{"id":"a","tenant_id":"acme","feature_type":"api_calls","quantity":2,"timestamp":"` + time.Now().UTC().Format("2006-01-02T15:04:05Z") + `"}`,
		`{"id":"b/1","tenant_id":"acme","user_id":"u","feature_type":"data_transfer","metadata":{"k":1}}`,
		`{"id":"c","tenant_id":"other","feature_type":"api_calls","source":"s"}`,
	} {
		w, _ := f.do("POST", "/v1/events", body)
		require.Equal(t, 200, w.Code, body)
	}
	ids := func(target string) (ids []string, next any) {
		w, out := f.do("GET", target, "")
		require.Equal(t, 200, w.Code, "%s: %s", target, w.Body)
		for _, row := range out["data"].([]any) {
			ids = append(ids, row.(map[string]any)["id"].(string))
		}
		return ids, out["next_cursor"]
	}
	all, next := ids("/v1/events?tenant_id=acme")
	require.Equal(t, []string{"b/1", "a"}, all)
	require.Nil(t, next)
	one, next := ids("/v1/events?tenant_id=acme&limit=1")
	require.Equal(t, []string{"b/1"}, one)
	one, next = ids("/v1/events?tenant_id=acme&limit=1&cursor=" + next.(string))
	require.Equal(t, []string{"a"}, one)
	require.Nil(t, next)
	one, _ = ids("/v1/events?tenant_id=acme&feature_type=api_calls")
	require.Equal(t, []string{"a"}, one)
	one, _ = ids("/v1/events?tenant_id=acme&from=2020-01-01T00:00:00Z&to=2020-01-02T00:00:00Z")
	require.Empty(t, one)
	all, _ = ids("/v1/events")
	require.Equal(t, []string{"c", "b/1", "a"}, all)

	w, ev := f.do("GET", "/v1/events/b%2F1?tenant_id=acme", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{"b/1", "acme", "u", "data_transfer", "event", "counted", []any{"data_transfer", "active_users"}},
		[]any{ev["id"], ev["tenant_id"], ev["user_id"], ev["feature_type"], ev["kind"], ev["status"], ev["meters"]})
	require.Equal(t, map[string]any{"k": 1.0}, ev["metadata"])
	require.NotNil(t, ev["index"])
	require.NotNil(t, ev["received_at"])
	w, _ = f.do("GET", "/v1/events/c?tenant_id=other&source=s", "")
	require.Equal(t, 200, w.Code)

	void := func(target, body string) string {
		w, out := f.do("POST", target, body)
		if w.Code != 200 {
			return w.Result().Status[:4] + out["code"].(string)
		}
		return out["id"].(string) + " " + out["status"].(string)
	}
	require.Equal(t, "b/1 voided", void("/v1/events/b%2F1/void", `{"tenant_id":"acme","reason":"sent by mistake"}`))
	require.Equal(t, "b/1 duplicate", void("/v1/events/b%2F1/void", `{"tenant_id":"acme","reason":"again"}`))
	require.Equal(t, "404 not_found", void("/v1/events/none/void", `{"tenant_id":"acme","reason":"x"}`))
	require.Equal(t, "404 not_found", void("/v1/events/c/void", `{"tenant_id":"other","reason":"x"}`))
	require.Equal(t, "c voided", void("/v1/events/c/void", `{"tenant_id":"other","source":"s","reason":"x"}`))
	require.Equal(t, "422 missing_field", void("/v1/events/a/void", `{"tenant_id":"acme"}`))
	require.Equal(t, "422 missing_field", void("/v1/events/a/void", `{"reason":"x"}`))
	require.Equal(t, "400 unknown_field", void("/v1/events/a/void", `{"tenant_id":"acme","reason":"x","why":"y"}`))
	_, ev = f.do("GET", "/v1/events/b%2F1?tenant_id=acme", "")
	require.Equal(t, "voided", ev["status"])
	require.Equal(t, "sent by mistake", ev["voided"].(map[string]any)["reason"])
	_, rows := f.do("GET", "/v1/usage?meter=data_transfer&tenant_id=acme", "")
	require.Equal(t, 0.0, rows["data"].([]any)[0].(map[string]any)["value"])
	_, rows = f.do("GET", fmt.Sprintf("/v1/usage?meter=data_transfer&tenant_id=acme&as_of=%v", ev["index"]), "")
	require.Equal(t, 1.0, rows["data"].([]any)[0].(map[string]any)["value"])
	require.Equal(t, ev["index"], rows["as_of"].(map[string]any)["index"])

	w, ch := f.do("GET", fmt.Sprintf("/v1/usage/changes?meter=data_transfer&tenant_id=acme&since=%v", ev["index"]), "")
	require.Equal(t, 200, w.Code, w.Body)
	require.Len(t, ch["data"], 1)
	change := ch["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{0.0, 1.0}, []any{change["value"], change["was"]})
	w, x := f.do("GET", "/v1/explain?tenant_id=acme&meter=data_transfer&limit=1", "")
	require.Equal(t, 200, w.Code, w.Body)
	steps := x["steps"].([]any)
	require.Len(t, steps, 4)
	require.Equal(t, []any{3.0, "events"}, []any{steps[2].(map[string]any)["number"], steps[2].(map[string]any)["kind"]})
	require.Equal(t, 1.0, steps[2].(map[string]any)["events"].(map[string]any)["counts"].(map[string]any)["voided"])
	w, _ = f.do("POST", "/v1/consume", `{"id":"ask","tenant_id":"acme","feature_type":"api_calls"}`)
	require.Equal(t, 200, w.Code)
	w, x = f.do("GET", "/v1/explain?tenant_id=acme&decision=ask", "")
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, "allow", x["steps"].([]any)[1].(map[string]any)["decision"].(map[string]any)["decision"])

	for target, want := range map[string]string{
		"/v1/events/c?tenant_id=other":                            "404 not_found",
		"/v1/events/c":                                            "422 missing_field",
		"/v1/usage/changes?meter=api_calls":                       "422 missing_field",
		"/v1/usage/changes?meter=api_calls&since=0":               "422 invalid_value",
		"/v1/usage/changes?since=1":                               "422 missing_field",
		"/v1/explain?meter=api_calls":                             "422 missing_field",
		"/v1/explain?tenant_id=acme":                              "422 missing_field",
		"/v1/explain?tenant_id=acme&meter=nope":                   "404 not_found",
		"/v1/explain?tenant_id=nobody&meter=api_calls":            "404 not_found",
		"/v1/explain?tenant_id=acme&decision=none":                "404 not_found",
		"/v1/explain?tenant_id=acme&meter=api_calls&decision=ask": "422 invalid_value",
		"/v1/explain?tenant_id=acme&meter=api_calls&cursor=x":     "400 invalid_cursor",
		"/v1/events?limit=0":                                      "422 invalid_value",
		"/v1/events?limit=1001":                                   "422 invalid_value",
		"/v1/events?cursor=x":                                     "400 invalid_cursor",
		"/v1/events?cursor=" + base64.RawURLEncoding.EncodeToString([]byte("not ours")): "400 invalid_cursor",
		"/v1/events?tenant=acme":                                       "400 unknown_field",
		"/v1/events?from=yesterday":                                    "422 invalid_value",
		"/v1/events?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z": "422 invalid_value",
	} {
		w, out := f.do("GET", target, "")
		require.Equal(t, want, w.Result().Status[:4]+out["code"].(string), target)
	}
}
