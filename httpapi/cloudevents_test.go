package httpapi

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const cloudEvent = `{"specversion":"1.0","id":"c1","source":"/svc","type":"api_calls","subject":"acme","time":"%TIME%","datacontenttype":"application/json",
	"dataschema":null,"comexampleext":7,"data":{"quantity":"5","user_id":"alice","model":"small","n":9007199254740993}}`

// The three modes are one event: the second and third are its duplicates.
func TestCloudEventsModes(t *testing.T) {
	f := newFixture(t)
	const now = "2026-01-02T03:04:05.5+01:00"
	key := f.newKey(nil, "ingest", "backfill") // so that the time may be a fixed one
	f.key, key = key, f.key
	event := strings.Replace(cloudEvent, "%TIME%", now, 1)
	w := f.post(event, "Content-Type", mediaCloud+"; charset=utf-8")
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"id":"c1","status":"counted"`)
	w = f.post("["+event+`,{"specversion":"1.0","id":"c2","source":"/svc","type":"api_calls","subject":"acme"},{"specversion":"0.3"},{"id":4}]`, "Content-Type", mediaCloudBatch)
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `{"accepted":1,"duplicates":1,"rejected":[{"index":2,"id":null,"code":"invalid_value","pointer":"/2/specversion"`)
	require.Contains(t, w.Body.String(), `{"index":3,"id":null,"code":"wrong_type","pointer":"/3/id"`)
	w = f.post(`{"n":9007199254740993,"user_id":"alice","quantity":5.0,"model":"small"}`, "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "c1",
		"Ce-Source", "%2Fsvc", "Ce-Type", "api%5Fcalls", "Ce-Subject", `"ac\me"`, "Ce-Time", now, "Ce-Ext", "x")
	require.Equal(t, 200, w.Code, w.Body)
	require.Contains(t, w.Body.String(), `"status":"duplicate"`)
	w = f.post(`{"n":9007199254740992,"user_id":"alice","quantity":5,"model":"small"}`, "Content-Type", "application/json", "Ce-Specversion", "1.0", "Ce-Id", "c1",
		"Ce-Source", "/svc", "Ce-Type", "api_calls", "Ce-Subject", "acme", "Ce-Time", now)
	require.Equal(t, 409, w.Code, "another number is another payload")
	w = f.post("", "Content-Type", "", "Ce-Specversion", "1.0", "Ce-Id", "c3", "Ce-Source", "/svc", "Ce-Type", "api_calls", "Ce-Subject", "t%C3%BCr")
	require.Equal(t, 200, w.Code, w.Body)
	f.key = key
	require.Equal(t, 200, f.get("/v1/tenants/t%C3%BCr").Code)
	require.Equal(t, "2", f.total("api_calls"), "of this month")
}

func TestCloudEventsRefused(t *testing.T) {
	f := newFixture(t)
	without := func(member string) string {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(`{"specversion":"1.0","id":"c1","source":"/svc","type":"api_calls","subject":"acme"}`), &m))
		delete(m, member)
		b, err := json.Marshal(m)
		require.NoError(t, err)
		return string(b)
	}
	with := func(members string) string {
		return `{"specversion":"1.0","id":"c1","source":"/svc","type":"api_calls","subject":"acme",` + members + `}`
	}
	for _, tc := range []struct {
		body          string
		status        int
		code, pointer string
	}{
		{without("specversion"), 422, "missing_field", "/specversion"}, {without("id"), 422, "missing_field", "/id"}, {without("source"), 422, "missing_field", "/source"},
		{without("type"), 422, "missing_field", "/type"}, {without("subject"), 422, "missing_field", "/subject"},
		{strings.Replace(without(""), `"1.0"`, `"1.1"`, 1), 422, "invalid_value", "/specversion"},
		{strings.Replace(without(""), `"acme"`, `null`, 1), 422, "missing_field", "/subject"},
		{strings.Replace(without(""), `"acme"`, `7`, 1), 400, "wrong_type", "/subject"},
		{strings.Replace(without(""), `"acme"`, `".."`, 1), 422, "invalid_value", "/subject"},
		{strings.Replace(without(""), `"api_calls"`, `"nothing"`, 1), 422, "unknown_feature", "/type"},
		{with(`"data_base64":null,"data":[1]`), 422, "invalid_value", "/data"}, {with(`"data_base64":"eA=="`), 422, "invalid_value", "/data_base64"}, {with(`"data":[1]`), 422, "invalid_value", "/data"},
		{with(`"data":"x"`), 422, "invalid_value", "/data"}, {with(`"data":null`), 422, "invalid_value", "/data"}, {with(`"data":7`), 422, "invalid_value", "/data"},
		{with(`"data":{"quantity":null}`), 400, "wrong_type", "/data/quantity"}, {with(`"data":{"quantity":"NaN"}`), 422, "invalid_value", "/data/quantity"},
		{with(`"data":{"quantity":-1}`), 422, "negative_quantity", "/data/quantity"}, {with(`"data":{"quantity":1.5}`), 422, "too_many_decimals", "/data/quantity"},
		{with(`"data":{"user_id":""}`), 422, "invalid_value", "/data/user_id"}, {with(`"data":{"user_id":7}`), 400, "wrong_type", "/data/user_id"},
		{with(`"data":{"a":1,"a":2}`), 400, "duplicate_key", "/data/a"}, {with(`"id":"c2"`), 400, "duplicate_key", "/id"},
		{with(`"data":{"a":{"b":{"c":{"d":{}}}}}`), 422, "invalid_value", "/data/a/b/c/d"},
		{with(`"time":"2026-11-27T01:14:58,5Z"`), 422, "invalid_value", "/time"}, {with(`"time":"2026-11-27T01:14:58.1234567891Z"`), 422, "invalid_value", "/time"},
		{with(`"time":"noon"`), 422, "invalid_value", "/time"}, {with(`"time":"2099-01-01T00:00:00Z"`), 422, "event_in_future", "/time"},
		{with(`"time":"2019-01-01T00:00:00Z"`), 422, "event_too_old", "/time"}, {with(`"time":"0001-01-01T00:00:00Z"`), 422, "event_too_old", "/time"},
		{with(`"time":"9999-12-31T23:59:59Z"`), 422, "event_in_future", "/time"},
		{with(`"data":{`), 400, "malformed_json", "*"}, {`[]`, 400, "wrong_type", ""}, {``, 400, "malformed_json", ""},
	} {
		w := f.post(tc.body, "Content-Type", mediaCloud)
		p := f.problem(w)
		require.Equal(t, tc.status, w.Code, "%s: %s", tc.body, w.Body)
		require.Equal(t, tc.code, p.Code, "%s: %s", tc.body, w.Body)
		if tc.pointer != "*" && tc.pointer != "" {
			require.NotEmpty(t, p.Errors, w.Body)
			require.Equal(t, tc.pointer, p.Errors[0].Pointer, "%s: %s", tc.body, w.Body)
		}
	}
	binary := []string{"Ce-Specversion", "1.0", "Ce-Id", "c1", "Ce-Source", "/svc", "Ce-Type", "api_calls"}
	for _, tc := range []struct {
		body    string
		headers []string
		code    string
	}{
		{`{}`, nil, "missing_field"}, {`[]`, []string{"Ce-Subject", "acme"}, "invalid_value"}, {`{`, []string{"Ce-Subject", "acme"}, "malformed_json"},
		{`hello`, []string{"Ce-Subject", "acme", "Content-Type", "text/plain"}, "invalid_value"},
		{`{}`, []string{"Ce-Subject", "ac%00me"}, "invalid_value"}, {`{}`, []string{"Ce-Subject", "%FF"}, "invalid_utf8"},
		{`{}`, []string{"Ce-Subject", "acme", "Ce-Time", "later"}, "invalid_value"}, {`{}`, []string{"Ce-Subject", "acme", "Ce-Specversion", "2"}, "invalid_value"},
	} {
		w := f.post(tc.body, append(append([]string{"Content-Type", "application/json"}, binary...), tc.headers...)...)
		require.Equal(t, tc.code, f.problem(w).Code, "%s %v: %s", tc.body, tc.headers, w.Body)
	}
	require.Equal(t, "0", f.total("api_calls"))
}
