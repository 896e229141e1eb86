package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

func TestMeterLifecycle(t *testing.T) {
	f := newFixture(t)
	put := func(body string, headers ...string) (int, string) {
		w := f.send("PUT", "/v1/meters/m", strings.NewReader(body), headers...)
		return w.Code, w.Header().Get("ETag")
	}
	const first = `{"aggregation":"sum","scale":2,"unit":"kg"}`
	status, tag := put(first, "If-None-Match", "*")
	require.Equal(t, 201, status)
	require.Regexp(t, `^"v\d+"$`, tag)
	status, same := put(first)
	require.Equal(t, 200, status)
	require.Equal(t, tag, same, "an identical PUT makes no version")

	w := f.get("/v1/meters/m")
	require.Equal(t, tag, w.Header().Get("ETag"))
	var m usage.Meter
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &m))
	require.Equal(t, "m", m.EventType)
	require.Equal(t, 304, f.get("/v1/meters/m", "If-None-Match", tag).Code)
	require.Equal(t, 304, f.get("/v1/meters/m", "If-None-Match", `"x", W/`+tag).Code)
	require.Equal(t, 200, f.get("/v1/meters/m", "If-None-Match", `"x"`).Code)

	// What was read can be written back.
	status, same = put(w.Body.String(), "If-Match", tag)
	require.Equal(t, 200, status)
	require.Equal(t, tag, same)

	status, second := put(`{"aggregation":"sum","scale":2,"unit":"ton"}`, "If-Match", tag)
	require.Equal(t, 200, status)
	require.NotEqual(t, tag, second)
	for _, stale := range []string{tag, `W/` + second, "garbage", `"v0"`} {
		status, _ = put(first, "If-Match", stale)
		require.Equal(t, 412, status, stale)
	}
	status, _ = put(first, "If-None-Match", "*")
	require.Equal(t, 412, status)
	status, third := put(first, "If-Match", `"old", `+second)
	require.Equal(t, 200, status)
	status, _ = put(first, "If-Match", "*")
	require.Equal(t, 200, status)
	status, _ = put(`{"aggregation":"sum","scale":3}`)
	require.Equal(t, 409, status)

	require.Equal(t, 412, f.send("DELETE", "/v1/meters/m", nil, "If-Match", tag).Code)
	w = f.send("DELETE", "/v1/meters/m", nil, "If-Match", third)
	require.Equal(t, 204, w.Code)
	require.Empty(t, w.Body.String())
	require.Equal(t, 404, f.get("/v1/meters/m").Code)
	require.Equal(t, 404, f.send("DELETE", "/v1/meters/m", nil).Code)
	require.NotContains(t, f.get("/v1/meters").Body.String(), `"slug":"m"`)
	require.Equal(t, 200, f.get("/v1/usage?meter=m").Code, "usage of an archived meter stays")
}

func TestListMeters(t *testing.T) {
	f := newFixture(t)
	for i := range 7 {
		w := f.send("PUT", fmt.Sprintf("/v1/meters/x%d", i), strings.NewReader(`{"aggregation":"count"}`))
		require.Equal(t, 201, w.Code)
	}
	type page struct {
		Data       []usage.Meter
		NextCursor *string `json:"next_cursor"`
	}
	read := func(target string) page {
		w := f.get(target)
		require.Equal(t, 200, w.Code, w.Body.String())
		var p page
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p))
		return p
	}
	all := read("/v1/meters")
	require.Nil(t, all.NextCursor)
	require.Greater(t, len(all.Data), 7)
	var walked []usage.Meter
	for target := "/v1/meters?limit=4"; ; {
		p := read(target)
		walked = append(walked, p.Data...)
		if p.NextCursor == nil {
			break
		}
		require.Len(t, p.Data, 4)
		target = "/v1/meters?limit=4&cursor=" + *p.NextCursor
	}
	require.Equal(t, all.Data, walked)
	w := f.get("/v1/meters")
	require.Equal(t, 304, f.get("/v1/meters", "If-None-Match", w.Header().Get("ETag")).Code)
}

func TestUsage(t *testing.T) {
	f := newFixture(t)
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -3)
	at := func(d time.Duration) string { return day.Add(d).Format(time.RFC3339) }
	const big = "9007199254740993" // 2^53 + 1: lost by whoever reads doubles
	w := f.post(`[{"id":"1","tenant_id":"acme","feature_type":"data_transfer","quantity":` + big + `,"timestamp":"` + at(time.Hour) + `"},
		{"id":"2","tenant_id":"globex","feature_type":"data_transfer","quantity":5,"timestamp":"` + at(25*time.Hour) + `"}]`)
	require.Equal(t, 200, w.Code, w.Body.String())

	base := "/v1/usage?meter=data_transfer&window=day&from=" + at(0) + "&to=" + at(48*time.Hour)
	w = f.get(base + "&tenant_id=acme&fill=zero")
	text := w.Body.String()
	require.Contains(t, text, `"data":[{"window_start":"`+at(0)+`","window_end":"`+at(24*time.Hour)+`","value":`+big+`,"group":{},"partial":false},`)
	require.Contains(t, text, `"value":0,`)
	require.Contains(t, text, `"next_cursor":null`)
	var rows usage.Rows
	require.NoError(t, json.Unmarshal([]byte(text), &rows))
	require.Len(t, rows.Data, 2)
	require.Contains(t, f.get(base+"&numbers=string").Body.String(), `"value":"`+big+`"`)

	w = f.get(base + "&format=csv")
	require.Contains(t, w.Header().Get("Content-Type"), "text/csv")
	require.Equal(t, "window_start,window_end,value,partial\r\n"+
		at(0)+","+at(24*time.Hour)+","+big+",false\r\n"+at(24*time.Hour)+","+at(48*time.Hour)+",5,false\r\n", w.Body.String())

	// A '+' that nobody encoded is taken for one.
	w = f.get("/v1/usage?meter=data_transfer&from=" + day.In(time.FixedZone("", 3600)).Format(time.RFC3339) + "&to=" + at(48*time.Hour))
	require.Equal(t, 200, w.Code, w.Body.String())
	require.Contains(t, w.Body.String(), `"from":"`+at(0)+`"`)
}

// TestRefusedValues: what is wrong with the value that a meter counts is told by its code, at its place, as of a quantity.
func TestRefusedValues(t *testing.T) {
	f := newFixture(t)
	w, _ := f.do("PUT", "/v1/meters/gb", `{"aggregation":"sum","scale":3,"value_property":"metadata.used.gb"}`)
	require.Equal(t, 201, w.Code, w.Body)
	for value, code := range map[string]string{
		`-1`: "negative_quantity", `"-0.5"`: "negative_quantity",
		`1.2345`: "too_many_decimals", `1e-400`: "too_many_decimals",
		`1E400`: "overflow", `12345678901234567890`: "overflow", `9007199254740993e3`: "overflow", `"1e19"`: "overflow",
		`"many"`: "invalid_value", `true`: "invalid_value", `null`: "invalid_value", `""`: "invalid_value",
	} {
		const event = `{"id":"1","tenant_id":"acme","feature_type":"gb","metadata":{"used":{"gb":%s}}}`
		w := f.post(fmt.Sprintf(event, value))
		p := f.problem(w)
		require.Equal(t, []any{422, code, "/metadata/used/gb"}, []any{w.Code, p.Code, p.Errors[0].Pointer}, value)
		w = f.post(fmt.Sprintf(`[`+event+`]`, value))
		require.Contains(t, w.Body.String(), `"code":"`+code+`","pointer":"/0/metadata/used/gb"`, value)
	}
	for _, value := range []string{`1e0`, `"1.000"`, `10e-1`} { // one, in three ways
		require.Equal(t, 200, f.post(fmt.Sprintf(`{"id":%q,"tenant_id":"acme","feature_type":"gb","metadata":{"used":{"gb":%s}}}`, value, value)).Code)
	}
	require.Equal(t, "3", f.total("gb"))
}
