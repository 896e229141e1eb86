package engine

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// What is under way when the engine closes.

// closeWithin fails the test when Close takes long.
func closeWithin(t *testing.T, e *Engine) {
	t.Helper()
	closed := make(chan error, 1)
	go func() { closed <- e.Close() }()
	select {
	case err := <-closed:
		require.NoError(t, err)
	case <-time.After(20 * time.Second):
		t.Fatal("Close waits")
	}
}

// gatedWriter takes nothing until it is let go, from the byte on at which it stops.
type gatedWriter struct {
	bytes.Buffer
	stop    int
	reached chan struct{} // closed at the first write beyond stop
	once    sync.Once
	goOn    chan struct{}
}

func newGatedWriter(stop int) *gatedWriter {
	return &gatedWriter{stop: stop, reached: make(chan struct{}), goOn: make(chan struct{})}
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	if w.Len()+len(p) > w.stop {
		w.once.Do(func() { close(w.reached) })
		<-w.goOn
	}
	return w.Buffer.Write(p)
}

// TestCloseEndsBackup: Close does not wait for a backup whose reader is asleep. When that wakes up the backup ends with ErrClosed, and
// does nothing to the directory, which somebody else has open by then and is backing up himself.
func TestCloseEndsBackup(t *testing.T) {
	mem, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, mem, clock, nil)
	populate(t, e, clock, rand.New(rand.NewPCG(1, 2)))
	for _, stop := range []int{0, 700, 3000, 20_000} {
		asleep, ended := newGatedWriter(stop), make(chan error, 1)
		go func() {
			_, err := e.Backup(t.Context(), asleep, nil)
			ended <- err
		}()
		<-asleep.reached
		closeWithin(t, e)
		_, err := mem.Stat("store/snapshot.tmp")
		require.Error(t, err, "the snapshot is left")

		e = openMem(t, mem, clock, nil)
		other, taken := newGatedWriter(5000), make(chan error, 1)
		go func() {
			_, err := e.Backup(t.Context(), other, nil)
			taken <- err
		}()
		<-other.reached
		close(asleep.goOn)
		require.ErrorIs(t, <-ended, usage.ErrClosed)
		_, err = wal.Restore(vfs.NewMem(), "copy", bytes.NewReader(asleep.Bytes()), nil)
		require.Error(t, err, "half a backup was taken for one")
		close(other.goOn)
		require.NoError(t, <-taken)
		_, err = wal.Restore(vfs.NewMem(), "copy", bytes.NewReader(other.Bytes()), nil)
		require.NoError(t, err)
	}
}

// TestCloseBesideReads: whatever is read while the engine closes is answered, or ends with ErrClosed, soon; and who opens the directory
// again at once finds all of it free, its base too.
func TestCloseBesideReads(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 7))
	mem, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, mem, clock, nil)
	require.NoError(t, e.PutSettings(t.Context(), keepRaw36(), usage.Condition{}))
	populate(t, e, clock, rng)
	clock.advance(40 * day)
	populate(t, e, clock, rng)
	require.NoError(t, e.Expire(t.Context()))
	require.Greater(t, e.store.FirstIndex(), uint64(1))
	for range 12 {
		var reads sync.WaitGroup
		var begun atomic.Int32
		calls, closing := readsOf(e), &e.closed
		for name, call := range calls {
			reads.Go(func() {
				for begun.Add(1); ; {
					ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
					err := call(ctx)
					cancel()
					if err == nil && !closing.Load() {
						continue
					}
					if err != nil {
						assert.ErrorIs(t, err, usage.ErrClosed, name)
					}
					return
				}
			})
		}
		for int(begun.Load()) < len(calls) {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rng.IntN(100)) * time.Millisecond)
		closeWithin(t, e)
		e = openMem(t, mem, clock, nil)
		base, err := e.store.OpenBase()
		require.NoError(t, err, "whoever read has the base open still")
		require.NoError(t, base.Close())
		reads.Wait()
	}
	require.NoError(t, e.Verify(t.Context()))
}

// readsOf are calls that read for a while.
func readsOf(e *Engine) map[string]func(context.Context) error {
	index := e.state.applied.Load()
	q := usage.Query{Meter: "api_calls", TenantID: "tenant-1"}
	return map[string]func(context.Context) error{
		"verify": e.Verify,
		"expire": e.Expire,
		"backup": func(ctx context.Context) error {
			_, err := e.Backup(ctx, io.Discard, nil)
			return err
		},
		"digest": func(context.Context) error {
			if at, _ := e.Digest(); at == 0 {
				return usage.ErrClosed
			}
			return nil
		},
		"usage": func(ctx context.Context) error {
			_, err := e.Usage(ctx, usage.Query{Meter: "api_calls", Window: usage.WindowHour})
			return err
		},
		"as of": func(ctx context.Context) error {
			past := q
			past.AsOfIndex = index
			_, err := e.Usage(ctx, past)
			return err
		},
		"explain": func(ctx context.Context) error {
			now := time.Unix(0, e.clock.now())
			_, err := e.Explain(ctx, usage.Query{Meter: q.Meter, TenantID: q.TenantID, From: now.Add(-day), To: now}, 10, "")
			return err
		},
		"overview": func(ctx context.Context) error {
			_, err := e.Overview(ctx, usage.OverviewQuery{})
			return err
		},
		"top": func(ctx context.Context) error {
			_, err := e.Top(ctx, usage.TopQuery{Meter: "api_calls", By: "tenant"})
			return err
		},
		"events": func(ctx context.Context) error {
			_, err := e.Events(ctx, usage.EventFilter{TenantID: "tenant-1", Limit: 100})
			return err
		},
		"audit": func(ctx context.Context) error {
			_, err := e.Audit(ctx, 0, 100)
			return err
		},
		"storage": func(ctx context.Context) error {
			_, err := e.Storage(ctx, true)
			return err
		},
		"subscription": func(ctx context.Context) error {
			sub, err := e.Subscribe(SubscribeOptions{Usage: true, Crossings: true, Decisions: true})
			if err != nil {
				return err
			}
			defer sub.Close()
			_, err = sub.Next(ctx)
			return err
		},
	}
}

// TestCloseStopsComparing: a verification that has folded the log and compares ends where it is, as it does when its context ends.
func TestCloseStopsComparing(t *testing.T) {
	mem, clock := vfs.NewMem(), newTestClock()
	e := openMem(t, mem, clock, nil)
	populate(t, e, clock, rand.New(rand.NewPCG(3, 4)))
	index, _ := e.Digest()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err := e.VerifyProgress(ctx, func(done, _ uint64) {
		if done == index { // the newest block is being folded
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
}
