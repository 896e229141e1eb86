package compat

import (
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// ReadStripe reads the form of a meter event. event_name -> feature, payload[stripe_customer_id] -> tenant, payload[value] ->
// quantity, identifier -> id (may be absent), timestamp in seconds; other members of payload are metadata. Other parameters are ignored.
func ReadStripe(form []byte) (usage.Event, error) {
	var ev usage.Event
	q, err := url.ParseQuery(string(form))
	if err != nil {
		return ev, refuse(usage.CodeInvalidValue, "", "the form cannot be decoded; send application/x-www-form-urlencoded")
	}
	metadata := make(map[string]string)
	for name, values := range q { // order-free: each parameter by itself
		key, ok := strings.CutPrefix(name, "payload[")
		if !ok || !strings.HasSuffix(key, "]") {
			continue
		}
		key = strings.TrimSuffix(key, "]")
		if key != "stripe_customer_id" && key != "value" {
			metadata[key] = values[0]
		}
	}
	for _, f := range []struct {
		param, pointer string
		must           bool
	}{
		{"event_name", "/feature_type", true}, {"payload[stripe_customer_id]", "/tenant_id", true}, {"payload[value]", "/quantity", true},
		{"identifier", "/id", false}, {"timestamp", "/timestamp", false},
	} {
		if len(q[f.param]) > 1 {
			return ev, refuse(usage.CodeDuplicateKey, f.pointer, f.param+" appears twice")
		}
		text := q.Get(f.param)
		if text == "" {
			if f.must {
				return ev, refuse(usage.CodeMissingField, f.pointer, "Missing required param: "+f.param+".")
			}
			continue
		}
		switch f.param {
		case "event_name":
			ev.FeatureType = text
		case "payload[stripe_customer_id]":
			ev.TenantID = text
		case "identifier":
			ev.ID = text
		case "payload[value]":
			if ev.Quantity, err = usage.ParseDecimal(text); err != nil {
				return ev, at(f.pointer, err)
			}
		case "timestamp":
			if ev.Timestamp, err = unixSeconds([]byte(`"`+strings.Trim(text, `"\`)+`"`), f.pointer); err != nil {
				return ev, err
			}
		}
	}
	if len(metadata) > 0 {
		ev.Metadata = json.RawMessage(mustJSON(metadata)) // members sorted, so that a retry is the same
	}
	return ev, nil
}

// StripeAnswer answers a meter event that was recorded, now. customer is the one that was sent.
func StripeAnswer(ev *usage.Event, customer string, now time.Time) []byte {
	payload := make(map[string]string)
	if ev.Metadata != nil {
		if err := json.Unmarshal(ev.Metadata, &payload); err != nil {
			panic("BUG: metadata of a meter event is no map of strings: " + err.Error())
		}
	}
	payload["stripe_customer_id"], payload["value"] = customer, ev.Quantity.String()
	at := ev.Timestamp
	if at.IsZero() {
		at = now
	}
	return mustJSON(struct {
		Object     string            `json:"object"`
		Created    int64             `json:"created"`
		EventName  string            `json:"event_name"`
		Identifier string            `json:"identifier"`
		Livemode   bool              `json:"livemode"`
		Payload    map[string]string `json:"payload"`
		Timestamp  int64             `json:"timestamp"`
	}{"billing.meter_event", now.Unix(), ev.FeatureType, ev.ID, true, payload, at.Unix()})
}
