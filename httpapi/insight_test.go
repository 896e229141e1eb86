package httpapi

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
)

// setClock is a clock that a test moves.
type setClock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *setClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *setClock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

// newFixtureAt is newFixture at a time of the test's own.
func newFixtureAt(t testing.TB, clock *setClock) *fixture {
	return newFixtureOf(t, &engine.Options{Clock: clock})
}

// traffic records, for a tenant, calls of each day before now in the hours from 9 to 17, in the past days days.
func (f *fixture) traffic(tenant string, now time.Time, days, perHour int) {
	var events []string
	for d := range days {
		for h := 9; h < 17; h++ {
			at := now.AddDate(0, 0, -d-1).Truncate(24 * time.Hour).Add(time.Duration(h) * time.Hour)
			events = append(events, fmt.Sprintf(`{"id":"%s","tenant_id":%q,"feature_type":"api_calls","quantity":%d,"timestamp":%q}`,
				at.Format("0102T15"), tenant, perHour, at.Format(time.RFC3339)))
		}
	}
	w := f.post("[" + strings.Join(events, ",") + "]")
	require.Equal(f.t, 200, w.Code, "%s", w.Body)
}

func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestInsight(t *testing.T) {
	now := moment("2026-03-20T06:30:00Z")
	clock := &setClock{now: now}
	f := newFixtureAt(t, clock)
	f.do("PUT", "/v1/plans/small", `{"quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":2000,"overage":"unlimited"},{"slug":"daily","meter":"api_calls","period":"day","limit":500},
		{"slug":"seats","meter":"seats","period":"lifetime","limit":5}]}`)
	f.do("PUT", "/v1/plans/large", `{"quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":20000}]}`)
	f.do("PUT", "/v1/tenants/acme", `{"name":"Acme","plan":"small"}`)
	f.do("PUT", "/v1/tenants/new", `{"plan":"large"}`)
	f.traffic("acme", now, 34, 10) // 80 a day: 1520 in March so far, 2480 at its end
	f.traffic("new", now, 1, 3)

	w, o := f.do("GET", "/v1/overview?range=month&top=1", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.EqualValues(t, 2, o["tenants"])
	require.EqualValues(t, 2, o["active_tenants"])
	require.EqualValues(t, 34*8+8, o["items"].(map[string]any)["counted"])
	meter := o["meters"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"api_calls", 1544.0, "range"}, []any{meter["meter"], meter["value"], meter["basis"]})
	require.Equal(t, "acme", o["top_tenants"].(map[string]any)["data"].([]any)[0].(map[string]any)["tenant_id"])
	attention := o["attention"].([]any)
	require.Len(t, attention, 1)
	first := attention[0].(map[string]any)
	require.Equal(t, []any{"pace", "Acme", "2026-03-26"}, []any{first["why"], first["name"], first["crosses_limit_at"].(string)[:10]}, "480 left at 80 a day are six days more")

	w, fc := f.do("GET", "/v1/tenants/acme/forecast?meter=api_calls", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.Equal(t, "monthly", fc["quota"], "the longest period is planned by")
	require.InDelta(t, 2480, fc["projected_total"], 20)
	require.InDelta(t, 480, fc["likely_overage"], 20)
	require.InDelta(t, 80, fc["daily_rate"], 1)
	require.Equal(t, first["crosses_limit_at"], fc["crosses_limit_at"])
	require.Equal(t, "high", fc["confidence"])
	require.Len(t, fc["band"], 2)
	require.NotEmpty(t, fc["series"])
	require.EqualValues(t, 1520, fc["used"])

	w, fc = f.do("GET", "/v1/tenants/new/forecast?meter=data_transfer", "")
	require.Equal(t, 200, w.Code)
	require.Equal(t, []any{"none", "not enough data", nil, nil, nil}, []any{fc["confidence"], fc["note"], fc["projected_total"], fc["crosses_limit_at"], fc["band"]})

	w, s := f.do("GET", "/v1/tenants/acme/summary", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.Equal(t, "small", s["plan"].(map[string]any)["slug"])
	require.Equal(t, "2026-03-01T00:00:00Z", s["period"].(map[string]any)["start"])
	require.Len(t, s["quotas"], 3)
	m := s["meters"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"api_calls", 1520.0, 1200.0, "2026-03-20T06:30:00Z"}, []any{m["meter"], m["value"], m["previous"], m["last_event_at"]}, "February from the 14th on")
	require.EqualValues(t, 480, m["previous_to_date"], "until the 20th, 6 o'clock")
	require.EqualValues(t, 216.6, m["trend"])
	spark := m["sparkline"].([]any)
	require.Len(t, spark, 30)
	require.Equal(t, []any{80.0, 80.0, 0.0}, []any{spark[0], spark[28], spark[29]})
	require.EqualValues(t, 0, s["denials"].(map[string]any)["last_24h"])

	_, a := f.do("POST", "/v1/consume", `{"tenant_id":"acme","feature_type":"api_calls","quantity":501}`)
	require.Equal(t, false, a["allowed"])
	_, s = f.do("GET", "/v1/tenants/acme/summary", "")
	require.EqualValues(t, 1, s["denials"].(map[string]any)["last_24h"])

	// What a customer sees of itself, and of nobody else.
	portal := "Bearer " + f.newKey([]string{"acme"}, "portal")
	f.do("PUT", "/v1/tenants/acme", `{"plan":"small","metadata":{"note":"pays late"},"stripe_customer_id":"cus_1"}`)
	w, _ = f.do("GET", "/v1/tenants/acme/summary", "", "Authorization", portal)
	require.Equal(t, 200, w.Code)
	require.NotContains(t, w.Body.String(), "pays late")
	require.NotContains(t, w.Body.String(), "cus_1")
	require.Equal(t, 200, f.get("/v1/tenants/acme/forecast?meter=api_calls", "Authorization", portal).Code)
	for _, target := range []string{"/v1/tenants/new/summary", "/v1/tenants/new/forecast?meter=api_calls", "/v1/tenants/acme/recommendations", "/v1/overview"} {
		require.Equal(t, 403, f.get(target, "Authorization", portal).Code, target)
	}
	reader := "Bearer " + f.newKey([]string{"acme"}, "read")
	require.Equal(t, 200, f.get("/v1/tenants/acme/recommendations", "Authorization", reader).Code)
	require.Equal(t, 403, f.get("/v1/tenants/new/recommendations", "Authorization", reader).Code)
	require.Equal(t, 403, f.get("/v1/overview", "Authorization", reader).Code, "it is of all tenants")
}

// Recommendations look at the billing periods that are over.
func TestRecommendations(t *testing.T) {
	clock := &setClock{now: moment("2026-01-31T20:00:00Z")}
	f := newFixtureAt(t, clock)
	f.do("PUT", "/v1/plans/small", `{"quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":2000,"overage":"unlimited"},{"slug":"storage","meter":"data_transfer","period":"month","limit":10}]}`)
	f.do("PUT", "/v1/plans/large", `{"quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":5000}]}`)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"small"}`)
	_, r := f.do("GET", "/v1/tenants/acme/recommendations", "")
	require.Empty(t, r["data"], "nothing is over yet")
	f.traffic("acme", clock.Now(), 30, 10)
	clock.set(moment("2026-02-28T20:00:00Z"))
	f.traffic("acme", clock.Now(), 27, 5)
	f.post(`{"id":"peak","tenant_id":"acme","feature_type":"api_calls","quantity":300,"timestamp":"2026-02-28T12:00:00Z"}`)
	f.post(`{"id":"peak","source":"again","tenant_id":"acme","feature_type":"api_calls","quantity":300,"timestamp":"2026-01-28T12:00:00Z"}`)
	clock.set(moment("2026-03-02T00:00:00Z"))
	w, r := f.do("GET", "/v1/tenants/acme/recommendations", "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	require.Len(t, r["periods"], 2)
	var kinds []any
	for _, x := range r["data"].([]any) {
		kinds = append(kinds, x.(map[string]any)["kind"])
	}
	require.Equal(t, []any{"plan_up", "burst_quota", "unused_feature"}, kinds, "%s", w.Body)
	require.Equal(t, "large", r["data"].([]any)[0].(map[string]any)["plan"])
	f.do("PUT", "/v1/meters/chat", `{"aggregation":"sum","dimensions":["metadata.model"]}`)
	for i, model := range []string{"large", "large", "large", "small"} {
		f.post(fmt.Sprintf(`{"id":"chat%d","tenant_id":"acme","user_id":"u%d","feature_type":"chat","quantity":10,"timestamp":"2026-02-27T00:00:00Z","metadata":{"model":%q}}`, i, i, model))
	}
	w, _ = f.do("GET", "/v1/tenants/acme/recommendations", "")
	require.Contains(t, w.Body.String(), `"dimension":"metadata.model","value":"large","share":0.75`)
	f.do("PUT", "/v1/plans/small?apply=now", `{"quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":20000},{"slug":"paced","meter":"api_calls","rate":{"limit":10,"per":"1m"}}]}`)
	w, _ = f.do("GET", "/v1/tenants/acme/recommendations", "")
	require.Contains(t, w.Body.String(), `"plan_down"`, "the tenant's own version counts")
	require.NotContains(t, w.Body.String(), "api_calls peaked", "a rate paces it already")
}

func TestInsightRefuses(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/tenants/acme", `{}`)
	for _, tc := range []struct {
		target  string
		status  int
		code    string
		pointer string
	}{
		{"/v1/overview?range=fortnight", 422, "invalid_value", "/range"},
		{"/v1/overview?top=0", 422, "invalid_value", "/top"},
		{"/v1/overview?limit=101", 422, "invalid_value", "/limit"},
		{"/v1/overview?meter=nope", 404, "not_found", "/meter"},
		{"/v1/overview?rang=7d", 400, "unknown_field", "/rang"},
		{"/v1/tenants/nobody/summary", 404, "not_found", ""},
		{"/v1/tenants/nobody/forecast?meter=api_calls", 404, "not_found", ""},
		{"/v1/tenants/nobody/recommendations", 404, "not_found", ""},
		{"/v1/tenants/acme/forecast", 422, "missing_field", "/meter"},
		{"/v1/tenants/acme/forecast?meter=nope", 404, "not_found", "/meter"},
		{"/v1/tenants/acme/forecast?meter=seats", 422, "invalid_value", "/meter"},
	} {
		w := f.get(tc.target)
		require.Equal(t, tc.status, w.Code, tc.target)
		p := f.problem(w)
		require.Equal(t, tc.code, p.Code, tc.target)
		if tc.pointer != "" {
			require.Equal(t, tc.pointer, p.Errors[0].Pointer, tc.target)
		}
	}
	require.Equal(t, 200, f.get("/v1/tenants/acme/summary").Code, "a tenant without anything")
	require.Equal(t, 200, f.get("/v1/overview").Code)
}

// What a quota allows beside its limit is in the summary, for a portal's key too, which can read no plan: the overage of the version
// that the tenant is on and of its override, when the grace period that is running ends, from where on calls are slowed.
func TestSummaryTellsTermsOfQuotas(t *testing.T) {
	clock := &setClock{now: moment("2026-03-20T06:30:00Z")}
	f := newFixtureAt(t, clock)
	quotas := `{"slug":"calls","meter":"api_calls","period":"month","limit":100,"overage":20,"grace_period":"3d","throttle_at":0.9},
		{"slug":"bytes","meter":"data_transfer","period":"month","limit":100},
		{"slug":"soft","meter":"compute_time","period":"month","limit":5,"mode":"soft","grace_period":"1h"},
		{"slug":"shadow","meter":"compute_time","period":"day","limit":5,"mode":"shadow","grace_period":"1h","throttle_at":0.5},
		{"slug":"each","meter":"api_calls","period":"month","limit":5,"scope":"user"},
		{"slug":"pace","meter":"api_calls","rate":{"limit":50,"per":"1s","burst":60}}`
	f.do("PUT", "/v1/plans/p", `{"quotas":[`+quotas+`]}`)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"p"}`)
	f.do("PUT", "/v1/plans/p", `{"quotas":[]}`) // a newer version, which the tenant is not on
	portal := "Bearer " + f.newKey([]string{"acme"}, "portal")
	terms := func() (list []any) {
		w, s := f.do("GET", "/v1/tenants/acme/summary", "", "Authorization", portal)
		require.Equal(t, 200, w.Code, "%s", w.Body)
		list = s["terms"].([]any)
		require.Len(t, list, len(s["quotas"].([]any)), "of the same quotas")
		return list
	}
	meters := map[string][2]string{"calls": {"API calls", "call"}, "bytes": {"Data transfer", "byte"}, "soft": {"Compute time", "second"}, "shadow": {"Compute time", "second"}, "pace": {"API calls", "call"}}
	of := func(quota string, overage, grace, ends, throttle, rate any) map[string]any {
		m := meters[quota]
		return map[string]any{"quota": quota, "meter_name": m[0], "unit": m[1], "aggregation": "sum", "overage": overage, "grace_period": grace, "grace_ends_at": ends, "throttle_at": throttle, "rate": rate}
	}
	rest := []any{of("bytes", 0.0, nil, nil, nil, nil), of("soft", "unlimited", nil, nil, nil, nil), of("shadow", "unlimited", nil, nil, nil, nil),
		of("pace", 0.0, nil, nil, nil, map[string]any{"limit": 50.0, "per": "1s", "burst": 60.0})}
	require.Equal(t, append([]any{of("calls", 20.0, "3d", nil, 0.9, nil)}, rest...), terms())

	f.post(`{"id":"1","tenant_id":"acme","feature_type":"api_calls","quantity":101}`)
	require.Equal(t, of("calls", 20.0, "3d", "2026-03-23T06:30:00Z", 0.9, nil), terms()[0])
	clock.set(moment("2026-03-24T00:00:00Z"))
	require.Equal(t, "2026-03-23T06:30:00Z", terms()[0].(map[string]any)["grace_ends_at"], "it is over, and says since when")
	clock.set(moment("2026-04-01T00:00:00Z"))
	require.Equal(t, of("calls", 20.0, "3d", nil, 0.9, nil), terms()[0], "a period that starts anew has all of its grace")

	f.do("PUT", "/v1/tenants/acme/quotas/calls", `{"overage":"unlimited","grace_period":null}`)
	require.Equal(t, of("calls", "unlimited", nil, nil, 0.9, nil), terms()[0])
}
