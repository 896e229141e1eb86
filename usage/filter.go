package usage

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FilterOps lists the operations of a [Filter] that compares a property.
func FilterOps() []string {
	return []string{"eq", "ne", "in", "nin", "gt", "gte", "lt", "lte", "exists", "prefix"}
}

// UnmarshalJSON reads a filter strictly: unknown members are refused, names are case-sensitive,
// and numbers keep every digit: a number becomes a [Decimal], never a float64. Errors are an
// [*Error] whose pointer is relative to the filter. Duplicate names are for the decoder of the
// whole text to find.
func (f *Filter) UnmarshalJSON(b []byte) error {
	*f = Filter{}
	if e := f.decode(b, "", 1); e != nil {
		return e
	}
	return nil
}

// pointerEscaper writes a member name as a token of a JSON pointer (RFC 6901, section 3).
var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")

// decode reads one node of the tree. The depth is bounded here and not only in validate because
// each level reads the text of those below once more.
func (f *Filter) decode(b []byte, pointer string, depth int) *Error {
	if depth > FilterDepthMax {
		return &Error{Code: CodeInvalidValue, Pointer: pointer,
			Detail: "filters are nested too deeply; use at most " + strconv.Itoa(FilterDepthMax) + " levels"}
	}
	if string(b) == "null" {
		return nil
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return &Error{Code: CodeWrongType, Pointer: pointer, Detail: "a filter must be a JSON object"}
	}
	known := []string{"and", "or", "property", "op", "value"}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		if !slices.Contains(known, name) {
			return &Error{Code: CodeUnknownField, Pointer: pointer + "/" + pointerEscaper.Replace(name),
				Detail: "a filter has no member " + quoted(name) + "; " + oneOf(name, known)}
		}
	}
	for _, list := range []struct {
		name string
		into *[]Filter
	}{{"and", &f.And}, {"or", &f.Or}} {
		if e := decodeFilters(members[list.name], list.into, pointer+"/"+list.name, depth); e != nil {
			return e
		}
	}
	for _, text := range []struct {
		name string
		into *string
	}{{"property", &f.Property}, {"op", &f.Op}} {
		if raw, ok := members[text.name]; ok && json.Unmarshal(raw, text.into) != nil {
			return &Error{Code: CodeWrongType, Pointer: pointer + "/" + text.name,
				Detail: text.name + " must be a string"}
		}
	}
	if raw, ok := members["value"]; ok {
		value, e := decodeFilterValue(raw, pointer+"/value")
		if e != nil {
			return e
		}
		f.Value = value
	}
	return nil
}

// decodeFilters reads the list of an and or an or; raw is nil when there is none.
func decodeFilters(raw json.RawMessage, into *[]Filter, pointer string, depth int) *Error {
	if raw == nil {
		return nil
	}
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) != nil {
		return &Error{Code: CodeWrongType, Pointer: pointer, Detail: "must be a list of filters"}
	}
	if len(list) > FilterNodesMax {
		return &Error{Code: CodeInvalidValue, Pointer: pointer,
			Detail: "has too many filters; use at most " + strconv.Itoa(FilterNodesMax)}
	}
	if list == nil {
		return nil
	}
	*into = make([]Filter, len(list))
	for i, item := range list {
		if e := (*into)[i].decode(item, pointer+"/"+strconv.Itoa(i), depth+1); e != nil {
			return e
		}
	}
	return nil
}

// decodeFilterValue reads a scalar or a list of scalars, numbers as Decimal.
func decodeFilterValue(raw json.RawMessage, pointer string) (any, *Error) {
	switch raw[0] {
	case '[':
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil {
			break
		}
		values := make([]any, len(list))
		for i, item := range list {
			if len(item) > 0 && (item[0] == '[' || item[0] == '{') {
				return nil, &Error{Code: CodeWrongType, Pointer: pointer + "/" + strconv.Itoa(i),
					Detail: "must be a string, a number or a boolean"}
			}
			value, e := decodeFilterValue(item, pointer+"/"+strconv.Itoa(i))
			if e != nil {
				return nil, e
			}
			values[i] = value
		}
		return values, nil
	case '{':
		return nil, &Error{Code: CodeWrongType, Pointer: pointer, Detail: "must not be an object"}
	case '"', 't', 'f', 'n':
		var value any
		if json.Unmarshal(raw, &value) == nil {
			return value, nil
		}
	default:
		d, code := parseDecimal([]byte(raw))
		if code == "" {
			return d, nil
		}
		e := decimalError(code, string(raw))
		e.Pointer = pointer
		return nil, e
	}
	return nil, &Error{Code: CodeInvalidValue, Pointer: pointer, Detail: quoted(string(raw)) + " is not JSON"}
}

// FilterScalar returns the value of a filter in its canonical type: a string, a bool or a
// [Decimal]. Numbers of Go's own types, as an embedder may write them, become a Decimal; ok is
// false for everything else, also for a number a Decimal cannot hold.
func FilterScalar(v any) (scalar any, ok bool) {
	switch v := v.(type) {
	case string, bool:
		return v, true
	case Decimal:
		return v, v.set
	case int:
		return Int(int64(v)), true
	case int64:
		return Int(v), true
	case float64:
		return FilterScalar(json.Number(strconv.FormatFloat(v, 'e', -1, 64)))
	case json.Number:
		if d, err := ParseDecimal(string(v)); err == nil {
			return d, true
		}
	}
	return nil, false
}

// FilterList returns the elements of the value of an in or nin; ok is false for a value that is no list.
func FilterList(v any) ([]any, bool) {
	switch v := v.(type) {
	case []any:
		return v, true
	case []string:
		list := make([]any, len(v))
		for i, s := range v {
			list[i] = s
		}
		return list, true
	}
	return nil, false
}

// canonical returns a copy in which equal filters are deeply equal: canonical scalars, nil for
// empty lists.
func (f *Filter) canonical() Filter {
	c := Filter{Property: f.Property, Op: f.Op, Value: f.Value}
	if scalar, ok := FilterScalar(f.Value); ok {
		c.Value = scalar
	} else if list, ok := FilterList(f.Value); ok {
		values := make([]any, len(list))
		for i, v := range list {
			values[i], _ = FilterScalar(v)
		}
		c.Value = values
	}
	for i := range f.And {
		c.And = append(c.And, f.And[i].canonical())
	}
	for i := range f.Or {
		c.Or = append(c.Or, f.Or[i].canonical())
	}
	return c
}

// validate checks one node and those below it; nodes counts all of them.
func (f *Filter) validate(errs *problems, pointer string, depth int, nodes *int) {
	if *nodes++; *nodes > FilterNodesMax || depth > FilterDepthMax {
		if *nodes == FilterNodesMax+1 || depth > FilterDepthMax {
			errs.add(CodeInvalidValue, pointer, "there are too many filters; use at most %d, nested at most %d deep",
				FilterNodesMax, FilterDepthMax)
		}
		return
	}
	forms := 0
	for _, there := range []bool{len(f.And) > 0, len(f.Or) > 0, f.Property != "" || f.Op != "" || f.Value != nil} {
		if there {
			forms++
		}
	}
	if forms != 1 {
		errs.add(CodeInvalidValue, pointer, "a filter is exactly one of and, or, or a property with op and value")
		return
	}
	for i := range f.And {
		f.And[i].validate(errs, pointer+"/and/"+strconv.Itoa(i), depth+1, nodes)
	}
	for i := range f.Or {
		f.Or[i].validate(errs, pointer+"/or/"+strconv.Itoa(i), depth+1, nodes)
	}
	if len(f.And)+len(f.Or) == 0 {
		f.validateComparison(errs, pointer)
	}
}

func (f *Filter) validateComparison(errs *problems, pointer string) {
	if f.Property == "" {
		errs.add(CodeMissingField, pointer+"/property", "property is missing; name one such as metadata.model")
	} else if !ValidProperty(f.Property) {
		*errs = append(*errs, propertyError(pointer+"/property", f.Property))
	}
	at := pointer + "/value"
	switch f.Op {
	case "":
		errs.add(CodeMissingField, pointer+"/op", "op is missing; %s", oneOf("", FilterOps()))
	case "eq", "ne":
		f.validateScalar(errs, at, f.Value)
	case "in", "nin":
		list, ok := FilterList(f.Value)
		if !ok || len(list) == 0 || len(list) > FilterValuesMax {
			errs.add(CodeInvalidValue, at, "%s needs a list of 1 to %d values", f.Op, FilterValuesMax)
			return
		}
		for i, v := range list {
			f.validateScalar(errs, at+"/"+strconv.Itoa(i), v)
		}
	case "gt", "gte", "lt", "lte":
		switch scalar, _ := FilterScalar(f.Value); scalar.(type) {
		case Decimal, string: // a decimal string is a number here, as everywhere
			f.validateScalar(errs, at, f.Value)
		default:
			errs.add(CodeInvalidValue, at, "%s needs a number or a string", f.Op)
		}
	case "exists":
		if _, ok := f.Value.(bool); !ok && f.Value != nil {
			errs.add(CodeInvalidValue, at, "exists needs true or false, or no value")
		}
	case "prefix":
		if text, ok := f.Value.(string); !ok || text == "" {
			errs.add(CodeInvalidValue, at, "prefix needs a text that is not empty")
			return
		}
		f.validateScalar(errs, at, f.Value)
	default:
		errs.add(CodeInvalidValue, pointer+"/op", "op %s is unknown; %s", quoted(f.Op), oneOf(f.Op, FilterOps()))
	}
}

func (f *Filter) validateScalar(errs *problems, pointer string, v any) {
	scalar, ok := FilterScalar(v)
	if !ok {
		errs.add(CodeInvalidValue, pointer, "%s needs a string, a number or a boolean", f.Op)
		return
	}
	if text, ok := scalar.(string); ok && (len(text) > FilterTextBytesMax || !utf8.ValidString(text)) {
		errs.add(CodeInvalidValue, pointer, "the text %s is not UTF-8 of at most %d bytes",
			quoted(text), FilterTextBytesMax)
	}
}
