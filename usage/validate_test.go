package usage

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func goodEvent() Event {
	return Event{
		ID: "01926f6e-7a9c-7cc0-8d7e-1f2a3b4c5d6e", TenantID: "tenant-0042", UserID: "user-17",
		FeatureType: "api_calls", Quantity: Int(3), Metadata: []byte(`{"a":1}`),
	}
}

func TestEventValidate(t *testing.T) {
	long := strings.Repeat("x", 129)
	for _, c := range []struct {
		change  func(*Event)
		code    ErrorCode
		pointer string
		detail  string
	}{
		{func(e *Event) {}, "", "", ""},
		{func(e *Event) { e.Op = OpSet }, "", "", ""},
		{func(e *Event) { e.Op = OpAdd }, "", "", ""},
		{func(e *Event) { e.ID = "auth0|1 alice+x@y.z é😀" }, "", "", ""},
		{func(e *Event) { e.UserID, e.Source = "", "" }, "", "", ""},
		{func(e *Event) { e.TenantID = long[:128] }, "", "", ""},
		{func(e *Event) { e.TenantID = "..." }, "", "", ""},
		{func(e *Event) { e.ID = "" }, CodeMissingField, "/id", "id is missing"},
		{func(e *Event) { e.TenantID = "" }, CodeMissingField, "/tenant_id", "tenant_id is missing"},
		{func(e *Event) { e.FeatureType = "" }, CodeMissingField, "/feature_type", "feature_type is missing"},
		{func(e *Event) { e.ID = "." }, CodeInvalidValue, "/id", `"."`},
		{func(e *Event) { e.Source = ".." }, CodeInvalidValue, "/source", `".."`},
		{func(e *Event) { e.UserID = long }, CodeInvalidValue, "/user_id", "129 bytes"},
		{func(e *Event) { e.TenantID = "a\nb" }, CodeInvalidValue, "/tenant_id", `"a\nb" has a control character at byte 1`},
		{func(e *Event) { e.TenantID = "a\x7f" }, CodeInvalidValue, "/tenant_id", "at byte 1"},
		{func(e *Event) { e.TenantID = "tenant\u0085" }, CodeInvalidValue, "/tenant_id", "at byte 6"},
		{func(e *Event) { e.FeatureType = "api\xff" }, CodeInvalidUTF8, "/feature_type", `"api\xff"`},
		{func(e *Event) { e.FeatureType = "\xed\xa0\x80" }, CodeInvalidUTF8, "/feature_type", ""},
		{func(e *Event) { e.Op = "Set" }, CodeInvalidValue, "/op", `"Set"`},
		{func(e *Event) { e.ID, e.TenantID = "", "" }, CodeMissingField, "/id", ""},
	} {
		e := goodEvent()
		c.change(&e)
		err := e.Validate()
		if c.code == "" {
			if err != nil {
				t.Errorf("%+v: %v", e, err)
			}
			continue
		}
		got, ok := err.(*Error)
		if !ok || got.Code != c.code || got.Pointer != c.pointer || !strings.Contains(got.Detail, c.detail) || len(got.Detail) > 250 {
			t.Errorf("%+v: %v; want %s at %s with %q", e, err, c.code, c.pointer, c.detail)
		}
	}
}

// slowIdentifier is the rule as SEMANTICS words it.
func slowIdentifier(s string) bool {
	return len(s) >= 1 && len(s) <= 128 && utf8.ValidString(s) && s != "." && s != ".." &&
		strings.IndexFunc(s, unicode.IsControl) < 0
}

func TestValidIdentifier(t *testing.T) {
	// Every byte value at every place of a word and a tail.
	for c := range 256 {
		for length := 1; length <= 20; length++ {
			for at := range length {
				b := []byte(strings.Repeat("a", length))
				b[at] = byte(c)
				if s := string(b); ValidIdentifier(s) != slowIdentifier(s) {
					t.Fatalf("%q: %v", s, ValidIdentifier(s))
				}
			}
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("ab.\x00\x1f\x20\x7e\x7f\u0080\u009f\u00a0é")), 0, 140, -1),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) })).Draw(t, "s")
		if ValidIdentifier(s) != slowIdentifier(s) {
			t.Fatalf("%q: %v", s, ValidIdentifier(s))
		}
		if !slowIdentifier(s) && identifierError("id", s).Detail == "" {
			t.Fatalf("%q: nothing to say", s)
		}
	})
}

func TestValidSlug(t *testing.T) {
	for s, want := range map[string]bool{
		"api_calls": true, "a": true, "9-_": true, strings.Repeat("a", 64): true,
		"": false, strings.Repeat("a", 65): false, "API": false, "a b": false, "a.b": false, "é": false, "a\n": false, "*": false,
	} {
		if ValidSlug(s) != want {
			t.Errorf("%q: %v", s, !want)
		}
	}
}

func TestValidateDoesNotAllocate(t *testing.T) {
	e := goodEvent()
	e.UserID = "zoë"
	if n := testing.AllocsPerRun(100, func() {
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestQuotedCutsAtRunes(t *testing.T) {
	if got := quoted(strings.Repeat("é", 100)); got != `"`+strings.Repeat("é", 24)+`"...` {
		t.Error(got)
	}
	if got := quoted("x" + strings.Repeat("é", 100)); got != `"x`+strings.Repeat("é", 23)+`"...` {
		t.Error(got)
	}
	if got := quoted(strings.Repeat("\x80", 100)); len(got) > 4*quotedBytesMax+5 {
		t.Error(got)
	}
}

func BenchmarkEventValidate(b *testing.B) {
	e := goodEvent()
	b.ReportAllocs()
	for b.Loop() {
		if err := e.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}
