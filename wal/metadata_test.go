package wal

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/strictjson"
	"pgregory.net/rapid"
)

func metadataItem(text string, spans ...strictjson.Span) *Item {
	return &Item{Kind: KindEvent, TenantNum: 1, Metadata: []byte(text), Spans: spans}
}

// TestMetadataShapes: how many shapes and slots texts make, and that they come back.
func TestMetadataShapes(t *testing.T) {
	number := func(start, end uint16) strictjson.Span { return strictjson.Span{Start: start, End: end, Int: true} }
	word := func(start, end uint16) strictjson.Span { return strictjson.Span{Start: start, End: end} }
	many := strings.Repeat("1", 100)
	var manySpans []strictjson.Span
	for i := range uint16(100) {
		manySpans = append(manySpans, number(i, i+1))
	}
	for name, c := range map[string]struct {
		items         []*Item
		shapes, slots int
	}{
		"same":                {[]*Item{metadataItem("a1", number(1, 2)), metadataItem("a2", number(1, 2))}, 1, 1},
		"other text":          {[]*Item{metadataItem("a1", number(1, 2)), metadataItem("b1", number(1, 2))}, 2, 0},
		"other type":          {[]*Item{metadataItem("a1", number(1, 2)), metadataItem("a1", word(1, 2))}, 2, 0},
		"not an integer":      {[]*Item{metadataItem("a1", number(1, 2)), metadataItem("a01", number(1, 3))}, 2, 0},
		"slot elsewhere":      {[]*Item{metadataItem("aa", word(0, 1)), metadataItem("aa", word(1, 2))}, 2, 0},
		"empty values":        {[]*Item{metadataItem("aa", word(1, 1)), metadataItem("aba", word(1, 2))}, 1, 1},
		"values only":         {[]*Item{metadataItem("12", word(0, 1), word(1, 2)), metadataItem("", word(0, 0), word(0, 0))}, 1, 2},
		"no spans":            {[]*Item{metadataItem("a"), metadataItem("a")}, 1, 0},
		"no metadata":         {[]*Item{{Kind: KindEvent, TenantNum: 1}}, 0, 0},
		"overlapping":         {[]*Item{metadataItem("abcd", word(0, 2), word(1, 3)), metadataItem("abcd")}, 1, 0},
		"beyond the end":      {[]*Item{metadataItem("abcd", word(0, 9)), metadataItem("abcd")}, 1, 0},
		"backwards":           {[]*Item{metadataItem("abcd", word(3, 1)), metadataItem("abcd")}, 1, 0},
		"more than the slots": {[]*Item{metadataItem(many, manySpans...), metadataItem(many, manySpans...)}, 1, metadataSlotsMax},
	} {
		t.Run(name, func(t *testing.T) {
			var e BlockEncoder
			var d BlockDecoder
			roundTrip(t, &e, &d, BlockHeader{}, c.items)
			if len(d.shapes) != c.shapes && !(c.shapes == 0 && len(c.items) == 1) {
				t.Errorf("%d shapes, want %d", len(d.shapes), c.shapes)
			}
			if c.shapes > 0 && len(d.slots) != c.slots {
				t.Errorf("%d slots, want %d", len(d.slots), c.slots)
			}
		})
	}
}

// TestMetadataDecodedSpans: what a block made use of comes back as spans.
func TestMetadataDecodedSpans(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	items := corpusItems(10)
	_, got, err := d.Decode(e.Encode(nil, BlockHeader{}, items))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if fmt.Sprint(got[i].Spans) != fmt.Sprint(items[i].Spans) {
			t.Errorf("item %d: spans %v, want %v", i, got[i].Spans, items[i].Spans)
		}
	}
}

// TestMetadataStrange: many shapes of many slots neither break the limits nor stay in memory.
func TestMetadataStrange(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	var items []*Item
	for i := range 1500 { // every shape twice
		m := metadataBuilder{text: []byte("{")}
		for k := range 60 {
			m.member(fmt.Sprintf("%d-%d", i/2, k), "1", true)
		}
		it := metadataItem(string(m.text))
		it.Spans = m.spans
		items = append(items, it)
	}
	block := roundTrip(t, &e, &d, BlockHeader{}, items)
	t.Logf("%d items, %d columns, %d bytes", len(d.items), e.metadata.live, len(block))
	if e.metadata.live < 5000 {
		t.Errorf("only %d columns", e.metadata.live)
	}
	e.Encode(nil, BlockHeader{}, nil)
	if got := len(e.metadata.columns); got > 1024 {
		t.Errorf("the encoder keeps %d columns", got)
	}
}

func TestParseCanonicalInt(t *testing.T) {
	for text, want := range map[string]bool{
		"0": true, "7": true, "-7": true, "10": true, "999999999999999999": true,
		"-999999999999999999": true, "1000000000000000000": false, // fits, but is kept as text
		"": false, "-": false, "-0": false, "00": false, "01": false, "-01": false, "+1": false,
		" 1": false, "1 ": false, "1.0": false, "1e3": false, "/": false, ":": false,
		strconv.FormatUint(math.MaxUint64, 10): false,
	} {
		if v, ok := parseCanonicalInt([]byte(text)); ok != want || ok && strconv.FormatInt(v, 10) != text {
			t.Errorf("%q: %d, %v", text, v, ok)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`-?[0-9]{0,20}`).Draw(t, "text")
		v, ok := parseCanonicalInt([]byte(text))
		if ok && strconv.FormatInt(v, 10) != text {
			t.Fatalf("%q became %d", text, v)
		}
	})
}
