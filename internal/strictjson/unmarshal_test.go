package strictjson

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

var errOdd = errors.New("must be even")

// even is a number with an opinion.
type even int

func (e *even) UnmarshalJSON(b []byte) error {
	if (b[len(b)-1]-'0')%2 != 0 {
		return errOdd
	}
	return json.Unmarshal(b, (*int)(e))
}

type settings struct {
	Name  string         `json:"name"`
	Size  *int           `json:"size,omitempty"`
	Since time.Time      `json:"since,omitzero"`
	Even  even           `json:"even"`
	List  []settings     `json:"list,omitempty"`
	Any   any            `json:"any,omitempty"`
	More  map[string]any `json:"more,omitempty"`
}

func TestUnmarshal(t *testing.T) {
	var s settings
	text := `{"name":"x","size":3,"since":"2026-01-02T03:04:05Z","even":4,"list":[{"name":"y"}],"any":9007199254740993,"more":{"a":[1.10,"1"]}}`
	if err := Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	if s.Name != "x" || *s.Size != 3 || s.Even != 4 || s.List[0].Name != "y" || s.Since.Year() != 2026 {
		t.Errorf("%+v", s)
	}
	if s.Any != json.Number("9007199254740993") || s.More["a"].([]any)[0] != json.Number("1.10") || s.More["a"].([]any)[1] != "1" {
		t.Errorf("numbers lost their digits: %#v %#v", s.Any, s.More)
	}
}

// FuzzUnmarshal: what is taken is JSON that the parser takes; what is refused says why.
func FuzzUnmarshal(f *testing.F) {
	for _, text := range []string{`{"name":"x","list":[{"any":{"a":[1.5]}}],"more":{"k":1e400}}`, `{"since":"x"}`,
		`{"even":3}`, `{"nam":1}`, `null`, `{"size":null}`, `{"any":1} `, `[`} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var s settings
		err := Unmarshal(text, &s)
		valid, _ := oracle(text)
		if err == nil {
			if !valid {
				t.Fatalf("%q: taken", text)
			}
			return
		}
		var e *Error
		if !errors.As(err, &e) || e.Kind == 0 || e.Detail == "" || valid != (e.Kind == UnknownField || e.Kind == WrongType) {
			t.Fatalf("%q: valid %v, %v", text, valid, err)
		}
	})
}

func TestUnmarshalRefuses(t *testing.T) {
	for _, c := range []struct {
		text    string
		kind    Kind
		pointer string
		detail  string
	}{
		{`{"name":"x"`, Malformed, "", "text ends"},
		{`{"name":"x"} {}`, Malformed, "", "nothing behind"},
		{`{"name":"x","name":"y"}`, DuplicateKey, "/name", "twice"},
		{"{\"name\":\"\xff\"}", InvalidUTF8, "/name", "UTF-8"},
		{`{"nam":"x"}`, UnknownField, "/nam", `"nam"`},
		{`{"Name":"x"}`, UnknownField, "/Name", `"Name"`},
		{`{"list":[{},{"a/b":1}]}`, UnknownField, "/list/1/a~1b", `"a/b"`},
		{`{"name":1}`, WrongType, "/name", "must be a string, not this number"},
		{`{"list":[{"size":"x"}]}`, WrongType, "/list/0/size", "must be a whole number in range, not a string"},
		{`{"size":1.5}`, WrongType, "/size", "size must be a whole number"},
		{`{"size":99999999999999999999}`, WrongType, "/size", "size must be a whole number"},
		{`{"list":{}}`, WrongType, "/list", "must be an array, not an object"},
		{`[]`, WrongType, "", "must be an object, not an array"},
		{`{"even":3}`, WrongType, "/even", "must be even"},
		{`{"since":"yesterday"}`, WrongType, "/since", ""},
	} {
		var s settings
		err := Unmarshal([]byte(c.text), &s)
		var e *Error
		if !errors.As(err, &e) || e.Kind != c.kind || e.Pointer != c.pointer || !strings.Contains(e.Detail, c.detail) {
			t.Errorf("%s: %v, want %v at %q with %q", c.text, err, c.kind, c.pointer, c.detail)
		}
		if errors.Is(err, errOdd) != (c.pointer == "/even") {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}

// Strings are read as they are told to be, and what is no string is of the wrong type.
func TestUnmarshalStrings(t *testing.T) {
	days := StringsOf("a day", func(name, text string) (time.Time, error) {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return at, errors.Join(errOdd, errors.New(name))
		}
		return at, nil
	})
	for text, want := range map[string]string{
		`{"since":"2026-01-02"}`:                 "",
		`{"since":null,"list":[{"since":null}]}`: "",
		`{"since":7}`:                            "wrong type at /since, byte 9: this must be a day, not this number",
		`{"list":[{"since":{"a":1}}]}`:           "wrong type at /list/0/since, byte 18: this must be a day, not an object",
		`{"since":"2026-01-02T03:04:05Z"}`:       "wrong type at /since, byte 9: must be even\nsince",
		`null`:                                   "wrong type, byte 0: this must be an object, not null",
		" null\n":                                "wrong type, byte 0: this must be an object, not null",
	} {
		got := ""
		err := Unmarshal([]byte(text), new(settings), days)
		if err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}
