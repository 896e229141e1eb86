package wal

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/weirhq/weir/usage"
)

// wantItem is an item as decoding gives it back: without a name beside a number. Spans are
// compared by checkSpans only.
func wantItem(it *Item) Item {
	w := *it
	if w.TenantNum > 0 {
		w.Tenant = ""
	}
	if w.UserNum > 0 {
		w.User = ""
	}
	if !w.HasTime {
		w.TimeNanos = 0
	}
	w.Spans = nil
	return w
}

// roundTrip encodes items, checks the bounds, decodes and compares.
func roundTrip(t interface {
	Helper()
	Fatalf(string, ...any)
}, e *BlockEncoder, d *BlockDecoder, h BlockHeader, items []*Item) []byte {
	t.Helper()
	block, n := e.EncodeFront(nil, h, items)
	if len(block) > BlockEncodedBytesMax {
		t.Fatalf("block of %d bytes", len(block))
	}
	bound := BlockOverheadMax
	for _, it := range items[:n] {
		bound += EncodedSizeBound(it)
	}
	if len(block) > bound {
		t.Fatalf("block of %d bytes, its items' bounds are %d", len(block), bound)
	}
	gotHeader, got, err := d.Decode(block)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if gotHeader != h || len(got) != n {
		t.Fatalf("header %v and %d items, want %v and %d", gotHeader, len(got), h, n)
	}
	for i := range got {
		if err := checkSpans(&got[i]); err != nil {
			t.Fatalf("item %d: %v", i, err)
		}
		g, w := got[i], wantItem(items[i])
		g.Spans = nil
		if !reflect.DeepEqual(g, w) {
			t.Fatalf("item %d:\n got %+v\nwant %+v", i, g, w)
		}
	}
	return block
}

// checkSpans verifies the promise of Item.Spans for a decoded item.
func checkSpans(it *Item) error {
	pos := uint16(0)
	for _, s := range it.Spans {
		if s.Start < pos || s.End < s.Start || int(s.End) > len(it.Metadata) {
			return fmt.Errorf("spans %v of %d bytes", it.Spans, len(it.Metadata))
		}
		pos = s.End
		if _, ok := parseCanonicalInt(it.Metadata[s.Start:s.End]); s.Int && !ok {
			return fmt.Errorf("%q is not an integer", it.Metadata[s.Start:s.End])
		}
	}
	return nil
}

func TestBlockRoundTrip(t *testing.T) {
	event := func(edit func(it *Item)) *Item {
		it := &Item{Kind: KindEvent, TenantNum: 7, Feature: "api_calls", ID: "a"}
		edit(it)
		return it
	}
	long := strings.Repeat("x", 20000)
	cases := map[string][]*Item{
		"none":       {},
		"zero event": {{Kind: KindEvent}},
		"config":     {{Kind: KindConfig, Body: []byte(`{"meter":{"slug":"x"}}`)}},
		"empty is not absent": {
			{Kind: KindConfig, Body: []byte{}, Metadata: []byte{}}, {Kind: KindEvent},
			{Kind: KindConfig, Body: []byte("b"), Metadata: []byte("{}")},
		},
		"names and numbers": {
			event(func(it *Item) { it.TenantNum, it.Tenant = 0, "t1" }),
			event(func(it *Item) { it.UserNum = math.MaxUint32 }),
			event(func(it *Item) { it.User = "u1" }),
			event(func(it *Item) { it.TenantNum, it.Tenant = math.MaxUint32, "not stored" }),
			event(func(it *Item) { it.TenantNum, it.Tenant, it.User = 0, "t1", "t1" }),
		},
		"quantities": {
			event(func(it *Item) { it.Quantity = usage.Int(0) }),
			event(func(it *Item) {}),
			event(func(it *Item) { it.Quantity = usage.Int(math.MaxInt64) }),
			event(func(it *Item) { it.Quantity = usage.Int(math.MinInt64) }),
			event(func(it *Item) { it.Quantity = usage.FromUnits(-5, 18) }),
			event(func(it *Item) { it.Quantity, it.Op = usage.FromUnits(15, 1), 2 }),
		},
		"times": {
			event(func(it *Item) { it.HasTime = true }),
			event(func(it *Item) { it.TimeNanos = 5 }), // not meaningful
			event(func(it *Item) { it.HasTime, it.TimeNanos = true, math.MaxInt64 }),
			event(func(it *Item) { it.HasTime, it.TimeNanos = true, math.MinInt64 }),
		},
		"whole seconds": {
			event(func(it *Item) { it.HasTime, it.TimeNanos = true, -3e9 }),
			event(func(it *Item) { it.HasTime, it.TimeNanos = true, 7e9 }),
		},
		"ids": {
			event(func(it *Item) { it.ID = "0190163d-8694-739b-aea5-966c26f8ad91" }),
			event(func(it *Item) { it.ID = "0190163D-8694-739b-aea5-966c26f8ad91" }),
			event(func(it *Item) { it.ID = "ffffffff-ffff-ffff-ffff-ffffffffffff" }),
			event(func(it *Item) { it.ID = "00000000-0000-0000-0000-000000000000" }),
			event(func(it *Item) { it.ID = "" }),
			event(func(it *Item) { it.ID = long }),
		},
		"heaps worth compressing": {
			event(func(it *Item) { it.Feature, it.Source = long, long+"y" }),
			event(func(it *Item) { it.Feature, it.Metadata = long, []byte(long) }),
		},
	}
	var e BlockEncoder
	var d BlockDecoder
	for name, items := range cases {
		for _, logTime := range []int64{0, corpusLogTime, math.MaxInt64, math.MinInt64} {
			t.Run(fmt.Sprintf("%s/%d", name, logTime), func(t *testing.T) {
				roundTrip(t, &e, &d, BlockHeader{logTime}, items)
			})
		}
	}
	t.Run("corpus", func(t *testing.T) {
		roundTrip(t, &e, &d, BlockHeader{corpusLogTime}, corpusItems(4000))
	})
}

// TestBlockDeterministic: the block depends on the items alone, not on the encoder's past.
func TestBlockDeterministic(t *testing.T) {
	var e, fresh BlockEncoder
	items := corpusItems(500)
	e.Encode(nil, BlockHeader{1}, items[100:])
	got := e.Encode([]byte("before"), BlockHeader{2}, items)
	if want := fresh.Encode([]byte("before"), BlockHeader{2}, items); !bytes.Equal(got, want) {
		t.Error("a used encoder made another block")
	}
	// What was decoded encodes to the same block again.
	var d BlockDecoder
	h, decoded, err := d.Decode(got[len("before"):])
	if err != nil {
		t.Fatal(err)
	}
	again := make([]*Item, len(decoded))
	for i := range decoded {
		again[i] = &decoded[i]
	}
	if got2 := fresh.Encode(nil, h, again); !bytes.Equal(got2, got[len("before"):]) {
		t.Error("decoded items made another block")
	}
}

// TestBlockOutlier: one item with a large value costs itself, not its neighbours.
func TestBlockOutlier(t *testing.T) {
	var e BlockEncoder
	items := corpusItems(4000)
	size := len(e.Encode(nil, BlockHeader{}, items))
	items[17].Quantity = usage.Int(math.MaxInt64)
	if got := len(e.Encode(nil, BlockHeader{}, items)); got > size+4000+16 {
		t.Errorf("one large quantity made the block grow from %d to %d bytes", size, got)
	}
}

func TestBlockDamage(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	block := e.Encode(nil, BlockHeader{corpusLogTime}, corpusItems(20))
	for i := range block {
		for bit := range 8 {
			bad := bytes.Clone(block)
			bad[i] ^= 1 << bit
			_, items, err := d.Decode(bad)
			if items != nil || !errors.Is(err, ErrCorrupt) && !(i == 0 && errors.Is(err, ErrUnknownVersion)) {
				t.Fatalf("bit %d of byte %d: %d items, %v", bit, i, len(items), err)
			}
		}
		if _, _, err := d.Decode(block[:i]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("first %d bytes: %v", i, err)
		}
	}
	var corrupt *CorruptError
	if _, _, err := d.Decode(block[:50]); !errors.As(err, &corrupt) || corrupt.Offset != 1 {
		t.Errorf("want a *CorruptError at byte 1, got %v", err)
	}
	// With a checksum that fits, damage is found by what it says, at every byte that is cut.
	for i := range block {
		bad := bytes.Clone(block[:i])
		if i > blockHeaderSize {
			blockSeal(bad)
		}
		if _, _, err := d.Decode(bad); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("first %d bytes, sealed: %v", i, err)
		}
	}
	longer := append(bytes.Clone(block), 0)
	blockSeal(longer)
	if _, _, err := d.Decode(longer); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	// The decoder is as good as new afterwards.
	roundTrip(t, &e, &d, BlockHeader{1}, corpusItems(20))
}

func TestBlockUnknownKind(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	block := e.Encode(nil, BlockHeader{}, []*Item{{Kind: KindEvent}})
	// frame, item count, two empty heaps; then the kind column: width 0, base zig-zag 1.
	at := blockHeaderSize + 1 + 4
	if block[at] != 0 || block[at+1] != 2 {
		t.Fatalf("the kind column is not where it is looked for: % x", block)
	}
	block[at+1] = 2 * uint8(itemKindMax+1)
	blockSeal(block)
	if _, _, err := d.Decode(block); !errors.Is(err, ErrUnknownKind) || errors.Is(err, ErrCorrupt) {
		t.Errorf("unknown kind: %v", err)
	}
}
