package httpapi

// Quantities as strings (?numbers=string), for clients whose numbers are doubles and end at 2^53.

import (
	"bytes"
	"encoding/json"
	"net/url"
	"reflect"
	"strings"

	"github.com/weirhq/weir/usage"
)

// checkNumbers refuses what is not a way to write quantities.
func checkNumbers(v url.Values) error {
	switch v.Get("numbers") {
	case "", "number", "string":
		return nil
	}
	return refuse(usage.CodeInvalidValue, "/numbers", "numbers must be string or number, or left out")
}

func (c *call) numbersAsStrings() bool {
	q, _ := c.parseQuery() // what cannot be decoded was refused before
	return q.Get("numbers") == "string"
}

// encode writes v as JSON, its quantities as the request wants them.
func (c *call) encode(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil || !c.numbersAsStrings() {
		return text, err
	}
	q := quoter{src: text, dec: json.NewDecoder(bytes.NewReader(text))}
	q.dec.UseNumber()
	if err := q.value(reflect.ValueOf(v)); err != nil {
		return nil, err
	}
	return append(q.out, text[q.done:]...), nil
}

// quoter copies JSON and puts quotes around those numbers that are quantities in the Go value that it was made of: counts,
// indices and flags stay what they are.
type quoter struct {
	src  []byte
	dec  *json.Decoder
	out  []byte
	done int // of src
}

var quantityTypes = map[reflect.Type]bool{reflect.TypeFor[usage.Decimal](): true, reflect.TypeFor[usage.Number](): true,
	reflect.TypeFor[usage.Overage](): true, reflect.TypeFor[estimate](): true}

// value copies the next value of the JSON, which was made of v; the zero Value: what it was made of is not known.
func (q *quoter) value(v reflect.Value) error {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	token, err := q.dec.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case json.Number:
		if v.IsValid() && quantityTypes[v.Type()] {
			end := int(q.dec.InputOffset())
			q.out = append(append(q.out, q.src[q.done:end-len(token)]...), '"')
			q.out = append(append(q.out, token...), '"')
			q.done = end
		}
	case json.Delim:
		for i := 0; q.dec.More(); i++ {
			of := reflect.Value{}
			if token == '{' {
				name, err := q.dec.Token()
				if err != nil {
					return err
				}
				of = memberOf(v, name.(string)) // a name is a string
			} else if (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && i < v.Len() {
				of = v.Index(i)
			}
			if err := q.value(of); err != nil {
				return err
			}
		}
		_, err = q.dec.Token()
	}
	return err
}

// memberOf returns what a struct or map writes under a name.
func memberOf(v reflect.Value, name string) reflect.Value {
	switch v.Kind() {
	case reflect.Map:
		if v.Type().Key().Kind() == reflect.String {
			return v.MapIndex(reflect.ValueOf(name).Convert(v.Type().Key()))
		}
	case reflect.Struct:
		if name == "fields" {
			if q, ok := overridden(v); ok {
				return q
			}
		}
		for _, f := range reflect.VisibleFields(v.Type()) {
			tag, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if tag == name || tag == "" && f.Name == name && !f.Anonymous {
				if m, err := v.FieldByIndexErr(f.Index); err == nil {
					return m
				}
			}
		}
	}
	return reflect.Value{}
}

// overridden returns the quota that the fields of an override are of. An override keeps them as they were sent, and the text alone
// does not say which of its numbers are quantities.
func overridden(v reflect.Value) (reflect.Value, bool) {
	var fields json.RawMessage
	switch o := v.Interface().(type) {
	case overrideBody:
		fields = o.Fields
	case usage.Override:
		fields = o.Fields
	default:
		return reflect.Value{}, false
	}
	var q usage.Quota
	err := json.Unmarshal(fields, &q)
	return reflect.ValueOf(q), err == nil
}
