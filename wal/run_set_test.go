package wal

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/weirhq/weir/usage"
)

// TestRunSetModel drives a set by random operations and compares it with a map: a sample after
// each, everything in the end.
func TestRunSetModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rng := testRand(rapid.Uint64().Draw(t, "seed"))
		fs := vfs.NewMem()
		h, err := openRunHarness(fs)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = h.close() }()
		model := map[Hash]ID{}
		block := uint64(1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				count := rapid.SampledFrom([]int{0, 1, 3, 40, 257}).Draw(t, "count")
				ids := sortedIDs(rng, count, block, 50)
				block += uint64(count)
				if err := h.add(ids); err != nil {
					t.Fatal(err)
				}
				for _, id := range ids {
					model[id.Hash] = id
				}
			},
			"merge": func(t *rapid.T) {
				if _, err := h.set.mergeOnce(nil); err != nil {
					t.Fatal(err)
				}
			},
			"reopen": func(t *rapid.T) {
				if err := h.close(); err != nil {
					t.Fatal(err)
				}
				if h, err = openRunHarness(fs); err != nil {
					t.Fatal(err)
				}
			},
			"": func(t *rapid.T) {
				sample := make([]ID, 0, 20)
				for _, id := range model {
					if sample = append(sample, id); len(sample) == cap(sample) {
						break
					}
				}
				if err := readSome(h.set, rng, sample); err != nil {
					t.Fatal(err)
				}
			},
		})
		absent := make([]Hash, 500)
		for i := range absent {
			absent[i] = Hash{rng.Uint64(), rng.Uint64()}
		}
		if err := checkRunSet(h.set, model, absent); err != nil {
			t.Fatal(err)
		}
	})
}

// TestRunSetSkewedHashes: hashes that are not uniform cost speed, never correctness.
func TestRunSetSkewedHashes(t *testing.T) {
	h := newRunHarness(t)
	rng, model := testRand(1), map[Hash]ID{}
	for round := range uint64(6) {
		ids := randomIDs(rng, 3000, 1+round*100, 100)
		for i := range ids {
			ids[i].Hash = Hash{Hi: uint64(i % 7), Lo: round<<32 | uint64(i)}
			ids[i].Outcome = uint32(i % 3)
			model[ids[i].Hash] = ids[i]
		}
		SortIDs(ids)
		if err := errors.Join(h.add(ids), h.mergeAll()); err != nil {
			t.Fatal(err)
		}
	}
	absent := []Hash{{0, 1 << 40}, {8, 0}, {1 << 63, 5}}
	if err := checkRunSet(h.set, model, absent); err != nil {
		t.Fatal(err)
	}
}

// TestOpenRunSetDamage: what is damaged is refused or reported, never overlooked.
func TestOpenRunSetDamage(t *testing.T) {
	rng := testRand(6)
	ids := sortedIDs(rng, 2000, 1, 100)
	chunkKey := appendRunRowKey(nil, runChunkClass, 0, 3)
	for name, key := range map[string][]byte{
		"manifest": runManifestKey(),
		"filter":   appendRunRowKey(nil, runFilterClass, 0, 0),
		"chunk":    chunkKey,
	} {
		for _, lost := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/lost=%v", name, lost), func(t *testing.T) {
				h := newRunHarness(t)
				if err := h.add(ids); err != nil {
					t.Fatal(err)
				}
				damage(t, h.db, key, lost)
				s, err := openRunSet(h.db, h.ingest)
				if name == "manifest" && lost {
					// A run that nobody names does not exist. The store's meta
					// is of the same ingest, so this cannot go unnoticed there.
					if err != nil {
						t.Fatal(err)
					}
					return
				}
				if name == "chunk" && err == nil {
					err = s.Each(func(ID) error { return nil })
					i := slices.IndexFunc(ids, func(id ID) bool { return runChunkOf(id.Hash, 3) == 3 })
					if _, _, lookupErr := s.Lookup(ids[i].Hash); !errors.Is(lookupErr, ErrCorrupt) {
						t.Errorf("lookup: %v, want ErrCorrupt", lookupErr)
					}
				}
				if !errors.Is(err, ErrCorrupt) {
					t.Errorf("%v, want ErrCorrupt", err)
				}
			})
		}
	}
}

// damage deletes a row or clips its value.
func damage(t *testing.T, db *pebble.DB, key []byte, lost bool) {
	t.Helper()
	value, closer, err := db.Get(key)
	if err != nil {
		t.Fatal(err)
	}
	clipped := slices.Clone(value[:len(value)-1])
	err = errors.Join(closer.Close(), db.Set(key, clipped, pebble.Sync))
	if lost {
		err = errors.Join(err, db.Delete(key, pebble.Sync))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestRunSetClosed(t *testing.T) {
	h := newRunHarness(t)
	ids := sortedIDs(testRand(7), 500, 1, 100)
	if err := h.add(ids); err != nil {
		t.Fatal(err)
	}
	h.set.close()
	if _, _, err := h.set.Lookup(ids[0].Hash); !errors.Is(err, usage.ErrClosed) {
		t.Errorf("lookup: %v, want ErrClosed", err)
	}
	if err := h.set.Each(func(ID) error { return nil }); !errors.Is(err, usage.ErrClosed) {
		t.Errorf("each: %v, want ErrClosed", err)
	}
	if hits := h.set.Candidates([]Hash{ids[0].Hash}, nil); len(hits) != 1 {
		t.Error("a known hash is no candidate after close, so it would pass for new")
	}
}

func TestCandidatesAllocates(t *testing.T) {
	h := newRunHarness(t)
	rng := testRand(8)
	for range 3 {
		if err := h.add(sortedIDs(rng, 1000, 1, 100)); err != nil {
			t.Fatal(err)
		}
	}
	hashes := make([]Hash, 1000)
	for i := range hashes {
		hashes[i] = Hash{rng.Uint64(), rng.Uint64()}
	}
	hits := make([]uint32, 0, len(hashes))
	if n := testing.AllocsPerRun(20, func() { hits = h.set.Candidates(hashes, hits[:0]) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
