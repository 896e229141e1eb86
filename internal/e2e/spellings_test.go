package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestSpellings: what JSON, RFC 3339 and URLs let a client write in several ways is one thing, however it is sent; what only looks
// alike is another.
func TestSpellings(t *testing.T) {
	ctx := deadline(t, 2*time.Minute)
	s := serve(ctx, t, filepath.Join(t.TempDir(), "data"))
	t.Run("payloads", func(t *testing.T) {
		at := time.Now().UTC().Add(-time.Hour).Truncate(time.Second)
		when := func(layout string, zone int) string {
			return `"timestamp":"` + at.In(time.FixedZone("", zone)).Format(layout) + `"`
		}
		plain := when("2006-01-02T15:04:05Z07:00", 0)
		for i, tc := range []struct {
			first, again string
			same         bool
		}{
			{`"quantity":10`, `"quantity":1e1`, true},
			{`"quantity":10`, `"quantity":"100E-1"`, true},
			{`"quantity":0`, `"quantity":-0.0e999999999`, true},
			{`"quantity":1`, `"op":"set"`, false},
			{`"quantity":1`, `"metadata":{}`, false}, // 1 is the default, and was not sent
			{`"metadata":{"é":1,"b":[2,{"c":"/"}]}`, `"metadata":{"b":[2.0,{"\u0063":"\/"}],"\u00e9":10e-1}`, true},
			{`"metadata":{"a":"😀"}`, `"metadata":{"a":"\ud83d\ude00"}`, true},
			{`"metadata":{"a":1E400}`, `"metadata":{"a":0.1e401}`, true},
			{`"metadata":{"a":1E400}`, `"metadata":{"a":1E401}`, false},
			{`"metadata":{"a":0.1}`, `"metadata":{"a":0.10000000000000000001}`, false},
			{`"metadata":{"a":12345678901234567890123}`, `"metadata":{"a":12345678901234567890124}`, false},
			{`"metadata":{"a":1}`, `"metadata":{"a":"1"}`, false},
			{`"metadata":{"a":null}`, `"metadata":{}`, false},
			{`"metadata":{"a":[1,2]}`, `"metadata":{"a":[2,1]}`, false},
			{plain, when("2006-01-02T15:04:05.000000000Z07:00", 7200), true},
			{plain, when("2006-01-02T15:04:05-07:00", -5400), true},
			{plain, when("2006-01-02T15:04:05.000000001Z07:00", 0), false},
		} {
			event := func(members string) string {
				return fmt.Sprintf(`{"id":"spelled-%d","tenant_id":"acme","feature_type":"seats",%s}`, i, members)
			}
			s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", event(tc.first), nil)
			status, says := http.StatusOK, `"status":"duplicate"`
			if !tc.same {
				status, says = http.StatusConflict, `"code":"conflict"`
			}
			a, err := s.Ask(ctx, http.MethodPost, "/v1/events", []byte(event(tc.again)))
			require.NoError(t, err)
			require.Equal(t, status, a.Status, "%s, then %s: %s", tc.first, tc.again, a.Body)
			require.Contains(t, string(a.Body), says)
			for media, body := range map[string]string{
				"application/json":     `{"\u0065vents":[` + event(tc.again) + `,` + event(tc.first) + `]}`,
				"application/x-ndjson": "\r\n" + event(tc.again) + "\r\n" + event(tc.first), // the last line without an end
			} {
				a, err := s.Ask(ctx, http.MethodPost, "/v1/events", []byte(body), header("Content-Type", media))
				require.NoError(t, err)
				var many batchAnswer
				require.NoError(t, json.Unmarshal(a.Body, &many))
				require.Equal(t, []int{http.StatusOK, 0, 2}, []int{a.Status, many.Accepted, many.Duplicates + many.RejectedTotal}, "%s", a.Body)
				require.Equal(t, !tc.same, many.RejectedTotal == 1 && many.Rejected[0].Code == "conflict", "%s", a.Body)
			}
		}
	})

	t.Run("identifiers", func(t *testing.T) {
		for i, name := range []string{"a+b", "a&b=c", "a%2Fb", "a/b", "a b", "é", "日本", `"\`, "...", "~", "?#;", strings.Repeat("é", 64)} {
			text, err := json.Marshal(name)
			require.NoError(t, err)
			in, path := string(text), url.PathEscape(name)
			of := "?tenant_id=" + url.QueryEscape(name)
			s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", fmt.Sprintf(`{"id":%s,"tenant_id":%s,"source":%s,"feature_type":"api_calls"}`, in, in, in), nil)
			s.must(ctx, t, http.StatusCreated, http.MethodPost, "/v1/reservations", fmt.Sprintf(`{"id":"r%d","tenant_id":%s,"feature_type":"api_calls","quantity":1}`, i, in), nil)
			var got struct {
				ID       string
				TenantID string `json:"tenant_id"`
				Source   string
				State    string
			}
			s.must(ctx, t, http.StatusOK, http.MethodGet, "/v1/events/"+path+of+"&source="+url.QueryEscape(name), "", &got)
			require.Equal(t, []string{name, name, name}, []string{got.ID, got.TenantID, got.Source})
			s.must(ctx, t, http.StatusOK, http.MethodGet, "/v1/tenants/"+path, "", &got)
			require.Equal(t, name, got.ID)
			s.must(ctx, t, http.StatusOK, http.MethodGet, fmt.Sprintf("/v1/reservations/r%d%s", i, of), "", &got)
			require.Equal(t, "held", got.State)
			require.Len(t, s.usage(ctx, t, "meter", "api_calls", "tenant_id", name), 1)
		}
		for _, name := range []string{strings.Repeat("a", 129), strings.Repeat("é", 64) + "a", ".", "..", "a\u0000", "a\u007f", "a\u0085"} {
			text, err := json.Marshal(name)
			require.NoError(t, err)
			s.must(ctx, t, http.StatusUnprocessableEntity, http.MethodPost, "/v1/events", `{"id":"x","tenant_id":`+string(text)+`,"feature_type":"api_calls"}`, nil)
			s.must(ctx, t, http.StatusUnprocessableEntity, http.MethodPut, "/v1/tenants/"+strings.ReplaceAll(url.PathEscape(name), ".", "%2E"), `{}`, nil)
		}
	})

	t.Run("HEAD", func(t *testing.T) {
		var doc struct {
			Paths map[string]map[string]json.RawMessage
		}
		s.must(ctx, t, http.StatusOK, http.MethodGet, "/openapi.json", "", &doc)
		paths := make([]string, 0, len(doc.Paths))
		for path, methods := range doc.Paths {
			if _, ok := methods["get"]; ok && path != "/v1/stream" { // which does not end
				paths = append(paths, strings.NewReplacer("{id}", "acme", "{slug}", "api_calls", "{quota}", "q").Replace(path))
			}
		}
		sort.Strings(paths)
		require.Greater(t, len(paths), 30)
		for _, path := range paths {
			get, err := s.Ask(ctx, http.MethodGet, path, nil)
			require.NoError(t, err)
			head, err := s.Ask(ctx, http.MethodHead, path, nil)
			require.NoError(t, err)
			require.Equal(t, []any{get.Status, get.Media, ""}, []any{head.Status, head.Media, string(head.Body)}, path)
		}
	})
}
