package wal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

// Properties of any items: they come back, within their bounds, whatever the spans say. The
// fuzzers do the same with items that the engine cuts from its bytes, and give the decoder bytes
// of their own under a checksum that fits, so that they get past it.

func TestBlockProperty(t *testing.T) {
	var e BlockEncoder
	var d BlockDecoder
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		h := BlockHeader{rapid.Int64().Draw(t, "log time")}
		block := roundTrip(t, &e, &d, h, items)
		// What was decoded, encoded and decoded again, then stays the same bytes.
		var trips [2][]byte
		for i := range trips {
			_, decoded, err := d.Decode(block)
			if err != nil {
				t.Fatalf("decode: %v", err)
			}
			again := make([]*Item, len(decoded))
			for i := range decoded {
				again[i] = &decoded[i]
			}
			block = roundTrip(t, &e, new(BlockDecoder), h, again)
			trips[i] = block
		}
		if !bytes.Equal(trips[0], trips[1]) {
			t.Fatalf("another block of the same items:\n%x\n%x", trips[0], trips[1])
		}
	})
}

func drawItems(t *rapid.T) []*Item {
	word := rapid.SampledFrom([]string{"", "a", "api_calls", "µ", "a name of more than sixteen bytes",
		"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b810-9dad-41d1-80b4-00c04fd430c8"})
	text := rapid.OneOf(word, rapid.String())
	num := rapid.OneOf(rapid.Just(uint32(0)), rapid.Uint32Range(1, 5), rapid.Uint32())
	n := rapid.IntRange(0, 40).Draw(t, "items")
	items := make([]*Item, n)
	for i := range items {
		it := &Item{
			Kind:      rapid.SampledFrom([]ItemKind{KindEvent, KindEvent, KindConfig, KindConsume, KindOperation}).Draw(t, "kind"),
			Op:        rapid.Uint8Max(itemOpMax).Draw(t, "op"),
			Backfill:  rapid.Bool().Draw(t, "backfill"),
			TenantNum: num.Draw(t, "tenant number"),
			UserNum:   num.Draw(t, "user number"),
			Tenant:    text.Draw(t, "tenant"),
			User:      text.Draw(t, "user"),
			Feature:   word.Draw(t, "feature"),
			Source:    word.Draw(t, "source"),
			ID:        text.Draw(t, "id"),
			HasTime:   rapid.Bool().Draw(t, "has time"),
			TimeNanos: rapid.Int64().Draw(t, "time") / 1000 * 1000,
		}
		switch rapid.IntRange(0, 2).Draw(t, "quantity") {
		case 1:
			it.Quantity = usage.Int(rapid.Int64Range(-9, 9).Draw(t, "units"))
		case 2:
			it.Quantity = usage.FromUnits(rapid.Int64().Draw(t, "units"), rapid.IntRange(0, 18).Draw(t, "scale"))
		}
		switch rapid.IntRange(0, 3).Draw(t, "metadata") {
		case 1:
			it.Metadata = []byte(text.Draw(t, "text"))
			it.Spans = drawSpans(t, len(it.Metadata))
		case 2:
			it.Metadata, it.Spans = drawMetadata(t)
		case 3:
			it.Metadata, _ = drawMetadata(t)
		}
		if rapid.Bool().Draw(t, "has body") {
			it.Body = []byte(text.Draw(t, "body"))
		}
		items[i] = it
	}
	return items
}

// drawMetadata draws one of a few shapes, with values that are often not what they claim.
func drawMetadata(t *rapid.T) ([]byte, []strictjson.Span) {
	value := rapid.SampledFrom([]string{"", "0", "-0", "7", "-7", "007", "1234", "1e3", "GET",
		"999999999999999999", "1000000000000000000", "9223372036854775807", "-9223372036854775808"})
	m := metadataBuilder{text: []byte("{")}
	for _, key := range []string{"a", "b", "long key"}[rapid.IntRange(0, 2).Draw(t, "shape"):] {
		m.member(key, value.Draw(t, key), rapid.Bool().Draw(t, "int"))
	}
	return m.text, m.spans
}

// drawSpans draws spans of a text, mostly ascending and disjoint, sometimes nonsense.
func drawSpans(t *rapid.T, size int) []strictjson.Span {
	if rapid.IntRange(0, 9).Draw(t, "nonsense") == 0 {
		return []strictjson.Span{{Start: rapid.Uint16().Draw(t, "start"), End: rapid.Uint16().Draw(t, "end")}}
	}
	var spans []strictjson.Span
	for pos := 0; len(spans) < 80 && rapid.IntRange(0, 3).Draw(t, "more") > 0; {
		start := rapid.IntRange(pos, max(pos, min(size, pos+3))).Draw(t, "start")
		end := rapid.IntRange(start, max(start, min(size, start+3))).Draw(t, "end")
		spans = append(spans, strictjson.Span{
			Start: uint16(start), End: uint16(end), Int: rapid.Bool().Draw(t, "int"),
		})
		pos = end
	}
	return spans
}

// FuzzBlockDecode: no bytes make the decoder panic, and what it accepts it also gives back
// when encoded again.
func FuzzBlockDecode(f *testing.F) {
	var e BlockEncoder
	for _, n := range []int{0, 1, 3, 50} {
		f.Add(e.Encode(nil, BlockHeader{corpusLogTime}, corpusItems(n))[blockHeaderSize:])
	}
	for _, g := range goldenBlocks() {
		f.Add(e.Encode(nil, BlockHeader{corpusLogTime}, g.items)[blockHeaderSize:])
	}
	f.Fuzz(func(t *testing.T, columns []byte) {
		block := append([]byte{blockMagicV1, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}, columns...)
		blockSeal(block)
		var d BlockDecoder
		h, decoded, err := d.Decode(block)
		if err != nil {
			if decoded != nil {
				t.Fatal("items beside an error")
			}
			return
		}
		items := make([]*Item, len(decoded))
		size := 0
		for i := range decoded {
			items[i] = &decoded[i]
			size += DecodedSize(items[i])
			if EncodedSizeBound(items[i]) > ItemEncodedBytesMax {
				return // decodable, but not what Encode takes
			}
		}
		if size > BlockDecodedBytesMax {
			t.Fatalf("decoded %d bytes", size)
		}
		roundTrip(t, new(BlockEncoder), new(BlockDecoder), h, items)
	})
}

// FuzzBlockRoundTrip cuts items from the fuzzer's bytes.
func FuzzBlockRoundTrip(f *testing.F) {
	f.Add(int64(corpusLogTime), []byte("a few bytes of items \x00\x01\x02{\"a\":12,\"b\":\"c\"}"))
	f.Add(int64(-1), []byte(strings.Repeat("\x07{\"a\":12}", 40)))
	f.Fuzz(func(t *testing.T, logTime int64, data []byte) {
		c := fuzzCutter{data}
		var items []*Item
		for len(c.data) > 0 && len(items) < 300 {
			items = append(items, c.item())
		}
		roundTrip(t, new(BlockEncoder), new(BlockDecoder), BlockHeader{logTime}, items)
	})
}

type fuzzCutter struct{ data []byte }

func (c *fuzzCutter) byte() byte {
	if len(c.data) == 0 {
		return 0
	}
	b := c.data[0]
	c.data = c.data[1:]
	return b
}

func (c *fuzzCutter) bytes() []byte {
	n := min(int(c.byte())%64, len(c.data))
	b := c.data[:n:n]
	c.data = c.data[n:]
	return b
}

func (c *fuzzCutter) uint64() uint64 {
	var b [8]byte
	size := int(c.byte()) % 9
	n := copy(b[:size], c.data)
	c.data = c.data[n:]
	return binary.LittleEndian.Uint64(b[:])
}

func (c *fuzzCutter) item() *Item {
	has := c.byte()
	it := &Item{Kind: KindEvent, Op: has >> 6 % 3, Backfill: has%5 == 0, ID: string(c.bytes()), Feature: string(c.bytes())}
	if has&1 != 0 {
		it.TenantNum, it.UserNum = uint32(c.uint64()), uint32(c.uint64())
	} else {
		it.Tenant, it.User, it.Source = string(c.bytes()), string(c.bytes()), string(c.bytes())
	}
	if has&2 != 0 {
		it.HasTime, it.TimeNanos = true, int64(c.uint64())
	}
	if has&4 != 0 {
		it.Quantity = usage.FromUnits(int64(c.uint64()), int(c.byte()%19))
	}
	if has&8 != 0 {
		it.Kind, it.Body = KindConfig, c.bytes()
	}
	if has&16 != 0 {
		it.Metadata = c.bytes()
		for n := c.byte() % 5; n > 0; n-- {
			it.Spans = append(it.Spans, strictjson.Span{
				Start: uint16(c.byte() % 64), End: uint16(c.byte() % 64), Int: c.byte()&1 != 0,
			})
		}
	}
	if has&32 != 0 {
		it.ID = fmt.Sprintf("%08x-0000-4000-8000-%012x", uint32(c.uint64()), c.uint64()>>16)
	}
	return it
}
