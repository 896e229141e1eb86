package compat

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// LagoBatchMax is how many events Lago takes at once.
const LagoBatchMax = 100

// ReadLago reads {"event": {...}}, or {"events": [...]} of a batch. Every event that is wrong is in the list; its
// pointer is led by /events/<index> in a batch. Members that are not known are ignored.
func ReadLago(body []byte, many bool) (evs []usage.Event, wrong []*usage.Error, err error) {
	member := "event"
	if many {
		member = "events"
	}
	var p strictjson.Parser
	p.Reset(body)
	if err := p.BeginObject(); err != nil {
		return nil, nil, err
	}
	found := false
	for {
		key, more, err := p.NextKey()
		if err != nil {
			return nil, nil, err
		}
		if !more {
			break
		}
		if string(key) != member {
			if _, err := p.Raw(); err != nil {
				return nil, nil, err
			}
			continue
		}
		found = true
		if many {
			evs, wrong, err = readLagoBatch(&p)
		} else {
			evs = make([]usage.Event, 1)
			wrong, err = readLagoEvent(&p, &evs[0], "")
		}
		if err != nil {
			return nil, nil, err
		}
	}
	if err := p.End(); err != nil {
		return nil, nil, err
	}
	if !found {
		return nil, []*usage.Error{refuse(usage.CodeMissingField, "/"+member, member+" is missing")}, nil
	}
	return evs, wrong, nil
}

func readLagoBatch(p *strictjson.Parser) (evs []usage.Event, wrong []*usage.Error, err error) {
	if err := p.BeginArray(); err != nil {
		return nil, nil, err
	}
	for i := 0; ; i++ {
		more, err := p.NextElem()
		if err != nil || !more {
			return evs, wrong, err
		}
		if i == LagoBatchMax {
			return nil, nil, refuse(usage.CodeTooLarge, "/events", fmt.Sprintf("the batch has more than %d events; send several", LagoBatchMax))
		}
		evs = append(evs, usage.Event{})
		bad, err := readLagoEvent(p, &evs[i], "/events/"+strconv.Itoa(i))
		if err != nil {
			return nil, nil, err
		}
		wrong = append(wrong, bad...)
	}
}

// readLagoEvent reads one event. transaction_id -> id, external_subscription_id -> tenant, code -> feature, properties -> metadata.
func readLagoEvent(p *strictjson.Parser, ev *usage.Event, prefix string) (wrong []*usage.Error, err error) {
	if err := p.BeginObject(); err != nil {
		return nil, err
	}
	for {
		key, more, err := p.NextKey()
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		name := string(key)
		raw, err := p.Raw()
		if err != nil {
			return nil, err
		}
		if string(raw) == "null" {
			continue // Lago's clients send members that they have no value for
		}
		switch name {
		case "transaction_id":
			ev.ID, err = lagoText(raw, prefix+"/id")
		case "external_subscription_id":
			ev.TenantID, err = lagoText(raw, prefix+"/tenant_id")
		case "code":
			ev.FeatureType, err = lagoText(raw, prefix+"/feature_type")
		case "timestamp":
			ev.Timestamp, err = unixSeconds(raw, prefix+"/timestamp")
		case "properties":
			if raw[0] != '{' {
				err = refuse(usage.CodeWrongType, prefix+"/metadata", "properties must be an object")
			} else if len(raw) > 2 {
				ev.Metadata = json.RawMessage(string(raw))
			}
		}
		if err != nil {
			wrong = append(wrong, err.(*usage.Error)) // the functions above return no other
		}
	}
	for _, f := range []struct{ pointer, value, name string }{
		{"/id", ev.ID, "transaction_id"}, {"/tenant_id", ev.TenantID, "external_subscription_id"}, {"/feature_type", ev.FeatureType, "code"},
	} {
		if f.value == "" && !refusedAt(wrong, prefix+f.pointer) {
			wrong = append(wrong, refuse(usage.CodeMissingField, prefix+f.pointer, f.name+" is missing"))
		}
	}
	return wrong, nil
}

func refusedAt(wrong []*usage.Error, pointer string) bool {
	for _, e := range wrong {
		if e.Pointer == pointer {
			return true
		}
	}
	return false
}

// lagoText reads a string, or a number as it is written.
func lagoText(raw []byte, pointer string) (string, error) {
	switch {
	case raw[0] == '"':
		s, err := strictjson.Unquote(raw)
		if err != nil {
			return "", refuse(usage.CodeInvalidUTF8, pointer, "the text is not UTF-8")
		}
		return s, nil
	case raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9':
		return string(raw), nil
	}
	return "", refuse(usage.CodeWrongType, pointer, "this must be a string")
}

// unixSeconds reads a time in seconds since 1970, a number or a string, with at most nine decimals.
func unixSeconds(raw []byte, pointer string) (time.Time, error) {
	text, err := lagoText(raw, pointer)
	if err != nil {
		return time.Time{}, err
	}
	wrong := refuse(usage.CodeInvalidValue, pointer, "timestamp must be in seconds since 1970")
	d, err := usage.ParseDecimal(text)
	if err != nil {
		return time.Time{}, wrong
	}
	nanos, err := d.Units(9)
	if err != nil || nanos == 0 {
		return time.Time{}, wrong
	}
	return time.Unix(0, nanos).UTC(), nil
}

// lagoEvent is an event in an answer.
type lagoEvent struct {
	LagoID         string          `json:"lago_id"`
	TransactionID  string          `json:"transaction_id"`
	CustomerID     *string         `json:"lago_customer_id"`
	Code           string          `json:"code"`
	Timestamp      string          `json:"timestamp"`
	SubscriptionID *string         `json:"lago_subscription_id"`
	External       string          `json:"external_subscription_id"`
	Properties     json.RawMessage `json:"properties"`
	CreatedAt      string          `json:"created_at"`
}

// LagoAnswer answers events that were recorded, now.
func LagoAnswer(evs []usage.Event, many bool, now time.Time) []byte {
	out := make([]lagoEvent, len(evs))
	for i := range evs {
		ev := &evs[i]
		at := ev.Timestamp
		if at.IsZero() {
			at = now
		}
		properties := ev.Metadata
		if properties == nil {
			properties = json.RawMessage("{}")
		}
		out[i] = lagoEvent{LagoID: lagoID(ev), TransactionID: ev.ID, Code: ev.FeatureType, External: ev.TenantID, Properties: properties,
			Timestamp: at.UTC().Format("2006-01-02T15:04:05.000Z"), CreatedAt: now.UTC().Format("2006-01-02T15:04:05Z")}
	}
	if many {
		return mustJSON(map[string]any{"events": out})
	}
	return mustJSON(map[string]any{"event": out[0]})
}

// lagoID is a UUID (version 8, RFC 9562) made of tenant and id, so that a retry is answered the same one.
func lagoID(ev *usage.Event) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(len(ev.TenantID)) + " " + ev.TenantID + ev.ID))
	u := sum[:16]
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
