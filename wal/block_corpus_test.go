package wal

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// The corpus of the size and speed figures: request logs of many tenants.

const corpusLogTime = 1_790_000_000_123_456_789

// corpusItems makes n items: 1,000 tenants and 100 users by number, 4 features, random
// version 4 ids, quantities 0-9, no times, and metadata of two strings and two integers.
func corpusItems(n int) []*Item {
	rng := rand.New(rand.NewPCG(1, 2))
	features := []string{"api_calls", "data_transfer", "compute_time", "feature_use"}
	methods := []string{"GET", "POST", "PUT", "DELETE"}
	items := make([]*Item, n)
	for i := range items {
		it := &Item{
			Kind:      KindEvent,
			TenantNum: 1 + rng.Uint32N(1000),
			UserNum:   1 + rng.Uint32N(100),
			Feature:   features[rng.IntN(len(features))],
			ID:        randomUUID(rng),
			Quantity:  usage.Int(rng.Int64N(10)),
		}
		m := metadataBuilder{text: []byte("{")}
		m.member("endpoint", fmt.Sprintf("/v1/items/%d", rng.IntN(20)), false)
		m.member("method", methods[rng.IntN(4)], false)
		m.member("response_size", strconv.Itoa(rng.IntN(16384)), true)
		m.member("duration_ms", strconv.Itoa(rng.IntN(256)), true)
		it.Metadata, it.Spans = append(m.text, '}'), m.spans
		items[i] = it
	}
	return items
}

func randomUUID(rng *rand.Rand) string {
	var b [16]byte
	binary.LittleEndian.PutUint64(b[:], rng.Uint64())
	binary.LittleEndian.PutUint64(b[8:], rng.Uint64())
	b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// metadataBuilder writes flat JSON objects and the spans of their values.
type metadataBuilder struct {
	text  []byte
	spans []strictjson.Span
}

func (m *metadataBuilder) member(key, value string, isInt bool) {
	if len(m.spans) > 0 {
		m.text = append(m.text, ',')
	}
	m.text = append(strconv.AppendQuote(m.text, key), ':')
	if !isInt {
		m.text = append(m.text, '"')
	}
	start := len(m.text)
	m.text = append(m.text, value...)
	m.spans = append(m.spans, strictjson.Span{
		Start: uint16(start), End: uint16(len(m.text)), Int: isInt,
	})
	if !isInt {
		m.text = append(m.text, '"')
	}
}

func TestBlockSize(t *testing.T) {
	for _, c := range []struct {
		items   int
		perItem float64 // bytes, at most
	}{{4000, 22.5}, {1000, 24}} {
		items := corpusItems(c.items)
		var e BlockEncoder
		e.report = func(part string, size int) {
			t.Logf("%5d items: %-12s %6.3f B/item", c.items, part, float64(size)/float64(c.items))
		}
		block := e.Encode(nil, BlockHeader{corpusLogTime}, items)
		perItem := float64(len(block)) / float64(c.items)
		t.Logf("%5d items: %-12s %6.3f B/item", c.items, "together", perItem)
		if perItem > c.perItem {
			t.Errorf("%d items: %.2f B/item, want at most %.2f", c.items, perItem, c.perItem)
		}
	}
}

// TestBlockFull: the items of the corpus fill a block by number, not by the bounds.
func TestBlockFull(t *testing.T) {
	var e BlockEncoder
	if _, n := e.EncodeFront(nil, BlockHeader{}, corpusItems(5000)); n != BlockItemsMax {
		t.Errorf("a block took %d items of the corpus, want %d", n, BlockItemsMax)
	}
}

func TestBlockAllocations(t *testing.T) {
	items := corpusItems(1000)
	for i, it := range items { // some of everything
		switch i % 8 {
		case 1:
			it.ID = fmt.Sprintf("request-%d", i)
		case 2:
			it.TenantNum, it.Tenant = 0, fmt.Sprintf("tenant-%d", i%50)
		case 3:
			it.HasTime, it.TimeNanos = true, corpusLogTime-int64(i)*1e6
		case 4:
			it.Metadata, it.Spans = nil, nil
		case 5:
			it.Spans = nil
		}
	}
	var e BlockEncoder
	var d BlockDecoder
	block := e.Encode(nil, BlockHeader{corpusLogTime}, items)
	if got := testing.AllocsPerRun(20, func() {
		block = e.Encode(block[:0], BlockHeader{corpusLogTime}, items)
	}); got > 0 {
		t.Errorf("Encode allocates %v times per block", got)
	}
	if got := testing.AllocsPerRun(20, func() {
		if _, _, err := d.Decode(block); err != nil {
			t.Fatal(err)
		}
	}); got > 0 {
		t.Errorf("Decode allocates %v times per block", got)
	}
	if got := testing.AllocsPerRun(20, func() { EncodedSizeBound(items[0]) }); got > 0 {
		t.Errorf("EncodedSizeBound allocates %v times", got)
	}
}

func BenchmarkBlockEncode(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 4000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			items := corpusItems(n)
			var e BlockEncoder
			block := e.Encode(nil, BlockHeader{corpusLogTime}, items)
			b.ReportAllocs()
			for b.Loop() {
				block = e.Encode(block[:0], BlockHeader{corpusLogTime}, items)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
			b.ReportMetric(float64(len(block))/float64(n), "B/item")
		})
	}
}

func BenchmarkBlockDecode(b *testing.B) {
	for _, n := range []int{1, 100, 1000, 4000} {
		b.Run(fmt.Sprintf("items=%d", n), func(b *testing.B) {
			var e BlockEncoder
			var d BlockDecoder
			block := e.Encode(nil, BlockHeader{corpusLogTime}, corpusItems(n))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := d.Decode(block); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/item")
		})
	}
}
