package wal

import (
	"bytes"
	"errors"
	"slices"
	"testing"
)

// TestFilterFalsePositives measures what filterBitsPerID promises, at the size of a generation.
func TestFilterFalsePositives(t *testing.T) {
	const count, probes = 1_000_000, 2_000_000
	rng := testRand(1)
	f := newRunFilter(count)
	added := make([]Hash, count)
	for i := range added {
		added[i] = Hash{rng.Uint64(), rng.Uint64()}
		f.add(added[i])
	}
	for _, h := range added {
		if !f.mayContain(h) {
			t.Fatalf("%x was added and is not found", h)
		}
	}
	positives := 0
	for range probes {
		if f.mayContain(Hash{rng.Uint64(), rng.Uint64()}) {
			positives++
		}
	}
	rate := float64(positives) / probes
	t.Logf("false positives: %.4f %% at %.2f bits per id",
		100*rate, float64(8*f.memoryBytes())/count)
	if rate > 0.002 {
		t.Errorf("false positives: %.4f %%, want at most 0.2 %%", 100*rate)
	}
}

func TestFilterProbeAgrees(t *testing.T) {
	rng := testRand(2)
	f := newRunFilter(1000)
	var batch [candidateBatch]Hash
	var masks [candidateBatch]filterBlock
	for i := range batch {
		batch[i] = Hash{rng.Uint64(), rng.Uint64()}
		masks[i] = filterMask(batch[i].Lo)
		if i%3 == 0 {
			f.add(batch[i])
		}
	}
	var maybe [candidateBatch / 64]uint64
	f.probe(batch[:100], &masks, &maybe)
	for i, h := range batch {
		got := maybe[i/64]>>(i%64)&1 == 1
		if want := i < 100 && f.mayContain(h); got != want {
			t.Errorf("hash %d: probe %v, want %v", i, got, want)
		}
	}
}

func TestFilterParts(t *testing.T) {
	const part = 16 * filterPartBlocks // ids
	for _, count := range []uint64{0, 1, 16, 17, part, part + 1, 200_000} {
		f := newRunFilter(count)
		rng := testRand(count)
		for range count {
			f.add(Hash{rng.Uint64(), rng.Uint64()})
		}
		want := uint64(len(f.blocks))
		var loaded runFilter
		for part := range filterParts(want) {
			value := f.appendPart(nil, 7, part)
			if len(value) > 64<<10 {
				t.Errorf("count %d: a part takes %d bytes", count, len(value))
			}
			if err := new(runFilter).loadPart(value, 8, part, want); !errors.Is(err, ErrCorrupt) {
				t.Errorf("count %d: a part of another run was accepted: %v", count, err)
			}
			flipped := bytes.Clone(value)
			flipped[len(flipped)-1] ^= 4
			if err := loaded.loadPart(flipped, 7, part, want); !errors.Is(err, ErrCorrupt) {
				t.Errorf("count %d: a flipped bit was accepted: %v", count, err)
			}
			if err := loaded.loadPart(value, 7, part, want); err != nil {
				t.Fatalf("count %d, part %d: %v", count, part, err)
			}
		}
		if !slices.Equal(loaded.blocks, f.blocks) {
			t.Errorf("count %d: loaded another filter than was stored", count)
		}
	}
}

func FuzzFilterPart(f *testing.F) {
	filter := newRunFilter(40)
	filter.add(Hash{1, 2})
	filter.add(Hash{1 << 63, 5})
	f.Add(filter.appendPart(nil, 3, 0), uint64(3), uint64(0), uint64(len(filter.blocks)))
	f.Add([]byte{}, uint64(0), uint64(0), uint64(1)<<60)
	f.Add(make([]byte, 40), uint64(1), uint64(1), uint64(0))
	f.Fuzz(func(t *testing.T, value []byte, num, part, want uint64) {
		var loaded runFilter
		if err := loaded.loadPart(value, num, part, want); err != nil {
			if !errors.Is(err, ErrCorrupt) || len(loaded.blocks) != 0 {
				t.Fatalf("%v, %d blocks", err, len(loaded.blocks))
			}
			return
		}
		if size := cap(loaded.blocks) * filterBlockSize; size > 8*len(value)+1024 {
			t.Fatalf("%d bytes of input made %d of filter", len(value), size)
		}
		if !bytes.Equal(loaded.appendPart(nil, num, part), value) {
			t.Fatal("does not round-trip")
		}
	})
}
