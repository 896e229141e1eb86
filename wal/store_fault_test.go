package wal

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
)

// nthFault fails the nth file operation, and, if lasting, every write from there on.
type nthFault struct {
	n       int64
	lasting bool
	err     error
	count   atomic.Int64
	hit     atomic.Pointer[errorfs.Op]
}

// MaybeError implements errorfs.Injector.
func (f *nthFault) MaybeError(op errorfs.Op) error {
	n := f.count.Add(1)
	if n == f.n || f.lasting && n > f.n && op.Kind.ReadOrWrite() == errorfs.OpIsWrite {
		f.hit.CompareAndSwap(nil, &op)
		return f.err
	}
	return nil
}

// String implements errorfs.Injector.
func (f *nthFault) String() string { return fmt.Sprintf("fault at operation %d", f.n) }

// faultWorkload opens a store, writes enough for a flush and two checkpoints, and closes it. It
// goes on after errors, as callers do.
func faultWorkload(fs vfs.FS, m *storeModel) {
	s, err := Open("/data", storeTestOptions(fs))
	if err != nil {
		return
	}
	m.s = s
	defer s.Close()
	for i := range 120 {
		before := m.submitted
		if err := m.append(i%5 == 0); err != nil && m.submitted > before {
			m.pending = nil // submitted, and not acknowledged
		}
		if i%60 == 59 {
			_ = m.commit()
		}
	}
	_ = m.wait()
	if s.Failed() != nil {
		if _, err := s.Append(s.LastIndex()+1, []byte("x")); !errors.Is(err, usage.ErrFailed) {
			panic("a failed store takes blocks")
		}
	}
}

// Every file operation of a small workload fails once, and in another run all writes fail from
// there on. Goal: never a panic or a hang; whatever was acknowledged is found when the
// directory is opened again, by a new process (the files as they are) and after a power cut.
func TestStoreFaults(t *testing.T) {
	clean := &nthFault{n: -1}
	faultWorkload(errorfs.Wrap(crashtest.New(), clean), &storeModel{})
	ops := clean.count.Load()
	t.Logf("%d operations", ops)
	require.Greater(t, ops, int64(200))
	stride := int64(1)
	if testing.Short() || race.Enabled {
		stride = 17
	}
	poisoned := 0
	for n := int64(1); n <= ops; n += stride {
		f := &nthFault{n: n, lasting: n%2 == 0, err: syscall.EIO}
		if n%3 == 0 {
			f.err = syscall.ENOSPC
		}
		failed, err := runFault(f)
		name := fmt.Sprintf("operation %d, lasting %v, %v", n, f.lasting, f.err)
		if op := f.hit.Load(); op != nil {
			name += fmt.Sprintf(", at %v %s", op.Kind, op.Path)
		}
		require.NoError(t, err, name)
		if failed {
			poisoned++
		}
	}
	t.Logf("%d stores poisoned", poisoned)
	require.NotZero(t, poisoned)
}

// runFault runs the workload under f and checks what it left.
func runFault(f *nthFault) (failed bool, err error) {
	mem := crashtest.New()
	m := &storeModel{}
	if err := within(2*time.Minute, func() { faultWorkload(errorfs.Wrap(mem, f), m) }); err != nil {
		return false, err
	}
	for _, fs := range []vfs.FS{mem.CrashClone(vfs.CrashCloneCfg{}), mem} {
		s, err := Open("/data", storeTestOptions(fs))
		if err != nil {
			return false, fmt.Errorf("open again: %w", err)
		}
		// A block whose Append failed may be there: the one after the last submitted.
		err = errors.Join(
			checkStore(s, m.acked, m.submitted+1, m.checkpoint, max(m.checkpoint, m.committing)), s.Close())
		if err != nil {
			return false, err
		}
	}
	return m.s != nil && m.s.Failed() != nil, nil
}

// within runs do and fails with all stacks when it takes longer than limit.
func within(limit time.Duration, do func()) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
		return nil
	case <-time.After(limit):
		stacks := make([]byte, 1<<20)
		return fmt.Errorf("hangs:\n%s", stacks[:runtime.Stack(stacks, true)])
	}
}
