package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/RoaringBitmap/roaring/v2"
	"pgregory.net/rapid"
)

// TestPageOf checks the tiling of time by pages and the inverse.
func TestPageOf(t *testing.T) {
	for _, c := range []struct {
		k      Kind
		l      Level
		minute int64
		page   int64
		slot   int
	}{
		{KindSum, Minute, 61, 1, 1}, {KindSum, Minute, -1, -1, 59},
		{KindSum, QuarterHour, 1440 + 16, 1, 1}, {KindSum, QuarterHour, -1, -1, 95},
		{KindSum, Hour, 1439, 0, 23}, {KindSum, Day, 1440*33 + 5, 1, 1}, {KindSum, Day, -1, -1, 31},
		{KindUnique, Minute, 61, 61, 0}, {KindUnique, Hour, -1, -1, 0}, {KindUnique, Day, 1440 * 33, 33, 0},
	} {
		page, slot := PageOf(c.k, c.l, c.minute)
		if page != c.page || slot != c.slot {
			t.Errorf("PageOf(%s, %s, %d) = %d, %d; want %d, %d", c.k, c.l, c.minute, page, slot, c.page, c.slot)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		k, l := rapid.SampledFrom(allKinds).Draw(t, "kind"), Level(rapid.IntRange(0, 3).Draw(t, "level"))
		minute := rapid.Int64Range(MinuteMin, MinuteMax).Draw(t, "minute")
		page, slot := PageOf(k, l, minute)
		start := PageStart(k, l, page) + int64(slot)*l.Minutes()
		if slot < 0 || slot >= l.Slots(k) || minute < start || minute >= start+l.Minutes() {
			t.Fatalf("page %d slot %d starts at %d, wanted %d in it", page, slot, start, minute)
		}
	})
}

// TestPageRoundTrip: what is decoded is what was encoded, through a page that held something else.
func TestPageRoundTrip(t *testing.T) {
	var back, dirty Page
	forKinds(t, func(t *rapid.T, k Kind) {
		l := level0(k, Level(rapid.IntRange(0, 3).Draw(t, "level")))
		var p Page
		p.Reset(k, l)
		model := map[int]*Agg{}
		for _, pt := range drawPoints(t, k, 1440) {
			_, slot := PageOf(k, l, MinuteOf(pt.TimeNanos))
			if model[slot] == nil {
				model[slot] = new(Agg)
			}
			model[slot].Fold(k, &pt)
			p.MergeSlot(slot, fold(k, []Point{pt}))
		}
		data := p.Append([]byte("before"))[6:]
		if p.Empty() != (len(data) == 0) {
			t.Fatalf("empty %v with %d bytes", p.Empty(), len(data))
		}
		dirty.Reset(KindLatest, Minute)
		dirty.MergeSlot(3, fold(KindLatest, []Point{{ID: "old"}}))
		for _, into := range []*Page{&back, &dirty} {
			if err := into.Decode(k, l, data); err != nil {
				t.Fatal(err)
			}
			for slot := range l.Slots(k) {
				a, b := model[slot], into.Slot(slot)
				if (a == nil) != (b == nil) || a != nil && encode(k, a) != encode(k, b) {
					t.Fatalf("slot %d differs", slot)
				}
			}
			if again := into.Append(nil); string(again) != string(data) {
				t.Fatalf("bytes differ:\n%x\n%x", data, again)
			}
		}
	})
}

// TestPageKeepsNothingOfItsSource: decoded pages do not alias the bytes.
func TestPageKeepsNothingOfItsSource(t *testing.T) {
	for _, k := range allKinds {
		var p, q Page
		p.Reset(k, level0(k, Hour))
		for i := range uint32(5000) {
			p.MergeSlot(0, fold(k, []Point{{Value: int64(i), Member: i * 3, ID: fmt.Sprint(i), Add: i > 0, TimeNanos: int64(i)}}))
		}
		data := p.Append(nil)
		if err := q.Decode(k, level0(k, Hour), data); err != nil {
			t.Fatal(err)
		}
		want := string(data)
		for i := range data {
			data[i] ^= 0x55
		}
		if got := q.Append(nil); string(got) != want {
			t.Errorf("%s: the page changed with its source", k)
		}
	}
}

// TestUniqueBytesForgetHistory builds one set in several ways.
func TestUniqueBytesForgetHistory(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := drawSet(t)
		want := encodeSet(m)
		optimised := m.Clone()
		optimised.RunOptimize()
		added := roaring.New()
		for it := m.ReverseIterator(); it.HasNext(); {
			added.Add(it.Next())
		}
		wide := m.Clone() // grown to everything around, then cut back
		wide.AddRange(0, 1<<17)
		wide.And(m)
		plain := roaring.New()
		plain.AddMany(m.ToArray())
		data, err := m.ToBytes()
		if err != nil {
			t.Fatal(err)
		}
		read := roaring.New()
		if _, err := read.FromBuffer(data); err != nil {
			t.Fatal(err)
		}
		for name, set := range map[string]*roaring.Bitmap{"optimised": optimised, "added": added, "wide": wide, "plain": plain,
			"read": read, "or": roaring.FastOr(m, optimised), "heap": roaring.HeapOr(added, plain, m)} {
			if got := encodeSet(set); got != want {
				t.Fatalf("%s: %d bytes, want %d", name, len(got), len(want))
			}
		}
		var p Page
		if err := p.Decode(KindUnique, Day, []byte(want)); err != nil {
			t.Fatal(err)
		}
		got := p.Slot(0).Members
		if err := got.validate(); err != nil || !slices.Equal(listOf(got), m.ToArray()) {
			t.Fatalf("decoded to another set: %v", err)
		}
	})
}

func encodeSet(m *roaring.Bitmap) string {
	var p Page
	p.Reset(KindUnique, Day)
	p.MergeSlot(0, &Agg{Count: 1 << 33, Members: membersOf(m)})
	return string(p.Append(nil))
}

// TestDecodeRefuses takes apart one valid page of each kind: every proper prefix, a byte too many,
// another kind, level and version, and encodings of the same content that are not canonical.
func TestDecodeRefuses(t *testing.T) {
	var q Page
	for _, k := range allKinds {
		data := samplePage(k)
		if err := q.Decode(k, Hour, data); err != nil {
			t.Fatalf("%s: %v", k, err)
		}
		bad := map[string][]byte{"longer": append(append([]byte{}, data...), 0), "version": append([]byte{2}, data[1:]...)}
		for n := 1; n < len(data); n++ {
			bad[fmt.Sprint("cut to ", n)] = data[:n]
		}
		for name, src := range bad {
			if err := q.Decode(k, Hour, src); !errors.Is(err, ErrCorrupt) || !q.Empty() {
				t.Errorf("%s, %s: %v, empty %v", k, name, err, q.Empty())
			}
		}
		if err := q.Decode(k, Day, data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: as another level: %v", k, err)
		}
		if err := q.Decode(k%kindMax+1, Hour, data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: as another kind: %v", k, err)
		}
	}
	head := func(k Kind, rest ...byte) []byte {
		return append([]byte{formatVersion, byte(k)<<4 | byte(Hour)}, rest...)
	}
	for name, c := range map[string]struct {
		k    Kind
		data []byte
	}{
		"no slots":            {KindSum, head(KindSum, 0)},
		"zero presence byte":  {KindSum, head(KindSum, 3, 1, 0, 1, 2)},
		"slot beyond":         {KindSum, head(KindSum, 8, 1, 1, 2)},
		"sum of nothing":      {KindSum, head(KindSum, 1, 1, 0, 0)},
		"count of nothing":    {KindCount, head(KindCount, 1, 1, 0)},
		"min of no events":    {KindMin, head(KindMin, 1, 1, 0, 2)},
		"max of -1 events":    {KindMax, head(KindMax, 1, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2)},
		"no bins":             {KindPercentile, head(KindPercentile, 1, 1, 0, 0)},
		"a bin of nothing":    {KindPercentile, head(KindPercentile, 1, 1, 1, 2, 5, 0, 0, 1)},
		"a bin beyond":        {KindPercentile, head(KindPercentile, 1, 1, 1, 1, 0x80, 0x1d, 1)},
		"a flood of bins":     {KindPercentile, head(KindPercentile, 1, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1)},
		"bins of another sum": {KindPercentile, head(KindPercentile, 1, 1, 3, 2, 5, 1, 0, 1)},
		"weighted of nothing": {KindWeighted, head(KindWeighted, append([]byte{1, 1, 0, 0, 0}, make([]byte, 16)...)...)},
		"set neither 0 nor 1": {KindWeighted, head(KindWeighted, append([]byte{1, 1, 1, 2, 0}, make([]byte, 16)...)...)},
		"long varint":         {KindSum, head(KindSum, 1, 1, 0x81, 0, 2)},
		"latest of nothing":   {KindLatest, head(KindLatest, 1, 1, 1, 0)},
		"more than counted":   {KindLatest, head(KindLatest, 1, 1, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 1, 2, 0, 0)},
		"adds out of order":   {KindLatest, head(KindLatest, 1, 1, 2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 'b', 0, 2, 0, 1, 'a')},
		"add before set":      {KindLatest, head(KindLatest, 1, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 'b', 0, 2, 0, 1, 'a')},
		"a flood of adds":     {KindLatest, head(KindLatest, 1, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0xfe, 0xff, 0xff, 0xff, 0x0f)},
		"more members":        {KindUnique, head(KindUnique, 1, 2, 0, 0)},
		"member beyond 2^32":  {KindUnique, head(KindUnique, 2, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0)},
		"bitmap for a few":    {KindUnique, head(KindUnique, portableOf(roaring.BitmapOf(1, 2, 3), 3)...)},
		"array for a run":     {KindUnique, head(KindUnique, portableOf(roaring.BitmapOf(rangeOf(100)...), 100)...)},
		"another cardinality": {KindUnique, head(KindUnique, portableOf(roaring.BitmapOf(rangeOf(100)...), 99)...)},
	} {
		if err := q.Decode(c.k, Hour, c.data); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// portableOf is a unique slot with a bitmap as the library has it, of a stated number of members.
func portableOf(m *roaring.Bitmap, card uint64) []byte {
	data, _ := m.ToBytes()
	return append(binary.AppendUvarint(binary.AppendUvarint(nil, 1000), card), data...)
}

func rangeOf(n uint32) []uint32 {
	out := make([]uint32, n)
	for i := range out {
		out[i] = uint32(i)
	}
	return out
}

// samplePage has a few slots of a kind, hours 0 and 7 and 23.
func samplePage(k Kind) []byte {
	var p Page
	p.Reset(k, Hour)
	for i := range uint32(60) {
		slot := []int{0, 7, 23}[i%3]
		if k == KindWeighted {
			p.ReplaceSlot(slot, &Agg{Count: int64(i) + 1, Extra: &Extra{Area: Area{
				HasSet: i%2 == 0, FirstSet: int64(i) * 1e9 * int64(1-i%2), Last: -int64(i), Integral: Int128{-1, uint64(i)}}}})
			continue
		}
		if k == KindUnique {
			slot = 0
		}
		pt := Point{TimeNanos: int64(i) * 1e9, Value: sampleValue(k, i), Member: i * i * 1000, Add: i > 20, Source: "s", ID: fmt.Sprint(i)}
		p.MergeSlot(slot, fold(k, []Point{pt}))
	}
	return p.Append(nil)
}

func FuzzPage(f *testing.F) {
	for _, k := range allKinds {
		f.Add(uint8(k), uint8(Hour), samplePage(k))
	}
	for _, m := range []*roaring.Bitmap{roaring.BitmapOf(rangeOf(100)...), roaring.BitmapOf(rangeOf(1)...)} {
		m.AddRange(1<<16, 1<<16+9000)
		m.Flip(1<<16+5, 1<<16+7000)
		f.Add(uint8(KindUnique), uint8(Minute), []byte(encodeSet(m)))
		for i := range uint32(5000) {
			m.Add(5<<16 + i*7)
			m.Add(6<<16 + i*13)
		}
		f.Add(uint8(KindUnique), uint8(Minute), []byte(encodeSet(m)))
	}
	f.Fuzz(func(t *testing.T, kind, level uint8, data []byte) {
		k, l := Kind(kind%uint8(kindMax)+1), Level(level%levelCount)
		if len(data) > 1 { // let mutations of the rest get past the head
			data[0], data[1] = formatVersion, byte(k)<<4|byte(l)
		}
		var p Page
		if err := p.Decode(k, l, data); err != nil {
			if !errors.Is(err, ErrCorrupt) {
				t.Fatalf("an error that is not ErrCorrupt: %v", err)
			}
			return
		}
		if got := p.Append(nil); string(got) != string(data) {
			t.Fatalf("not canonical:\n%x\n%x", data, got)
		}
		if a := p.Slot(0); a != nil && k == KindUnique {
			if err := a.Members.validate(); err != nil {
				t.Fatalf("the library refuses what we accept: %v", err)
			}
		}
		full := false // a count that cannot grow: the engine never lets one get there
		for slot := range l.Slots(k) {
			if a := p.Slot(slot); a != nil {
				useAgg(k, l, a)
				full = full || a.Count == math.MaxInt64
				if k != KindWeighted || l == Minute {
					p.MergeSlot(slot, fold(k, []Point{{Value: 1, ID: "z", Member: 77}}))
				}
			}
		}
		if full {
			return
		}
		again := p.Append(nil)
		var q Page
		if err := q.Decode(k, l, again); err != nil {
			t.Fatalf("a merged page does not decode: %v", err)
		}
		if string(q.Append(nil)) != string(again) {
			t.Fatal("a merged page is not canonical")
		}
	})
}

// useAgg reads a bucket in every way that its kind has: none may panic, whatever was decoded.
func useAgg(k Kind, l Level, a *Agg) {
	switch k {
	case KindPercentile:
		for _, num := range []int64{1, 50, 100} {
			Percentile(a, num, 100)
		}
	case KindWeighted:
		s := newSweep(0)
		s.bucket(l, 0, a)
		s.enteredBy(-5)
		Value(k, 3, a)
	default:
		Value(k, 3, a)
	}
}

// smallSumPage is an hour page of a quiet series: 8 of 24 hours, 4 bytes each.
func smallSumPage() []byte {
	var p Page
	p.Reset(KindSum, Hour)
	for slot := 8; slot < 16; slot++ {
		p.MergeSlot(slot, &Agg{Count: 300, Value: 5000})
	}
	return p.Append(nil)
}

func TestPageDoesNotAllocate(t *testing.T) {
	data := smallSumPage()
	var p Page
	buf := make([]byte, 0, 1024)
	delta := Agg{Count: 1, Value: 3}
	if n := testing.AllocsPerRun(100, func() {
		if err := p.Decode(KindSum, Hour, data); err != nil {
			t.Fatal(err)
		}
		p.MergeSlot(9, &delta)
		buf = p.Append(buf[:0])
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPageRewrite(b *testing.B) {
	data := smallSumPage()
	b.ReportMetric(float64(len(data)), "bytes")
	var p Page
	buf := make([]byte, 0, 1024)
	delta := Agg{Count: 1, Value: 3}
	b.ReportAllocs()
	for range b.N {
		if err := p.Decode(KindSum, Hour, data); err != nil {
			b.Fatal(err)
		}
		p.MergeSlot(9, &delta)
		buf = p.Append(buf[:0])
	}
}

// BenchmarkUniqueRewrite rewrites a set of 100,000 of a million members.
func BenchmarkUniqueRewrite(b *testing.B) {
	m := roaring.New()
	for i := range uint32(100_000) {
		m.Add(i * 2654435761 % 1_000_000)
	}
	data := []byte(encodeSet(m))
	delta := fold(KindUnique, []Point{{Member: 12345}})
	var p Page
	buf := make([]byte, 0, 1<<20)
	b.ReportAllocs()
	for range b.N {
		if err := p.Decode(KindUnique, Day, data); err != nil {
			b.Fatal(err)
		}
		p.MergeSlot(0, delta)
		buf = p.Append(buf[:0])
	}
	b.ReportMetric(float64(len(data)), "bytes")
}

func sampleValue(k Kind, i uint32) int64 {
	if k == KindPercentile {
		return int64(i * i)
	}
	return int64(i*i) - 300
}
