package wal

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// stringsRoundTrip writes and reads a string column and returns its bytes, column and heap.
func stringsRoundTrip(t interface{ Fatalf(string, ...any) }, values []string) (column, heap []byte) {
	var enc dictionary
	var lengths []int64
	enc.reset(1)
	bound := 2 + 2*columnHeaderMax
	for _, v := range values {
		bound += enc.add(v)
	}
	column, heap = enc.appendTo(nil, nil, &lengths)
	if len(column)+len(heap) > bound {
		t.Fatalf("%d + %d bytes, bound %d", len(column), len(heap), bound)
	}
	var d BlockDecoder
	r, h := blockReader{buf: column}, blockHeap{buf: heap}
	c := d.strings(&r, &h, "test", len(values))
	if r.err != nil || r.off != len(column) || h.off != len(heap) {
		t.Fatalf("%v, column read to %d of %d, heap to %d of %d", r.err, r.off, len(column), h.off, len(heap))
	}
	for i, v := range values {
		if c.at(i) != v || len(v) > c.sizeMax {
			t.Fatalf("value %d: %q (at most %d), want %q", i, c.at(i), c.sizeMax, v)
		}
	}
	return column, heap
}

func TestDictionary(t *testing.T) {
	var few, distinct, sizes []string
	for i := range 1000 {
		few = append(few, fmt.Sprintf("value-%d", i%4))
		distinct = append(distinct, fmt.Sprintf("value-%d", i))
	}
	for n := range 40 { // every length, twice, with each single byte changed
		s := strings.Repeat("x", n)
		sizes = append(sizes, s, s)
		for i := range n {
			sizes = append(sizes, s[:i]+"y"+s[i+1:])
		}
	}
	for name, c := range map[string]struct {
		values []string
		plain  bool
		size   int // of column and heap
	}{
		"none":     {nil, false, 0},
		"empty":    {[]string{"", "", ""}, false, 1 + 2 + 2},
		"few":      {few, false, 1 + 2 + (2 + 250) + 4*7},
		"distinct": {distinct, true, 1 + (2 + 250) + 10*7 + 90*8 + 900*9},
		"sizes":    {sizes, true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			column, heap := stringsRoundTrip(t, c.values)
			if c.size > 0 && len(column)+len(heap) != c.size {
				t.Errorf("%d + %d bytes, want %d", len(column), len(heap), c.size)
			}
			if len(column) > 0 && (column[0] == 0) != c.plain {
				t.Errorf("plain: %v, want %v", column[0] == 0, c.plain)
			}
		})
	}
}

func TestDictionaryProperty(t *testing.T) {
	value := rapid.OneOf(rapid.StringMatching(`[ab]{0,3}`), rapid.StringN(0, 40, 40))
	rapid.Check(t, func(t *rapid.T) {
		stringsRoundTrip(t, rapid.SliceOfN(value, 0, 200).Draw(t, "values"))
	})
}

// TestDictionaryReset: a dictionary forgets, whatever size it had.
func TestDictionaryReset(t *testing.T) {
	var d dictionary
	for _, n := range []int{5, 3000, 1, 0, 40} {
		d.reset(9)
		for i := range n {
			d.add(fmt.Sprint(n, "-", i))
		}
		var want []int64
		for i := range n {
			want = append(want, int64(i))
		}
		if !slices.Equal(d.refs, want) || len(d.strings) != n {
			t.Fatalf("%d strings: %d, refs %v", n, len(d.strings), d.refs)
		}
	}
}

func BenchmarkDictionaryAdd(b *testing.B) {
	values := make([]string, 1024)
	for i := range values {
		values[i] = fmt.Sprintf("/v1/items/%d", i*7%20)
	}
	var d dictionary
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%4096 == 0 {
			d.reset(1)
		}
		d.add(values[i%len(values)])
	}
}
