package httpapi

import (
	"encoding/base64"
	"flag"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKeysOverHTTP(t *testing.T) {
	f := scopeFixture(t)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	w, made := f.do("POST", "/v1/keys", `{"name":"app","scopes":["read","ingest"],"tenants":["acme"]}`, "X-Request-Id", "req-9", "Traceparent", trace)
	require.Equal(t, 201, w.Code, w.Body)
	require.Equal(t, trace, w.Header().Get("Traceparent"))
	require.Equal(t, "no-store", w.Header().Get("Cache-Control"))
	id, key := made["id"].(string), made["key"].(string)
	require.Equal(t, "/v1/keys/"+id, w.Header().Get("Location"))
	require.Equal(t, key, "weir_"+id+"_"+made["secret"].(string))
	as := func(key string) int { return f.get("/v1/tenants/acme", "Authorization", "Bearer "+key).Code }
	require.Equal(t, 200, as(key))

	for _, target := range []string{"/v1/keys", "/v1/keys/" + id, "/v1/audit"} {
		w := f.get(target)
		require.Equal(t, 200, w.Code)
		require.Contains(t, w.Body.String(), id)
		require.NotContains(t, w.Body.String(), made["secret"].(string), target)
		require.NotContains(t, w.Body.String(), `"hash":"`+strings.Repeat("0", 4), target)
	}
	w, rotated := f.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap_seconds":60}`)
	require.Equal(t, 200, w.Code)
	require.NotEqual(t, key, rotated["key"])
	require.NotEmpty(t, rotated["previous_valid_until"])
	second := rotated["key"].(string)
	require.Equal(t, []int{200, 200}, []int{as(key), as(second)}, "both work for a minute")
	w, rotated = f.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap_seconds":0}`)
	require.Equal(t, 200, w.Code)
	third := rotated["key"].(string)
	require.Equal(t, []int{401, 401, 200}, []int{as(key), as(second), as(third)})
	w, _ = f.do("POST", "/v1/keys/"+id+"/rotate", "")
	require.Equal(t, 200, w.Code, "the overlap has a default")
	require.Equal(t, 200, as(third))
	w, _ = f.do("DELETE", "/v1/keys/"+id, "")
	require.Equal(t, 204, w.Code)
	require.Equal(t, 401, as(third), "revoked at once")
	w, _ = f.do("DELETE", "/v1/keys/"+id, "")
	require.Equal(t, 404, w.Code)
	admin, _, err := ParseKey(f.key)
	require.NoError(t, err)
	w, p := f.do("DELETE", "/v1/keys/"+admin, "")
	require.Equal(t, []any{409, "in_use"}, []any{w.Code, p["code"]}, "the last one")

	_, audit := f.do("GET", "/v1/audit?limit=1000", "")
	var first map[string]any
	actions := ""
	for _, row := range audit["data"].([]any) {
		if e := row.(map[string]any); e["target"] == "key/"+id {
			actions += e["action"].(string) + " "
			if first == nil {
				first = e
			}
		}
	}
	require.Equal(t, "key.put key.rotate key.rotate key.rotate key.delete ", actions)
	require.Equal(t, []any{"key:" + admin, "req-9", trace}, []any{first["actor"], first["request_id"], first["traceparent"]})

	for _, tc := range []struct{ method, target, body, code string }{
		{"POST", "/v1/keys", `{}`, "missing_field"}, {"POST", "/v1/keys", `{"scopes":["root"]}`, "invalid_value"},
		{"POST", "/v1/keys", `{"scopes":["portal"]}`, "missing_field"}, {"POST", "/v1/keys", `{"scopes":["read"],"id":"x"}`, "unknown_field"},
		{"POST", "/v1/keys/nobody/rotate", ``, "not_found"}, {"POST", "/v1/keys/" + admin + "/rotate", `{"overlap_seconds":-1}`, "invalid_value"},
		{"POST", "/v1/portal/sessions", `{}`, "missing_field"}, {"POST", "/v1/portal/sessions", `{"tenant_id":"nobody"}`, "unknown_tenant"},
		{"POST", "/v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":0}`, "invalid_value"},
		{"POST", "/v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":86401}`, "invalid_value"},
	} {
		_, p := f.do(tc.method, tc.target, tc.body)
		require.Equal(t, tc.code, p["code"], "%s %s %s", tc.method, tc.target, tc.body)
	}
}

// A portal session reads its tenant until it expires or the key that asked for it ends; a changed token is nothing.
func TestPortalSessions(t *testing.T) {
	f := scopeFixture(t)
	boss := f.newKey(nil, "admin")
	w, made := f.do("POST", "/v1/portal/sessions", `{"tenant_id":"acme","ttl_seconds":3600}`, "Authorization", "Bearer "+boss)
	require.Equal(t, 201, w.Code, w.Body)
	token := made["token"].(string)
	expires, err := time.Parse(time.RFC3339, made["expires_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), expires, time.Minute)
	require.Equal(t, "/portal#token="+token, made["url"])
	as := func(token, target string) int { return f.get(target, "Authorization", "Bearer "+token).Code }
	require.Equal(t, 200, as(token, "/v1/tenants/acme/quotas"))
	require.Equal(t, 403, as(token, "/v1/tenants/globex/quotas"))
	require.Equal(t, 403, as(token, "/v1/tenants/acme"))

	parts := strings.Split(token, ".")
	swap := func(i int, with string) string {
		p := append([]string(nil), parts...)
		p[i] = with
		return strings.Join(p, ".")
	}
	for _, forged := range []string{
		swap(1, base64.RawURLEncoding.EncodeToString([]byte("globex"))), swap(2, "99999999999"), swap(3, ""), swap(3, parts[3][:len(parts[3])-2]),
		swap(0, "weirs_nobody"), token + ".x", "weirs_", "weirs_...", strings.Repeat(token, 9),
	} {
		require.Equal(t, 401, as(forged, "/v1/tenants/acme/quotas"), forged)
		require.Equal(t, 401, as(forged, "/v1/tenants/globex/quotas"), forged)
	}
	// One that is signed rightly, and over.
	id, _, err := ParseKey(boss)
	require.NoError(t, err)
	body := fmt.Sprintf("%s.%s.%d", id, parts[1], time.Now().Unix())
	old := sessionPrefix + body + "." + base64.RawURLEncoding.EncodeToString(f.api.sessionMACs(id, body)[0])
	w = f.get("/v1/tenants/acme/quotas", "Authorization", "Bearer "+old)
	require.Equal(t, 401, w.Code)
	require.Contains(t, w.Body.String(), "expired")

	_, _ = f.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap_seconds":60}`)
	require.Equal(t, 200, as(token, "/v1/tenants/acme/quotas"), "within the overlap")
	w, _ = f.do("DELETE", "/v1/keys/"+id, "")
	require.Equal(t, 204, w.Code)
	require.Equal(t, 401, as(token, "/v1/tenants/acme/quotas"), "it ends with its key")

	api, err := New(f.eng, &Options{NoAuth: true})
	require.NoError(t, err)
	local := func(method, target, body, token string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "http://127.0.0.1"+target, strings.NewReader(body))
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		return w
	}
	w = local("POST", "/v1/portal/sessions", `{"tenant_id":"acme"}`, "")
	require.Equal(t, 201, w.Code)
	_, after, _ := strings.Cut(w.Body.String(), `"token":"`)
	token, _, _ = strings.Cut(after, `"`)
	require.Equal(t, 200, local("GET", "/v1/tenants/acme/quotas", "", token).Code)
	require.Equal(t, 403, local("GET", "/v1/tenants/globex/quotas", "", token).Code, "a portal shows what its user would see")
	require.Equal(t, 200, local("GET", "/v1/tenants/globex/quotas", "", "").Code)
}

func TestBackfillScope(t *testing.T) {
	f := scopeFixture(t)
	const old = `{"id":"%s","tenant_id":"acme","feature_type":"api_calls","timestamp":"2020-01-31T00:00:00Z"}`
	for _, tc := range []struct {
		key    string
		status int
	}{
		{f.newKey(nil, "ingest"), 422}, {f.newKey(nil, "backfill"), 403}, {f.key, 422},
		{f.newKey(nil, "ingest", "backfill"), 200}, {f.newKey(nil, "admin", "backfill"), 200}, {f.newKey([]string{"acme"}, "ingest", "backfill"), 200},
	} {
		for _, body := range []string{old, "[" + old + "]"} {
			w := f.post(fmt.Sprintf(body, NewEventID()), "Authorization", "Bearer "+tc.key)
			require.Equal(t, tc.status, w.Code, w.Body)
		}
	}
	require.Equal(t, 200, f.get("/v1/usage?meter=api_calls").Code)
	w, b := f.do("GET", "/v1/usage?meter=api_calls&from=2020-01-01T00:00:00Z&to=2020-02-01T00:00:00Z", "")
	require.Equal(t, 200, w.Code)
	require.EqualValues(t, 6, b["data"].([]any)[0].(map[string]any)["value"])
}

// A budget of wrong keys for each address; a right one is let in at any time, and other addresses have budgets of their own.
func TestBruteForceBudget(t *testing.T) {
	f := newFixture(t)
	now := time.Now()
	f.api.attempts.now = func() time.Time { return now }
	id, _, err := ParseKey(f.key)
	require.NoError(t, err)
	try := func(i int, key string) int {
		return f.get("/v1/meters", "Authorization", "Bearer "+key).Code
	}
	count := map[int]int{}
	for i := range attemptsBurst + 50 {
		count[try(i, FormatKey(id, fmt.Sprintf("%052d", i)))]++
	}
	require.Equal(t, map[int]int{401: attemptsBurst, 429: 50}, count)
	w := f.get("/v1/meters", "Authorization", "Bearer "+FormatKey(id, strings.Repeat("z", 52)))
	require.Equal(t, "rate_limited", f.problem(w).Code)
	require.NotEmpty(t, w.Header().Get("Retry-After"))
	require.Equal(t, 200, try(0, f.key))
	require.Equal(t, 401, f.get("/v1/meters", "Authorization", "").Code, "no key is no guess")
	now = now.Add(time.Second)
	count = map[int]int{}
	for i := range 10 {
		count[try(i, FormatKey(id, strings.Repeat("y", 52)))]++
	}
	require.Equal(t, map[int]int{401: attemptsPerSecond, 429: 10 - attemptsPerSecond}, count)
	for i := range 3 * attemptAddressesMax {
		require.True(t, f.api.attempts.spend(fmt.Sprint("10.0.0.", i)))
	}
	require.LessOrEqual(t, len(f.api.attempts.left), attemptAddressesMax)
}

var timing = flag.Bool("timing", false, "measure how long it takes to refuse keys of several kinds")

// TestTimingOfKeys measures whether the time to refuse a key tells anything: unknown ids, wrong secrets, and secrets that are right
// but for the last letter. The code takes one path for all of them; what is left is noise.
func TestTimingOfKeys(t *testing.T) {
	if !*timing {
		t.Skip("run with -timing, on a quiet machine")
	}
	f := newFixture(t)
	id, secret, err := ParseKey(f.key)
	require.NoError(t, err)
	kinds := []struct{ name, id, secret string }{
		{"unknown id", "nobody000000", secret}, {"wrong from the first letter", id, strings.Repeat("7", len(secret))},
		{"wrong in the last letter", id, secret[:len(secret)-1] + "~"},
	}
	const rounds, calls = 400, 500
	best := make([]time.Duration, len(kinds))
	for range rounds {
		for i, k := range kinds {
			begin := time.Now()
			for range calls {
				f.eng.Authenticate(k.id, k.secret)
			}
			if took := time.Since(begin) / calls; best[i] == 0 || took < best[i] {
				best[i] = took
			}
		}
	}
	for i, k := range kinds {
		t.Logf("%-30s %v", k.name, best[i])
		require.InDelta(t, best[0], best[i], float64(best[0])/10, "the best of %d rounds, within 10 %%", rounds)
	}
}

func FuzzParseKey(f *testing.F) {
	for _, s := range []string{"weir_a_0123456789abcdef", "weir__x", "weir_A_0123456789abcdef", "", "weir_a_b_0123456789abcdef", "weirs_a.YWNtZQ.9.AA"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		id, secret, err := ParseKey(s)
		if err == nil && FormatKey(id, secret) != s {
			t.Fatalf("%q came back as %q", s, FormatKey(id, secret))
		}
	})
}

// FuzzSession: no text but one that this API signed is a session.
func FuzzSession(f *testing.F) {
	fix := scopeFixture(f)
	_, made := fix.do("POST", "/v1/portal/sessions", `{"tenant_id":"acme"}`)
	token := made["token"].(string)
	for _, s := range []string{token, token[:len(token)-1], "weirs_a.YWNtZQ.9.AA", "weirs_", "", strings.Replace(token, ".", "..", 1)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		who, err := fix.api.session(s)
		if err == nil && (strings.TrimPrefix(s, sessionPrefix) != strings.TrimPrefix(token, sessionPrefix) || !who.session) {
			t.Fatalf("%q was let in as %+v", s, who.key)
		}
	})
}

func FuzzTraceparent(f *testing.F) {
	for _, s := range []string{"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
		"00-00000000000000000000000000000000-00f067aa0ba902b7-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header["Traceparent"] = []string{s}
		if got := traceparent(r); got != "" && (len(got) != 55 || !strings.HasPrefix(s, got) || strings.ContainsAny(got, "\r\n ")) {
			t.Fatalf("%q gave %q", s, got)
		}
	})
}
