package engine

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/internal/race"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// TestBackupUnderLoad backs a store up while four writers record, merges and checkpoints run, and raw events have expired. Restored
// elsewhere it verifies, has the digest that the backup names, and knows every event that was acknowledged before.
func TestBackupUnderLoad(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 41))
	ctx, clock, mem := context.Background(), newTestClock(), vfs.NewMem()
	e := openMem(t, mem, clock, func(o *Options) { o.CheckpointItems = 300 })
	require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
	populate(t, e, clock, rng)
	clock.advance(40 * day)
	var before []usage.Event
	for i := range 5 {
		evs := make([]usage.Event, 200)
		for j := range evs {
			evs[j] = randomEvent(rng, 1_000_000+1000*i+j, clock.Now())
		}
		_, err := e.RecordBatch(ctx, evs)
		require.NoError(t, err)
		before = append(before, evs...)
	}
	require.NoError(t, e.Expire(ctx))
	require.Greater(t, e.store.FirstIndex(), uint64(1))

	stop, room := make(chan struct{}), make(chan struct{}, 1000)
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			rng := rand.New(rand.NewPCG(s, uint64(100+w)))
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-room: // bounds what three verifications have to fold
				}
				evs := make([]usage.Event, 50)
				for j := range evs {
					evs[j] = randomEvent(rng, 10_000_000*(w+1)+100*i+j, clock.Now())
				}
				if _, err := e.RecordBatch(ctx, evs); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var out bytes.Buffer
	batches := 100
	if race.Enabled {
		batches = 20
	}
	for range 3 {
		for range batches {
			room <- struct{}{}
		}
		out.Reset()
		told := int64(0)
		a, err := e.Backup(ctx, &out, func(done, total int64) { told = done; require.LessOrEqual(t, done, total) })
		require.NoError(t, err)
		require.Equal(t, a.Bytes, told)

		to := vfs.NewMem()
		got, err := wal.Restore(to, "store", bytes.NewReader(out.Bytes()), nil)
		require.NoError(t, err)
		require.Equal(t, a, got)
		store, err := wal.Open("store", &wal.Options{FS: to})
		require.NoError(t, err)
		meta, _ := store.Meta()
		require.Equal(t, a.Index, meta.Index)
		require.Equal(t, a.Digest, hex.EncodeToString(meta.Digest[:]))
		require.GreaterOrEqual(t, store.LastIndex(), a.LastBlock)
		require.NoError(t, store.Close())

		re := openMem(t, to, clock, nil)
		require.NoError(t, re.Verify(ctx))
		outs, err := re.RecordBatch(ctx, before)
		require.NoError(t, err)
		for i := range outs {
			require.Equal(t, usage.StatusDuplicate, outs[i].Status)
		}
		require.NoError(t, re.Close())
	}
	close(stop)
	writers.Wait()
	require.NoError(t, e.Verify(ctx))
	_, err := mem.Stat("store/snapshot.tmp")
	require.Error(t, err, "nothing is left")
}

// cutWriter fails after so many bytes.
type cutWriter struct{ left int }

func (w *cutWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, fmt.Errorf("the client has gone")
	}
	return len(p), nil
}

// A client that goes away costs nothing: the next backup works, and so does the engine.
func TestBackupCutOff(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := context.Background()
	_, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	for _, left := range []int{0, 600, 5000} {
		_, err := e.Backup(ctx, &cutWriter{left}, nil)
		require.ErrorContains(t, err, "has gone")
	}
	var out bytes.Buffer
	_, err = e.Backup(ctx, &out, nil)
	require.NoError(t, err)
	require.NoError(t, e.Verify(ctx))
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = e.Backup(canceled, &out, nil)
	require.Error(t, err)
}
