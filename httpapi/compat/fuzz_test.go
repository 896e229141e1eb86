package compat

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// What any form makes of any text: no panic, and an event that it takes has metadata that is a JSON object.
func check(t *testing.T, ev *usage.Event) {
	t.Helper()
	if ev.Metadata != nil && (!json.Valid(ev.Metadata) || ev.Metadata[0] != '{') {
		t.Fatalf("metadata %q", ev.Metadata)
	}
}

func FuzzCloudEvent(f *testing.F) {
	for _, s := range []string{
		`{"specversion":"1.0","id":"c1","source":"/svc","type":"api_calls","subject":"acme","time":"2026-01-02T03:04:05Z","data":{"quantity":"5","user_id":"a","x":[1]}}`,
		`{"specversion":"1.0","data_base64":"eA=="}`, `{"specversion":"1.0","id":null,"data":{"\u0071uantity":1,"quantity":2}}`, `{"data":{}}`, `[]`, `{"data":"`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var p strictjson.Parser
		p.Reset(body)
		var ev usage.Event
		if err := ReadCloudEvent(&p, &ev); err != nil {
			return
		}
		check(t, &ev)
		if ev.ID == "" || ev.TenantID == "" || ev.FeatureType == "" || ev.Source == "" {
			t.Fatalf("%s was taken as %+v", body, ev)
		}
	})
}

func FuzzBinary(f *testing.F) {
	f.Add("1.0", "c1", "%2Fsvc", "api_calls", `"ac\"me"`, "2026-01-02T03:04:05Z", "application/json", []byte(`{"quantity":1}`))
	f.Add("1.0", "%", "%zz", "%e2%82%ac", `"`, "", "", []byte(nil))
	f.Fuzz(func(t *testing.T, version, id, source, kind, subject, at, media string, body []byte) {
		h := http.Header{"Ce-Specversion": {version}, "Ce-Id": {id}, "Ce-Source": {source}, "Ce-Type": {kind}, "Ce-Subject": {subject}, "Content-Type": {media}}
		if at != "" {
			h["Ce-Time"] = []string{at}
		}
		var ev usage.Event
		if ReadBinary(h, body, &ev) == nil {
			check(t, &ev)
		}
	})
}

func FuzzLago(f *testing.F) {
	for _, s := range []string{`{"event":{"transaction_id":"t","external_subscription_id":"s","code":"c","timestamp":1.5,"properties":{"a":1}}}`,
		`{"events":[{},{"timestamp":"x"}]}`, `{"event":{"transaction_id":"\ud800"}}`, `{"events":7}`, `{"event":null}`} {
		f.Add([]byte(s), true)
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, body []byte, many bool) {
		evs, wrong, err := ReadLago(body, many)
		if err != nil || len(wrong) > 0 {
			return
		}
		for i := range evs {
			check(t, &evs[i])
		}
		if (many || len(evs) == 1) && !json.Valid(LagoAnswer(evs, many, time.Unix(1, 0))) {
			t.Fatal("the answer is no JSON")
		}
	})
}

func FuzzStripe(f *testing.F) {
	for _, s := range []string{"event_name=a&payload[stripe_customer_id]=c&payload[value]=1&payload[x]=y&timestamp=1&identifier=i", "payload[]=1", "%zz", "a=b;c=d",
		"event_name=a&payload[stripe_customer_id]=c&payload[value]=1&timestamp=%22"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, form []byte) {
		ev, err := ReadStripe(form)
		if err != nil {
			return
		}
		check(t, &ev)
		if !json.Valid(StripeAnswer(&ev, ev.TenantID, time.Unix(1, 0))) {
			t.Fatal("the answer is no JSON")
		}
	})
}
