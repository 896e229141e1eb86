package wal

import (
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// closeBegun starts Close and returns when the gate is shut.
func closeBegun(s *Store) (closed <-chan error) {
	done := make(chan error, 1)
	go func() { done <- s.Close() }()
	for !s.gate.shut() {
		time.Sleep(time.Millisecond)
	}
	return done
}

// Close waits for a base until whoever has it open closes it, and all that he may still read of it meanwhile is that the store closes.
func TestCloseWaitsForBases(t *testing.T) {
	for name, open := range map[string]func(s *Store) (*Store, error){"base": (*Store).OpenBase, "empty": (*Store).EmptyBase} {
		t.Run(name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := openTestStore(t, fs)
			growLog(t, s, 3)
			commitAt(t, s, 3)
			base, err := open(s)
			require.NoError(t, err)
			commitAt(t, base, 2)
			view := base.View()
			scanned := 0
			scan := func() error {
				lower, upper := ClassBounds(ClassTenant)
				return view.Scan(lower, upper, func(_, _ []byte) error { scanned++; return nil })
			}
			require.NoError(t, scan())
			require.Equal(t, 1, scanned)
			closed := closeBegun(s)
			require.ErrorIs(t, scan(), usage.ErrClosed)
			select {
			case <-closed:
				t.Fatal("the base is open, and the directory is given back")
			case <-time.After(50 * time.Millisecond):
			}
			require.NoError(t, view.Close())
			require.NoError(t, base.Close())
			require.NoError(t, base.Close())
			require.NoError(t, <-closed)
			openTestStore(t, fs)
		})
	}
}

// Close does not wait for the end of a scan.
func TestCloseStopsScans(t *testing.T) {
	s := openTestStore(t, vfs.NewMem())
	growLog(t, s, 3)
	c := s.NewCheckpoint()
	for i := range uint32(100) {
		require.NoError(t, c.Set(AppendTenantKey(nil, i), []byte{1}))
	}
	require.NoError(t, c.Commit(Meta{Index: 3}))
	view := s.View()
	var closed <-chan error
	var once sync.Once
	rows := 0
	lower, upper := ClassBounds(ClassTenant)
	err := view.Scan(lower, upper, func(_, _ []byte) error {
		rows++
		once.Do(func() { closed = closeBegun(s) })
		return nil
	})
	require.ErrorIs(t, err, usage.ErrClosed)
	require.Equal(t, 1, rows)
	require.NoError(t, <-closed)
}
