package wal

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

// walFault fails syncs or writes of the WAL of the log while on.
func walFault(kind errorfs.OpKind, on *atomic.Bool) errorfs.Injector {
	return errorfs.InjectorFunc(func(op errorfs.Op) error {
		if on.Load() && op.Kind == kind && strings.HasPrefix(op.Path, "/data/log/") && strings.HasSuffix(op.Path, ".log") {
			return syscall.EIO
		}
		return nil
	})
}

func TestPoisonOnWALFault(t *testing.T) {
	for _, kind := range []errorfs.OpKind{errorfs.OpFileWrite, errorfs.OpFileSyncData} {
		var on atomic.Bool
		mem := crashtest.New()
		o := storeTestOptions(errorfs.Wrap(mem, walFault(kind, &on)))
		var out bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		s, err := Open("/data", o)
		require.NoError(t, err)
		appendBlocks(t, s, 2)
		c := s.NewCheckpoint()
		ids := []ID{{Hash: Hash{1, 2}, Block: 1}}
		require.NoError(t, c.AddRun(ids))
		require.NoError(t, c.Commit(Meta{Index: 2}))

		on.Store(true)
		y, err := s.Append(3, []byte("lost or not"))
		require.NoError(t, err)
		err = y.Wait()
		require.ErrorIs(t, err, usage.ErrFailed)
		require.ErrorIs(t, err, syscall.EIO)
		require.Equal(t, usage.CodeFailed, usage.Code(err))
		require.Equal(t, err, y.Wait(), "the same again")
		on.Store(false) // the disk is fine again; the store is not

		_, err = s.Append(4, []byte("x"))
		require.ErrorIs(t, err, usage.ErrFailed)
		_, err = s.ReadBlock(1)
		require.ErrorIs(t, err, usage.ErrFailed)
		require.ErrorIs(t, s.Blocks(0, nil), usage.ErrFailed)
		require.ErrorIs(t, s.NewCheckpoint().Commit(Meta{Index: 2}), usage.ErrFailed)
		_, _, err = s.Runs().Lookup(ids[0].Hash)
		require.ErrorIs(t, err, usage.ErrFailed)
		_, err = s.View().Get(metaKey(), nil)
		require.ErrorIs(t, err, usage.ErrFailed)
		require.Contains(t, out.String(), "store failed")
		require.NoError(t, s.Close())

		s2, err := Open("/data", storeTestOptions(mem))
		require.NoError(t, err)
		require.GreaterOrEqual(t, s2.LastIndex(), uint64(2))
		require.LessOrEqual(t, s2.LastIndex(), uint64(3))
		require.NoError(t, s2.Close())
	}
}

func TestPoisonFirstCauseWins(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	appendBlocks(t, s, 1)
	require.NoError(t, s.Failed())
	first := errors.New("digests differ")
	s.Poison(first)
	s.Poison(errors.New("another"))
	require.ErrorIs(t, s.Failed(), first)
	require.ErrorIs(t, s.Failed(), usage.ErrFailed)
	require.NotContains(t, s.Failed().Error(), "another")
}

// A poisoned store changes nothing on disk that an Open reads, not even by closing.
func TestPoisonFreezesDisk(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestStore(t, fs)
	m := &storeModel{s: s}
	for range 300 { // several memtables, so that there are files to delete
		require.NoError(t, m.append(true))
	}
	require.NoError(t, m.commit())
	s.Poison(errors.New("test"))
	critical := func() (names []string) {
		for _, dir := range []string{"/data/log", "/data/state"} {
			list, err := fs.List(dir)
			require.NoError(t, err)
			for _, name := range list {
				if criticalFile(fs, name) {
					names = append(names, dir+"/"+name)
				}
			}
		}
		return names
	}
	before := critical()
	_ = s.log.Flush() // as background work might
	require.NoError(t, s.Close())
	require.ElementsMatch(t, before, critical())
	s2 := openTestStore(t, fs)
	require.NoError(t, checkStore(s2, m.acked, m.submitted, m.checkpoint, m.checkpoint))
}

// Pebble retries a flush that fails for ever, with writers waiting. Nobody must hang.
func TestPoisonOnEndlessFlushFault(t *testing.T) {
	mem := crashtest.New()
	fs := errorfs.Wrap(mem, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileWrite && strings.HasPrefix(op.Path, "/data/log/") && strings.HasSuffix(op.Path, ".sst") {
			return syscall.EIO
		}
		return nil
	}))
	s := openTestStore(t, fs)
	m := &storeModel{s: s}
	require.NoError(t, within(2*time.Minute, func() {
		for m.append(true) == nil {
		}
	}))
	require.ErrorIs(t, s.Failed(), syscall.EIO)
	require.NoError(t, within(2*time.Minute, func() { _ = s.Close() }))
	s2, err := Open("/data", storeTestOptions(mem))
	require.NoError(t, err)
	require.NoError(t, checkStore(s2, m.acked, m.submitted+1, 0, 0))
	require.NoError(t, s2.Close())
}

func TestStallIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var on atomic.Bool
		release := make(chan struct{})
		fs := errorfs.Wrap(vfs.NewMem(), errorfs.InjectorFunc(func(op errorfs.Op) error {
			if on.Load() && op.Kind == errorfs.OpFileSyncData && strings.HasPrefix(op.Path, "/data/log/") {
				<-release
			}
			return nil
		}))
		o := storeTestOptions(fs)
		var out bytes.Buffer
		o.Logger = slog.New(slog.NewTextHandler(&out, nil))
		s, err := Open("/data", o)
		require.NoError(t, err)
		appendBlocks(t, s, 1)
		time.Sleep(time.Hour)
		require.Zero(t, s.Stalled(), "idle is not stalled")

		on.Store(true)
		y, err := s.Append(2, []byte("x"))
		require.NoError(t, err)
		time.Sleep(stallMaxDefault)
		require.Zero(t, s.Stalled())
		time.Sleep(3*time.Minute + time.Second)
		require.Equal(t, stallMaxDefault+3*time.Minute+time.Second, s.Stalled())
		synctest.Wait()
		require.Equal(t, 4, strings.Count(out.String(), "the disk does not answer"), "once a minute")
		on.Store(false)
		close(release)
		require.NoError(t, y.Wait())
		require.Zero(t, s.Stalled())
		require.NoError(t, s.Close())
	})
}

func TestLogLimit(t *testing.T) {
	l := new(logLimit)
	now := time.Unix(0, 0)
	for range logLinesMax {
		ok, dropped := l.take(now)
		require.True(t, ok)
		require.Zero(t, dropped)
	}
	for range 7 {
		ok, _ := l.take(now)
		require.False(t, ok)
	}
	ok, dropped := l.take(now.Add(logLinesWindow + 1))
	require.True(t, ok)
	require.Equal(t, 7, dropped)
}
