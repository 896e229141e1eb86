package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

// TestNeverOver asks for far more than limits of 1, 10 and 1,000 from 64 goroutines, by consumes, reservations and leases, while some of
// what was consumed is voided and the limit is lowered and raised, with power cuts in between, and counts what was admitted: never
// more than the limit, nothing acknowledged is lost, a void frees exactly its units, and when only consumes of 1 are asked for,
// exactly the limit.
func TestNeverOver(t *testing.T) {
	for _, limit := range []int64{1, 10, 1000} {
		t.Run(fmt.Sprint("limit ", limit), func(t *testing.T) {
			run := &neverOver{t: t, limit: limit, clock: newTestClock(), fs: crashtest.New(), rng: rand.New(rand.NewPCG(seed(t), uint64(limit)))}
			run.open()
			putPlan(t, run.e, "p", fmt.Sprintf(`[{"slug":"m","meter":"api_calls","period":"month","limit":%d}]`, limit))
			putTenant(t, run.e, "acme", "p")
			for range 5 {
				run.round()
			}
			require.NoError(t, run.e.DeleteOverride(context.Background(), "acme", "m"))
			run.drain()
			t.Logf("limit %d: %d units admitted of %d asked for, %d voided, %d changes of the limit, %d power cuts", limit, run.admitted.Load(),
				run.asked.Load(), run.voided.Load(), run.changes.Load(), run.cuts)
			require.Equal(t, limit, run.admitted.Load(), "exactly the limit when demand is larger")
			require.NoError(t, run.e.Verify(context.Background()))
			require.NoError(t, run.e.Close())
		})
	}
}

type neverOver struct {
	t     *testing.T
	limit int64
	clock *testClock
	fs    *crashtest.FS
	rng   *rand.Rand
	e     *Engine
	next  atomic.Int64 // ids
	cuts  int

	asked, admitted atomic.Int64 // units; admitted: acknowledged and not given back
	voided, changes atomic.Int64 // units taken back, changes of the limit
}

func (r *neverOver) open() {
	r.e = openMem(r.t, r.fs, r.clock, func(o *Options) { o.CheckpointItems = 500 })
}

// round lets 64 goroutines ask, then cuts the power and opens again.
func (r *neverOver) round() {
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for g := range 64 {
		rng := rand.New(rand.NewPCG(r.rng.Uint64(), uint64(g)))
		wg.Go(func() {
			for range 30 {
				select {
				case <-stop:
					return
				default:
					r.ask(rng)
				}
			}
		})
	}
	time.Sleep(time.Duration(r.rng.IntN(10)) * time.Millisecond) // any moment will do
	acked := r.admitted.Load()
	clone := r.fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 50 * r.rng.IntN(3), RNG: r.rng})
	close(stop)
	wg.Wait()
	r.cuts++
	after := openMem(r.t, clone, r.clock, nil) // what a power cut left while everybody was asking
	used, reserved := r.standing(after)
	// What a lease has spent and not yet settled is still reserved: it will be charged.
	require.GreaterOrEqual(r.t, used+reserved, acked, "something acknowledged was lost")
	require.LessOrEqual(r.t, used+reserved, r.limit)
	require.NoError(r.t, after.Verify(context.Background()))
	require.NoError(r.t, after.Close())

	used, reserved = r.standing(r.e)
	require.LessOrEqual(r.t, used+reserved, r.limit)
	require.Equal(r.t, r.admitted.Load(), used, "what was acknowledged is what is counted")
	require.NoError(r.t, r.e.Close())
	r.open()
}

func (r *neverOver) standing(e *Engine) (used, reserved int64) {
	q, err := e.Quotas("acme", "")
	require.NoError(r.t, err)
	used, _ = q[0].Used.Units(0)
	reserved, _ = q[0].Reserved.Units(0)
	return used, reserved
}

// ask makes one call of any sort; every reservation and lease is settled before it returns.
func (r *neverOver) ask(rng *rand.Rand) {
	ctx := context.Background()
	id := fmt.Sprint(r.next.Add(1))
	n := 1 + rng.Int64N(7)
	if r.limit == 1 {
		n = 1
	}
	r.asked.Add(n)
	if rng.IntN(40) == 0 {
		limit := r.limit - rng.Int64N(2)*(r.limit/2)
		require.NoError(r.t, r.e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(fmt.Sprintf(`{"limit":%d}`, limit))}))
		r.changes.Add(1)
	}
	switch rng.IntN(4) {
	case 0:
		a, err := r.e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n)})
		require.NoError(r.t, err)
		if !a.Allowed {
			return
		}
		used := rng.Int64N(n + 1)
		if used == 0 {
			_, err = r.e.Release(ctx, "acme", id)
		} else {
			_, err = r.e.Commit(ctx, "acme", id, usage.Int(used))
		}
		require.NoError(r.t, err)
		r.admitted.Add(used)
	case 1:
		l, err := r.e.Lease(ctx, usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n)})
		if usage.Code(err) == usage.CodeQuotaExceeded {
			return
		}
		require.NoError(r.t, err)
		if l.Take(1) {
			r.admitted.Add(1)
		}
		require.NoError(r.t, l.Settle(ctx, true))
	default:
		a, err := r.e.Consume(ctx, usage.Request{ID: id, TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(n)}}})
		require.NoError(r.t, err)
		if !a.Allowed {
			return
		}
		r.admitted.Add(n)
		if rng.IntN(2) == 0 {
			r.admitted.Add(-n) // from now on it may be gone
			out, err := r.e.Void(ctx, usage.Void{TenantID: "acme", ID: id, Reason: "test"})
			require.NoError(r.t, err)
			require.Equal(r.t, usage.StatusVoided, out.Status)
			r.voided.Add(n)
		}
	}
}

// drain asks for single units until there are no more.
func (r *neverOver) drain() {
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range r.limit {
				r.asked.Add(1)
				a, err := r.e.Consume(context.Background(), ask(fmt.Sprint("drain", r.next.Add(1)), 1))
				require.NoError(r.t, err)
				if !a.Allowed {
					return
				}
				r.admitted.Add(1)
			}
		})
	}
	wg.Wait()
}

// A call over three quotas of which one blocks leaves the others untouched, also beside a crowd.
func TestAllOrNothingConcurrent(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"a","meter":"api_calls","period":"month","limit":100000},{"slug":"b","meter":"data_transfer","period":"month","limit":50},
		{"slug":"c","meter":"compute_time","period":"month","limit":100000}]`)
	putTenant(t, e, "acme", "p")
	var wg sync.WaitGroup
	var allowed atomic.Int64
	for g := range 32 {
		wg.Go(func() {
			for i := range 20 {
				a, err := e.Consume(context.Background(), usage.Request{ID: fmt.Sprint(g, "-", i), TenantID: "acme", Items: []usage.Item{
					{FeatureType: "api_calls"}, {FeatureType: "data_transfer"}, {FeatureType: "compute_time"}}})
				require.NoError(t, err)
				if a.Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 50, allowed.Load())
	quotas, err := e.Quotas("acme", "")
	require.NoError(t, err)
	for _, q := range quotas {
		require.Equal(t, "50", q.Used.String(), q.Quota)
	}
}
