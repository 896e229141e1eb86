package httpapi

import (
	"fmt"
	"net/url"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// tenantsOf walks a list of tenants page by page and returns the ids.
func (f *fixture) tenantsOf(query string, limit int, between func()) (ids []string) {
	cursor := ""
	for {
		w, page := f.do("GET", fmt.Sprintf("/v1/tenants?%s&limit=%d&cursor=%s", query, limit, url.QueryEscape(cursor)), "")
		require.Equal(f.t, 200, w.Code, "%s", w.Body)
		for _, x := range page["data"].([]any) {
			ids = append(ids, x.(map[string]any)["id"].(string))
		}
		if page["next_cursor"] == nil {
			return ids
		}
		cursor = page["next_cursor"].(string)
		if between != nil {
			between()
		}
	}
}

func TestTenantLists(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/p", `{"quotas":[{"slug":"q","meter":"api_calls","period":"month","limit":100},{"slug":"wide","meter":"api_calls","period":"year","limit":100000}]}`)
	for id, tenant := range map[string]struct {
		name, plan string
		used       int
	}{"a": {"zulu", "p", 50}, "b": {"Alpha", "p", 120}, "c": {"mike", "p", 85}, "d": {"alpha", "", 7}, "e": {"", "p", 50}} { // order-free
		plan := "null"
		if tenant.plan != "" {
			plan = `"p"`
		}
		f.do("PUT", "/v1/tenants/"+id, fmt.Sprintf(`{"name":%q,"plan":%s}`, tenant.name, plan))
		f.post(fmt.Sprintf(`{"id":"1","tenant_id":%q,"feature_type":"api_calls","quantity":%d}`, id, tenant.used))
	}
	for _, tc := range []struct {
		query string
		want  []string
	}{
		{"", []string{"a", "b", "c", "d", "e"}},
		{"sort=-id", []string{"e", "d", "c", "b", "a"}},
		{"sort=name", []string{"b", "d", "e", "c", "a"}},
		{"sort=-name", []string{"a", "c", "e", "d", "b"}},
		{"sort=usage", []string{"d", "a", "e", "c", "b"}},
		{"sort=-usage", []string{"b", "c", "e", "a", "d"}},
		{"sort=-usage&near_limit=true", []string{"b", "c"}},
		{"near_limit=false&plan=p", []string{"a", "b", "c", "e"}},
		{"q=ALPH&sort=-usage", []string{"b", "d"}},
	} {
		for _, limit := range []int{1, 2, 100} {
			require.Equal(t, tc.want, f.tenantsOf(tc.query, limit, nil), "%s by %d", tc.query, limit)
		}
	}
	_, page := f.do("GET", "/v1/tenants?sort=-usage&limit=1", "")
	first := page["data"].([]any)[0].(map[string]any)
	require.Equal(t, []any{"q", 120.0}, []any{first["quota"].(map[string]any)["quota"], first["quota"].(map[string]any)["percentage"]})

	// Tenants that come while a list is read neither hide others nor repeat them.
	n := 0
	got := f.tenantsOf("sort=-name", 1, func() {
		n++
		f.do("PUT", fmt.Sprintf("/v1/tenants/new%d", n), `{"name":"zz"}`)
	})
	require.Equal(t, []string{"a", "c", "e", "d", "b"}, slices.DeleteFunc(got, func(id string) bool { return len(id) > 1 }))

	cursor := url.QueryEscape(page["next_cursor"].(string))
	for _, query := range []string{"sort=usage&cursor=" + cursor, "cursor=" + cursor, "cursor=bTE6YQ"} {
		require.Equal(t, "invalid_cursor", f.problem(f.get("/v1/tenants?"+query)).Code, query)
	}
	for _, query := range []string{"sort=colour", "sort=-", "near_limit=yes"} {
		require.Equal(t, "invalid_value", f.problem(f.get("/v1/tenants?"+query)).Code, query)
	}
	require.Equal(t, "invalid_value", f.problem(f.get("/v1/decisions?tenant_id=a&decision=maybe")).Code)
}
