package engine_test

import (
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/internal/commitlogtest"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/wal"
)

// soloHarness keeps a solo log on a disk that can lose power.
type soloHarness struct {
	fs    *crashtest.FS
	store *wal.Store
	rng   *rand.Rand
}

func (h *soloHarness) Open(t *testing.T) engine.CommitLog {
	if h.store != nil {
		_ = h.store.Close() // after a crash it belongs to the disk that was left behind
	}
	store, err := wal.Open("store", &wal.Options{FS: h.fs})
	require.NoError(t, err)
	h.store = store
	t.Cleanup(func() { _ = store.Close() })
	return engine.NewSoloLog(store)
}

func (h *soloHarness) Crash(*testing.T) {
	h.fs = h.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: h.rng.IntN(101), RNG: h.rng})
}

func TestSoloLogConforms(t *testing.T) {
	commitlogtest.Run(t, func(*testing.T) commitlogtest.Harness {
		return &soloHarness{fs: crashtest.New(), rng: rand.New(rand.NewPCG(5, 5))}
	})
}
