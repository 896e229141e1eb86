// Package commitlogtest is the conformance suite of [engine.CommitLog]: what the engine relies
// on, and so what every implementation must show, on one node or replicated.
//
// It knows nothing of events. Its applier keeps the blocks it is given, and the suite compares
// them with what was submitted.
package commitlogtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/engine"
)

// Harness makes logs over one storage.
type Harness interface {
	// Open returns a log over the storage that is not started. The log before, if any, was closed or crashed.
	Open(t *testing.T) engine.CommitLog
	// Crash drops what a power cut now would lose and leaves the running log behind.
	Crash(t *testing.T)
}

// Run runs the suite. Each test gets a fresh harness.
func Run(t *testing.T, fresh func(t *testing.T) Harness) {
	tests := []struct {
		name string
		run  func(*testing.T, Harness)
	}{
		{"order", testOrder},
		{"concurrent", testConcurrent},
		{"replay", testReplay},
		{"crash", testCrash},
		{"barrier", testBarrier},
		{"barrier gives up", testBarrierGivesUp},
		{"close", testClose},
		{"applier error", testApplierError},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) { tc.run(t, fresh(t)) })
	}
}

// recorder is an Applier that keeps what it is given.
type recorder struct {
	mu     sync.Mutex
	blocks [][]byte
	failAt uint64 // the index whose Apply fails; 0: none

	applying chan struct{} // gets a token at the begin of every Apply; nil: nobody asks
	goOn     chan struct{} // Apply returns when it is closed; nil: at once
}

func (r *recorder) AppliedIndex() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return uint64(len(r.blocks))
}

var errApply = errors.New("the applier does not understand this block")

func (r *recorder) Apply(index uint64, block []byte) ([]engine.Result, error) {
	if r.goOn != nil {
		r.applying <- struct{}{}
		<-r.goOn
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if index != uint64(len(r.blocks)+1) {
		return nil, fmt.Errorf("index %d after %d blocks", index, len(r.blocks))
	}
	if index == r.failAt {
		return nil, errApply
	}
	r.blocks = append(r.blocks, bytes.Clone(block))
	return make([]engine.Result, len(block)), nil
}

func (r *recorder) all() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([][]byte(nil), r.blocks...)
}

func start(t *testing.T, h Harness, r *recorder) engine.CommitLog {
	t.Helper()
	log := h.Open(t)
	require.NoError(t, log.Start(r))
	return log
}

func payload(i int) []byte { return fmt.Appendf(nil, "block %d", i) }

// Futures resolve with ascending indices and the applier's results, once applied and durable.
func testOrder(t *testing.T, h Harness) {
	r := &recorder{}
	log := start(t, h, r)
	var futures []engine.Future
	for i := range 100 {
		futures = append(futures, log.Submit(payload(i)))
	}
	for i, f := range futures {
		index, results, err := f.Wait()
		require.NoError(t, err)
		require.EqualValues(t, i+1, index)
		require.Len(t, results, len(payload(i)))
		require.GreaterOrEqual(t, r.AppliedIndex(), index, "resolved before it was applied")
		require.GreaterOrEqual(t, log.DurableIndex(), index, "resolved before it was durable")
	}
	for i, b := range r.all() {
		require.Equal(t, payload(i), b)
	}
	require.NoError(t, log.Close())
}

// Any number of goroutines may submit: each block is applied exactly once.
func testConcurrent(t *testing.T, h Harness) {
	r := &recorder{}
	log := start(t, h, r)
	var wg sync.WaitGroup
	const callers, each = 8, 40
	for c := range callers {
		wg.Go(func() {
			for i := range each {
				if _, _, err := log.Submit(payload(c*each + i)).Wait(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	seen := map[string]int{}
	for _, b := range r.all() {
		seen[string(b)]++
	}
	require.Len(t, seen, callers*each)
	for b, n := range seen {
		require.Equal(t, 1, n, b)
	}
	require.NoError(t, log.Close())
}

// A new applier is brought up to date from wherever it stands.
func testReplay(t *testing.T, h Harness) {
	log := start(t, h, &recorder{})
	for i := range 20 {
		_, _, err := log.Submit(payload(i)).Wait()
		require.NoError(t, err)
	}
	require.NoError(t, log.Close())
	behind := &recorder{}
	for i := range 5 {
		behind.blocks = append(behind.blocks, payload(i))
	}
	log = start(t, h, behind)
	require.Len(t, behind.all(), 20)
	_, _, err := log.Submit(payload(20)).Wait()
	require.NoError(t, err)
	for i, b := range behind.all() {
		require.Equal(t, payload(i), b)
	}
	require.NoError(t, log.Close())
}

// What was resolved before a power cut is there after it, and what is there is a prefix.
func testCrash(t *testing.T, h Harness) {
	sent := 0
	for range 5 {
		r := &recorder{}
		log := start(t, h, r)
		found := len(r.all())
		require.LessOrEqual(t, found, sent)
		sent = found
		acked := found
		var futures []engine.Future
		for range 30 {
			futures = append(futures, log.Submit(payload(sent)))
			sent++
		}
		for _, f := range futures[:20] {
			_, _, err := f.Wait()
			require.NoError(t, err)
			acked++
		}
		h.Crash(t)
		for _, f := range futures[20:] {
			_, _, _ = f.Wait()
		}
		_ = log.Close()
		after := &recorder{}
		log = start(t, h, after)
		require.GreaterOrEqual(t, len(after.all()), acked, "acknowledged blocks are lost")
		for i, b := range after.all() {
			require.Equal(t, payload(i), b)
		}
		require.NoError(t, log.Close())
	}
}

// A barrier waits no longer than its context, also while the log takes nothing more because a block does not come to its end.
func testBarrierGivesUp(t *testing.T, h Harness) {
	r := &recorder{applying: make(chan struct{}, 1000), goOn: make(chan struct{})}
	log := start(t, h, r)
	var writers sync.WaitGroup
	var submitted atomic.Int64
	for range 100 { // more than any log has on its way
		writers.Go(func() {
			f := log.Submit(payload(1))
			submitted.Add(1)
			_, _, _ = f.Wait()
		})
	}
	<-r.applying
	for last := int64(-1); last != submitted.Load(); { // it is full, and some of them wait for room
		last = submitted.Load()
		time.Sleep(20 * time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- log.Barrier(ctx) }()
	select {
	case err := <-gaveUp:
		require.ErrorIs(t, err, context.DeadlineExceeded)
	case <-time.After(10 * time.Second):
		t.Error("the barrier waits for a log that is stuck")
	}
	close(r.goOn)
	writers.Wait()
	require.NoError(t, log.Barrier(t.Context()))
	require.Len(t, r.all(), 100)
	require.NoError(t, log.Close())
}

// A barrier waits for everything submitted before it.
func testBarrier(t *testing.T, h Harness) {
	r := &recorder{}
	log := start(t, h, r)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, log.Barrier(ctx))
	for i := range 50 {
		log.Submit(payload(i))
	}
	require.NoError(t, log.Barrier(ctx))
	require.EqualValues(t, 50, r.AppliedIndex())
	require.EqualValues(t, 50, log.DurableIndex())
	require.NoError(t, log.Close())
	require.Error(t, log.Barrier(ctx))
}

// Close resolves everything submitted; what comes later is refused for certain.
func testClose(t *testing.T, h Harness) {
	r := &recorder{}
	log := start(t, h, r)
	var futures []engine.Future
	for i := range 50 {
		futures = append(futures, log.Submit(payload(i)))
	}
	require.NoError(t, log.Close())
	require.NoError(t, log.Close())
	for _, f := range futures {
		_, _, err := f.Wait()
		require.NoError(t, err)
	}
	_, _, err := log.Submit(payload(50)).Wait()
	require.Error(t, err)
	require.Len(t, r.all(), 50)
}

// After the applier refused a block, nothing later is applied or acknowledged.
func testApplierError(t *testing.T, h Harness) {
	r := &recorder{failAt: 3}
	log := start(t, h, r)
	for i := range 2 {
		_, _, err := log.Submit(payload(i)).Wait()
		require.NoError(t, err)
	}
	for i := 2; i < 6; i++ {
		_, _, err := log.Submit(payload(i)).Wait()
		require.Error(t, err)
	}
	require.Len(t, r.all(), 2)
	_ = log.Close()
}
