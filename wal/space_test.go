package wal

import (
	"errors"
	"math"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

const testFreeMin = 100 << 20

// openSpaceStore opens a store on a disk whose free space the test sets.
func openSpaceStore(t *testing.T, fs vfs.FS, free *atomic.Uint64) *Store {
	t.Helper()
	o := storeTestOptions(fs)
	o.FreeBytesMin = testFreeMin
	o.FreeBytes = func(string) (uint64, error) { return free.Load(), nil }
	s, err := Open("/data", o)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSpaceHysteresis(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	s := openSpaceStore(t, vfs.NewMem(), &free)
	try := func() error {
		s.space.refresh() // what a tick does
		y, err := s.Append(s.LastIndex()+1, []byte("x"))
		if err == nil {
			err = y.Wait()
		}
		return err
	}
	checkpoint := func() error { return s.NewCheckpoint().Commit(Meta{Index: s.LastIndex()}) }
	steps := []struct {
		free              uint64
		block, checkpoint bool
	}{
		{1 << 40, true, true},
		{testFreeMin, true, true},
		{testFreeMin - 1, false, true}, // checkpoints may still use what is kept for them
		{testFreeMin * 5 / 4, false, true},
		{testFreeMin*5/4 + 1, true, true},
		{testFreeMin / 2, false, true},
		{testFreeMin/2 - 1, false, false},
		{0, false, false},
		{testFreeMin, false, true},
		{2 * testFreeMin, true, true},
	}
	for i, step := range steps {
		free.Store(step.free)
		last := s.LastIndex()
		err := try()
		require.Equal(t, step.block, err == nil, "step %d: %v", i, err)
		if err != nil {
			require.ErrorIs(t, err, usage.ErrDiskFull)
			require.Equal(t, last, s.LastIndex(), "refused before anything changed")
			require.True(t, s.Metrics().SpaceTripped)
		}
		err = checkpoint()
		require.Equal(t, step.checkpoint, err == nil, "step %d: %v", i, err)
		if err != nil {
			require.ErrorIs(t, err, usage.ErrDiskFull)
		}
		require.NoError(t, s.Blocks(0, func(uint64, []byte) error { return nil }), "reads go on")
		require.NoError(t, s.Failed(), "a full disk is no failure")
	}
}

// What is appended between two looks at the disk is counted.
func TestSpaceCountsAppends(t *testing.T) {
	var free atomic.Uint64
	var looks atomic.Int64
	g := &spaceGuard{fs: vfs.NewMem(), min: testFreeMin, log: (&Options{}).withDefaults().Logger}
	g.measure = func(string) (uint64, error) { looks.Add(1); return free.Load(), nil }
	free.Store(testFreeMin + 2000)
	g.measuredAt.Store(math.MaxInt64) // as if just measured, for ever: only bytes can make it look
	g.free.Store(testFreeMin + 2000)
	require.NoError(t, g.admit(1000))
	require.Zero(t, looks.Load())
	free.Store(testFreeMin - 1)
	require.ErrorIs(t, g.admit(1), usage.ErrDiskFull)
	require.Equal(t, int64(1), looks.Load())
}

func TestSpaceUnknown(t *testing.T) {
	s := openTestStore(t, vfs.NewMem()) // a MemFS cannot tell
	require.Equal(t, int64(math.MaxInt64), s.SpaceFree())
	appendBlocks(t, s, 1)
	s.space.tick()
	require.Zero(t, s.Metrics().BallastBytes, "no ballast on a disk that is not known to have room")

	// A disk that cannot be asked any more keeps its last answer.
	s.space.measure = func(string) (uint64, error) { return 0, syscall.EIO }
	s.space.refresh()
	appendBlocks(t, s, 1)
}

func TestSpaceBallast(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	fs := vfs.NewMem()
	s := openSpaceStore(t, fs, &free)
	size := func() int64 {
		info, err := fs.Stat("/data/" + ballastName)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	require.Zero(t, size(), "made in the background, not by Open")
	s.space.tick()
	require.Equal(t, int64(ballastBytes), size())
	free.Store(testFreeMin - 1)
	s.space.tick()
	require.Equal(t, int64(ballastBytes), size(), "kept until it counts")
	free.Store(testFreeMin/2 - 1)
	s.space.tick()
	require.Zero(t, size())
	free.Store(testFreeMin)
	s.space.tick()
	require.Zero(t, size(), "not while room is short")
	free.Store(1 << 40)
	s.space.tick()
	require.Equal(t, int64(ballastBytes), size())
	require.NoError(t, s.Close())
	s = openSpaceStore(t, fs, &free)
	require.Equal(t, int64(ballastBytes), s.Metrics().BallastBytes, "found again")
}

// Somebody else fills the disk between two looks: the write that fails is tried again after the
// ballast is gone, and nobody notices.
func TestSpaceBallastSavesWAL(t *testing.T) {
	var free atomic.Uint64
	free.Store(1 << 40)
	var full atomic.Bool
	mem := vfs.NewMem()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpRemove && mem.PathBase(op.Path) == ballastName {
			full.Store(false)
		}
		if op.Kind == errorfs.OpFileWrite && full.Load() {
			return syscall.ENOSPC
		}
		return nil
	}))
	s := openSpaceStore(t, fs, &free)
	s.space.tick()
	appendBlocks(t, s, 1)
	full.Store(true)
	appendBlocks(t, s, 1)
	require.False(t, full.Load(), "the ballast was released")
	require.NoError(t, s.Failed())

	// Once more, now without ballast: the store stops, and says why.
	full.Store(true)
	y, err := s.Append(3, []byte("x"))
	if err == nil {
		err = y.Wait()
	}
	require.ErrorIs(t, err, usage.ErrFailed)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.True(t, errors.Is(s.Failed(), syscall.ENOSPC))
}
