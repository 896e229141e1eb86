package httpapi

import (
	"errors"
	"testing"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/weirhq/weir/usage"
)

// Whatever the body: no panic, a code for every refusal, and nothing that is not JSON is taken.
func FuzzRequestsBody(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"requests":[]}`, `{"requests":[{"id":"a","tenant_id":"t","feature_type":"f","quantity":"1.5"}]}`,
		`{"tenant_id":"t","items":[{"feature_type":"f"},{"feature_type":"g","op":"set","metadata":{"a":1}}]}`, `{"timestamp":1}`, `{"requests":[{"id":"a","id":"b"}]}`, `{"requests":[1`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p := getRequests()
		defer putRequests(p)
		_, _, one := p.parseOne(body)
		many := p.parseMany(body)
		for _, err := range []error{one, many} {
			var e *usage.Error
			if err != nil && (!errors.As(err, &e) || e.Code == "" || e.Code == "internal") {
				t.Fatalf("no code for %q: %v", body, err)
			}
			if err == nil && !jsontext.Value(body).IsValid(jsontext.AllowDuplicateNames(true)) {
				t.Fatalf("accepted what is not JSON: %q", body)
			}
		}
	})
}
