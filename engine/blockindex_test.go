package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// TestIndexSize prints what the index of blocks takes on disk, keys included, for full blocks of many tenants and for blocks of one
// event, and bounds it.
func TestIndexSize(t *testing.T) {
	skipRace(t)
	for _, tc := range []struct {
		name            string
		blocks, events  int
		tenants, misses int
		bytesMax        float64
	}{
		{"full blocks of 1,000 tenants", quicker(24), requestItemsMax, 1000, 0, 3},
		{"blocks of one event, 100 tenants", quicker(10_000), 1, 100, 0, 6},
		{"every third event is a duplicate", quicker(24), requestItemsMax, 50, 3, 3},
	} {
		clock, ctx := newTestClock(), context.Background()
		e := openMem(t, vfs.NewMem(), clock, nil)
		rng := rand.New(rand.NewPCG(1, 2))
		if tc.events == 1 { // by apply alone: twenty thousand fsyncs take long
			s := foldBlocks(t, clock, tc.blocks, tc.tenants, rng)
			size := indexBytes(t, s.store)
			t.Logf("%s: %.2f bytes an event", tc.name, float64(size)/float64(tc.blocks))
			require.Less(t, float64(size)/float64(tc.blocks), tc.bytesMax)
			continue
		}
		n := 0
		for range tc.blocks {
			evs := make([]usage.Event, tc.events)
			for i := range evs {
				id := n
				if n++; tc.misses > 0 && i%tc.misses == tc.misses-1 {
					id-- // again
				}
				evs[i] = usage.Event{ID: fmt.Sprint(id), TenantID: fmt.Sprint("t", id*7919%tc.tenants), FeatureType: "api_calls"}
			}
			_, err := e.RecordBatch(ctx, evs)
			require.NoError(t, err)
		}
		require.NoError(t, e.checkpoint(ctx))
		size := indexBytes(t, e.store)
		t.Logf("%s: %.2f bytes an event", tc.name, float64(size)/float64(tc.blocks*tc.events))
		require.Less(t, float64(size)/float64(tc.blocks*tc.events), tc.bytesMax)
	}
}

func indexBytes(t *testing.T, store *wal.Store) (n int) {
	view := store.View()
	defer view.Close()
	for _, class := range []byte{wal.ClassBlocks, wal.ClassFacts} {
		lower, upper := wal.ClassBounds(class)
		require.NoError(t, view.Scan(lower, upper, func(key, value []byte) error {
			n += len(key) + len(value)
			return nil
		}))
	}
	return n
}

// foldBlocks applies blocks of one event each, of random tenants, and checkpoints.
func foldBlocks(t *testing.T, clock *testClock, blocks, tenants int, rng *rand.Rand) *state {
	t.Helper()
	fs := vfs.NewMem()
	store := openStore(t, fs, clock)
	o := memOptions(fs, clock, nil)
	o.EnsureDefaults()
	s := newState(store, o)
	t.Cleanup(s.close)
	var encoder wal.BlockEncoder
	apply := func(index int, it *wal.Item) {
		nanos := clock.Now().UnixNano() + int64(index)*1e9
		data, _ := encoder.EncodeFront(nil, wal.BlockHeader{LogTimeNanos: nanos}, []*wal.Item{it})
		y, err := store.Append(uint64(index), data)
		require.NoError(t, err)
		require.NoError(t, y.Wait())
		_, err = s.Apply(uint64(index), data)
		require.NoError(t, err)
	}
	apply(1, &wal.Item{Kind: wal.KindConfig, Body: (&configEntry{Op: opGenesis, Secret: 1, Meters: presetMeters()}).encode()})
	for i := range blocks {
		apply(i+2, &wal.Item{Kind: wal.KindEvent, Tenant: fmt.Sprint("t", rng.IntN(tenants)), ID: fmt.Sprint(i), Feature: "api_calls"})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	require.NoError(t, s.ckpt.wait())
	s.ckpt.start(s.applied.Load(), s.appliedTime.Load())
	require.NoError(t, s.ckpt.wait())
	return s
}
