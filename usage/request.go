package usage

import (
	"encoding/json"
	"strconv"
)

// Request asks to use something, or whether it may be used. Several items are decided and counted as one: all or none.
//
// A request of quantities of zero alone is a peek: it is judged, and nothing changes (but for what is set of a latest meter). Beside other
// items a quantity of zero adds nothing to a sum, and is one event of a count meter.
type Request struct {
	ID       string `json:"id,omitempty"`
	TenantID string `json:"tenant_id"`
	UserID   string `json:"user_id,omitempty"`
	Items    []Item `json:"items"`
}

// Item is one feature of a Request.
type Item struct {
	FeatureType string          `json:"feature_type"`
	Quantity    Decimal         `json:"quantity,omitzero"` // absent: 1; zero: see Request
	Op          string          `json:"op,omitempty"`      // of latest meters
	Metadata    json.RawMessage `json:"metadata,omitempty"`
}

// Validate reports the first thing that is wrong with the request by itself. check: an id is not needed.
func (r *Request) Validate(check bool) error {
	switch {
	case !check && !ValidIdentifier(r.ID):
		return identifierError("id", r.ID)
	case !ValidIdentifier(r.TenantID):
		return identifierError("tenant_id", r.TenantID)
	case r.UserID != "" && !ValidIdentifier(r.UserID):
		return identifierError("user_id", r.UserID)
	case len(r.Items) == 0:
		return &Error{Code: CodeMissingField, Pointer: "/items", Detail: "there are no items; give at least one feature_type"}
	case len(r.Items) > RequestItemsMax:
		return &Error{Code: CodeInvalidValue, Pointer: "/items",
			Detail: "there are " + strconv.Itoa(len(r.Items)) + " items; use at most " + strconv.Itoa(RequestItemsMax)}
	}
	for i := range r.Items {
		if err := r.Items[i].validate(); err != nil {
			if len(r.Items) > 1 {
				err.Pointer = "/items/" + strconv.Itoa(i) + err.Pointer
			}
			return err
		}
	}
	return nil
}

func (it *Item) validate() *Error {
	if !ValidIdentifier(it.FeatureType) {
		return identifierError("feature_type", it.FeatureType)
	}
	if it.Op != "" && it.Op != OpSet && it.Op != OpAdd {
		return &Error{Code: CodeInvalidValue, Pointer: "/op",
			Detail: "op " + quoted(it.Op) + ` is unknown; use "set" or "add", or leave it out`}
	}
	return nil
}
