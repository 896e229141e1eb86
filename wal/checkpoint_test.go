package wal

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

func appendBlocks(t testing.TB, s *Store, count int) {
	t.Helper()
	for range count {
		y, err := s.Append(s.LastIndex()+1, []byte("block"))
		require.NoError(t, err)
		require.NoError(t, y.Wait())
	}
}

// rowsOf returns the rows of a class as text.
func rowsOf(t testing.TB, v *View, class byte) (rows []string) {
	t.Helper()
	lower, upper := ClassBounds(class)
	require.NoError(t, v.Scan(lower, upper, func(key, value []byte) error {
		rows = append(rows, fmt.Sprintf("%x=%s", key[1:], value))
		return nil
	}))
	return rows
}

func TestCheckpointReplacesRows(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	appendBlocks(t, s, 3)
	_, ok := s.Meta()
	require.False(t, ok)
	empty := s.View()
	defer empty.Close()

	c := s.NewCheckpoint()
	require.NoError(t, c.Set(AppendTenantKey(nil, 1), []byte("a")))
	require.NoError(t, c.Set(AppendConfigKey(nil, "x"), []byte("cfg")), "classes may take turns")
	require.NoError(t, c.Set(AppendTenantKey(nil, 2), []byte("b")))
	require.NoError(t, c.Set(AppendTenantKey(nil, 3), []byte("c")))
	require.NoError(t, c.Commit(Meta{Index: 2, LogTimeNanos: -5, Digest: [16]byte{1}, Extra: []byte("{}")}))
	meta, ok := s.Meta()
	require.True(t, ok)
	require.Equal(t, Meta{2, -5, [16]byte{1}, []byte("{}")}, meta)
	first := s.View()
	defer first.Close()

	c = s.NewCheckpoint()
	require.NoError(t, c.Set(AppendTenantKey(nil, 2), []byte("B")), "set before the deletion that covers it")
	require.NoError(t, c.DeleteRange(AppendTenantKey(nil, 2), AppendTenantKey(nil, 3)))
	require.NoError(t, c.DeleteRange(AppendTenantKey(nil, 0), AppendTenantKey(nil, 2)))
	require.NoError(t, c.DeleteRange(AppendTenantKey(nil, 1), AppendTenantKey(nil, 3)))
	require.NoError(t, c.Commit(Meta{Index: 3}))
	second := s.View()
	defer second.Close()

	require.Empty(t, rowsOf(t, empty, ClassTenant))
	require.Equal(t, []string{"00000001=a", "00000002=b", "00000003=c"}, rowsOf(t, first, ClassTenant))
	require.Equal(t, []string{"00000002=B", "00000003=c"}, rowsOf(t, second, ClassTenant))
	require.Equal(t, []string{"78=cfg"}, rowsOf(t, second, ClassConfig))
	got, _ := first.Meta()
	require.Equal(t, meta, got)
}

func TestCheckpointRefusals(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	appendBlocks(t, s, 3)
	c := s.NewCheckpoint()
	require.NoError(t, c.Commit(Meta{Index: 2}))
	require.ErrorIs(t, c.Commit(Meta{Index: 2}), ErrCheckpointDone)
	require.ErrorIs(t, c.Set(AppendTenantKey(nil, 1), nil), ErrCheckpointDone)
	c.Abort()

	for name, step := range map[string]func(c *Checkpoint) error{
		"descending": func(c *Checkpoint) error {
			return errors.Join(c.Set(AppendTenantKey(nil, 2), nil), c.Set(AppendTenantKey(nil, 1), nil))
		},
		"same key twice": func(c *Checkpoint) error {
			return errors.Join(c.Set(AppendTenantKey(nil, 2), nil), c.Set(AppendTenantKey(nil, 2), nil))
		},
		"meta is not for Set":   func(c *Checkpoint) error { return c.Set(metaKey(), nil) },
		"runs are not for Set":  func(c *Checkpoint) error { return c.Set(appendRunRowKey(nil, 'i', 1, 1), nil) },
		"blocks are of the log": func(c *Checkpoint) error { return c.Set(appendBlockKey(nil, 1), nil) },
		"empty key":             func(c *Checkpoint) error { return c.Set(nil, nil) },
		"two classes":           func(c *Checkpoint) error { return c.DeleteRange([]byte("s"), []byte("tx")) },
		"empty range":           func(c *Checkpoint) error { return c.DeleteRange([]byte("t1"), []byte("t1")) },
		"unsorted run": func(c *Checkpoint) error {
			return c.AddRun([]ID{{Hash: Hash{2, 0}}, {Hash: Hash{1, 0}}})
		},
		"two runs": func(c *Checkpoint) error {
			return errors.Join(c.AddRun([]ID{{Hash: Hash{1, 0}}}), c.AddRun([]ID{{Hash: Hash{2, 0}}}))
		},
		"beyond the log": func(c *Checkpoint) error { return c.Commit(Meta{Index: 4}) },
		"backwards":      func(c *Checkpoint) error { return c.Commit(Meta{Index: 1}) },
	} {
		c := s.NewCheckpoint()
		require.Error(t, step(c), name)
		require.Error(t, c.Commit(Meta{Index: 3}), "%s: half a checkpoint is not committed", name)
	}
	meta, _ := s.Meta()
	require.Equal(t, uint64(2), meta.Index)
	v := s.View()
	defer v.Close()
	require.Empty(t, rowsOf(t, v, ClassTenant))
	left, err := s.opts.FS.List("/data/" + ingestDirName)
	require.NoError(t, err)
	require.Empty(t, left, "refused checkpoints leave no files")
	require.NoError(t, s.Failed())
}

func TestCheckpointAbortLeavesNothing(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	appendBlocks(t, s, 1)
	c := s.NewCheckpoint()
	require.NoError(t, c.Set(AppendTenantKey(nil, 1), []byte("a")))
	require.NoError(t, c.AddRun([]ID{{Hash: Hash{1, 1}, Block: 1}}))
	c.Abort()
	left, err := s.opts.FS.List("/data/" + ingestDirName)
	require.NoError(t, err)
	require.Empty(t, left)
	_, found, err := s.Runs().Lookup(Hash{1, 1})
	require.NoError(t, err)
	require.False(t, found)
	s.NewCheckpoint().Abort() // the turn is free again
}

func TestSeeker(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	appendBlocks(t, s, 1)
	c := s.NewCheckpoint()
	for i := uint32(0); i < 1000; i += 3 {
		require.NoError(t, c.Set(AppendTenantKey(nil, i), AppendTenantKey(nil, i)))
	}
	require.NoError(t, c.Commit(Meta{Index: 1}))
	v := s.View()
	k := v.Seeker(ClassBounds(ClassTenant))
	for i := range uint32(1100) {
		for range 2 { // the same key again is no step back
			found, err := k.Get(AppendTenantKey(nil, i), func(value []byte) error {
				require.Equal(t, AppendTenantKey(nil, i), value)
				return nil
			})
			require.NoError(t, err)
			require.Equal(t, i%3 == 0 && i < 1000, found)
		}
	}
	_, err := k.Get(AppendTenantKey(nil, 5), nil)
	require.ErrorContains(t, err, "must ascend")
	require.NoError(t, v.Close(), "closes its seekers")
	require.NoError(t, k.Close())
	require.NoError(t, v.Close())
}

func FuzzMeta(f *testing.F) {
	f.Add(appendMeta(nil, Meta{Index: 1, LogTimeNanos: -1, Digest: [16]byte{7}, Extra: []byte("{}")}))
	f.Add([]byte{metaVersion})
	f.Fuzz(func(t *testing.T, value []byte) {
		m, err := parseMeta(value)
		if err == nil {
			require.Equal(t, value, appendMeta(nil, m))
		}
	})
}

func BenchmarkSeekerGet(b *testing.B) {
	s, err := Open("/data", &Options{FS: vfs.NewMem()})
	require.NoError(b, err)
	defer s.Close()
	appendBlocks(b, s, 1)
	const rows = 100_000
	c := s.NewCheckpoint()
	for i := range uint32(rows) {
		require.NoError(b, c.Set(AppendTenantKey(nil, i), make([]byte, 64)))
	}
	require.NoError(b, c.Commit(Meta{Index: 1}))
	v := s.View()
	defer v.Close()
	nothing := func([]byte) error { return nil }
	var key [5]byte
	b.Run("Seeker", func(b *testing.B) {
		b.ReportAllocs()
		var k *Seeker
		i := uint32(rows)
		for b.Loop() {
			if i += 10; i >= rows {
				if k != nil {
					_ = k.Close()
				}
				k, i = v.Seeker(ClassBounds(ClassTenant)), 0
			}
			if found, err := k.Get(AppendTenantKey(key[:0], i), nothing); err != nil || !found {
				b.Fatal(found, err)
			}
		}
	})
	b.Run("Get", func(b *testing.B) {
		b.ReportAllocs()
		i := uint32(0)
		for b.Loop() {
			i = (i + 10) % rows
			if found, err := v.Get(AppendTenantKey(key[:0], i), nothing); err != nil || !found {
				b.Fatal(found, err)
			}
		}
	})
}
