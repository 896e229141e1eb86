package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/strictjson"
)

// TestBlockHostileCounts: counts that promise more than is there are refused, and small
// blocks cannot make the decoder allocate.
func TestBlockHostileCounts(t *testing.T) {
	frame := func(rest ...byte) []byte {
		b := append([]byte{blockMagicV1, 0, 0, 0, 0}, make([]byte, 8)...)
		b = append(b, rest...)
		blockSeal(b)
		return b
	}
	uvar := func(v uint64, more ...byte) []byte {
		return append(binary.AppendUvarint(nil, v), more...)
	}
	var d BlockDecoder
	for name, block := range map[string][]byte{
		"too many items":      frame(uvar(BlockItemsMax+1, 0, 0, 0, 0)...),
		"endless varint":      frame(bytes.Repeat([]byte{0xFF}, 30)...),
		"huge heap":           frame(append([]byte{1}, uvar(1<<40, 0, 0, 0)...)...),
		"heap beyond the end": frame(append([]byte{1}, uvar(100, 100, 0, 0)...)...),
		"heap that is not S2": frame(1, 100, 3, 1, 2, 3, 0, 0),
		"width 65":            frame(1, 0, 0, 0, 0, 65, 2),
	} {
		if _, _, err := d.Decode(block); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if cap(d.items) > 1 || cap(d.heaps[0])+cap(d.text) > 1<<10 {
		t.Errorf("refused blocks left %d items, %d bytes", cap(d.items), cap(d.heaps[0])+cap(d.text))
	}
}

// TestBlockLimits: a block closes by encoded size, by decoded size, by number; what the
// encoder would have to break is a bug of the caller.
func TestBlockLimits(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	large := func(n int, edit func(i int, it *Item)) []*Item {
		items := make([]*Item, n)
		for i := range items {
			items[i] = &Item{Kind: KindEvent, TenantNum: 1}
			edit(i, items[i])
		}
		return items
	}
	cases := map[string]struct {
		items    []*Item
		min, max int
	}{
		"number": {large(5000, func(i int, it *Item) {}), BlockItemsMax, BlockItemsMax},
		"encoded size": {large(100, func(i int, it *Item) {
			it.ID = strings.Repeat(string(rune('a'+i%26)), 60000)
		}), 5, 5},
		"decoded size": {large(3000, func(i int, it *Item) {
			it.Feature = strings.Repeat("f", 5000)
		}), BlockDecodedBytesMax / 5000, BlockDecodedBytesMax / 5000},
		"metadata of one shape": {large(3000, func(i int, it *Item) {
			it.Metadata = []byte(strings.Repeat("m", 4000) + fmt.Sprint(i))
			it.Spans = []strictjson.Span{{Start: 4000, End: uint16(len(it.Metadata)), Int: true}}
		}), BlockDecodedBytesMax/4004 - 1, BlockDecodedBytesMax / 4000},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			block := roundTrip(t, &e, &d, BlockHeader{}, c.items)
			_, items, err := d.Decode(block)
			if err != nil || len(items) < c.min || len(items) > c.max {
				t.Errorf("%d items (%v), want %d-%d", len(items), err, c.min, c.max)
			}
		})
	}
	for name, items := range map[string][]*Item{
		"too many":     large(BlockItemsMax+1, func(int, *Item) {}),
		"item too big": large(1, func(_ int, it *Item) { it.ID = strings.Repeat("x", ItemEncodedBytesMax) }),
		"unknown kind": {{Kind: itemKindMax + 1}},
		"unknown op":   {{Kind: KindEvent, Op: 3}},
	} {
		func() {
			defer func() {
				if r := recover(); r == nil || !strings.HasPrefix(fmt.Sprint(r), "BUG: ") {
					t.Errorf("%s: Encode did not panic with BUG, but %v", name, r)
				}
			}()
			e.Encode(nil, BlockHeader{}, items)
		}()
	}
}
