package strictjson

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// The parser refuses broken texts at the same places, and in the same words, as the scanner.
func TestRawRefuses(t *testing.T) {
	var p Parser
	for _, c := range refusals {
		p.Reset([]byte(c.text))
		_, err := p.Raw()
		if err == nil {
			err = p.End()
		}
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: taken", c.text)
			continue
		}
		if c.text == `{"a":[1,]}` { // an array knows that an element is missing
			c.pointer = "/a"
		}
		if e.Kind != c.kind || e.Offset != c.offset || e.Pointer != c.pointer || e.Detail == "" {
			t.Errorf("%s: %v; want %v at %q, byte %d", c.text, e, c.kind, c.pointer, c.offset)
		}
	}
}

// readItem reads {"id": string, "n": number, "tags": any} and refuses everything else.
func readItem(p *Parser) (string, error) {
	var out strings.Builder
	if err := p.BeginObject(); err != nil {
		return "", err
	}
	for {
		key, more, err := p.NextKey()
		if err != nil || !more {
			return out.String(), err
		}
		switch string(key) {
		case "id":
			s, err := p.Str()
			if err != nil {
				return "", err
			}
			out.WriteString(s)
		case "n":
			b, err := p.NumberBytes()
			if err != nil {
				return "", err
			}
			out.Write(b)
		case "tags":
			b, err := p.Raw()
			if err != nil {
				return "", err
			}
			out.Write(b)
		default:
			return "", p.Fail(UnknownField, "no such member")
		}
		out.WriteByte(' ')
	}
}

// readBatch reads {"items":[...]}; a wrong item is noted and stepped over, broken JSON ends it.
func readBatch(p *Parser, body string) (lines []string, err error) {
	p.Reset([]byte(body))
	if err := p.BeginObject(); err != nil {
		return nil, err
	}
	for {
		_, more, err := p.NextKey()
		if err != nil {
			return lines, err
		}
		if !more {
			return lines, p.End()
		}
		if err := p.BeginArray(); err != nil {
			return lines, err
		}
		for {
			more, err := p.NextElem()
			if err != nil {
				return lines, err
			}
			if !more {
				break
			}
			mark := p.Mark()
			item, err := readItem(p)
			if err != nil {
				var e *Error
				if !errors.As(err, &e) {
					return lines, err
				}
				p.Rewind(mark)
				if fatal := p.Skip(); fatal != nil {
					return lines, fatal
				}
				item = fmt.Sprintf("%v %s", e.Kind, e.Pointer)
			}
			lines = append(lines, strings.TrimSpace(item))
		}
	}
}

func TestParserStepsOverWrongElements(t *testing.T) {
	const body = `{"items":[
		{"id":"a","n":1},
		{"id":"b","n":"1"},
		{"id":"c","id":"d"},
		{"id":"e","extra":{"deep":[1,{"id":"x"}]},"n":5},
		7,
		{"tags":{"k":[1,2,{"k":1,"k":2}]}},
		{"\u0069d":"f\n","tags":{ "k" : [1] }},
		{"id":null},
		[],
		{"n":1e5,"tags":[]}
	]}`
	want := []string{
		`a 1`,
		`wrong type /items/1/n`,
		`duplicate key /items/2/id`,
		`unknown field /items/3/extra`,
		`wrong type /items/4`,
		`duplicate key /items/5/tags/k/2/k`,
		"f\n { \"k\" : [1] }",
		`wrong type /items/7/id`,
		`wrong type /items/8`,
		`1e5 []`,
	}
	var p Parser
	lines, err := readBatch(&p, body)
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) != len(want) {
		t.Fatalf("%d lines, want %d: %q", len(lines), len(want), lines)
	}
	for i := range want {
		if lines[i] != want[i] {
			t.Errorf("item %d: %q, want %q", i, lines[i], want[i])
		}
	}
	// What is not JSON is fatal, and found even behind a member that was refused already.
	for text, pointer := range map[string]string{
		`{"items":[{"id":"a"},{"extra":1,"id":tru}]}`: "/items/1/id",
		`{"items":[{"id":1,"n":"` + "\xff" + `"}]}`:   "/items/0/n",
		`{"items":[{"id":1}`:                          "/items",
		`{"items":[{"id":"a"}],}`:                     "",
		`{"items":[{"id":"a"}]} ,`:                    "",
	} {
		_, err := readBatch(&p, text)
		var e *Error
		if !errors.As(err, &e) || e.Pointer != pointer || e.Kind != Malformed && e.Kind != InvalidUTF8 {
			t.Errorf("%s: %v, want it fatal at %q", text, err, pointer)
		}
	}
}

// Rewind inside an object forgets the names that were read since, also in an object so large that
// its names are indexed, and only those.
func TestRewindForgetsNames(t *testing.T) {
	const before, after = 100, 50
	var b strings.Builder
	b.WriteString(`{"first":0`)
	for i := range before + after {
		fmt.Fprintf(&b, `,"k%d":{"k%d":1}`, i, i)
	}
	b.WriteString(`,"k7":0}`)
	var p Parser
	p.Reset([]byte(b.String()))
	if err := p.BeginObject(); err != nil {
		t.Fatal(err)
	}
	step := func() error {
		_, _, err := p.NextKey()
		if err != nil {
			return err
		}
		_, err = p.Raw()
		return err
	}
	for range before {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := p.NextKey(); err != nil {
		t.Fatal(err)
	}
	mark := p.Mark()
	for range 3 {
		p.Rewind(mark)
		if _, err := p.Raw(); err != nil {
			t.Fatal(err)
		}
		for range after {
			if err := step(); err != nil {
				t.Fatal(err)
			}
		}
		var e *Error
		if err := step(); !errors.As(err, &e) || e.Kind != DuplicateKey || e.Pointer != "/k7" {
			t.Fatalf("k7 twice: %v", err)
		}
	}
}

// A hostile body costs what its size says: a million names, and depth.
func TestParserIsLinear(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"0":0`)
	for i := 1; i < 300_000; i++ {
		fmt.Fprintf(&b, `,"%x":0`, i)
	}
	b.WriteString(`}`)
	var p Parser
	p.Reset([]byte(b.String()))
	if _, err := p.Raw(); err != nil {
		t.Fatal(err)
	}
	p.Reset([]byte(b.String()[:b.Len()-1] + `,"ff":1}`))
	var e *Error
	if _, err := p.Raw(); !errors.As(err, &e) || e.Pointer != "/ff" {
		t.Fatal(err)
	}
	deep := strings.Repeat("[", depthMax)
	p.Reset([]byte(deep + strings.Repeat("]", depthMax)))
	if _, err := p.Raw(); err != nil {
		t.Fatal(err)
	}
	p.Reset([]byte(deep + "[" + strings.Repeat("]", depthMax+1)))
	if _, err := p.Raw(); !errors.As(err, &e) || e.Kind != TooLarge {
		t.Fatal(err)
	}
}

func TestWrongTypeReadsNothing(t *testing.T) {
	var p Parser
	p.Reset([]byte(` "x"`))
	if err := p.BeginObject(); err == nil {
		t.Fatal("a string is no object")
	}
	if _, err := p.NumberBytes(); err == nil {
		t.Fatal("a string is no number")
	}
	if _, err := p.Bool(); err == nil || p.Null() {
		t.Fatal("a string is no literal")
	}
	if s, err := p.Str(); s != "x" || err != nil || p.End() != nil || p.Offset() != 4 {
		t.Fatal(s, err)
	}
}

const sampleEvent = `{"id":"01926f6e-7a9c-7cc0-8d7e-1f2a3b4c5d6e","tenant_id":"tenant-0042","user_id":"user-17",` +
	`"feature_type":"api_calls","quantity":3,"timestamp":"2026-11-23T10:00:00Z","metadata":` + sample + `}`

// readEvent pulls an event as an HTTP handler does, keeping parts of the body.
func readEvent(p *Parser) (size int, err error) {
	if err := p.BeginObject(); err != nil {
		return 0, err
	}
	for {
		key, more, err := p.NextKey()
		if err != nil || !more {
			return size, err
		}
		var b []byte
		switch string(key) {
		case "quantity":
			b, err = p.NumberBytes()
		case "metadata":
			b, err = p.Raw()
		default:
			b, err = p.StrBytes()
		}
		if err != nil {
			return 0, err
		}
		size += len(b)
	}
}

func TestParserDoesNotAllocate(t *testing.T) {
	body := []byte(sampleEvent)
	var p Parser
	if n := testing.AllocsPerRun(100, func() {
		p.Reset(body)
		if _, err := readEvent(&p); err != nil {
			t.Fatal(err)
		}
		if err := p.End(); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkParserEvent(b *testing.B) {
	body := []byte(sampleEvent)
	var p Parser
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(body)
		if _, err := readEvent(&p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParserSkip(b *testing.B) {
	body := []byte(sampleEvent)
	var p Parser
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		p.Reset(body)
		if err := p.Skip(); err != nil {
			b.Fatal(err)
		}
	}
}
