package strictjson

import (
	"bytes"
	"cmp"
	stdjson "encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// Unmarshal reads data into v, for configuration: convenient, strict, and not fast. Members that
// v does not have are refused, names are case-sensitive, and a number that goes into an any becomes
// a [stdjson.Number], so that it keeps its digits. Types may have UnmarshalJSON or UnmarshalText;
// texts read others. A text that is null as a whole is refused: it would leave v as it is, as if
// the sender had said {}.
//
// Errors are an [*Error]: what is wrong with the text as [Parser.Raw] finds it, else
// UnknownField or WrongType for the first member that v cannot take. When a method of v's types
// refused, errors.As finds its error. v may be written in part then.
func Unmarshal(data []byte, v any, texts ...Strings) error {
	var p Parser
	p.Reset(data)
	if _, err := p.Raw(); err != nil {
		return err
	}
	if err := p.End(); err != nil {
		return err
	}
	if t := reflect.TypeOf(v); string(bytes.TrimSpace(data)) == "null" && t != nil {
		return &Error{Kind: WrongType, Detail: "this must be " + wanted(t) + ", not null"}
	}
	own := []*json.Unmarshalers{exactNumbers()}
	for _, s := range texts {
		own = append(own, s.unmarshalers)
	}
	err := json.Unmarshal(data, v, json.RejectUnknownMembers(true), json.WithUnmarshalers(json.JoinUnmarshalers(own...)))
	if err == nil {
		return nil
	}
	var semantic *json.SemanticError
	if !errors.As(err, &semantic) {
		return &Error{Kind: WrongType, Detail: err.Error(), cause: err}
	}
	e := &Error{Kind: WrongType, Offset: int(semantic.ByteOffset), Pointer: string(semantic.JSONPointer)}
	switch {
	case errors.Is(semantic.Err, json.ErrUnknownName):
		e.Kind = UnknownField
		name := stringQuote(semantic.JSONPointer.LastToken())
		e.Detail = "there is no member " + name + " here; remove it or correct its name"
	case errors.Is(semantic.Err, strconv.ErrSyntax), errors.Is(semantic.Err, strconv.ErrRange): // a fraction, or a number that is too large
		e.Detail = cmp.Or(strings.TrimPrefix(e.Pointer, "/"), "this") + " must be " + wanted(semantic.GoType)
	case semantic.Err != nil && !errors.Is(semantic.Err, errors.ErrUnsupported):
		e.Detail, e.cause = semantic.Err.Error(), semantic.Err
	default:
		e.Detail = "this must be " + wanted(semantic.GoType)
		if got := given(semantic.JSONKind); got != "" {
			e.Detail += ", not " + got
		}
	}
	return e
}

// exactNumbers keeps the text of numbers that go into an any.
func exactNumbers() *json.Unmarshalers {
	return json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *any) error {
		if dec.PeekKind() != '0' {
			return errors.ErrUnsupported // leaves it to the library
		}
		number, err := dec.ReadValue()
		*v = stdjson.Number(number)
		return err
	})
}

// Strings says how the strings of a type are read.
type Strings struct{ unmarshalers *json.Unmarshalers }

// StringsOf has the values of type T read from strings by read, which also gets the name of the
// member; null is the zero value. What is no string is a WrongType: "this must be", and want, such
// as "a string".
func StringsOf[T any](want string, read func(name, text string) (T, error)) Strings {
	return Strings{json.UnmarshalFromFunc(func(dec *jsontext.Decoder, v *T) error {
		token, err := dec.ReadToken()
		if err != nil {
			return err
		}
		switch kind := token.Kind(); kind {
		case 'n':
			*v = *new(T)
		case '"':
			*v, err = read(dec.StackPointer().LastToken(), token.String())
		default:
			return errors.New("this must be " + want + ", not " + given(kind))
		}
		return err
	})}
}

func stringQuote(s string) string {
	quoted, err := jsontext.AppendQuote(nil, s[:min(len(s), tokenBytesMax)])
	if err != nil {
		return "of that name"
	}
	return string(quoted)
}

// wanted names the JSON type that a Go type takes.
func wanted(t reflect.Type) string {
	if t == nil {
		return "another type"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "a boolean"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return "a whole number in range"
	case reflect.Float32, reflect.Float64:
		return "a number in range"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map:
		return "an object"
	}
	return "another type"
}

// given names the JSON type of a kind.
func given(k jsontext.Kind) string {
	switch k {
	case 'n':
		return "null"
	case 't', 'f':
		return "a boolean"
	case '"':
		return "a string"
	case '0':
		return "this number"
	case '{':
		return "an object"
	case '[':
		return "an array"
	}
	return ""
}
