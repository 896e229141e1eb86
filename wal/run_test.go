package wal

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"github.com/weirhq/weir/internal/race"
	"github.com/zeebo/xxh3"
)

func TestWriteRunRefusesUnsorted(t *testing.T) {
	rng := testRand(2)
	discard := func(_, _ []byte) error { return nil }
	ids := sortedIDs(rng, 1000, 1, 10)
	for name, bad := range map[string][]ID{
		"swapped":   append(slices.Clone(ids[500:]), ids[:500]...),
		"duplicate": slices.Insert(slices.Clone(ids), 7, ids[7]),
	} {
		if _, _, err := writeRun(discard, 1, bad); err == nil {
			t.Errorf("%s ids were accepted", name)
		}
	}
	boom := errors.New("boom")
	if _, _, err := writeRun(func(_, _ []byte) error { return boom }, 1, ids); !errors.Is(err, boom) {
		t.Errorf("an error of set came back as %v", err)
	}
}

// TestRunSize holds the stored size of an id to its budget of 19.5 bytes, keys included. The
// blocks are those of one generation: 1,000 items in each.
func TestRunSize(t *testing.T) {
	counts := []uint64{1_000_000, 10_000_000}
	if testing.Short() || race.Enabled {
		counts = counts[:1]
	}
	for _, count := range counts {
		size := 0
		w := newRunWriter(1, count)
		w.set = func(key, value []byte) error {
			size += len(key) + len(value)
			return nil
		}
		// Uniform hashes in ascending order have exponential gaps, so that 10 M of them
		// need not be held and sorted.
		rng, ids, hi := testRand(3), []ID(nil), uint64(0)
		for made := uint64(0); w.chunk < w.info.chunks(); {
			last := w.chunk<<(64-w.info.chunkBits) | runBitsMask(64-w.info.chunkBits)
			ids = ids[:0]
			for ; hi <= last && made < count; made++ {
				ids = append(ids, ID{
					Hash:    Hash{hi, rng.Uint64()},
					Block:   1<<20 + rng.Uint64N(count/1000),
					Payload: rng.Uint32(),
				})
				next := hi + 1 + uint64(rng.ExpFloat64()*0x1p64/float64(count))
				if next < hi {
					made = count
				}
				hi = next
			}
			if err := w.writeChunk(ids); err != nil {
				t.Fatal(err)
			}
		}
		perID := float64(size) / float64(w.info.count)
		t.Logf("%d ids: %.2f B per id, and %.2f B of filter",
			w.info.count, perID, float64(w.filter.memoryBytes())/float64(w.info.count))
		if perID > 19.5 || w.info.count < count*99/100 {
			t.Errorf("%d ids: %.2f B per id, want at most 19.5", w.info.count, perID)
		}
	}
}

func FuzzRunManifest(f *testing.F) {
	f.Add(appendRunManifest(nil, 0, nil))
	f.Add(appendRunManifest(nil, 9, []runInfo{
		{num: 1, count: 5, minBlock: 1, maxBlock: 7, filterBlocks: 1, chunkBytes: 100},
		{
			num: 8, count: 1 << 30, minBlock: 8, maxBlock: 1 << 40,
			filterBlocks: 1 << 26, chunkBytes: 1 << 35, chunkBits: 22,
		},
	}))
	f.Add([]byte{1, 0, 0})
	f.Fuzz(func(t *testing.T, value []byte) {
		// Both as it is, which the checksum stops, and with a checksum that holds.
		for _, v := range [][]byte{value, sealManifest(value)} {
			next, runs, err := parseRunManifest(v)
			if err != nil {
				if !errors.Is(err, ErrCorrupt) {
					t.Fatal(err)
				}
				continue
			}
			if len(runs) > len(v)/runManifestRunSizeMin {
				t.Fatalf("%d runs out of %d bytes", len(runs), len(v))
			}
			again, runsAgain, err := parseRunManifest(appendRunManifest(nil, next, runs))
			if err != nil || again != next || !slices.Equal(runs, runsAgain) {
				t.Fatalf("does not round-trip: %v", err)
			}
		}
	})
}

// sealManifest replaces the last 8 bytes of value by the checksum of the others.
func sealManifest(value []byte) []byte {
	body := slices.Clone(value[:max(0, len(value)-runManifestSumSize)])
	return binary.LittleEndian.AppendUint64(body, xxh3.Hash(body))
}
