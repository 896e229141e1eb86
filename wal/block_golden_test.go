package wal

import (
	"encoding/hex"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

var blockRewrite = flag.Bool("block-rewrite", false, "write the golden blocks anew")

type goldenBlock struct {
	name  string
	items []*Item
	// S2 may choose other matches in another version or on another processor: such a block
	// must be readable for ever, but need not be written the same.
	compressed bool
}

func goldenBlocks() []goldenBlock {
	metadata := func(values ...string) ([]byte, []strictjson.Span) {
		m := metadataBuilder{text: []byte("{")}
		m.member("path", values[0], false)
		m.member("ms", values[1], true)
		return append(m.text, '}'), m.spans
	}
	var items []*Item
	for i, id := range []string{"6ba7b810-9dad-41d1-80b4-00c04fd430c8", "order-1",
		"0190163d-8694-739b-aea5-966c26f8ad91", "order-2", ""} {
		it := &Item{Kind: KindEvent, TenantNum: uint32(i % 2 * 9), Feature: "calls", ID: id}
		if it.TenantNum == 0 {
			it.Tenant, it.User = "acme", "bob"
		} else {
			it.UserNum, it.Source = 1000, "eu"
		}
		if i > 0 {
			it.Quantity = usage.FromUnits(int64(i)*-5, i)
			it.HasTime, it.TimeNanos = true, corpusLogTime/1e6*1e6-int64(i)*86_400e9
		}
		switch i {
		case 0, 1, 4:
			it.Metadata, it.Spans = metadata("/a", []string{"1", "22", "", "", "-333"}[i])
		case 2:
			it.Metadata, it.Op = []byte(`{}`), 2
		}
		items = append(items, it)
	}
	items = append(items, &Item{Kind: KindConfig, Body: []byte(`{"meter":"calls"}`)})
	long := []*Item{{Kind: KindEvent, TenantNum: 1, Feature: strings.Repeat("feature ", 40)},
		{Kind: KindEvent, TenantNum: 1, Feature: "f", ID: strings.Repeat("id ", 90)}}
	return []goldenBlock{
		{"block-v1", items, false},
		{"block-v1-s2", long, true},
		{"block-v1-empty", nil, false},
	}
}

// TestBlockGolden: blocks of version 1 are read for ever, and written byte for byte so.
func TestBlockGolden(t *testing.T) {
	for _, g := range goldenBlocks() {
		t.Run(g.name, func(t *testing.T) {
			path := filepath.Join("testdata", g.name+".hex")
			var e BlockEncoder
			block := e.Encode(nil, BlockHeader{corpusLogTime}, g.items)
			if *blockRewrite {
				if err := os.MkdirAll("testdata", 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(hexLines(block)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			stored, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := hexLines(block); !g.compressed && got != string(stored) {
				t.Errorf("encoded otherwise:\n%s\nstored:\n%s", got, stored)
			}
			want, err := hex.DecodeString(strings.Join(strings.Fields(string(stored)), ""))
			if err != nil {
				t.Fatal(err)
			}
			var d BlockDecoder
			h, items, err := d.Decode(want)
			if err != nil || h.LogTimeNanos != corpusLogTime || len(items) != len(g.items) {
				t.Fatalf("%v: %v, %d items", err, h, len(items))
			}
			for i := range items {
				items[i].Spans = nil
				if w := wantItem(g.items[i]); !reflect.DeepEqual(items[i], w) {
					t.Errorf("item %d:\n got %+v\nwant %+v", i, items[i], w)
				}
			}
		})
	}
}

// hexLines writes bytes as hexadecimal, 32 to a line.
func hexLines(b []byte) string {
	var s strings.Builder
	for len(b) > 0 {
		n := min(len(b), 32)
		s.WriteString(hex.EncodeToString(b[:n]) + "\n")
		b = b[n:]
	}
	return s.String()
}
