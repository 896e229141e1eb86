package compat

import (
	"bytes"
	"mime"
	"net/http"
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// CloudEvents 1.0: the JSON format (structured and batch mode) and the HTTP binding (binary mode). An event becomes
//
//	id, source, time -> the same     type -> feature_type     subject -> tenant_id     data -> quantity, user_id, metadata

// specVersion is the only version that is read.
const specVersion = "1.0"

// cloudEvent is an event whose attributes were read, and not yet looked at.
type cloudEvent struct {
	attributes map[string]string // of those that matter
	data       []byte            // JSON text; nil: absent
}

// attributes are those that become part of an event; the others are extensions, or say how data was written.
var attributes = []string{"specversion", "id", "source", "type", "subject", "time"}

func known(name string) bool {
	for _, a := range attributes {
		if a == name {
			return true
		}
	}
	return false
}

// ReadCloudEvent reads the next value of p as a CloudEvent in the JSON format. Its error is a *strictjson.Error or a
// *usage.Error; the pointer of the latter is of the CloudEvent's own members.
func ReadCloudEvent(p *strictjson.Parser, ev *usage.Event) error {
	if err := p.BeginObject(); err != nil {
		return err
	}
	ce := cloudEvent{attributes: make(map[string]string, len(attributes))}
	for {
		key, more, err := p.NextKey()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		switch name := string(key); {
		case name == "data_base64":
			if !p.Null() { // which is as if it were absent, as with the attributes
				return refuse(usage.CodeInvalidValue, "/data_base64", "data_base64 is not read; send data as a JSON object")
			}
		case name == "data":
			raw, err := p.Raw()
			if err != nil {
				return err
			}
			ce.data = raw
		case !known(name):
			if _, err := p.Raw(); err != nil { // an extension: well formed, and ignored
				return err
			}
		case p.Null(): // the JSON format, section 2.2: as if it were absent
		default:
			if p.Peek() != strictjson.TypeString {
				return p.Fail(strictjson.WrongType, name+" must be a string")
			}
			if ce.attributes[name], err = p.Str(); err != nil {
				return err
			}
		}
	}
	return ce.event(ev)
}

// ReadBinary reads a CloudEvent in binary mode: attributes in headers, data in the body.
func ReadBinary(h http.Header, body []byte, ev *usage.Event) error {
	ce := cloudEvent{attributes: make(map[string]string, len(attributes))}
	for _, name := range attributes {
		values := h.Values("Ce-" + name)
		if len(values) > 1 {
			return refuse(usage.CodeDuplicateKey, "/"+name, "the header ce-"+name+" appears twice")
		}
		if len(values) == 1 {
			ce.attributes[name] = decodeHeader(values[0])
		}
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if media, _, err := mime.ParseMediaType(h.Get("Content-Type")); h.Get("Content-Type") != "" &&
			(err != nil || media != "application/json" && !strings.HasSuffix(media, "+json")) {
			return refuse(usage.CodeInvalidValue, "/data", "data must be a JSON object; Content-Type says that it is something else")
		}
		ce.data = body
	}
	return ce.event(ev)
}

// decodeHeader is a header's value without its quotes, percent-decoded (HTTP binding, section 3.1.3.2). What is no escape is
// kept as it is.
func decodeHeader(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		out := make([]byte, 0, len(s))
		for i := 1; i < len(s)-1; i++ {
			if s[i] == '\\' && i+1 < len(s)-1 {
				i++
			}
			out = append(out, s[i])
		}
		s = string(out)
	}
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hexValue(s[i+1]) >= 0 && hexValue(s[i+2]) >= 0 {
			out = append(out, byte(hexValue(s[i+1])<<4|hexValue(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hexValue(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// event makes the event. What the values mean is the engine's to judge.
func (ce *cloudEvent) event(ev *usage.Event) error {
	a := ce.attributes
	if v, ok := a["specversion"]; !ok {
		return refuse(usage.CodeMissingField, "/specversion", `specversion is missing; it must be "1.0"`)
	} else if v != specVersion {
		return refuse(usage.CodeInvalidValue, "/specversion", `specversion must be "1.0"; no other is known here`)
	}
	for _, name := range []string{"id", "source", "type"} {
		if a[name] == "" {
			return refuse(usage.CodeMissingField, "/"+name, name+" is missing; a CloudEvent has one")
		}
	}
	if a["subject"] == "" {
		return refuse(usage.CodeMissingField, "/subject", "subject is missing; it is the tenant")
	}
	ev.ID, ev.Source, ev.FeatureType, ev.TenantID = a["id"], a["source"], a["type"], a["subject"]
	if text, ok := a["time"]; ok {
		t, ok := usage.ParseTime([]byte(text))
		if !ok {
			return usage.TimestampError("/time", "time", text)
		}
		ev.Timestamp = t
	}
	return readData(ce.data, ev)
}

// readData lifts quantity and user_id out of data; the rest is metadata, byte for byte.
func readData(data []byte, ev *usage.Event) error {
	if data == nil {
		return nil
	}
	var p strictjson.Parser
	p.Reset(data)
	if t := p.Peek(); t != strictjson.TypeObject && t != strictjson.TypeInvalid {
		return refuse(usage.CodeInvalidValue, "/data", "data must be a JSON object, not "+t.String())
	}
	if err := p.BeginObject(); err != nil {
		return err
	}
	rest := []byte{'{'}
	for {
		key, more, err := p.NextKey()
		if err != nil {
			return err
		}
		if !more {
			break
		}
		name := string(key)
		raw, err := p.Raw()
		if err != nil {
			return err
		}
		switch name {
		case "quantity":
			err = readQuantity(raw, ev)
		case "user_id":
			err = readUser(raw, ev)
		default:
			if len(rest) > 1 {
				rest = append(rest, ',')
			}
			rest = append(append(appendName(rest, name), ':'), raw...)
		}
		if err != nil {
			return err
		}
	}
	if err := p.End(); err != nil {
		return err
	}
	if len(rest) > 1 {
		ev.Metadata = append(rest, '}')
	}
	return nil
}

func readQuantity(raw []byte, ev *usage.Event) error {
	text := raw
	switch {
	case raw[0] == '"':
		s, err := strictjson.Unquote(raw)
		if err != nil {
			return err
		}
		text = []byte(s)
	case raw[0] != '-' && (raw[0] < '0' || raw[0] > '9'):
		return refuse(usage.CodeWrongType, "/data/quantity", "quantity must be a number or a decimal string; leave it out when there is none")
	}
	q, err := usage.ParseDecimalBytes(text)
	if err != nil {
		return at("/data/quantity", err)
	}
	ev.Quantity = q
	return nil
}

func readUser(raw []byte, ev *usage.Event) error {
	user, err := "", error(nil)
	if raw[0] == '"' {
		user, err = strictjson.Unquote(raw)
	} else {
		err = refuse(usage.CodeWrongType, "/data/user_id", "user_id must be a string; leave it out when there is none")
	}
	if err == nil && user == "" {
		err = refuse(usage.CodeInvalidValue, "/data/user_id", "user_id is empty; leave it out instead")
	}
	ev.UserID = user
	return err
}

// pointers are where the members of an event stand in a CloudEvent.
var pointers = []struct{ event, cloud string }{
	{"/tenant_id", "/subject"}, {"/feature_type", "/type"}, {"/timestamp", "/time"}, {"/quantity", "/data/quantity"},
	{"/user_id", "/data/user_id"}, {"/metadata", "/data"},
}

// CloudPointer turns the pointer of an event's member into that of the CloudEvent's.
func CloudPointer(pointer string) string {
	for _, p := range pointers {
		if rest, ok := strings.CutPrefix(pointer, p.event); ok && (rest == "" || rest[0] == '/') {
			return p.cloud + rest
		}
	}
	return pointer
}
