package wal

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
)

func commitAt(t testing.TB, s *Store, index uint64) {
	t.Helper()
	c := s.NewCheckpoint()
	require.NoError(t, c.Set(AppendTenantKey(nil, 1), []byte{byte(index)}))
	require.NoError(t, c.Commit(Meta{Index: index}))
}

func growLog(t testing.TB, s *Store, n int) {
	t.Helper()
	for range n {
		index := s.LastIndex() + 1
		y, err := s.Append(index, storeModelBlock(index))
		require.NoError(t, err)
		require.NoError(t, y.Wait())
	}
}

// readLog returns the blocks that a walk finds.
func readLog(t testing.TB, s *Store) (indices []uint64) {
	t.Helper()
	require.NoError(t, s.Blocks(1, func(index uint64, block []byte) error {
		require.Equal(t, storeModelBlock(index), block)
		indices = append(indices, index)
		return nil
	}))
	return indices
}

func TestDropBlocks(t *testing.T) {
	fs := vfs.NewMem()
	o := &Options{FS: fs}
	s, err := Open("d", o)
	require.NoError(t, err)
	ctx := context.Background()
	growLog(t, s, 30)
	require.ErrorContains(t, s.DropBlocks(ctx, 10, nil), "the checkpoint is not that far")
	commitAt(t, s, 25)
	base, err := s.OpenBase()
	require.NoError(t, err)
	_, err = base.Append(1, []byte("x"))
	require.Error(t, err)
	_, err = base.ReadBlock(1)
	require.ErrorIs(t, err, ErrNoBlock)
	commitAt(t, base, 12)
	meta, ok := base.Meta()
	require.True(t, ok)
	require.EqualValues(t, 12, meta.Index)
	require.NoError(t, base.Close())

	require.ErrorContains(t, s.DropBlocks(ctx, 10, []uint64{11}), "BUG")
	require.NoError(t, s.DropBlocks(ctx, 10, []uint64{3, 7}))
	check := func(first, last uint64, aside ...uint64) {
		t.Helper()
		require.Equal(t, first, s.FirstIndex())
		got := readLog(t, s)
		require.Equal(t, []uint64{first, last, last - first + 1}, []uint64{got[0], got[len(got)-1], uint64(len(got))})
		kept, err := s.asides()
		require.NoError(t, err)
		require.Equal(t, aside, kept)
		for n := uint64(1); n < first; n++ {
			block, err := s.ReadBlock(n)
			if len(aside) > 0 && n == aside[0] {
				require.NoError(t, err)
				require.Equal(t, storeModelBlock(n), block)
				aside = aside[1:]
			} else {
				require.ErrorIs(t, err, ErrNoBlock, "block %d", n)
			}
		}
	}
	reopen := func() {
		t.Helper()
		require.NoError(t, s.Close())
		s, err = Open("d", o)
		require.NoError(t, err)
	}
	check(11, 30, 3, 7)
	reopen()
	check(11, 30, 3, 7)
	growLog(t, s, 5)
	require.NoError(t, s.DropBlocks(ctx, 20, []uint64{7, 15}), "an old one stays, a new one joins")
	check(21, 35, 7, 15)
	reopen()
	check(21, 35, 7, 15)
	require.NoError(t, s.DropBlocks(ctx, 20, nil))
	check(21, 35)
	require.NoError(t, s.Close())

	// Without its base a log that was cut is worth nothing, and must not be taken for whole.
	require.NoError(t, fs.RemoveAll(fs.PathJoin("d", baseDirName)))
	_, err = Open("d", o)
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "base")
}

// TestDropBlocksGivesBackSpace measures the files of the log.
func TestDropBlocksGivesBackSpace(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir, &Options{MemTableBytes: 1 << 20})
	require.NoError(t, err)
	for range 20 { // 20 MiB, in many tables
		for range 8 {
			index := s.LastIndex() + 1
			b := make([]byte, 128<<10)
			for i := range b {
				b[i] = byte(rand.Uint32())
			}
			y, err := s.Append(index, b)
			require.NoError(t, err)
			require.NoError(t, y.Wait())
		}
	}
	commitAt(t, s, s.LastIndex())
	base, err := s.OpenBase()
	require.NoError(t, err)
	commitAt(t, base, 150)
	require.NoError(t, base.Close())
	before := dirBytes(t, filepath.Join(dir, logDirName))
	require.NoError(t, s.DropBlocks(context.Background(), 150, nil))
	require.NoError(t, s.Close()) // waits for files to be deleted
	after := dirBytes(t, filepath.Join(dir, logDirName))
	t.Logf("log: %d KiB before, %d KiB after", before>>10, after>>10)
	require.Greater(t, before, int64(19<<20))
	require.Less(t, after, int64(6<<20), "10 of 160 blocks are left, 1.25 MiB, and WALs")
}

func dirBytes(t testing.TB, dir string) (size int64) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	for _, e := range entries {
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) { // Pebble has deleted it meanwhile
			continue
		}
		require.NoError(t, err)
		size += info.Size()
	}
	return size
}

// TestPowerCutWhileDropping cuts the power before every changing file operation of two cuts of the log, with everything unsynced
// lost or a part of it kept: the log is found whole, from one of the cuts on, and every block that is to be kept is readable.
func TestPowerCutWhileDropping(t *testing.T) {
	ctx := context.Background()
	for _, percent := range []int{0, 50} {
		for at := int64(1); ; at++ {
			mem := crashtest.New()
			rng := rand.New(rand.NewPCG(uint64(at), uint64(percent)))
			var ops atomic.Int64
			var armed atomic.Bool
			var clone atomic.Pointer[crashtest.FS]
			s, err := Open("d", storeTestOptions(errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if armed.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && ops.Add(1) == at {
					clone.Store(mem.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: percent, RNG: rng}))
				}
				return nil
			}))))
			require.NoError(t, err)
			growLog(t, s, 12)
			commitAt(t, s, 10)
			base, err := s.OpenBase()
			require.NoError(t, err)
			commitAt(t, base, 6)
			require.NoError(t, base.Close())
			armed.Store(true)
			require.NoError(t, s.DropBlocks(ctx, 5, []uint64{2, 4}))
			require.NoError(t, s.DropBlocks(ctx, 6, []uint64{4}))
			require.NoError(t, s.Close())
			if clone.Load() == nil {
				t.Logf("%d%% of unsynced data kept: %d operations", percent, ops.Load())
				break
			}
			s, err = Open("d", storeTestOptions(clone.Load()))
			require.NoError(t, err, "operation %d", at)
			first := s.FirstIndex()
			require.Contains(t, []uint64{1, 6, 7}, first, "operation %d", at)
			require.Len(t, readLog(t, s), int(13-first), "operation %d", at)
			want := []uint64{4}
			if first < 7 {
				want = append(want, 2)
			}
			for _, n := range want {
				_, err = s.ReadBlock(n)
				require.NoError(t, err, "operation %d", at)
			}
			require.NoError(t, s.DropBlocks(ctx, 6, []uint64{4}))
			require.Len(t, readLog(t, s), 6)
			require.NoError(t, s.Close())
		}
	}
}

// TestEmptyBaseIsQuiet: every question about the past opens one, and it is on no disk whose space could be asked.
func TestEmptyBaseIsQuiet(t *testing.T) {
	var out bytes.Buffer
	s, err := Open(t.TempDir(), &Options{Logger: slog.New(slog.NewTextHandler(&out, nil))})
	require.NoError(t, err)
	base, err := s.EmptyBase()
	require.NoError(t, err)
	require.NoError(t, base.Close())
	require.NotContains(t, out.String(), "WARN")
	require.NoError(t, s.Close())
}
