package strictjson

import (
	"bytes"
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

// The oracle is jsontext with its default options: strict UTF-8, no duplicate names. The scanner, the parser,
// Lookup and the hash must agree with it on every text.

// oracle reports whether text is one JSON value, and its type.
func oracle(text []byte) (ok bool, kind jsontext.Kind) {
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	value, err := dec.ReadValue()
	if err != nil {
		return false, 0
	}
	kind = value.Kind()
	rest := bytes.TrimLeft(text[dec.InputOffset():], " \n\t\r")
	return len(rest) == 0, kind
}

func seeds(f *testing.F) {
	for _, c := range refusals {
		f.Add([]byte(c.text))
	}
	for _, text := range []string{sample, `{"a":[1,-2.5e3,"\u00e9\n",null,true,{"b":{}}],"é":"é","x":-0}`, ` [ ] `, `"x"`, `-0.0e-0`,
		`{"a":{"a":{"a":1}},"b":"\"","c":"\\\\\"}","d":["]","}"]}`, `{"":"","\u0000":"\u0000"}`,
		`{"a":9223372036854775807,"b":9223372036854775808,"c":1e99999999999999999999,"d":1E-99999999999999999999}`} {
		f.Add([]byte(text))
	}
}

// FuzzObject: the scanner takes exactly the objects that the oracle takes; its hash and its spans
// survive another spelling of the text.
func FuzzObject(f *testing.F) {
	seeds(f)
	var s, again Scanner
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 4096 {
			return
		}
		valid, kind := oracle(text)
		hash, spans, err := s.Object(text, Limits{}, 99)
		if got := err == nil; got != (valid && kind == '{') {
			t.Fatalf("%q: oracle %v %v, scanner %v", text, valid, kind, err)
		}
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Offset < 0 || e.Offset > len(text) || valid != (e.Kind == WrongType) {
				t.Fatalf("%q: %#v", text, err)
			}
			return
		}
		checkSpans(t, text, spans)
		// The canonical form of RFC 8785 without its way with numbers: sorted names, least escapes.
		canonical := jsontext.Value(bytes.Clone(text))
		if err := canonical.Canonicalize(jsontext.CanonicalizeRawInts(false), jsontext.CanonicalizeRawFloats(false)); err != nil {
			t.Fatal(err)
		}
		if h, _, err := again.Object(canonical, Limits{}, 99); err != nil || h != hash {
			t.Fatalf("%q: hash %x, as %q %x, %v", text, hash, canonical, h, err)
		}
		indented := jsontext.Value(bytes.Clone(text))
		if err := indented.Indent(); err != nil {
			t.Fatal(err)
		}
		if h, _, err := again.Object(indented, Limits{}, 99); err != nil || h != hash {
			t.Fatalf("%q: hash %x, indented %x, %v", text, hash, h, err)
		}
	})
}

// checkSpans compares the spans with the scalars that the oracle's tokens show.
func checkSpans(t *testing.T, text []byte, spans []Span) {
	t.Helper()
	var want, got []string
	dec := jsontext.NewDecoder(bytes.NewReader(text))
	for {
		token, err := dec.ReadToken()
		if err != nil {
			break
		}
		kind, length := dec.StackIndex(dec.StackDepth())
		isName := kind == '{' && length%2 == 1
		switch {
		case token.Kind() == '"' && !isName:
			want = append(want, strconv.Quote(token.String()))
		case token.Kind() == '0':
			n, err := strconv.ParseInt(token.String(), 10, 64)
			plain := err == nil && strconv.FormatInt(n, 10) == token.String()
			want = append(want, token.String()+strconv.FormatBool(plain))
		}
	}
	end := 0
	for _, span := range spans {
		if int(span.Start) < end || span.End < span.Start || int(span.End) > len(text) {
			t.Fatalf("%q: spans %v are not ascending", text, spans)
		}
		end = int(span.End)
		piece := text[span.Start:span.End]
		if text[span.Start-1] == '"' && int(span.End) < len(text) && text[span.End] == '"' {
			got = append(got, strconv.Quote(string(appendUnescaped(nil, piece))))
			continue
		}
		got = append(got, string(piece)+strconv.FormatBool(span.Int))
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%q: spans %v, want %v", text, got, want)
	}
}

// FuzzParser: Raw takes what the oracle takes, Skip what it takes with duplicate names allowed,
// and a walk with the pull methods reads every token that the oracle reads.
func FuzzParser(f *testing.F) {
	seeds(f)
	var p Parser
	f.Fuzz(func(t *testing.T, text []byte) {
		valid, _ := oracle(text)
		p.Reset(text)
		raw, err := p.Raw()
		if err == nil {
			err = p.End()
		}
		if (err == nil) != valid {
			t.Fatalf("%q: oracle %v, parser %v", text, valid, err)
		}
		if valid && !bytes.Equal(raw, bytes.Trim(text, " \n\t\r")) {
			t.Fatalf("%q: raw %q", text, raw)
		}

		lenient := jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true))
		p.Reset(text)
		if err = p.Skip(); err == nil {
			err = p.End()
		}
		if (err == nil) != lenient {
			t.Fatalf("%q: oracle skips %v, parser with %v", text, lenient, err)
		}

		var got []string
		p.Reset(text)
		err = pull(&p, &got)
		if err == nil {
			err = p.End()
		}
		if (err == nil) != valid {
			t.Fatalf("%q: oracle %v, pulled %v", text, valid, err)
		}
		if !valid {
			return
		}
		var want []string
		dec := jsontext.NewDecoder(bytes.NewReader(text))
		for {
			token, err := dec.ReadToken()
			if err != nil {
				break
			}
			want = append(want, token.Kind().String()+token.String())
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%q: pulled %q, want %q", text, got, want)
		}
	})
}

// pull reads one value with the methods for each type and lists its tokens as jsontext prints them.
func pull(p *Parser, tokens *[]string) error {
	add := func(kind jsontext.Kind, text string) { *tokens = append(*tokens, kind.String()+text) }
	switch p.Peek() {
	case TypeObject:
		if err := p.BeginObject(); err != nil {
			return err
		}
		add('{', "{")
		for {
			name, more, err := p.NextKey()
			if err != nil {
				return err
			}
			if !more {
				add('}', "}")
				return nil
			}
			add('"', string(name))
			mark := p.Mark()
			if err := p.Skip(); err != nil { // to read a value a second time changes nothing
				return err
			}
			p.Rewind(mark)
			if err := pull(p, tokens); err != nil {
				return err
			}
		}
	case TypeArray:
		if err := p.BeginArray(); err != nil {
			return err
		}
		add('[', "[")
		for {
			more, err := p.NextElem()
			if err != nil {
				return err
			}
			if !more {
				add(']', "]")
				return nil
			}
			if err := pull(p, tokens); err != nil {
				return err
			}
		}
	case TypeString:
		s, err := p.Str()
		add('"', s)
		return err
	case TypeNumber:
		b, err := p.NumberBytes()
		add('0', string(b))
		return err
	case TypeBool:
		b, err := p.Bool()
		add(jsontext.Bool(b).Kind(), strconv.FormatBool(b))
		return err
	}
	if !p.Null() {
		_, err := p.Raw()
		if err == nil {
			panic("Raw takes a value that Peek does not know")
		}
		return err
	}
	add('n', "null")
	return nil
}

// FuzzLookup: Lookup finds what the oracle finds under a name, in spite of what stands before it,
// and survives texts that nobody checked.
func FuzzLookup(f *testing.F) {
	f.Add([]byte(`{"a":[1,"]}"],"b\u0062":{"c":"\"x"}, "d" : 1 }`), "bb", "c")
	f.Add([]byte(sample), "method", "")
	f.Add([]byte(`{"a":`), "a", "b")
	f.Add([]byte(`{"a":"\`), "b", "b")
	f.Fuzz(func(t *testing.T, text []byte, first, second string) {
		Lookup(text, []string{first})
		Lookup(text, []string{first, second})
		if valid, kind := oracle(text); !valid || kind != '{' {
			return
		}
		for _, path := range [][]string{{first}, {first, second}} {
			want := jsontext.Value(text)
			for _, name := range path {
				want = member(want, name)
			}
			got, ok := Lookup(text, path)
			if ok != (want != nil) || !bytes.Equal(got, bytes.Trim(want, " \n\t\r")) {
				t.Fatalf("%q %q: %q %v, want %q", text, path, got, ok, want)
			}
			if ok && got[0] == '"' {
				s, err := Unquote(got)
				oracleText, oracleErr := jsontext.AppendUnquote(nil, got)
				if err != nil || oracleErr != nil || s != string(oracleText) {
					t.Fatalf("%q: %q %v, want %q %v", got, s, err, oracleText, oracleErr)
				}
			}
		}
	})
}

// member returns the value of a member with the oracle's decoder, nil when there is none.
func member(object jsontext.Value, name string) jsontext.Value {
	if object.Kind() != '{' {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	if _, err := dec.ReadToken(); err != nil {
		return nil
	}
	for dec.PeekKind() == '"' {
		token, _ := dec.ReadToken()
		found := token.String() == name
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if found {
			return value.Clone()
		}
	}
	return nil
}

// FuzzUnquote: Unquote takes exactly the strings that the oracle takes, and reads the same.
func FuzzUnquote(f *testing.F) {
	for _, s := range []string{`"a"`, `"\ud83d\ude00\n"`, `""`, `"`, `"a"b`, `"\u"`, `x`, "\"\xff\"", `"\ud800"`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		want, oracleErr := jsontext.AppendUnquote(nil, raw)
		got, err := Unquote(raw)
		if (err == nil) != (oracleErr == nil) || err == nil && got != string(want) {
			t.Fatalf("%q: %q %v, want %q %v", raw, got, err, want, oracleErr)
		}
	})
}

// FuzzNumberHash: two numbers hash alike exactly when they are equal as rationals.
func FuzzNumberHash(f *testing.F) {
	f.Add("1", "1.0")
	f.Add("-0", "0e7")
	f.Add("1e3", "1000")
	f.Add("9223372036854775808", "922337203685477580.8e1")
	f.Add("0.10", "100e-3")
	f.Add("12e-2", "0.13")
	var s Scanner
	f.Fuzz(func(t *testing.T, a, b string) {
		x, okA := rational(a)
		y, okB := rational(b)
		if !okA || !okB {
			return
		}
		ha, _, errA := s.Object([]byte(`{"n":`+a+`}`), Limits{}, 5)
		hb, _, errB := s.Object([]byte(`{"n":`+b+`}`), Limits{}, 5)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if (x.Cmp(y) == 0) != (ha == hb) {
			t.Fatalf("%s and %s: equal %v, hashes %x %x", a, b, x.Cmp(y) == 0, ha, hb)
		}
	})
}

// rational reads a JSON number of moderate size.
func rational(text string) (*big.Rat, bool) {
	if text == "" || len(text) > 60 || scanNumber([]byte(text), 0) != len(text) {
		return nil, false
	}
	if _, exponent, there := strings.Cut(strings.ToLower(text), "e"); there {
		if n, err := strconv.Atoi(exponent); err != nil || n > 100 || n < -100 {
			return nil, false
		}
	}
	return new(big.Rat).SetString(text)
}
