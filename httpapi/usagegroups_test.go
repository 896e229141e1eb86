package httpapi

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// groupsFixture counts a few tokens of two tenants.
func groupsFixture(t *testing.T) *fixture {
	f := newFixture(t)
	for _, ev := range []string{
		`{"id":"1","tenant_id":"acme","user_id":"ann","feature_type":"llm_tokens","quantity":5,"metadata":{"model":"a","kind":"in"}}`,
		`{"id":"2","tenant_id":"acme","user_id":"bob","feature_type":"llm_tokens","quantity":7,"metadata":{"model":"a","kind":"out"}}`,
		`{"id":"3","tenant_id":"acme","feature_type":"llm_tokens","quantity":11,"metadata":{"model":"b, \"big\""}}`,
		`{"id":"4","tenant_id":"globex","user_id":"ann","feature_type":"llm_tokens","quantity":100,"metadata":{"model":"a"}}`,
		`{"id":"5","tenant_id":"acme","user_id":"ann","feature_type":"llm_tokens","quantity":1}`,
	} {
		w := f.post(ev)
		require.Equal(t, 200, w.Code, w.Body.String())
	}
	return f
}

// cells are the groups and values of an answer, in order: "a,in=5".
func cells(t *testing.T, body []byte, by ...string) (out []string) {
	var rows usage.Rows
	require.NoError(t, json.Unmarshal(body, &rows), string(body))
	for _, r := range rows.Data {
		require.Len(t, r.Group, len(by))
		var names []string
		for _, name := range by {
			value, ok := r.Group[name]
			require.True(t, ok, name)
			if value == nil {
				names = append(names, "null")
			} else {
				names = append(names, *value)
			}
		}
		out = append(out, strings.Join(names, ",")+"="+r.Value.String())
	}
	return out
}

func TestUsageGroups(t *testing.T) {
	f := groupsFixture(t)
	for _, tc := range []struct {
		query string
		by    []string
		want  []string
	}{
		{"tenant_id=acme&group_by=metadata.model", []string{"metadata.model"}, []string{"null=1", "a=12", `b, "big"=11`}},
		{"tenant_id=acme&group_by=metadata.model,metadata.kind", []string{"metadata.model", "metadata.kind"},
			[]string{"null,null=1", "a,in=5", "a,out=7", `b, "big",null=11`}},
		{"tenant_id=acme&group_by=user_id", []string{"user_id"}, []string{"null=11", "ann=6", "bob=7"}},
		{"group_by=metadata.model", []string{"metadata.model"}, []string{"null=1", "a=112", `b, "big"=11`}},
		{"tenant_id=acme&filter[metadata.model]=a", nil, []string{"=12"}},
		{"tenant_id=acme&filter[metadata.model]=", nil, []string{"=1"}},
		{"tenant_id=acme&filter[metadata.model]=a&filter[metadata.model]=", nil, []string{"=13"}},
		{"tenant_id=acme&filter[metadata.model]=a&filter[user_id]=ann", nil, []string{"=5"}},
		{"tenant_id=acme&filter[metadata.model]=a&group_by=user_id", []string{"user_id"}, []string{"ann=5", "bob=7"}},
		{"tenant_id=acme&filter[metadata.model]=unheard", nil, []string{"=0"}},
		{"tenant_id=acme&filter[metadata.model]=unheard&group_by=user_id", []string{"user_id"}, nil},
		{"tenant_id=nobody&group_by=user_id", []string{"user_id"}, nil},
	} {
		query := strings.ReplaceAll(strings.ReplaceAll(tc.query, "[", "%5B"), "]", "%5D")
		w := f.get("/v1/usage?meter=llm_tokens&" + query)
		require.Equal(t, 200, w.Code, w.Body.String())
		require.Equal(t, tc.want, cells(t, w.Body.Bytes(), tc.by...), tc.query)
	}
	w := f.get("/v1/usage?meter=active_users&tenant_id=acme&group_by=user_id")
	require.Equal(t, []string{"ann=1", "bob=1"}, cells(t, w.Body.Bytes(), "user_id"))
}

func TestUsageGroupPages(t *testing.T) {
	f := groupsFixture(t)
	path, want, cursor := "/v1/usage?meter=llm_tokens&tenant_id=acme&group_by=metadata.model&limit=1", []string{"null=1", "a=12", `b, "big"=11`}, ""
	for i := range want {
		at := path
		if cursor != "" {
			at += "&cursor=" + url.QueryEscape(cursor)
		}
		w := f.get(at)
		require.Equal(t, 200, w.Code, w.Body.String())
		require.Equal(t, want[i:i+1], cells(t, w.Body.Bytes(), "metadata.model"))
		var rows usage.Rows
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &rows))
		require.Equal(t, i+1 < len(want), rows.NextCursor != nil)
		if rows.NextCursor != nil {
			cursor = *rows.NextCursor
		}
	}
	csv := f.get(path + "&format=csv")
	require.NotEmpty(t, csv.Header().Get("X-Next-Cursor"))
}

func TestUsageGroupsCSV(t *testing.T) {
	f := groupsFixture(t)
	w := f.get("/v1/usage?meter=llm_tokens&tenant_id=acme&group_by=metadata.model,user_id&format=csv")
	require.Equal(t, 200, w.Code)
	lines := strings.Split(w.Body.String(), "\r\n")
	require.Equal(t, "window_start,window_end,metadata.model,user_id,value,partial", lines[0])
	require.True(t, strings.HasSuffix(lines[1], ",,ann,1,true"), lines[1])
	require.True(t, strings.HasSuffix(lines[4], `,"b, ""big""",,11,true`), lines[4])
}

func TestUsageCompare(t *testing.T) {
	f := groupsFixture(t)
	w := f.get("/v1/usage?meter=llm_tokens&tenant_id=acme&group_by=user_id&compare=previous")
	require.Equal(t, 200, w.Code, w.Body.String())
	var rows usage.Rows
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &rows))
	require.NotNil(t, rows.Compare)
	require.Equal(t, rows.From, rows.Compare.To)
	require.Equal(t, rows.From.AddDate(0, -1, 0), rows.Compare.From, "the month before")
	require.Empty(t, rows.Compare.Data)
	w = f.get("/v1/usage?meter=llm_tokens&tenant_id=acme&compare=previous")
	require.Contains(t, w.Body.String(), `"value":0,"group":{}`)
}

func TestUsageTop(t *testing.T) {
	f := groupsFixture(t)
	for _, tc := range []struct {
		query string
		want  []string
	}{
		{"by=tenant", []string{"globex=100", "acme=24"}},
		{"by=tenant&limit=1", []string{"globex=100"}},
		{"by=tenant&tenant_id=acme", []string{"acme=24"}},
		{"by=tenant&from=2001-01-01T00:00:00Z&to=2100-01-01T00:00:00Z", []string{"globex=100", "acme=24"}},
		{"by=user", []string{"ann=100", "null=11", "bob=7", "ann=6"}},
		{"by=user&tenant_id=acme", []string{"null=11", "bob=7", "ann=6"}},
		{"by=metadata.model", []string{"a=112", `b, "big"=11`, "null=1"}},
	} {
		w := f.get("/v1/usage/top?meter=llm_tokens&" + tc.query)
		require.Equal(t, 200, w.Code, w.Body.String())
		var top usage.Top
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &top))
		var got []string
		for _, r := range top.Data {
			key := "null"
			if r.Key != nil {
				key = *r.Key
			}
			got = append(got, key+"="+r.Value.String())
		}
		require.Equal(t, tc.want, got, tc.query)
	}
	w := f.get("/v1/usage/top?meter=llm_tokens&by=user&format=csv")
	require.Equal(t, "tenant_id,user_id,value\r\nglobex,ann,100\r\nacme,,11\r\nacme,bob,7\r\nacme,ann,6\r\n", w.Body.String())
}

func TestTestMeter(t *testing.T) {
	f := groupsFixture(t)
	require.Equal(t, 201, f.send("PUT", "/v1/meters/big", strings.NewReader(`{"event_type":"llm_tokens","aggregation":"sum","scale":0,"filters":{"property":"metadata.model","op":"eq","value":"b"}}`)).Code)
	before := f.get("/v1/usage?meter=llm_tokens").Body.String()
	for _, tc := range []struct{ name, slug, body, want string }{
		{"counted", "llm_tokens", `{"event":{"tenant_id":"new","user_id":"u","feature_type":"llm_tokens","quantity":3,"metadata":{"model":"m"}}}`,
			`{"meter":"llm_tokens","counted":true,"reason":null,"detail":null,"filter":null,"value":3,"unit":"token","member":null,` +
				`"dimensions":{"metadata.kind":null,"metadata.model":"m","user_id":"u"},"meters":[`},
		{"bare", "llm_tokens", `{"tenant_id":"new","feature_type":"llm_tokens","metadata":{"model":7}}`, `"metadata.model":"7","user_id":null`},
		{"filtered", "big", `{"event":{"tenant_id":"new","feature_type":"llm_tokens","quantity":3}}`, `"meter":"big","counted":false,"reason":"filter"`},
		{"another type", "seats", `{"event":{"tenant_id":"new","feature_type":"llm_tokens"}}`, `"meter":"seats","counted":false,"reason":"event_type"`},
		{"users", "active_users", `{"event":{"tenant_id":"new","user_id":"u","feature_type":"llm_tokens"}}`, `"value":1,"unit":"user","member":"u"`},
		{"no user", "active_users", `{"event":{"tenant_id":"new","feature_type":"llm_tokens"}}`, `"reason":"no_value"`},
		{"unknown feature", "active_users", `{"event":{"tenant_id":"new","feature_type":"nothing"}}`, `"meter":"active_users","counted":false,"reason":"unknown_feature"`},
		{"refused", "llm_tokens", `{"event":{"tenant_id":"new","feature_type":"llm_tokens","quantity":1.5}}`, `"counted":false,"reason":"too_many_decimals"`},
		{"too old", "llm_tokens", `{"event":{"tenant_id":"new","feature_type":"llm_tokens","timestamp":"2001-01-01T00:00:00Z"}}`, `"reason":"event_too_old"`},
	} {
		w := f.send("POST", "/v1/meters/"+tc.slug+"/test", strings.NewReader(tc.body))
		require.Equal(t, 200, w.Code, "%s: %s", tc.name, w.Body.String())
		require.Contains(t, w.Body.String(), tc.want, tc.name)
	}
	require.Equal(t, before, f.get("/v1/usage?meter=llm_tokens").Body.String(), "nothing was counted")
	require.Equal(t, 404, f.send("POST", "/v1/meters/nope/test", strings.NewReader(`{"event":{"tenant_id":"a","feature_type":"x"}}`)).Code)
	require.Equal(t, 400, f.send("POST", "/v1/meters/llm_tokens/test", strings.NewReader(`{"event":{"tenant":"a"}}`)).Code)
}

// TestUsageCursorOfAnother: a cursor goes on with its own query, defaults and all, and with no other.
func TestUsageCursorOfAnother(t *testing.T) {
	f := groupsFixture(t)
	const of = "/v1/usage?meter=llm_tokens&tenant_id=acme&group_by=metadata.model,user_id&limit=1"
	w, page := f.do("GET", of, "")
	require.Equal(t, 200, w.Code, "%s", w.Body)
	cursor := "&cursor=" + page["next_cursor"].(string)
	for _, same := range []string{of, of + "0", of + "&window=total", of + "&time_zone=UTC", of + "&fill=zero"} {
		w, _ := f.do("GET", same+cursor, "")
		require.Equal(t, 200, w.Code, "%s: %s", same, w.Body)
	}
	month := "&from=" + page["from"].(string)
	for _, other := range []string{
		strings.Replace(of, "acme", "globex", 1), strings.Replace(of, "&tenant_id=acme", "", 1), of + month, of + "&to=" + page["to"].(string),
		of + "&filter[metadata.model]=a", of + "&time_zone=Europe/Berlin", of + "&window=month",
		strings.Replace(of, "metadata.model,user_id", "user_id,metadata.model", 1), strings.Replace(of, "user_id", "metadata.kind", 1),
	} {
		w, _ := f.do("GET", other+cursor, "")
		require.Equal(t, 400, w.Code, "%s: %s", other, w.Body)
		require.Equal(t, "invalid_cursor", f.problem(w).Code)
	}
}

// An answer of percentiles says how far off they may be.
func TestUsageRelativeError(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, 201, f.send("PUT", "/v1/meters/slow", strings.NewReader(`{"event_type":"api_calls","aggregation":"p99"}`)).Code)
	require.Contains(t, f.get("/v1/usage?meter=slow").Body.String(), `"relative_error":0.0078125,"from":`)
	require.Contains(t, f.get("/v1/usage?meter=slow&numbers=string").Body.String(), `"relative_error":"0.0078125","from":`)
	require.NotContains(t, f.get("/v1/usage?meter=api_calls").Body.String(), "relative_error")
}
