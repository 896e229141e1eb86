package wal

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/weirhq/weir/internal/race"
)

func TestRunBits(t *testing.T) {
	rng := testRand(1)
	for width := uint8(0); width <= 64; width++ {
		values := make([]uint64, 50)
		w := runBitsWriter{dst: []byte("head")}
		for i := range values {
			values[i] = rng.Uint64() & runBitsMask(width)
			w.put(values[i], width)
		}
		data := w.flush()[4:]
		if want := runBitsSize(len(values), width); uint64(len(data)) != want {
			t.Errorf("width %d: %d bytes, want %d", width, len(data), want)
		}
		for i, want := range values {
			if got := runBitsAt(data, i*int(width), width); got != want {
				t.Errorf("width %d, value %d: %x, want %x", width, i, got, want)
			}
		}
	}
}

func TestRunBitsSelect(t *testing.T) {
	rng := testRand(2)
	for round := range 200 {
		data := make([]byte, 1+rng.IntN(40))
		for i := range data {
			data[i] = byte(rng.Uint32()) | byte(rng.Uint32())*byte(round%2)
		}
		if round%5 == 0 {
			data = slices.Repeat([]byte{0xff}, len(data))
		}
		size := 8*len(data) - rng.IntN(8)
		var zeros []int
		for pos := range size {
			if data[pos>>3]>>(pos&7)&1 == 0 {
				zeros = append(zeros, pos)
			}
		}
		for k := range len(zeros) + 3 {
			want := size
			if k < len(zeros) {
				want = zeros[k]
			}
			if got := runBitsSelectZero(data, size, k); got != want {
				t.Fatalf("round %d: zero %d of %x is at %d, want %d", round, k, data, got, want)
			}
		}
		for pos := range size + 2 {
			want := 0
			for at := pos; at < size && !slices.Contains(zeros, at); at++ {
				want++
			}
			if got := runBitsOnes(data, size, pos); got != want {
				t.Fatalf("round %d: %d ones in %x from %d, want %d", round, got, data, pos, want)
			}
		}
	}
}

func TestRunChunkBits(t *testing.T) {
	for _, c := range []struct {
		count uint64
		want  uint8
	}{
		{0, 0}, {1, 0}, {256, 0}, {257, 1}, {512, 1}, {513, 2},
		{1_000_000, 12}, {1 << 20, 12}, {1<<20 + 1, 13}, {10_000_000, 16}, {math.MaxUint64, 32},
	} {
		if got := runChunkBitsFor(c.count); got != c.want {
			t.Errorf("count %d: %d bits, want %d", c.count, got, c.want)
		}
	}
}

// chunkOfIDs returns count sorted distinct ids of one chunk. spread is how many bits of the rest
// of Hi vary: few make equal Hi and full buckets.
func chunkOfIDs(rng *rand.Rand, count int, chunkBits uint8, chunk uint32, spread uint8) []ID {
	ids := randomIDs(rng, count, rng.Uint64()>>rng.IntN(64), 1+rng.IntN(100))
	for i := range ids {
		rest := ids[i].Hash.Hi & runBitsMask(min(spread, 64-chunkBits))
		ids[i].Hash.Hi = uint64(chunk)<<(64-chunkBits) | rest
		if rng.IntN(2) == 0 {
			ids[i].Outcome = rng.Uint32() >> rng.IntN(32)
		}
		if ids[i].Block < ids[0].Block { // It wrapped.
			ids[i].Block = math.MaxUint64
		}
	}
	SortIDs(ids)
	return ids
}

func TestRunChunk(t *testing.T) {
	rng := testRand(3)
	for _, chunkBits := range []uint8{0, 1, 7, 12, 16, 31, 32} {
		for _, count := range []int{0, 1, 2, 3, 100, 128, 129, 256, 300, 2000} {
			for _, spread := range []uint8{64, 8, 1, 0} {
				name := fmt.Sprintf("bits=%d/count=%d/spread=%d", chunkBits, count, spread)
				t.Run(name, func(t *testing.T) {
					chunk := uint32(rng.Uint64() & runBitsMask(chunkBits))
					ids := chunkOfIDs(rng, count, chunkBits, chunk, spread)
					value := appendRunChunk(nil, ids, chunkBits)
					got, err := appendRunChunkIDs(nil, value, chunkBits, chunk)
					if err != nil || !slices.Equal(got, ids) {
						t.Fatalf("read %d ids, %v; want the %d written", len(got), err, len(ids))
					}
					checkChunkFind(t, value, ids, chunkBits, chunk)
				})
			}
		}
	}
}

// checkChunkFind looks for every id of the chunk, and for its neighbours, which are not there.
func checkChunkFind(t *testing.T, value []byte, ids []ID, chunkBits uint8, chunk uint32) {
	t.Helper()
	c, err := parseRunChunk(value, chunkBits, chunk)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range ids {
		if got, ok, err := c.find(want.Hash); err != nil || !ok || got != want {
			t.Fatalf("find: %+v, %v, %v; want %+v", got, ok, err, want)
		}
		for _, h := range []Hash{
			{want.Hash.Hi, want.Hash.Lo + 1}, {want.Hash.Hi, want.Hash.Lo - 1},
			{want.Hash.Hi ^ 1, want.Hash.Lo}, {want.Hash.Hi ^ 1<<20, want.Hash.Lo},
			{uint64(chunk) << (64 - chunkBits), 0},
			{uint64(chunk)<<(64-chunkBits) | runBitsMask(64-chunkBits), math.MaxUint64},
		} {
			_, there := slices.BinarySearchFunc(ids, ID{Hash: h}, compareIDs)
			if _, ok, err := c.find(h); err != nil || ok != there {
				t.Fatalf("find %x: %v, %v; want %v", h, ok, err, there)
			}
		}
	}
}

func TestRunChunkDamage(t *testing.T) {
	rng := testRand(4)
	ids := chunkOfIDs(rng, 200, 12, 77, 64)
	value := appendRunChunk(nil, ids, 12)
	for size := range value {
		if _, err := appendRunChunkIDs(nil, value[:size], 12, 77); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d of %d bytes: %v", size, len(value), err)
		}
	}
	if _, err := parseRunChunk(append(value, 0), 12, 77); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := parseRunChunk(value, 12, 1<<12); !errors.Is(err, ErrCorrupt) {
		t.Errorf("a chunk number out of range: %v", err)
	}
	var corrupt *CorruptError
	last := len(value) - 1
	_, err := parseRunChunk(value[:last], 12, 77)
	if !errors.As(err, &corrupt) || corrupt.Offset != last {
		t.Errorf("no *CorruptError with the offset of the damage: %v", err)
	}
}

func TestRunChunkAllocates(t *testing.T) {
	if race.Enabled {
		t.Skip("pools forget on purpose under the race detector; the run without it counts")
	}
	ids := chunkOfIDs(testRand(5), 200, 12, 77, 64)
	value := appendRunChunk(nil, ids, 12)
	buf, out := make([]byte, 0, 2*len(value)), make([]ID, 0, 256)
	if n := testing.AllocsPerRun(20, func() {
		_ = appendRunChunk(buf, ids, 12)
		_, _ = appendRunChunkIDs(out, value, 12, 77)
		c, _ := parseRunChunk(value, 12, 77)
		_, _, _ = c.find(ids[100].Hash)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzRunChunk(f *testing.F) {
	rng := testRand(6)
	for _, count := range []int{0, 1, 2, 40, 256} {
		for _, chunkBits := range []uint8{0, 5, 32} {
			ids := chunkOfIDs(rng, count, chunkBits, 3&uint32(runBitsMask(chunkBits)), 64)
			f.Add(appendRunChunk(nil, ids, chunkBits), chunkBits, uint32(3), uint64(9), uint64(9))
		}
	}
	f.Fuzz(func(t *testing.T, value []byte, chunkBits uint8, chunk uint32, hi, lo uint64) {
		ids, err := appendRunChunkIDs(nil, value, chunkBits, chunk)
		if err == nil && len(ids) > len(value)/runChunkIDBytesMin {
			t.Fatalf("%d ids out of %d bytes", len(ids), len(value))
		}
		c, parseErr := parseRunChunk(value, chunkBits, chunk)
		if parseErr != nil {
			if err == nil || !errors.Is(parseErr, ErrCorrupt) {
				t.Fatalf("%v, %v", err, parseErr)
			}
			return
		}
		h := Hash{c.prefix | hi&runBitsMask(64-chunkBits), lo}
		_, found, findErr := c.find(h)
		if err != nil {
			return // find must only not panic.
		}
		_, there := slices.BinarySearchFunc(ids, ID{Hash: h}, compareIDs)
		if findErr != nil || found != there {
			t.Fatalf("find %x: %v, %v; want %v", h, found, findErr, there)
		}
		again, err := appendRunChunkIDs(nil, appendRunChunk(nil, ids, chunkBits), chunkBits, chunk)
		if err != nil || !slices.Equal(ids, again) {
			t.Fatalf("does not round-trip: %v", err)
		}
	})
}

func BenchmarkRunChunk(b *testing.B) {
	ids := chunkOfIDs(testRand(7), 244, 12, 77, 64)
	for i := range ids {
		ids[i].Block, ids[i].Outcome = uint64(1000+i%250), 0
	}
	value := appendRunChunk(nil, ids, 12)
	perID := func(b *testing.B) {
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(ids)), "ns/id")
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			value = appendRunChunk(value[:0], ids, 12)
		}
		perID(b)
		b.ReportMetric(float64(len(value))/float64(len(ids)), "B/id")
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		var out []ID
		for b.Loop() {
			out, _ = appendRunChunkIDs(out[:0], value, 12, 77)
		}
		perID(b)
	})
	b.Run("find", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			c, _ := parseRunChunk(value, 12, 77)
			if _, ok, _ := c.find(ids[i%len(ids)].Hash); !ok {
				b.Fatal("not found")
			}
		}
	})
}
