package httpapi

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMain fails a run in which any handler answered what the OpenAPI document does not say, in whichever test it was.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() != "" {
		os.Exit(m.Run()) // the watching would be what is measured
	}
	endpoints = spec.watch(endpoints)
	code := m.Run()
	if found := spec.violations(); len(found) > 0 {
		fmt.Fprintf(os.Stderr, "%d answers are not what httpapi/openapi/*.json says:\n\n%s\n", len(found), strings.Join(found, "\n\n"))
		code = max(code, 1)
	}
	everything := flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.list").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == ""
	if missing := spec.unchecked(); everything && code == 0 && len(missing) > 0 {
		fmt.Fprintf(os.Stderr, "no test of httpapi has a 2xx answer of these endpoints, so nothing holds them against the OpenAPI document:\n%s\n",
			strings.Join(missing, "\n"))
		code = 1
	}
	os.Exit(code)
}

// TestOpenAPIHasEveryEndpoint: the document and the table of endpoints name the same operations.
func TestOpenAPIHasEveryEndpoint(t *testing.T) {
	doc := spec.document
	served := make(map[string]bool)
	for _, e := range endpoints {
		served[e.method+" "+e.pattern] = true
		o := child(doc, "paths", e.pattern, strings.ToLower(e.method))
		if o == nil {
			t.Errorf("%[1]s %[2]s is served but not documented.\nAdd it to the file of its group in httpapi/openapi/, as a member of \"paths\":\n"+
				"  %[2]q: {%[3]q: {\"operationId\": \"...\", \"tags\": [\"<the name of the file>\"], \"summary\": \"...\",\n"+
				"    \"parameters\": [<query and header>], \"requestBody\": {...}, \"responses\": {\"200\": {...}}}}\n"+
				"Path variables, security and the problem of \"default\" are added by openapi.go. Schemas go under \"components\".",
				e.method, e.pattern, strings.ToLower(e.method))
			continue
		}
		require.NotEmpty(t, text(o, "operationId"), e.pattern)
		require.NotEmpty(t, text(o, "summary"), e.pattern)
		require.NotEmpty(t, child(o, "responses"), e.pattern)
		tags := list(o, "tags")
		require.Len(t, tags, 1, e.pattern)
		require.True(t, slices.ContainsFunc(openapiTags, func(g struct{ name, description string }) bool { return g.name == tags[0] }),
			"%s: the tag %v is not one of openapiTags (openapi.go)", e.pattern, tags[0])
	}
	ids := make(map[string]string)
	for path := range child(doc, "paths") { // order-free: every one is looked at
		for method, o := range child(doc, "paths", path) { // order-free: likewise
			name := strings.ToUpper(method) + " " + path
			if !served[name] {
				t.Errorf("%s is documented in httpapi/openapi/ but not served: add it to httpapi/table.go, or take it out", name)
			}
			id := text(o.(object), "operationId")
			require.Empty(t, ids[id], "operationId %s is used twice", id)
			ids[id] = name
		}
	}
}

// TestOpenAPIReferences: every reference leads somewhere, every component is used, and every object schema that lists required
// members lists them as properties too.
func TestOpenAPIReferences(t *testing.T) {
	used := make(map[string]bool)
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case object:
			if ref, ok := v["$ref"].(string); ok {
				require.True(t, strings.HasPrefix(ref, "#/"), "%s: %s", at, ref)
				require.NotNil(t, child(spec.document, strings.Split(ref[2:], "/")...), "%s refers to %s, which is not there", at, ref)
				used[ref] = true
			}
			for name, x := range v { // order-free: every one is looked at
				walk(at+"/"+name, x)
			}
			for _, name := range list(v, "required") {
				if properties := child(v, "properties"); properties != nil {
					require.Contains(t, properties, name, "%s requires a member that it does not describe", at)
				}
			}
		case []any:
			for i, x := range v {
				walk(fmt.Sprint(at, "/", i), x)
			}
		}
	}
	walk("#", spec.document)
	for _, kind := range []string{"schemas", "parameters", "responses"} {
		for name := range child(spec.document, "components", kind) { // order-free: likewise
			require.True(t, used["#/components/"+kind+"/"+name], "%s of %s is used nowhere", name, kind)
		}
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	f := newFixture(t)
	w := f.get("/openapi.json", "Authorization", "") // it is public
	require.Equal(t, 200, w.Code)
	var doc object
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &doc))
	require.Equal(t, "3.1.0", doc["openapi"])
	require.Equal(t, 304, f.get("/openapi.json", "If-None-Match", w.Header().Get("ETag")).Code)
	consume := child(doc, "paths", "/v1/consume", "post")
	require.Equal(t, []any{object{"key": []any{"check"}}}, consume["security"])
	require.Contains(t, child(doc, "components", "schemas", "ErrorCode")["enum"], "quota_exceeded")
}

// TestReference: the page shows every operation and schema, its links lead somewhere, and it asks nobody for anything.
func TestReference(t *testing.T) {
	f := newFixture(t)
	w := f.get("/docs")
	require.Equal(t, 200, w.Code)
	page := w.Body.String()
	for _, e := range endpoints {
		o := child(spec.document, "paths", e.pattern, strings.ToLower(e.method))
		require.Contains(t, page, `<article id="`+text(o, "operationId")+`">`, e.pattern)
	}
	for name := range child(spec.document, "components", "schemas") { // order-free: every one is looked for
		require.Contains(t, page, `<article id="schema-`+name+`">`)
	}
	for part := range strings.SplitSeq(page, `href="`) {
		target, _, _ := strings.Cut(part, `"`)
		if id, ok := strings.CutPrefix(target, "#"); ok {
			require.Contains(t, page, `id="`+id+`"`)
		}
	}
	for _, forbidden := range []string{"<script", "http://", "https://", "src=", "@import", "url("} {
		require.NotContains(t, page, forbidden)
	}
	require.Contains(t, w.Header().Get("Content-Security-Policy"), "default-src 'none'; style-src 'sha256-")
	require.Contains(t, page, "prefers-color-scheme: dark")
}

// TestSpecFinds: the watch sees an answer that is not as documented; else it would prove nothing.
func TestSpecFinds(t *testing.T) {
	version := endpoint{method: "GET", pattern: "/version"}
	good := `{"version":"1","commit":"","go":"","os":"","arch":""}`
	require.NoError(t, spec.checkAnswer(version, 200, "application/json", []byte(good)))
	for _, wrong := range []string{`{}`, `[]`, `nonsense`, strings.Replace(good, `"1"`, `1`, 1), strings.Replace(good, `{`, `{"more":1,`, 1)} {
		require.Error(t, spec.checkAnswer(version, 200, "application/json", []byte(wrong)), wrong)
	}
	require.Error(t, spec.checkAnswer(version, 200, "text/html", []byte(good)))
	require.Error(t, spec.checkAnswer(version, 404, "application/json", []byte(good)))
	require.Error(t, spec.checkAnswer(endpoint{method: "GET", pattern: "/nowhere"}, 200, "application/json", []byte(good)))
}
