package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// numbersOf walks a journal page by page.
func (f *fixture) numbersOf(target string, limit int) (numbers []float64) {
	for cursor := ""; ; {
		w, page := f.do("GET", fmt.Sprintf("%s&limit=%d&cursor=%s", target, limit, url.QueryEscape(cursor)), "")
		require.Equal(f.t, 200, w.Code, "%s", w.Body)
		for _, x := range page["data"].([]any) {
			numbers = append(numbers, x.(map[string]any)["number"].(float64))
		}
		if page["next_cursor"] == nil {
			return numbers
		}
		cursor = page["next_cursor"].(string)
	}
}

// TestJournalsBothWays: the newest first is the oldest first turned round, for every size of page, with and without a filter.
func TestJournalsBothWays(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":100}]}`)
	for _, tenant := range []string{"a", "b", "a/b"} {
		f.do("PUT", "/v1/tenants/"+url.PathEscape(tenant), `{"plan":"p"}`)
		for i := range 3 {
			f.post(fmt.Sprintf(`{"id":"%d","tenant_id":%q,"feature_type":"api_calls","quantity":40}`, i, tenant))
		}
		f.do("PUT", "/v1/tenants/"+url.PathEscape(tenant)+"/quotas/q", `{"limit":500}`)
		f.do("POST", "/v1/events/1/void", fmt.Sprintf(`{"tenant_id":%q,"reason":"test"}`, tenant))
	}
	for _, target := range []string{"/v1/audit?", "/v1/audit?tenant_id=b", "/v1/crossings?", "/v1/crossings?tenant_id=b", "/v1/crossings?tenant_id=none"} {
		want := f.numbersOf(target+"&order=oldest", 1000)
		require.True(t, slices.IsSorted(want))
		slices.Reverse(want)
		for _, limit := range []int{1, 2, 3, 1000} {
			require.Equal(t, want, f.numbersOf(target+"&order=newest", limit), "%s by %d", target, limit)
		}
	}
	_, page := f.do("GET", "/v1/audit?tenant_id=a&order=newest", "")
	var targets []string
	for _, x := range page["data"].([]any) {
		targets = append(targets, x.(map[string]any)["action"].(string)+" "+x.(map[string]any)["target"].(string))
	}
	require.Equal(t, []string{"void tenant/a/b/1", "override.put override/a/b/q", "void tenant/a/1", "override.put override/a/q", "tenant.put tenant/a"}, targets,
		"what is below a slash may be another tenant's")
	w, _ := f.do("GET", "/v1/audit?order=latest", "")
	require.Equal(t, 422, w.Code)
}

// TestConfig: what the server was started with is told, with where it comes from.
func TestConfig(t *testing.T) {
	f := newFixture(t)
	f.api.settings = []Setting{{"listen", ":7070", "flag"}, {"data", "/var/lib/weir", "WEIR_DATA"}}
	_, body := f.do("GET", "/v1/config", "")
	require.Equal(t, []any{
		map[string]any{"name": "listen", "value": ":7070", "origin": "flag"},
		map[string]any{"name": "data", "value": "/var/lib/weir", "origin": "WEIR_DATA"},
	}, body["data"])
}
