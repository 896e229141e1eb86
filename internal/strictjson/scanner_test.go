package strictjson

import (
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"testing"
)

const sample = `{"endpoint":"/v1/items","method":"GET","response_size":1234,"duration_ms":12}`

var wide = Limits{}

func hashOf(t *testing.T, text string) uint64 {
	t.Helper()
	var s Scanner
	h, _, err := s.Object([]byte(text), wide, 42)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return h
}

// Equal values hash alike however they are written; each line is one value.
func TestHashIsOfTheValue(t *testing.T) {
	equal := [][]string{
		{`{}`, " {\n} "},
		{`{"a":1,"b":2}`, `{"b":2,"a":1}`, `{ "b" : 2.0, "\u0061" : 1e0 }`},
		{`{"a":0}`, `{"a":-0}`, `{"a":0.000}`, `{"a":0e99999999999999999999}`, `{"a":-0E-5}`},
		{`{"a":1000}`, `{"a":1e3}`, `{"a":1E+3}`, `{"a":10000e-1}`, `{"a":1000.00}`, `{"a":0.001e6}`},
		{`{"a":-9223372036854775808}`, `{"a":-9223372036854775808.0}`, `{"a":-922337203685477580.8e1}`},
		{`{"a":9223372036854775808}`, `{"a":9223372036854775808.0}`, `{"a":922337203685477580.8e1}`},
		{`{"a":0.1}`, `{"a":1e-1}`, `{"a":0.100}`, `{"a":10e-2}`},
		{`{"a":1e99999999999999999999}`, `{"a":10e99999999999999999998}`, `{"a":0.1e100000000000000000000}`},
		{`{"a":1e-99999999999999999999}`, `{"a":0.1e-99999999999999999998}`, `{"a":10e-100000000000000000000}`},
		{`{"a":1e100000000000000000}`, `{"a":10e99999999999999999}`},
		{`{"a":"é\n😀/"}`, `{"a":"\u00e9\u000a\ud83d\ude00\/"}`},
		{`{"a":[1,{"x":[],"y":{}}]}`, `{"a":[1.0,{"y":{},"x":[]}]}`},
		{`{"a":"0123456789abcdefg"}`, `{"a":"\u0030123456789abcdefg"}`},
	}
	seen := map[uint64]string{}
	for _, texts := range equal {
		want := hashOf(t, texts[0])
		if other, there := seen[want]; there {
			t.Errorf("%s and %s have one hash", other, texts[0])
		}
		seen[want] = texts[0]
		for _, text := range texts[1:] {
			if hashOf(t, text) != want {
				t.Errorf("%s and %s differ", texts[0], text)
			}
		}
	}
}

// Values that differ hash differently.
func TestHashTellsValuesApart(t *testing.T) {
	texts := []string{
		`{}`, `{"a":{}}`, `{"a":[]}`, `{"a":null}`, `{"a":true}`, `{"a":false}`, `{"a":0}`, `{"a":""}`, `{"a":"0"}`,
		`{"a":1}`, `{"a":"1"}`, `{"a":-1}`, `{"a":[1]}`, `{"a":[[1]]}`, `{"a":[1,2]}`, `{"a":[2,1]}`, `{"a":{"a":1}}`,
		`{"":1}`, `{"b":1}`, `{"a":1,"b":2}`, `{"a":2,"b":1}`, `{"a":"b","c":"d"}`, `{"a":"d","c":"b"}`, `{"b":"a"}`, `{"a":"b"}`,
		`{"a":9007199254740992}`, `{"a":9007199254740993}`, `{"a":0.1}`, `{"a":0.10000000000000000001}`, `{"a":-0.1}`,
		`{"a":1e19}`, `{"a":1e20}`, `{"a":-1e19}`, `{"a":1e-1000}`, `{"a":1e-1001}`, `{"a":"true"}`, `{"a":"null"}`,
		`{"a":1e99999999999999999999}`, `{"a":1e99999999999999999998}`, `{"a":1e-99999999999999999999}`,
		`{"a":{"b":{}},"c":{}}`, `{"a":{},"c":{"b":{}}}`, `{"a":[{"b":1},{"c":2}]}`, `{"a":[{"b":1,"c":2}]}`, `{"a":[[],[]]}`, `{"a":[[[]]]}`,
	}
	for n := range 40 { // strings of every length up to and past where the hash changes its ways
		texts = append(texts, `{"a":"`+strings.Repeat("x", n+1)+`"}`)
		texts = append(texts, `{"`+strings.Repeat("y", n+1)+`":1}`)
		texts = append(texts, `{"a":"`+strings.Repeat("x", n)+`z"}`)
	}
	seen := map[uint64]string{}
	for _, text := range texts {
		h := hashOf(t, text)
		if other, there := seen[h]; there && other != text {
			t.Errorf("%s and %s have one hash", other, text)
		}
		seen[h] = text
	}
	var s Scanner
	a, _, _ := s.Object([]byte(sample), wide, 1)
	b, _, _ := s.Object([]byte(sample), wide, 2)
	if a == b {
		t.Error("the seed does not matter")
	}
}

// Hashes are stored, so they are the same in every version and on every machine.
func TestHashNeverChanges(t *testing.T) {
	for text, want := range map[string]uint64{
		`{}`:   0xb596a3d730353129,
		sample: 0x19db724de687b1f9,
		`{"a":[1,-2.5,"a string longer than sixteen bytes",null,true,{"b":1e400}],"é":""}`: 0xe60ff9df74c41f6b,
	} {
		if got := hashOf(t, text); got != want {
			t.Errorf("%s: hash %#x, was %#x", text, got, want)
		}
	}
}

func TestSpans(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:   ``,
		sample: `"/v1/items" "GET" 1234! 12!`,
		`{"a":[1,"x",{"b":-7}],"c":true,"d":null,"e":""}`:                             `1! "x" -7! ""`,
		`{"a":[0,-0,1.0,1e0,9223372036854775807,9223372036854775808]}`:                `0! -0 1.0 1e0 9223372036854775807! 9223372036854775808`,
		`{"a":[-9223372036854775808,-9223372036854775809,999999999999999999,-1,1.5]}`: `-9223372036854775808! -9223372036854775809 999999999999999999! -1! 1.5`,
		`{"a":"x\"y"}`:  `"x\"y"`,
		` { "a" : 12 }`: `12!`,
	} {
		var s Scanner
		_, spans, err := s.Object([]byte(text), wide, 42)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, span := range spans {
			piece := text[span.Start:span.End]
			if span.Int {
				piece += "!"
			} else if text[span.Start-1] == '"' {
				piece = `"` + piece + `"`
			}
			got = append(got, piece)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: spans %v, want %s", text, got, want)
		}
	}
}

// refusals are texts with what must be said about them; the parser refuses those that break the
// grammar in the same words.
var refusals = []struct {
	text    string
	kind    Kind
	offset  int
	pointer string
}{
	{``, Malformed, 0, ""},
	{`  `, Malformed, 2, ""},
	{`{`, Malformed, 1, ""},
	{`{"a"`, Malformed, 4, ""},
	{`{"a":`, Malformed, 5, "/a"},
	{`{"a":1`, Malformed, 6, ""},
	{`{"a":1,`, Malformed, 7, ""},
	{`{"a":1,}`, Malformed, 7, ""},
	{`{"a":1 "b":2}`, Malformed, 7, ""},
	{`{"a" 1}`, Malformed, 5, ""},
	{`{a:1}`, Malformed, 1, ""},
	{`{'a':1}`, Malformed, 1, ""},
	{`{"a":01}`, Malformed, 5, "/a"},
	{`{"a":-}`, Malformed, 5, "/a"},
	{`{"a":1.}`, Malformed, 5, "/a"},
	{`{"a":.5}`, Malformed, 5, "/a"},
	{`{"a":1e}`, Malformed, 5, "/a"},
	{`{"a":+1}`, Malformed, 5, "/a"},
	{`{"a":NaN}`, Malformed, 5, "/a"},
	{`{"a":nul}`, Malformed, 5, "/a"},
	{`{"a":truth}`, Malformed, 5, "/a"},
	{`{"a":1x}`, Malformed, 6, ""},
	{`{"a":[1,]}`, Malformed, 8, ""},
	{`{"a":[1 2]}`, Malformed, 8, "/a"},
	{`{"a":"x` + "\n" + `"}`, Malformed, 7, "/a"},
	{`{"a":"\x"}`, Malformed, 6, "/a"},
	{`{"a":"\u12g4"}`, Malformed, 6, "/a"},
	{`{"a":"x}`, Malformed, 8, "/a"},
	{`{"a":1}}`, Malformed, 7, ""},
	{`{"a":1} x`, Malformed, 8, ""},
	{"{\"a\":1}\x00", Malformed, 7, ""},
	{"\ufeff{}", Malformed, 0, ""},
	{"{\"a\":\"\xff\"}", InvalidUTF8, 6, "/a"},
	{"{\"a\":\"\xed\xa0\x80\"}", InvalidUTF8, 6, "/a"},
	{"{\"a\":\"\xc0\x80\"}", InvalidUTF8, 6, "/a"},
	{"{\"\xff\":1}", InvalidUTF8, 2, ""},
	{`{"a":"\ud800"}`, InvalidUTF8, 6, "/a"},
	{`{"a":"\udc00\ud800"}`, InvalidUTF8, 6, "/a"},
	{`{"a":"\ud800\u0041"}`, InvalidUTF8, 6, "/a"},
	{`{"a":1,"a":2}`, DuplicateKey, 7, "/a"},
	{`{"a":1,"\u0061":2}`, DuplicateKey, 7, "/a"},
	{`{"x":[{"a/b~c":1,"a/b~c":2}]}`, DuplicateKey, 17, "/x/0/a~1b~0c"},
	{`{"\u00e9":{"k":1},"é":2}`, DuplicateKey, 18, "/é"},
}

func TestObjectRefuses(t *testing.T) {
	for _, c := range refusals {
		var s Scanner
		_, _, err := s.Object([]byte(c.text), wide, 7)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: taken", c.text)
			continue
		}
		if c.text == `{"a":[1,]}` { // the scanner sees a value missing, at its index
			c.pointer = "/a/1"
		}
		if e.Kind != c.kind || e.Offset != c.offset || e.Pointer != c.pointer || e.Detail == "" {
			t.Errorf("%s: %v; want %v at %q, byte %d", c.text, e, c.kind, c.pointer, c.offset)
		}
		if _, _, err := s.Object([]byte(sample), wide, 7); err != nil {
			t.Errorf("after %s: %v", c.text, err)
		}
	}
}

func TestObjectLimits(t *testing.T) {
	lim := Limits{Bytes: 40, Keys: 3, Depth: 2}
	for text, want := range map[string]Kind{
		`{"a":1,"b":2,"c":3}`:                     0,
		`{"a":1,"b":2,"c":3,"d":4}`:               TooLarge,
		`{"a":{"b":2},"c":3}`:                     0,
		`{"a":{"b":2,"c":3,"d":4}}`:               TooLarge,
		`{"a":{"b":{}}}`:                          TooLarge,
		`{"a":[[]]}`:                              TooLarge,
		`{"a":"` + strings.Repeat("x", 32) + `"}`: 0,
		`{"a":"` + strings.Repeat("x", 33) + `"}`: TooLarge,
		`[]`:   WrongType,
		`"x"`:  WrongType,
		`1`:    WrongType,
		`null`: WrongType,
		`1 2`:  Malformed,
	} {
		var s Scanner
		_, _, err := s.Object([]byte(text), lim, 7)
		var got Kind
		var e *Error
		if errors.As(err, &e) {
			got = e.Kind
		}
		if got != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
	var s Scanner
	if _, _, err := s.Object([]byte(`{"a":"`+strings.Repeat("x", 70_000)+`"}`), wide, 7); err == nil {
		t.Error("70,000 bytes were taken, and spans have 16 bits")
	}
	deep := strings.Repeat(`{"a":`, 9_999) + "{}" + strings.Repeat("}", 9_999)
	if _, _, err := s.Object([]byte(deep), Limits{Keys: 1}, 7); err == nil {
		t.Error("deep object with too many members taken")
	}
}

// A duplicate is found wherever it stands among many, and no false one is reported.
func TestObjectFindsDuplicateAmongMany(t *testing.T) {
	for _, count := range []int{2, 3, 31, 32, 33, 64, 200} {
		var b strings.Builder
		for i := range count {
			b.WriteString(`"k` + strconv.Itoa(i) + `":` + strconv.Itoa(i) + `,`)
		}
		members := b.String()
		var s Scanner
		var p Parser
		whole := []byte(`{` + members[:len(members)-1] + `}`)
		if _, _, err := s.Object(whole, wide, 7); err != nil {
			t.Error(err)
		}
		p.Reset(whole)
		if _, err := p.Raw(); err != nil {
			t.Error(err)
		}
		for _, i := range []int{0, count / 2, count - 1} {
			twice := []byte(`{` + members + `"k` + strconv.Itoa(i) + `":1}`)
			var e *Error
			if _, _, err := s.Object(twice, wide, 7); !errors.As(err, &e) || e.Kind != DuplicateKey {
				t.Errorf("%d of %d: %v", i, count, err)
			}
			p.Reset(twice)
			if _, err := p.Raw(); !errors.As(err, &e) || e.Kind != DuplicateKey {
				t.Errorf("parser, %d of %d: %v", i, count, err)
			}
		}
	}
}

func TestObjectDoesNotAllocate(t *testing.T) {
	var s Scanner
	for _, text := range []string{
		sample,
		`{"a":0.25,"b":[1e3,true,null,{"c":"é\n"}],"\u0064":"x\ty","e":1e99999999999999999999,"f":18446744073709551615}`,
	} {
		src := []byte(text)
		if n := testing.AllocsPerRun(100, func() {
			if _, _, err := s.Object(src, wide, 7); err != nil {
				t.Fatal(err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", text, n)
		}
	}
}

func BenchmarkObject(b *testing.B) {
	long := `{"request_id":"7f9c24e8-3b12-4fef-91f7-0c3d2a8e1b55","endpoint":"/v1/projects/:id/items","method":"POST",` +
		`"status":200,"response_size":18231,"duration_ms":12.75,"region":"eu-central-1","user_agent":"weir-go/1.0 (linux; amd64)"}`
	for name, text := range map[string]string{"seed": sample, "long": long, "nested": `{"a":{"b":{"c":[1,2,3]}},"d":[{"e":1},{"e":2}]}`} {
		b.Run(name, func(b *testing.B) {
			src := []byte(text)
			lim := Limits{Bytes: 4096, Keys: 64, Depth: 4}
			var s Scanner
			b.SetBytes(int64(len(src)))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := s.Object(src, lim, 7); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodingJSONForComparison(b *testing.B) {
	src := []byte(sample)
	b.SetBytes(int64(len(src)))
	for b.Loop() {
		var m map[string]any
		if err := json.Unmarshal(src, &m); err != nil {
			b.Fatal(err)
		}
	}
}
