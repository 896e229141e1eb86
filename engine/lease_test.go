package engine

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

func TestLease(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	ctx := context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	l, err := e.Lease(ctx, usage.LeaseRequest{ID: "l1", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(60)})
	require.NoError(t, err)
	_, err = e.Lease(ctx, usage.LeaseRequest{ID: "l2", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(60)})
	require.Equal(t, usage.CodeQuotaExceeded, usage.Code(err))
	taken := 0
	for range 100 {
		if l.Take(1) {
			taken++
		}
	}
	require.Equal(t, 60, taken)
	require.NoError(t, l.Settle(ctx, false))
	require.NoError(t, l.Settle(ctx, false))
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, []string{"60", "0"}, []string{q[0].Used.String(), q[0].Reserved.String()})
	require.NoError(t, l.Settle(ctx, true))

	l, err = e.Lease(ctx, usage.LeaseRequest{ID: "l3", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(40)})
	require.NoError(t, err)
	require.True(t, l.Take(5))
	require.NoError(t, l.Settle(ctx, true))
	require.False(t, l.Take(1))
	q, _ = e.Quotas("acme", "")
	require.Equal(t, []string{"65", "0"}, []string{q[0].Used.String(), q[0].Reserved.String()})

	l, err = e.Lease(ctx, usage.LeaseRequest{ID: "l4", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(10), TTLSeconds: 60})
	require.NoError(t, err)
	require.True(t, l.Take(1))
	clock.advance(61 * time.Second) // the process is gone: everything counts
	q, _ = e.Quotas("acme", "")
	require.Equal(t, []string{"75", "0"}, []string{q[0].Used.String(), q[0].Reserved.String()})
	require.Zero(t, testing.AllocsPerRun(100, func() { l.Take(1) }))
	l.timer.Stop()
	require.NoError(t, e.Verify(ctx))
}

// TestLeaseReleaseBesideTake: what Take gave out is booked, however a release, or the end of the lease, comes between.
func TestLeaseReleaseBesideTake(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := context.Background()
	putPlan(t, e, "free", `[{"slug":"monthly","meter":"api_calls","period":"month","limit":100000000000000}]`)
	putTenant(t, e, "acme", "free")
	for n := range quicker(2000) {
		id := fmt.Sprint("l", n)
		l, err := e.Lease(ctx, usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(100_000)})
		require.NoError(t, err)
		var taken atomic.Int64
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				for l.Take(1) {
					taken.Add(1)
				}
			})
		}
		for taken.Load() < int64(n%7) {
			runtime.Gosched()
		}
		require.NoError(t, l.Settle(ctx, true))
		group.Wait()
		st, err := e.Reservation("acme", id)
		require.NoError(t, err)
		booked, _ := st.Committed.Units(0)
		require.Equal(t, taken.Load(), booked, "booked of lease %d", n)
	}
}

// A lease ends by log time, also when the embedder's clock jumps: what has expired was charged, or given back to others.
func TestLeaseEndsByTheClockOfTheEngine(t *testing.T) {
	for name, clock := range map[string]interface {
		usage.Clock
		advance(time.Duration)
	}{"steps": newTestClock(), "monotonic": &steppedClock{testClock: testClock{now: newTestClock().now}}} {
		t.Run(name, func(t *testing.T) {
			e, ctx := openMem(t, vfs.NewMem(), clock, nil), context.Background()
			putPlan(t, e, "free", monthly100)
			putTenant(t, e, "acme", "free")
			l, err := e.Lease(ctx, usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(60), OnExpiry: usage.ExpiryRelease})
			require.NoError(t, err)
			require.True(t, l.Take(1))
			require.NoError(t, l.Settle(ctx, false))
			clock.advance(time.Hour)
			if stepped, ok := clock.(*steppedClock); ok {
				require.True(t, l.Take(1), "only the wall clock was set")
				stepped.mono += time.Hour
			}
			require.False(t, l.Take(1), "released: others may have it")
			require.True(t, l.Expired())
			require.Zero(t, testing.AllocsPerRun(100, func() { l.Take(1) }))
		})
	}
}

// A query shows what an expiry charged, as the quotas do, whether or not anything was written since.
func TestUsageShowsWhatExpired(t *testing.T) {
	clock := newTestClock()
	e, ctx := openMem(t, vfs.NewMem(), clock, nil), context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	_, err := e.GrantLease(ctx, usage.LeaseRequest{ID: "l", TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(60)})
	require.NoError(t, err)
	for _, tenant := range []string{"acme", ""} {
		clock.advance(time.Hour)
		rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: tenant})
		require.NoError(t, err)
		require.Equal(t, "60", rows.Data[0].Value.String())
	}
}
