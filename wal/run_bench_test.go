package wal

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
)

var benchmarkHits []uint32

func BenchmarkCandidates(b *testing.B) {
	for _, runs := range []int{1, 4, 10} {
		b.Run(fmt.Sprintf("runs=%d", runs), func(b *testing.B) {
			rng := testRand(9)
			s := &RunSet{}
			var list []*idRun
			for range runs {
				f := newRunFilter(1_000_000)
				for range 1_000_000 {
					f.add(Hash{rng.Uint64(), rng.Uint64()})
				}
				list = append(list, &idRun{filter: f})
			}
			s.swap(list)
			hashes := make([]Hash, 1<<20)
			for i := range hashes {
				hashes[i] = Hash{rng.Uint64(), rng.Uint64()}
			}
			const block = 4096
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				start := i * block % len(hashes)
				benchmarkHits = s.Candidates(hashes[start:start+block], benchmarkHits[:0])
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/block, "ns/hash")
		})
	}
}

func BenchmarkLookupHit(b *testing.B) {
	h := newRunHarness(b)
	rng := testRand(10)
	var all []ID
	for gen := range uint64(7) {
		ids := sortedIDs(rng, 100_000, 1+gen*100, 1000)
		all = append(all, ids...)
		if err := h.add(ids); err != nil {
			b.Fatal(err)
		}
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	all = all[:1000] // Their chunks fit the cache.
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, ok, err := h.set.Lookup(all[i%len(all)].Hash); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkWriteRun(b *testing.B) {
	const count = 1_000_000
	ids := sortedIDs(testRand(11), count, 1, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := writeRun(func(_, _ []byte) error { return nil }, 1, ids); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/count, "ns/id")
}

// BenchmarkMerge merges four runs of 250 k ids, tables and ingest in memory included.
func BenchmarkMerge(b *testing.B) {
	const count = 250_000
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		rng := rand.New(rand.NewPCG(12, 12))
		h, err := openRunHarness(vfs.NewMem())
		if err != nil {
			b.Fatal(err)
		}
		for gen := range uint64(4) {
			if err := h.add(sortedIDs(rng, count, 1+gen*250, 1000)); err != nil {
				b.Fatal(err)
			}
		}
		b.StartTimer()
		if err := h.mergeAll(); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if runs, _, _ := h.set.Count(); runs != 1 {
			b.Fatal(runs)
		}
		if err := h.close(); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/(4*count), "ns/id")
}

// BenchmarkOpenRunSet loads the filters of 10 M ids.
func BenchmarkOpenRunSet(b *testing.B) {
	h := newRunHarness(b)
	rng := testRand(13)
	for range 2 {
		w := newRunWriter(h.set.takeNumber(), 5_000_000)
		w.info.count, w.info.minBlock, w.info.maxBlock = 5_000_000, 1, 2
		for i := range w.filter.blocks {
			for j := range w.filter.blocks[i] {
				w.filter.blocks[i][j] = rng.Uint64()
			}
		}
		p := &preparedRun{filter: w.filter}
		if err := h.ingest(func(rows runRows) error {
			w.set = rows.Set
			err := w.finish()
			p.info = w.info
			return errors.Join(err, h.set.writeManifest(rows, p))
		}, func() { h.set.publish(p) }); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if _, err := openRunSet(h.db, nil); err != nil {
			b.Fatal(err)
		}
	}
}
