package wal

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/weirhq/weir/usage"
)

func TestStoreReopenFindsEverything(t *testing.T) {
	// Pebble leaks a goroutine when its Open fails, as in tests before this one.
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	fs := vfs.NewMem()
	m := &storeModel{}
	for range 3 {
		s, err := Open("/data", storeTestOptions(fs))
		require.NoError(t, err)
		require.NoError(t, checkStore(s, m.acked, m.submitted, m.checkpoint, m.checkpoint))
		m.s = s
		for i := range 60 {
			require.NoError(t, m.append(i%3 == 0))
			if i%20 == 19 {
				require.NoError(t, m.commit())
			}
		}
		require.NoError(t, m.wait())
		require.NoError(t, checkStore(s, m.acked, m.submitted, m.checkpoint, m.checkpoint))
		require.Equal(t, uint64(1), s.FirstIndex())
		require.Equal(t, m.submitted, s.DurableIndex())
		require.NoError(t, s.Close())
		require.NoError(t, s.Close())
	}
}

func TestStoreReadBlock(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	m := &storeModel{s: s}
	for range 3 {
		require.NoError(t, m.append(true))
	}
	block, err := s.ReadBlock(2)
	require.NoError(t, err)
	require.Equal(t, storeModelBlock(2), block)
	for _, index := range []uint64{0, 4} {
		_, err = s.ReadBlock(index)
		require.ErrorIs(t, err, ErrNoBlock)
	}
	var seen []uint64
	stop := errors.New("stop")
	err = s.Blocks(2, func(index uint64, _ []byte) error {
		if seen = append(seen, index); index == 3 {
			return stop
		}
		return nil
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, []uint64{2, 3}, seen)
}

func TestStoreAppendRefusesOtherIndices(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	require.PanicsWithValue(t, "BUG: append of block 2 after block 0", func() { _, _ = s.Append(2, []byte("x")) })
	_, err := s.Append(1, nil)
	require.Error(t, err)
	_, err = s.Append(1, make([]byte, BlockEncodedBytesMax+1))
	require.Error(t, err)
	require.Zero(t, s.LastIndex())
}

func TestStoreGapIsCorruption(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	m := &storeModel{s: s}
	for range 4 {
		require.NoError(t, m.append(true))
	}
	require.NoError(t, s.log.Delete(appendBlockKey(nil, 3), nil))
	err := s.Blocks(0, func(uint64, []byte) error { return nil })
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "lacks block 3")
}

func TestStoreCheckpointBeyondLogIsCorruption(t *testing.T) {
	fs := vfs.NewMem()
	s := openTestStore(t, fs)
	m := &storeModel{s: s}
	require.NoError(t, m.append(true))
	require.NoError(t, m.append(true))
	require.NoError(t, m.commit())
	require.NoError(t, s.log.Delete(appendBlockKey(nil, 2), nil))
	require.NoError(t, s.Close())
	_, err := Open("/data", storeTestOptions(fs))
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorContains(t, err, "the log ends at block 1")
}

func TestStoreClosed(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	c := s.NewCheckpoint()
	v := s.View()
	k := v.Seeker(ClassBounds(ClassTenant))
	require.NoError(t, s.Close(), "open views and checkpoints do not keep a store open")

	_, err := s.Append(1, []byte("x"))
	require.ErrorIs(t, err, usage.ErrClosed)
	_, err = s.ReadBlock(1)
	require.ErrorIs(t, err, usage.ErrClosed)
	require.ErrorIs(t, s.Blocks(0, nil), usage.ErrClosed)
	require.ErrorIs(t, c.Commit(Meta{}), usage.ErrClosed)
	_, err = v.Get([]byte("c"), nil)
	require.ErrorIs(t, err, usage.ErrClosed)
	_, err = k.Get(AppendTenantKey(nil, 1), nil)
	require.ErrorIs(t, err, usage.ErrClosed)
	require.NoError(t, k.Close())
	require.NoError(t, v.Close())
	_, err = s.View().Get([]byte("c"), nil)
	require.ErrorIs(t, err, usage.ErrClosed)
	require.Zero(t, s.Metrics().Log.Tables)
}

// A callback inside a call may call again while another goroutine closes the store: the inner
// call is refused, and nobody waits for anybody for ever.
func TestStoreCloseDuringNestedCall(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	m := &storeModel{s: s}
	require.NoError(t, m.append(true))
	var closed sync.WaitGroup
	err := s.Blocks(0, func(uint64, []byte) error {
		closed.Go(func() { _ = s.Close() })
		for {
			if _, err := s.ReadBlock(1); err != nil {
				return err
			}
		}
	})
	require.ErrorIs(t, err, usage.ErrClosed)
	closed.Wait()
}

func TestStoreConcurrentUse(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	m := &storeModel{s: s}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				v := s.View()
				meta, _ := v.Meta()
				_ = v.Close()
				if meta.Index > s.DurableIndex() {
					t.Error("a checkpoint is visible before its log is durable")
				}
				_ = s.Blocks(max(s.LastIndex(), 2)-1, func(uint64, []byte) error { return nil })
				_, _, _ = s.Runs().Lookup(storeModelIDs(1)[0].Hash)
				s.Metrics()
			}
		})
	}
	for i := range 150 {
		require.NoError(t, m.append(i%4 == 0))
		if i%10 == 9 {
			require.NoError(t, m.commit())
		}
	}
	close(stop)
	readers.Wait()
	require.NoError(t, checkStore(s, m.acked, m.submitted, m.checkpoint, m.checkpoint))
}

func TestStoreReadOnly(t *testing.T) {
	fs := vfs.NewMem()
	o := storeTestOptions(fs)
	o.ReadOnly = true
	_, err := Open("/none", o)
	require.Error(t, err)

	s := openTestStore(t, fs)
	m := &storeModel{s: s}
	for range 40 {
		require.NoError(t, m.append(true))
	}
	require.NoError(t, m.commit())
	require.NoError(t, m.append(true))
	require.NoError(t, s.Close())
	before := fs.String()

	s, err = Open("/data", o)
	require.NoError(t, err)
	require.NoError(t, checkStore(s, m.acked, m.submitted, m.checkpoint, m.checkpoint))
	_, err = s.Append(s.LastIndex()+1, []byte("x"))
	require.Error(t, err)
	c := s.NewCheckpoint()
	require.Error(t, c.Set(AppendTenantKey(nil, 1), nil))
	require.Error(t, c.Commit(Meta{Index: 1}))
	require.NoError(t, s.Close())
	require.Equal(t, before, fs.String(), "nothing on disk changed")
}

func TestStoreLocked(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s, err := Open(dir, nil)
	require.NoError(t, err)
	link := filepath.Join(t.TempDir(), "alias")
	require.NoError(t, os.Symlink(dir, link))
	for _, name := range []string{dir, link, dir + "/../data"} {
		_, err = Open(name, nil)
		require.ErrorIs(t, err, ErrLocked)
		require.ErrorContains(t, err, "data")
	}
	// Another process.
	cmd := exec.Command(os.Args[0], "-test.run=^TestStoreLockedHelper$", "-test.v")
	cmd.Env = append(os.Environ(), "WEIR_TEST_DIR="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "locked: "+ErrLocked.Error())

	require.NoError(t, s.Close())
	s, err = Open(link, nil)
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

// TestStoreLockedHelper is the other process of TestStoreLocked.
func TestStoreLockedHelper(t *testing.T) {
	dir := os.Getenv("WEIR_TEST_DIR")
	if dir == "" {
		t.Skip("runs as a child of TestStoreLocked")
	}
	_, err := Open(dir, nil)
	require.ErrorIs(t, err, ErrLocked)
	t.Logf("locked: %v", ErrLocked)
}

func TestStoreMetrics(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	m := &storeModel{s: s}
	for range 100 {
		require.NoError(t, m.append(true))
	}
	require.NoError(t, m.commit())
	got := s.Metrics()
	require.NotEmpty(t, got.Fsync.BoundsNanos)
	require.Len(t, got.Fsync.Counts, len(got.Fsync.BoundsNanos)+1)
	require.NotZero(t, got.Log.WALBytes)
	require.NotZero(t, got.State.Tables)
	require.Equal(t, 1, got.Runs)
	require.Equal(t, uint64(200), got.RunIDs)
	require.Greater(t, s.DiskBytes(), int64(1<<20))
}

// Blocks arrive thousands of times a second: what a block costs beside Pebble must stay small.
func TestStoreAppendAllocations(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	block := make([]byte, 512)
	n := testing.AllocsPerRun(200, func() {
		y, err := s.Append(s.LastIndex()+1, block)
		if err != nil || y.Wait() != nil {
			t.Fatal(err)
		}
	})
	// The Sync, and what Pebble and the in-memory file system need. A handful, whatever
	// the size of a block or the length of the log.
	require.LessOrEqual(t, n, 8.0)
}

func BenchmarkStoreAppend(b *testing.B) {
	s, err := Open(b.TempDir(), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	block := make([]byte, 90<<10) // 4,000 items of 22.5 bytes
	b.SetBytes(int64(len(block)))
	b.ReportAllocs()
	var before *Sync
	for b.Loop() {
		y, err := s.Append(s.LastIndex()+1, block)
		if err != nil {
			b.Fatal(err)
		}
		// As the committer does: one fsync under way while the next block is written.
		if before != nil {
			if err := before.Wait(); err != nil {
				b.Fatal(err)
			}
		}
		before = y
	}
	if err := before.Wait(); err != nil {
		b.Fatal(err)
	}
}
