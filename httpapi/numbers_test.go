package httpapi

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNumbersAsStrings: whatever is asked for, quantities are strings with ?numbers=string and numbers without, and everything
// else is the same.
func TestNumbersAsStrings(t *testing.T) {
	f := newFixture(t)
	put := func(target, body string) {
		t.Helper()
		w := f.send("PUT", target, strings.NewReader(body), "Content-Type", "application/json")
		require.Less(t, w.Code, 300, w.Body)
	}
	put("/v1/meters/cpu", `{"aggregation":"sum","scale":3}`)
	put("/v1/plans/p", `{"quotas":[{"slug":"q","meter":"cpu","period":"month","limit":1503599627370497,"overage":1503599627370495}]}`)
	put("/v1/tenants/acme", `{"plan":"p"}`)
	put("/v1/tenants/acme/quotas/day", `{"meter":"cpu","period":"day","limit":1503599627370499,"overage":3}`)
	put("/v1/tenants/acme/quotas/pace", `{"meter":"cpu","rate":{"limit":1503599627370493,"per":"1d","burst":1503599627370498},"effective_from":"2100-01-01T00:00:00Z"}`)
	w := f.post(`[{"id":"1","tenant_id":"acme","feature_type":"cpu","quantity":1503599627370496.5},
		{"id":"2","tenant_id":"acme","feature_type":"cpu","quantity":0.125,"metadata":{"n":7}}]`)
	require.Equal(t, http.StatusOK, w.Code, w.Body)
	w = f.send("POST", "/v1/reservations", strings.NewReader(`{"id":"r","tenant_id":"acme","feature_type":"cpu","quantity":0.25}`), "Content-Type", "application/json")
	require.Equal(t, http.StatusCreated, w.Code, w.Body)

	override := []string{`"limit":"1503599627370499"`, `"overage":"3"`}
	overrides := append([]string{`"limit":"1503599627370493"`, `"burst":"1503599627370498"`}, override...)
	for target, quantities := range map[string][]string{
		"/v1/overview":                         {`"1503599627370496.625"`},
		"/v1/tenants/acme/summary":             {`"1503599627370496.625"`, `"limit":"1503599627370497"`},
		"/v1/tenants/acme/forecast?meter=cpu":  {`"1503599627370496.625"`},
		"/v1/tenants/acme":                     overrides,
		"/v1/tenants":                          overrides,
		"/v1/plans/p":                          {`"limit":"1503599627370497"`, `"overage":"1503599627370495"`},
		"/v1/plans":                            {`"limit":"1503599627370497"`},
		"/v1/events?tenant_id=acme":            {`"quantity":"0.125"`, `"quantity":"1503599627370496.5"`, `{"n":7}`},
		"/v1/events/1?tenant_id=acme":          {`"quantity":"1503599627370496.5"`},
		"/v1/explain?tenant_id=acme&meter=cpu": append([]string{`"1503599627370496.625"`}, override...),
		"/v1/reservations/r?tenant_id=acme":    {`"0.25"`},
		"/v1/tenants/acme/quotas":              {`"1503599627370496.625"`},
		"/v1/usage?tenant_id=acme&meter=cpu":   {`"1503599627370496.625"`},
		"/v1/usage/top?by=tenant&meter=cpu":    {`"1503599627370496.625"`},
		"/v1/decisions?tenant_id=acme":         nil,
		"/v1/crossings?tenant_id=acme":         {`"1503599627370496.5"`},
		"/v1/usage/changes?meter=cpu&since=1":  {`"1503599627370496.625"`, `"was":"0"`},
	} {
		as := func(how string) (status int, body string) {
			join := "?"
			if strings.Contains(target, "?") {
				join = "&"
			}
			w := f.get(target + join + "numbers=" + how)
			return w.Code, w.Body.String()
		}
		status, strs := as("string")
		require.Equal(t, http.StatusOK, status, "%s: %s", target, strs)
		for _, q := range quantities {
			require.Contains(t, strs, q, target)
		}
		_, nums := as("number")
		require.Equal(t, plain(t, nums), plain(t, strs), target)
		status, text := as("float")
		require.Equal(t, http.StatusUnprocessableEntity, status, target)
		require.Contains(t, text, "/numbers", target)
	}
}

// plain reads JSON with every number as a string, and without what differs from one moment to the next.
func plain(t *testing.T, text string) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var v any
	require.NoError(t, dec.Decode(&v))
	var walk func(any) any
	walk = func(v any) any {
		switch v := v.(type) {
		case json.Number:
			return v.String()
		case []any:
			for i := range v {
				v[i] = walk(v[i])
			}
		case map[string]any:
			for name := range v { // order-free: each by itself
				v[name] = walk(v[name])
			}
			for _, moment := range []string{"now", "as_of", "at", "generated_at"} {
				delete(v, moment)
			}
		}
		return v
	}
	return walk(v)
}
