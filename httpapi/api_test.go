package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

var _ Engine = (*engine.Engine)(nil)

// fixture is an API over a real engine.
type fixture struct {
	t   testing.TB
	eng *engine.Engine
	api *API
	key string
}

func newFixture(t testing.TB) *fixture {
	t.Helper()
	return newFixtureOf(t, nil)
}

func newFixtureOf(t testing.TB, opts *engine.Options) *fixture {
	t.Helper()
	eng, err := engine.Open(t.TempDir(), opts)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, eng.Close()) })
	st, secret, err := eng.CreateKey(context.Background(), usage.Key{Name: "test", Scopes: []usage.Scope{usage.ScopeAdmin}})
	require.NoError(t, err)
	api, err := New(eng, nil)
	require.NoError(t, err)
	return &fixture{t, eng, api, FormatKey(st.ID, secret)}
}

// send makes a request; headers are pairs of name and value.
func (f *fixture) send(method, target string, body io.Reader, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	r := httptest.NewRequest(method, target, body)
	if strings.HasPrefix(target, "/v1/stream") { // it would not end by itself
		gone, cancel := context.WithCancel(r.Context())
		cancel()
		r = r.WithContext(gone)
	}
	r.Header.Set("Authorization", "Bearer "+f.key)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.api.ServeHTTP(w, r)
	return w
}

func (f *fixture) post(body string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.send("POST", "/v1/events", strings.NewReader(body), headers...)
}

func (f *fixture) get(target string, headers ...string) *httptest.ResponseRecorder {
	f.t.Helper()
	return f.send("GET", target, nil, headers...)
}

type problemBody struct {
	Type, Title, Detail, Code string
	Status                    int
	RequestID                 string `json:"request_id"`
	Errors                    []struct{ Pointer, Code, Detail string }
	Accepted, Duplicates      int64
	NextIndex                 *int64 `json:"next_index"`
}

// problem reads an answer that must be a problem, whole and consistent.
func (f *fixture) problem(w *httptest.ResponseRecorder) problemBody {
	f.t.Helper()
	require.Equal(f.t, "application/problem+json", w.Header().Get("Content-Type"), w.Body.String())
	var p problemBody
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &p), w.Body.String())
	require.Equal(f.t, w.Code, p.Status)
	require.NotEmpty(f.t, p.Type)
	require.NotEmpty(f.t, p.Title)
	require.NotEmpty(f.t, p.Detail)
	if len(p.Errors) > 0 {
		require.Equal(f.t, p.Errors[0].Detail, p.Detail, "the place has a member of its own")
	}
	require.Equal(f.t, w.Header().Get("X-Request-Id"), p.RequestID)
	return p
}

func (f *fixture) total(meter string) string {
	f.t.Helper()
	w := f.get("/v1/usage?meter=" + meter)
	require.Equal(f.t, 200, w.Code, w.Body.String())
	var rows usage.Rows
	require.NoError(f.t, json.Unmarshal(w.Body.Bytes(), &rows))
	require.Len(f.t, rows.Data, 1)
	return rows.Data[0].Value.String()
}

// TestBadRequests is the table of what is refused, by status, code and pointer.
func TestBadRequests(t *testing.T) {
	f := newFixture(t)
	const event = `{"id":"1","tenant_id":"acme","feature_type":"api_calls"`
	ndjson := []string{"Content-Type", "application/x-ndjson"}
	tests := []struct {
		method, target, body string
		headers              []string
		status               int
		code                 string
		pointer              string
	}{
		{"GET", "/nothing", "", nil, 404, "not_found", ""},
		{"GET", "/v1", "", nil, 404, "not_found", ""},
		{"GET", "/v1/nothing", "", nil, 404, "not_found", ""},
		{"POST", "/v1/events/x/y", "{}", nil, 404, "not_found", ""},
		{"GET", "/v1//events", "", nil, 404, "not_found", ""},
		{"GET", "/v1/meters/", "", nil, 404, "not_found", ""},
		{"GET", "/v1/meters/a/b", "", nil, 404, "not_found", ""},
		{"GET", "/v1/meters/a%2Fb", "", nil, 404, "not_found", ""},
		{"PUT", "/v1/events", "", nil, 405, "method_not_allowed", ""},
		{"DELETE", "/v1/usage", "", nil, 405, "method_not_allowed", ""},
		{"PATCH", "/v1/meters/api_calls", "", nil, 405, "method_not_allowed", ""},
		{"POST", "/healthz", "", nil, 405, "method_not_allowed", ""},

		{"POST", "/v1/events", event, nil, 400, "malformed_json", ""},
		{"POST", "/v1/events", ``, nil, 400, "malformed_json", ""},
		{"POST", "/v1/events", event + `,"quantity":NaN}`, nil, 400, "malformed_json", "/quantity"},
		{"POST", "/v1/events", event + `,"id":"2"}`, nil, 400, "duplicate_key", "/id"},
		{"POST", "/v1/events", event + `,"tenantid":"2"}`, nil, 400, "unknown_field", "/tenantid"},
		{"POST", "/v1/events", event + `,"quantity":[]}`, nil, 400, "wrong_type", "/quantity"},
		{"POST", "/v1/events", `{"id":"1","feature_type":"api_calls"}`, nil, 422, "missing_field", "/tenant_id"},
		{"POST", "/v1/events", `{"id":"1","tenant_id":"acme"}`, nil, 422, "missing_field", "/feature_type"},
		{"POST", "/v1/events", `{"id":".","tenant_id":"acme","feature_type":"api_calls"}`, nil, 422, "invalid_value", "/id"},
		{"POST", "/v1/events", `{"id":"\u0007","tenant_id":"acme","feature_type":"api_calls"}`, nil, 422, "invalid_value", "/id"},
		{"POST", "/v1/events", `{"id":"1","tenant_id":"acme","feature_type":"api_cals"}`, nil, 422, "unknown_feature", "/feature_type"},
		{"POST", "/v1/events", event + `,"quantity":-1}`, nil, 422, "negative_quantity", "/quantity"},
		{"POST", "/v1/events", event + `,"quantity":1.5}`, nil, 422, "too_many_decimals", "/quantity"},
		{"POST", "/v1/events", event + `,"quantity":1e400}`, nil, 422, "overflow", "/quantity"},
		{"POST", "/v1/events", event + `,"quantity":"NaN"}`, nil, 422, "invalid_value", "/quantity"},
		{"POST", "/v1/events", event + `,"timestamp":"2020-01-31T00:00:00Z"}`, nil, 422, "event_too_old", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"2026-11-27T01:14:58,5Z"}`, nil, 422, "invalid_value", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"2026-11-27T01:14:58+24:00"}`, nil, 422, "invalid_value", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"2026-11-27T1:00:00Z"}`, nil, 422, "invalid_value", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"2099-01-31T00:00:00Z"}`, nil, 422, "event_in_future", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"9999-12-31T23:59:59Z"}`, nil, 422, "event_in_future", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"2262-04-12T00:00:00Z"}`, nil, 422, "event_in_future", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"1600-02-29T00:00:00Z"}`, nil, 422, "event_too_old", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"0000-01-01T00:00:00Z"}`, nil, 422, "event_too_old", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"0001-01-01T00:00:00Z"}`, nil, 422, "event_too_old", "/timestamp"},
		{"POST", "/v1/events", event + `,"timestamp":"0001-01-01T02:00:00.000+02:00"}`, nil, 422, "event_too_old", "/timestamp"},
		{"POST", "/v1/events", event + `,"op":"del"}`, nil, 422, "invalid_value", "/op"},
		{"POST", "/v1/events", event + `}`, []string{"Idempotency-Key", "2"}, 422, "invalid_value", "/id"},
		{"POST", "/v1/events", event + `}`, []string{"Idempotency-Key", "a\tb"}, 422, "invalid_value", "/id"},
		{"POST", "/v1/events", event + `}`, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Type", "application/cloudevents+avro"}, 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Encoding", "br"}, 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Encoding", "gzip, gzip"}, 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Encoding", "gzip"}, 400, "malformed_json", ""},
		{"POST", "/v1/events", event + `}`, []string{"Content-Encoding", "zstd"}, 400, "malformed_json", ""},
		{"POST", "/v1/events", event + `}`, append(ndjson, "Content-Encoding", "br"), 415, "unsupported_media_type", ""},
		{"POST", "/v1/events", strings.Repeat(" ", jsonBodyBytesMax+1), nil, 413, "too_large", ""},
		{"POST", "/v1/events", "[" + strings.Repeat("{},", batchEventsMax) + "{}]", nil, 413, "too_large", ""},

		{"GET", "/v1/usage", "", nil, 422, "missing_field", "/meter"},
		{"GET", "/v1/usage?meter=nope", "", nil, 404, "not_found", "/meter"},
		{"GET", "/v1/usage?meter=api_calls&tenant=acme", "", nil, 400, "unknown_field", "/tenant"},
		{"GET", "/v1/usage?meter=api_calls&tenant_id=", "", nil, 422, "invalid_value", "/tenant_id"},
		{"GET", "/v1/usage?meter=api_calls&meter=seats", "", nil, 400, "duplicate_key", "/meter"},
		{"GET", "/v1/usage?meter=api_calls&from=yesterday", "", nil, 422, "invalid_value", "/from"},
		{"GET", "/v1/usage?meter=api_calls&from=2026-11-27T01:14:00,5Z", "", nil, 422, "invalid_value", "/from"},
		{"GET", "/v1/usage?meter=api_calls&to=2026-11-27T1:00:00Z", "", nil, 422, "invalid_value", "/to"},
		{"GET", "/v1/usage?meter=api_calls&as_of=2026-11-27T01:00:00%2B24:00", "", nil, 422, "invalid_value", "/as_of"},
		{"GET", "/v1/decisions?tenant_id=acme&from=2026-11-27T1:00:00Z", "", nil, 422, "invalid_value", "/from"},
		{"GET", "/v1/usage?meter=api_calls&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "", nil, 422, "invalid_value", "/to"},
		{"GET", "/v1/usage?meter=api_calls&window=fortnight", "", nil, 422, "invalid_value", "/window"},
		{"GET", "/v1/usage?meter=api_calls&time_zone=Mars/Base", "", nil, 422, "invalid_value", "/time_zone"},
		{"GET", "/v1/usage?meter=api_calls&fill=one", "", nil, 422, "invalid_value", "/fill"},
		{"GET", "/v1/usage?meter=api_calls&format=xml", "", nil, 422, "invalid_value", "/format"},
		{"GET", "/v1/usage?meter=api_calls&numbers=float", "", nil, 422, "invalid_value", "/numbers"},
		{"GET", "/v1/usage?meter=api_calls&group_by=metadata.modle", "", nil, 422, "invalid_value", "/group_by"},
		{"GET", "/v1/usage?meter=api_calls&group_by=", "", nil, 422, "invalid_value", "/group_by"},
		{"GET", "/v1/usage?meter=api_calls&group_by=user_id,user_id", "", nil, 422, "invalid_value", "/group_by"},
		{"GET", "/v1/usage?meter=api_calls&compare=next", "", nil, 422, "invalid_value", "/compare"},
		{"GET", "/v1/usage?meter=api_calls&compare=previous&format=csv", "", nil, 422, "invalid_value", "/compare"},
		{"GET", "/v1/usage?meter=api_calls&limit=0", "", nil, 422, "invalid_value", "/limit"},
		{"GET", "/v1/usage?meter=api_calls&cursor=xyz", "", nil, 400, "invalid_cursor", "/cursor"},
		{"GET", "/v1/usage?meter=api_calls&filter=a", "", nil, 422, "invalid_value", "/filter"},
		{"GET", "/v1/usage/top?meter=api_calls", "", nil, 422, "missing_field", "/by"},
		{"GET", "/v1/usage/top?by=tenant", "", nil, 422, "missing_field", "/meter"},
		{"GET", "/v1/usage/top?meter=nope&by=tenant", "", nil, 404, "not_found", "/meter"},
		{"GET", "/v1/usage/top?meter=api_calls&by=metadata.model", "", nil, 422, "invalid_value", "/by"},
		{"GET", "/v1/usage?meter=api_calls&as_of=70000", "", nil, 422, "invalid_value", "/as_of"},
		{"GET", "/v1/usage?meter=api_calls&as_of=yesterday", "", nil, 422, "invalid_value", "/as_of"},
		{"GET", "/v1/usage?meter=api_calls&filter%5Bmetadata.model%5D=a", "", nil, 422, "invalid_value", "/filter[metadata.model]"},
		{"GET", "/v1/usage?meter=%zz", "", nil, 422, "invalid_value", ""},

		{"GET", "/v1/meters/nope", "", nil, 404, "not_found", ""},
		{"DELETE", "/v1/meters/nope", "", nil, 404, "not_found", ""},
		{"GET", "/v1/meters?limit=0", "", nil, 422, "invalid_value", "/limit"},
		{"GET", "/v1/meters?limit=1001", "", nil, 422, "invalid_value", "/limit"},
		{"GET", "/v1/meters?limit=ten", "", nil, 422, "invalid_value", "/limit"},
		{"GET", "/v1/meters?cursor=xyz", "", nil, 400, "invalid_cursor", "/cursor"},
		{"GET", "/v1/meters?page=2", "", nil, 400, "unknown_field", "/page"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum"`, nil, 400, "malformed_json", ""},
		{"PUT", "/v1/meters/m", `{"agregation":"sum"}`, nil, 400, "unknown_field", "/agregation"},
		{"PUT", "/v1/meters/m", `{"aggregation":5}`, nil, 400, "wrong_type", "/aggregation"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum","aggregation":"sum"}`, nil, 400, "duplicate_key", "/aggregation"},
		{"PUT", "/v1/meters/m", `{}`, nil, 422, "missing_field", "/aggregation"},
		{"PUT", "/v1/meters/m", `{"aggregation":"summe"}`, nil, 422, "invalid_value", "/aggregation"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum","slug":"other"}`, nil, 422, "invalid_value", "/slug"},
		{"PUT", "/v1/meters/M%C3%BC", `{"aggregation":"sum"}`, nil, 422, "invalid_value", "/slug"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum","scale":10}`, nil, 422, "invalid_value", "/scale"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum"}`, []string{"Content-Type", "text/plain"}, 415, "unsupported_media_type", ""},
		{"PUT", "/v1/meters/m", strings.Repeat(" ", configBodyBytesMax+1), nil, 413, "too_large", ""},
		{"PUT", "/v1/meters/api_calls", `{"aggregation":"max"}`, nil, 409, "meter_immutable", "*"},
		{"PUT", "/v1/meters/m", `{"aggregation":"sum"}`, []string{"If-Match", `"v1"`}, 412, "precondition_failed", ""},
		{"PUT", "/v1/meters/api_calls", `{"aggregation":"sum"}`, []string{"If-None-Match", `*`}, 412, "precondition_failed", "*"},
		{"DELETE", "/v1/meters/api_calls", ``, []string{"If-Match", `"v999"`}, 412, "precondition_failed", "*"},
	}
	for _, test := range tests {
		name := test.method + " " + test.target + " " + shorten(test.body) + strings.Join(test.headers, " ")
		w := f.send(test.method, test.target, strings.NewReader(test.body), test.headers...)
		p := f.problem(w)
		require.Equal(t, test.status, w.Code, "%s: %s", name, w.Body)
		require.Equal(t, test.code, p.Code, "%s: %s", name, w.Body)
		switch {
		case test.pointer == "*": // whichever the engine names
		case test.pointer == "":
			require.Empty(t, p.Errors, "%s: %s", name, w.Body)
		default:
			require.NotEmpty(t, p.Errors, "%s: %s", name, w.Body)
			require.Equal(t, test.pointer, p.Errors[0].Pointer, "%s: %s", name, w.Body)
			require.Equal(t, test.code, p.Errors[0].Code, name)
		}
		if w.Code == 405 {
			require.NotEmpty(t, w.Header().Get("Allow"), name)
		}
	}
	require.Equal(t, "0", f.total("api_calls"), "a refused event counted")
}

func TestUnauthorized(t *testing.T) {
	f := newFixture(t)
	id := strings.Split(f.key, "_")[1]
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + f.key, f.key, "Bearer " + f.key + "x",
		"Bearer " + FormatKey("nobody", strings.Repeat("a", 52)), "Bearer weir_" + id + "_", "Bearer weir_" + id + "_0000000000000000", "Bearer weir__x"} {
		for _, target := range []string{"/v1/usage?meter=api_calls", "/v1/nothing", "/%761/system"} {
			w := f.get(target, "Authorization", header)
			require.Equal(t, 401, w.Code, "%q", header)
			require.Equal(t, "unauthorized", f.problem(w).Code)
			require.Contains(t, w.Header().Get("WWW-Authenticate"), "Bearer")
		}
	}
	require.Equal(t, 200, f.get("/v1/system", "Authorization", "bearer "+f.key).Code)
	for _, target := range []string{"/healthz", "/readyz", "/version", "/metrics"} {
		require.Equal(t, 200, f.get(target, "Authorization", "").Code, target)
	}
}

// TestNoAuthIsLocal: without keys a page in a browser must not reach the API, neither under
// its own rebound name nor across sites.
func TestNoAuthIsLocal(t *testing.T) {
	f := newFixture(t)
	api, err := New(f.eng, &Options{NoAuth: true})
	require.NoError(t, err)
	f.api = api
	for host, status := range map[string]int{"127.0.0.1:7070": 200, "localhost": 200, "[::1]:7070": 200, "[::1]": 200,
		"evil.example:7070": 403, "127.0.0.1.evil.example": 403, "10.0.0.1": 403, "": 403} {
		r := httptest.NewRequest("GET", "/v1/meters", nil)
		r.Host = host
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		require.Equal(t, status, w.Code, host)
	}
	r := httptest.NewRequest("POST", "/v1/events", strings.NewReader(`{}`))
	r.Host = "127.0.0.1:7070"
	r.Header.Set("Origin", "https://evil.example")
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	require.Equal(t, 403, w.Code)
}

func TestOptionsValidate(t *testing.T) {
	_, err := New(nil, &Options{DrainMax: -1})
	require.ErrorContains(t, err, "DrainMax")
}

func TestRequestID(t *testing.T) {
	f := newFixture(t)
	require.Equal(t, "abc-1", f.get("/nothing", "X-Request-Id", "abc-1").Header().Get("X-Request-Id"))
	for _, bad := range []string{"", "a b", "\x01", strings.Repeat("x", 129), "é"} {
		require.Len(t, f.get("/nothing", "X-Request-Id", bad).Header().Get("X-Request-Id"), 36)
	}
}

// sick is an engine that answers an error to every write and has a health of its own.
type sick struct {
	*engine.Engine
	err    error
	checks []usage.HealthCheck
}

func (s *sick) Record(context.Context, usage.Event) (usage.Outcome, error) {
	return usage.Outcome{}, s.err
}

func (s *sick) RecordBatch(context.Context, []usage.Event) ([]usage.Outcome, error) {
	return nil, s.err
}
func (s *sick) Health() []usage.HealthCheck { return s.checks }

// TestEngineErrors checks what a client sees of an engine that takes no writes. An unknown
// outcome is never told as not done, and internals are never shown.
func TestEngineErrors(t *testing.T) {
	f := newFixture(t)
	s := &sick{Engine: f.eng}
	api, err := New(s, nil)
	require.NoError(t, err)
	f.api = api
	const event = `{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`
	for _, test := range []struct {
		err    error
		status int
		code   string
	}{
		{usage.ErrOverloaded, 503, "overloaded"}, {usage.ErrUnknownOutcome, 503, "outcome_unknown"},
		{usage.ErrClosed, 503, "draining"}, {usage.ErrFailed, 503, "failed"}, {usage.ErrClock, 503, "clock"},
		{usage.ErrDiskFull, 507, "disk_full"}, {context.Canceled, 503, "outcome_unknown"},
		{errors.New("open /secret/path: no"), 500, "internal"},
	} {
		s.err = test.err
		for _, body := range []string{event, "[" + event + "]"} {
			w := f.post(body)
			require.Equal(t, test.status, w.Code, test.code)
			require.Equal(t, test.code, f.problem(w).Code)
			require.NotContains(t, w.Body.String(), "secret")
			require.Equal(t, test.status == 503, w.Header().Get("Retry-After") != "")
		}
		w := f.post("\n{}\n"+event, "Content-Type", "application/x-ndjson")
		p := f.problem(w)
		require.Equal(t, test.code, p.Code)
		require.EqualValues(t, 0, *p.NextIndex)
	}
	s.checks = []usage.HealthCheck{{Name: "disk", OK: false, Detail: "full"}}
	require.Equal(t, 200, f.get("/healthz").Code)
	require.Equal(t, 503, f.get("/readyz").Code)
	s.checks[0].Fatal = true
	require.Equal(t, 503, f.get("/healthz").Code)
	require.Contains(t, f.get("/metrics").Body.String(), `weir_healthy{check="disk"} 0`)
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code, s := range statusOf {
		require.GreaterOrEqual(t, s.status, 400, code)
		require.NotEmpty(t, s.title, code)
	}
	status, _ := statusFor("nonsense")
	require.Equal(t, 500, status)
}

func TestMetrics(t *testing.T) {
	f := newFixture(t)
	f.post(`{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`)
	f.send("BREW", "/v1/meters", nil)
	text := f.get("/metrics").Body.String()
	for _, line := range []string{
		`weir_events_total{outcome="counted"} 1`, `weir_tenants 1`, `weir_healthy{check="disk"} 1`,
		`weir_http_requests_total{method="POST",route="/v1/events",status="200"} 1`,
		`weir_http_requests_total{method="other",route="/v1/meters",status="405"} 1`,
		`weir_http_request_duration_seconds_count{route="/v1/events"} 1`, "go_goroutines", "process_open_fds",
	} {
		require.Contains(t, text, line)
	}
}

func TestSystemAndVersion(t *testing.T) {
	f := newFixture(t)
	w := f.get("/v1/system")
	require.Equal(t, 200, w.Code)
	var body struct{ Stats usage.Stats }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	require.Contains(t, f.get("/version").Body.String(), `"version":"devel"`)
	head := f.send("HEAD", "/version", nil)
	require.Equal(t, 200, head.Code)
	require.Empty(t, head.Body.String())
}

// The dashboard is at the root for everybody, with or without a key; what it shows it has to ask the API for.
func TestPagesNeedNoKey(t *testing.T) {
	f := newFixture(t)
	for path, want := range map[string]int{"/": 200, "/portal": 200, "/tenants/acme": 200, "/v1/nothing": 401, "/compat/nothing": 404} {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept", "text/html")
		w := httptest.NewRecorder()
		f.api.ServeHTTP(w, r)
		require.Equal(t, want, w.Code, path)
		if want == 200 {
			require.Contains(t, w.Body.String(), "<!doctype html>", path)
		} else {
			require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), path)
		}
	}
}
