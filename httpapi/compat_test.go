package httpapi

import (
	"encoding/base64"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOpenMeterCompat(t *testing.T) {
	f := newFixture(t)
	const path = "/compat/openmeter/api/v1/events"
	post := func(media, body string) *httptest.ResponseRecorder {
		return f.send("POST", path, strings.NewReader(body), "Content-Type", media)
	}
	const one = `{"specversion":"1.0","id":"o1","source":"svc","type":"api_calls","subject":"acme","data":{"quantity":3,"route":"/x"},"ext":{"a":[1]}}`
	for _, body := range []string{one, one, strings.Replace(one, "3", "4", 1)} { // counted, duplicate, conflict
		w := post(mediaCloud, body)
		require.Equal(t, 204, w.Code, w.Body)
		require.Empty(t, w.Body.String())
	}
	require.Equal(t, "3", f.total("api_calls"), "the first one counts")
	metrics := f.get("/metrics").Body.String()
	require.Contains(t, metrics, `weir_compat_repeats_total{outcome="conflict",peer="openmeter"} 1`)
	require.Contains(t, metrics, `weir_compat_repeats_total{outcome="duplicate",peer="openmeter"} 1`)
	two := strings.Replace(one, "o1", "o2", 1)
	require.Equal(t, 204, post(mediaCloudBatch, "["+two+","+one+"]").Code)
	require.Equal(t, 204, post("application/json", "["+strings.Replace(one, "o1", "o3", 1)+"]").Code)
	require.Equal(t, "9", f.total("api_calls"))
	for body, detail := range map[string]string{
		`[` + strings.Replace(one, "o1", "o4", 1) + `,{"specversion":"1.0","id":"x"}]`: "/1/source",
		strings.NewReplacer("api_calls", "nothing", "o1", "o5").Replace(one):           "no meter counts",
		`{`:   "",
		`[1]`: "",
	} {
		w := post("application/json", body)
		require.Equal(t, 400, w.Code, w.Body)
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"))
		require.Contains(t, w.Body.String(), detail)
		require.Contains(t, w.Body.String(), `"title":"Bad Request"`)
	}
	require.Equal(t, "9", f.total("api_calls"), "nothing of a batch with a wrong event")
	w := f.send("POST", path, strings.NewReader(one), "Authorization", "")
	require.Equal(t, 401, w.Code)
	require.Contains(t, w.Body.String(), `"title":"Unauthorized"`)
	require.Equal(t, 415, post("text/plain", one).Code)
	require.Equal(t, 404, f.send("POST", path+"/x", nil).Code)
	require.Equal(t, 405, f.get(path).Code)
}

func TestLagoCompat(t *testing.T) {
	f := newFixture(t)
	w, _ := f.do("PUT", "/v1/meters/gb", `{"event_type":"storage_gb","aggregation":"sum","value_property":"metadata.gb"}`)
	require.Equal(t, 201, w.Code)
	post := func(path, body string) (*httptest.ResponseRecorder, map[string]any) {
		return f.do("POST", "/compat/lago/api/v1/events"+path, body)
	}
	const event = `{"transaction_id":"t1","external_subscription_id":"sub_1","code":"storage_gb","properties":{"gb":10.5},"external_customer_id":null,"precise_total_amount_cents":"1.2"}`
	w, a := post("", `{"event":`+event+`}`)
	require.Equal(t, 200, w.Code, w.Body)
	e := a["event"].(map[string]any)
	require.Equal(t, []any{"t1", "sub_1", "storage_gb", nil, map[string]any{"gb": 10.5}},
		[]any{e["transaction_id"], e["external_subscription_id"], e["code"], e["lago_customer_id"], e["properties"]})
	require.Len(t, e["lago_id"], 36)
	w, again := post("", `{"event":`+event+`}`)
	require.Equal(t, 200, w.Code)
	require.Equal(t, e["lago_id"], again["event"].(map[string]any)["lago_id"])
	w, a = post("", `{"event":`+strings.Replace(event, "10.5", "11", 1)+`}`)
	require.Equal(t, []any{422, "validation_errors", map[string]any{"transaction_id": []any{"value_already_exist"}}}, []any{w.Code, a["code"], a["error_details"]})
	w, a = post("", `{"event":{"transaction_id":7,"external_subscription_id":"sub_1","code":"storage_gb","timestamp":"1500000000.123","properties":{"gb":"1"}}}`)
	require.Equal(t, 422, w.Code)
	require.Equal(t, map[string]any{"timestamp": []any{"value_is_invalid"}}, a["error_details"], "too old")
	w, a = post("", `{"event":{"code":"nothing","timestamp":[]}}`)
	require.Equal(t, 422, w.Code)
	require.Equal(t, map[string]any{"transaction_id": []any{"value_is_mandatory"}, "external_subscription_id": []any{"value_is_mandatory"}, "timestamp": []any{"value_is_invalid"}}, a["error_details"])
	require.Equal(t, "10.5", f.total("gb"))

	good := strings.Replace(event, "t1", "t2", 1)
	w, a = post("/batch", `{"events":[`+good+`,`+strings.Replace(event, "storage_gb", "nothing", 1)+`,{}]}`)
	require.Equal(t, 422, w.Code)
	require.Contains(t, a["error_details"], "2")
	w, a = post("/batch", `{"events":[`+good+`,`+strings.Replace(event, "storage_gb", "nothing", 1)+`]}`)
	require.Equal(t, []any{422, map[string]any{"1": map[string]any{"code": []any{"value_is_invalid"}}}}, []any{w.Code, a["error_details"]})
	require.Equal(t, "10.5", f.total("gb"), "validated as a whole")
	w, a = post("/batch", `{"events":[`+good+`,`+strings.NewReplacer("t1", "t3", "10.5", `"much"`).Replace(event)+`]}`)
	require.Equal(t, []any{422, map[string]any{"1": map[string]any{"properties": []any{"value_is_invalid"}}}}, []any{w.Code, a["error_details"]})
	require.Equal(t, "10.5", f.total("gb"), "values too")
	w, a = post("/batch", `{"events":[`+good+`,`+event+`]}`)
	require.Equal(t, 200, w.Code, w.Body)
	require.Len(t, a["events"], 2)
	require.Equal(t, "21", f.total("gb"))
	w, a = post("/batch", `{"events":[`+strings.Repeat(event+",", 100)+event+`]}`)
	require.Equal(t, []any{422, map[string]any{"events": []any{"too_many_events"}}}, []any{w.Code, a["error_details"]})
	w, a = post("", `{"event":`)
	require.Equal(t, 400, w.Code)
	require.Contains(t, a["error"], "BadRequest")
	w, a = f.do("POST", "/compat/lago/api/v1/events", `{}`, "Authorization", "")
	require.Equal(t, []any{401, "Unauthorized"}, []any{w.Code, a["error"]})
	w, a = post("", `{"events":[]}`)
	require.Equal(t, []any{422, map[string]any{"event": []any{"value_is_mandatory"}}}, []any{w.Code, a["error_details"]})
}

func TestStripeCompat(t *testing.T) {
	f := newFixture(t)
	w, _ := f.do("PUT", "/v1/tenants/acme", `{"stripe_customer_id":"cus_9"}`)
	require.Equal(t, 201, w.Code)
	post := func(form string, headers ...string) (*httptest.ResponseRecorder, map[string]any) {
		return f.do("POST", "/compat/stripe/v1/billing/meter_events", form, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, headers...)...)
	}
	const form = "event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=25&payload%5Bregion%5D=eu&identifier=i1&unknown=1"
	w, a := post(form)
	require.Equal(t, 200, w.Code, w.Body)
	require.Equal(t, []any{"billing.meter_event", "api_calls", "i1", map[string]any{"stripe_customer_id": "cus_9", "value": "25", "region": "eu"}},
		[]any{a["object"], a["event_name"], a["identifier"], a["payload"]})
	w, _ = post(form, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(f.key+":")))
	require.Equal(t, 200, w.Code, "a retry, with the key as the user of Basic")
	w, a = post(strings.Replace(form, "25", "26", 1))
	require.Equal(t, 400, w.Code)
	require.Equal(t, map[string]any{"type": "invalid_request_error", "code": "resource_already_exists", "message": a["error"].(map[string]any)["message"], "param": "identifier"}, a["error"])
	w, a = post("event_name=api_calls&payload[stripe_customer_id]=cus_other&payload[value]=1")
	require.Equal(t, 200, w.Code)
	require.Len(t, a["identifier"], 36)
	require.Equal(t, 200, f.get("/v1/tenants/cus_other").Code, "no tenant has that customer: it is one itself")
	require.Equal(t, "26", f.total("api_calls"))
	_, rows := f.do("GET", "/v1/usage?meter=api_calls&tenant_id=acme", "")
	require.EqualValues(t, 25, rows["data"].([]any)[0].(map[string]any)["value"])
	for form, param := range map[string]string{
		"payload[stripe_customer_id]=cus_9&payload[value]=1":                                          "event_name",
		"event_name=api_calls&payload[value]=1":                                                       "payload[stripe_customer_id]",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9":                                      "payload[value]",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=x":                     "payload[value]",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=1.5":                   "payload[value]",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=1&timestamp=1":         "timestamp",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=1&timestamp=x":         "timestamp",
		"event_name=nothing&payload[stripe_customer_id]=cus_9&payload[value]=1":                       "event_name",
		"event_name=api_calls&event_name=seats&payload[stripe_customer_id]=cus_9&payload[value]=1":    "event_name",
		"event_name=api_calls&payload[stripe_customer_id]=cus_9&payload[value]=1&identifier=" + "%01": "identifier",
	} {
		w, a := post(form)
		require.Equal(t, 400, w.Code, "%s: %s", form, w.Body)
		require.Equal(t, param, a["error"].(map[string]any)["param"], form)
	}
	w, a = post("%zz")
	require.Equal(t, 400, w.Code)
	require.Equal(t, "invalid_request_error", a["error"].(map[string]any)["type"])
	w, _ = post(form, "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("sk_test:")))
	require.Equal(t, 401, w.Code)
	require.Equal(t, "26", f.total("api_calls"))
}
