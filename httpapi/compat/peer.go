package compat

import (
	"net/http"
	"strings"

	"github.com/weirhq/weir/usage"
)

// Peer is a product whose clients are served below /compat/<peer>/.
type Peer string

// The peers.
const (
	OpenMeter Peer = "openmeter"
	Lago      Peer = "lago"
	Stripe    Peer = "stripe"
)

// PeerOf answers the peer that the first part of a path below /compat names, "" when it names none.
func PeerOf(name string) Peer {
	switch p := Peer(name); p {
	case OpenMeter, Lago, Stripe:
		return p
	}
	return ""
}

// Refusal is why a request was refused, in weir's words.
type Refusal struct {
	Status int // as weir would answer
	Detail string
	Errors []*usage.Error // the members that are wrong, with weir's pointers; may be empty
	Code   usage.ErrorCode
}

// Problem says a refusal as the peer would.
func (p Peer) Problem(r *Refusal) (status int, contentType string, body []byte) {
	switch p {
	case Lago:
		return r.lago()
	case Stripe:
		return r.stripe()
	}
	return r.openMeter()
}

// openMeter is RFC 9457, like weir's own; what is wrong with an event is a 400 there.
func (r *Refusal) openMeter() (int, string, []byte) {
	status := r.Status
	if status == http.StatusUnprocessableEntity || status == http.StatusConflict {
		status = http.StatusBadRequest
	}
	return status, "application/problem+json", mustJSON(struct {
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"about:blank", http.StatusText(status), status, r.Detail})
}

// lagoFields are the members of a Lago event.
var lagoFields = map[string]string{"/id": "transaction_id", "/tenant_id": "external_subscription_id", "/feature_type": "code",
	"/timestamp": "timestamp", "/quantity": "properties", "/metadata": "properties"}

func (r *Refusal) lago() (int, string, []byte) {
	type answer struct {
		Status  int            `json:"status"`
		Error   string         `json:"error"`
		Code    string         `json:"code,omitempty"`
		Details map[string]any `json:"error_details,omitempty"`
	}
	status := r.Status
	if r.Code == usage.CodeTooLarge && len(r.Errors) > 0 && r.Errors[0].Pointer == "/events" { // too many of them
		return 422, "application/json", mustJSON(answer{422, "Unprocessable Entity", "validation_errors", map[string]any{"events": []string{"too_many_events"}}})
	}
	if r.Code == usage.CodeWrongType && len(r.Errors) > 0 { // a member, not the body
		status = http.StatusUnprocessableEntity
	}
	switch status {
	case http.StatusConflict, http.StatusUnprocessableEntity:
		details := make(map[string]any)
		for _, e := range r.Errors {
			index, pointer := "", e.Pointer
			if rest, ok := strings.CutPrefix(pointer, "/events/"); ok { // of a batch: by the index of the event
				index, pointer, _ = strings.Cut(rest, "/")
				pointer = "/" + pointer
			}
			field := lagoField(pointer)
			if index == "" {
				details[field] = []string{lagoCode(e.Code)}
			} else if of, ok := details[index].(map[string]any); ok {
				of[field] = []string{lagoCode(e.Code)}
			} else {
				details[index] = map[string]any{field: []string{lagoCode(e.Code)}}
			}
		}
		return 422, "application/json", mustJSON(answer{422, "Unprocessable Entity", "validation_errors", details})
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType:
		return 400, "application/json", mustJSON(answer{Status: 400, Error: "BadRequest: " + r.Detail})
	case http.StatusForbidden, http.StatusNotFound:
		return r.Status, "application/json", mustJSON(answer{Status: r.Status, Error: http.StatusText(r.Status), Code: string(r.Code)})
	}
	return r.Status, "application/json", mustJSON(answer{Status: r.Status, Error: http.StatusText(r.Status)})
}

func lagoField(pointer string) string {
	for own, theirs := range lagoFields { // order-free: no pointer begins another
		if pointer == own || strings.HasPrefix(pointer, own+"/") {
			return theirs
		}
	}
	return strings.TrimPrefix(pointer, "/")
}

func lagoCode(code usage.ErrorCode) string {
	switch code {
	case usage.CodeMissingField:
		return "value_is_mandatory"
	case usage.CodeConflict:
		return "value_already_exist"
	}
	return "value_is_invalid"
}

// stripeParams are the parameters of a meter event.
var stripeParams = map[string]string{"/id": "identifier", "/tenant_id": "payload[stripe_customer_id]", "/feature_type": "event_name",
	"/timestamp": "timestamp", "/quantity": "payload[value]", "/metadata": "payload"}

func (r *Refusal) stripe() (int, string, []byte) {
	type failure struct {
		Type    string `json:"type"`
		Code    string `json:"code,omitempty"`
		Message string `json:"message"`
		Param   string `json:"param,omitempty"`
	}
	f := failure{Type: "invalid_request_error", Code: string(r.Code), Message: r.Detail}
	status := r.Status
	switch {
	case status == http.StatusTooManyRequests:
		f.Code = "rate_limit"
	case status >= 500:
		f.Type = "api_error"
	case status != http.StatusUnauthorized && status != http.StatusForbidden && status != http.StatusNotFound:
		status = http.StatusBadRequest
	}
	if r.Code == usage.CodeConflict {
		f.Code = "resource_already_exists"
	}
	if len(r.Errors) > 0 {
		f.Param = stripeParams[r.Errors[0].Pointer]
	}
	return status, "application/json", mustJSON(map[string]any{"error": f})
}
