package usage

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestFilterValidate(t *testing.T) {
	for text, want := range map[string][]string{
		`{"property":"metadata.a","op":"eq","value":"x"}`:              nil,
		`{"property":"metadata.a","op":"ne","value":false}`:            nil,
		`{"property":"user_id","op":"in","value":["a",1,true]}`:        nil,
		`{"property":"metadata.a","op":"gt","value":9007199254740993}`: nil,
		`{"property":"metadata.a","op":"lte","value":"1.5"}`:           nil,
		`{"property":"metadata.a","op":"gt","value":"x"}`:              nil,
		`{"property":"metadata.a","op":"exists"}`:                      nil,
		`{"property":"metadata.a","op":"exists","value":true}`:         nil,
		`{"property":"source","op":"prefix","value":"eu-"}`:            nil,
		`{"and":[{"or":[{"property":"metadata.a","op":"exists"}]}]}`:   nil,
		`{}`:         {"invalid_value /filters"},
		`{"and":[]}`: {"invalid_value /filters"},
		`null`:       {"invalid_value /filters"},
		`{"and":[{"property":"user_id","op":"exists"}],"or":[{"property":"user_id","op":"exists"}]}`: {"invalid_value /filters"},
		`{"and":[{"property":"user_id","op":"exists"}],"op":"eq"}`:                                   {"invalid_value /filters"},
		`{"op":"eq","value":1}`:                                             {"missing_field /filters/property"},
		`{"property":"metadata.a","value":1}`:                               {"missing_field /filters/op"},
		`{"property":"quantity","op":"eq","value":1}`:                       {"invalid_value /filters/property"},
		`{"property":"metadata.a","op":"equals","value":1}`:                 {"invalid_value /filters/op"},
		`{"property":"metadata.a","op":"eq"}`:                               {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"eq","value":[1]}`:                   {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"in","value":1}`:                     {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"in","value":[]}`:                    {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"in","value":[1,null]}`:              {"invalid_value /filters/value/1"},
		`{"property":"metadata.a","op":"gt","value":true}`:                  {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"exists","value":1}`:                 {"invalid_value /filters/value"},
		`{"property":"metadata.a","op":"prefix","value":""}`:                {"invalid_value /filters/value"},
		`{"and":[{"property":"x","op":"exists"},{"or":[{"op":"exists"}]}]}`: {"invalid_value /filters/and/0/property", "missing_field /filters/and/1/or/0/property"},
	} {
		var f Filter
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		m := Meter{Slug: "a", Aggregation: Sum, Filters: &f}
		var got []string
		for _, e := range m.Validate() {
			got = append(got, string(e.Code)+" "+e.Pointer)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	leaf := Filter{Property: "user_id", Op: "exists"}
	many := Meter{Slug: "a", Aggregation: Sum, Filters: &Filter{And: slices.Repeat([]Filter{leaf}, FilterNodesMax)}}
	if errs := many.Validate(); len(errs) != 1 {
		t.Errorf("too many filters: %v", errs)
	}
	deep := leaf
	for range FilterDepthMax {
		deep = Filter{And: []Filter{deep}}
	}
	if errs := (&Meter{Slug: "a", Aggregation: Sum, Filters: &deep}).Validate(); len(errs) != 1 {
		t.Errorf("too deep filters: %v", errs)
	}
	for _, v := range []any{1, int64(1), 1.5, true, "x", json.Number("1"), Int(1)} {
		f := Filter{Property: "user_id", Op: "eq", Value: v}
		if errs := (&Meter{Slug: "a", Aggregation: Sum, Filters: &f}).Validate(); errs != nil {
			t.Errorf("%T: %v", v, errs)
		}
	}
}

func TestFilterUnmarshalIsStrict(t *testing.T) {
	for text, want := range map[string]string{
		`{"prop":1}`:             "unknown_field /prop",
		`{"Property":"user_id"}`: "unknown_field /Property",
		`{"and":[{},{"a/b":1}]}`: "unknown_field /and/1/a~1b",
		`{"and":{}}`:             "wrong_type /and",
		`{"or":[1]}`:             "wrong_type /or/0",
		`{"op":1}`:               "wrong_type /op",
		`{"value":{}}`:           "wrong_type /value",
		`{"value":[[]]}`:         "wrong_type /value/0",
		`{"value":1e400}`:        "overflow /value",
		`{"value":[1,1e-40]}`:    "too_many_decimals /value/1",
		`[]`:                     "wrong_type ",
		strings.Repeat(`{"and":[`, 5) + strings.Repeat(`]}`, 5): "invalid_value /and/0/and/0/and/0/and/0",
	} {
		var f Filter
		err := json.Unmarshal([]byte(text), &f)
		var e *Error
		if !errors.As(err, &e) || string(e.Code)+" "+e.Pointer != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

// FuzzFilter: whatever is taken is written and read again as the same filter, numbers to the last digit.
func FuzzFilter(f *testing.F) {
	f.Add([]byte(`{"and":[{"property":"metadata.a","op":"in","value":[1.50,"x",true,null]},{"or":[]}]}`))
	f.Add([]byte(`{"property":"x","op":"eq","value":9007199254740993}`))
	f.Add([]byte(`{"value":[[]]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var a, b Filter
		if json.Unmarshal(text, &a) != nil {
			return
		}
		var errs problems
		nodes := 0
		a.validate(&errs, "", 1, &nodes)
		again, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &b); err != nil {
			t.Fatalf("%s: %v", again, err)
		}
		if !reflect.DeepEqual(a.canonical(), b.canonical()) {
			t.Fatalf("%s: %+v, again %+v", text, a, b)
		}
	})
}
