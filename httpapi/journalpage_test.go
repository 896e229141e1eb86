package httpapi

import (
	"encoding/base64"
	"fmt"
	"net/http/httptest"
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

// TestCursorsOfOtherLists: a cursor goes on with the list that gave it out and no other, nor with a place that none has.
func TestCursorsOfOtherLists(t *testing.T) {
	f := newFixture(t)
	const quotas = `"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":1000},
		{"slug":"u","meter":"api_calls","period":"month","limit":1000,"scope":"user"}]`
	for _, plan := range []string{"p", "r"} {
		for i := range 3 {
			f.do("PUT", "/v1/plans/"+plan, fmt.Sprintf(`{"name":"%d",%s}`, i, quotas))
		}
	}
	for _, tenant := range []string{"a", "b"} {
		f.do("PUT", "/v1/tenants/"+tenant, `{"plan":"p"}`)
		f.do("PUT", "/v1/tenants/"+tenant, `{"plan":"p","name":"again"}`)
		for i := range 3 {
			w, a := f.do("POST", "/v1/consume", fmt.Sprintf(`{"id":"%d","tenant_id":%q,"user_id":"u%d","feature_type":"api_calls","quantity":300}`, i, tenant, i))
			require.Equal(t, true, a["allowed"], "%s", w.Body)
		}
	}
	f.do("POST", "/v1/keys", `{"name":"second","scopes":["read"]}`)
	lists := []string{"/v1/meters?", "/v1/plans?", "/v1/plans/p/versions?", "/v1/plans/r/versions?", "/v1/tenants?", "/v1/tenants?sort=-id", "/v1/keys?",
		"/v1/audit?", "/v1/audit?order=newest", "/v1/audit?order=newest&tenant_id=a", "/v1/crossings?", "/v1/crossings?order=newest",
		"/v1/tenants/a/users?", "/v1/tenants/b/users?", "/v1/tenants/a/users?quota=u", "/v1/decisions?tenant_id=a", "/v1/decisions?tenant_id=b",
		"/v1/events?", "/v1/events?tenant_id=a"}
	for _, of := range lists {
		w, page := f.do("GET", of+"&limit=1", "")
		require.Equal(t, 200, w.Code, "%s: %s", of, w.Body)
		require.NotNil(t, page["next_cursor"], of)
		for _, other := range lists {
			w, next := f.do("GET", other+"&limit=1&cursor="+page["next_cursor"].(string), "")
			if other == of {
				require.Equal(t, 200, w.Code, "%s: %s", of, w.Body)
				require.NotEmpty(t, next["data"], of)
				require.NotEqual(t, page["data"], next["data"], of)
				continue
			}
			require.Equal(t, 400, w.Code, "a cursor of %s for %s", of, other)
			require.Equal(t, "invalid_cursor", f.problem(w).Code)
		}
	}
	for _, list := range lists {
		for _, place := range []string{"m1:-5", "m1:x", "m1:", ""} {
			w, _ := f.do("GET", list+"&cursor=x"+base64.RawURLEncoding.EncodeToString([]byte(place)), "")
			require.Equal(t, 400, w.Code, "%s %s", list, place)
		}
	}
	w, _ := f.do("GET", "/v1/plans/p/versions?cursor=bTE6LTU", "")
	require.Equal(t, "invalid_cursor", f.problem(w).Code)
}

// TestCursorPlaces: a place that is not one of the list is refused, also under the list's own name.
func TestCursorPlaces(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", freePlan)
	f.do("PUT", "/v1/tenants/a", `{"plan":"p"}`)
	for _, tc := range []struct{ target, slug, pattern, query string }{
		{"/v1/plans/p/versions", "p", "/v1/plans/{slug}/versions", ""},
		{"/v1/audit?order=newest", "", "/v1/audit", "order=newest"},
		{"/v1/audit", "", "/v1/audit", ""},
		{"/v1/tenants/a/users", "a", "/v1/tenants/{id}/users", ""},
		{"/v1/decisions?tenant_id=a", "", "/v1/decisions", "tenant_id=a"},
	} {
		c := &call{r: httptest.NewRequest("GET", tc.target, nil), slug: tc.slug, route: &route{pattern: tc.pattern}}
		join := "?"
		if tc.query != "" {
			join = "&"
		}
		for _, place := range []string{"-5", "x", "0", "1.5", "18446744073709551616"} {
			w, _ := f.do("GET", tc.target+join+"cursor="+c.encodeCursor(place), "")
			require.Equal(t, 400, w.Code, "%s %s: %s", tc.target, place, w.Body)
			require.Equal(t, "invalid_cursor", f.problem(w).Code)
		}
	}
}

// TestDecisionPages: decisions that come between two pages are on neither, and shift nothing.
func TestDecisionPages(t *testing.T) {
	f := newFixture(t)
	decide := func(id string) {
		f.do("POST", "/v1/consume", fmt.Sprintf(`{"id":%q,"tenant_id":"a","feature_type":"api_calls"}`, id))
	}
	for i := range 6 {
		decide(fmt.Sprint(i))
	}
	var got []string
	for cursor := ""; ; {
		w, page := f.do("GET", "/v1/decisions?tenant_id=a&limit=2&cursor="+cursor, "")
		require.Equal(t, 200, w.Code, "%s", w.Body)
		for _, d := range page["data"].([]any) {
			got = append(got, d.(map[string]any)["id"].(string))
		}
		if page["next_cursor"] == nil {
			break
		}
		cursor = page["next_cursor"].(string)
		decide("new" + cursor)
	}
	require.Equal(t, []string{"5", "4", "3", "2", "1", "0"}, got)
}
