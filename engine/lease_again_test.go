package engine

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A call of Lease that is repeated hands out no unit twice: it finds the lease of the first, or is refused.
func TestLeaseAgain(t *testing.T) {
	ctx := context.Background()
	clock, mem := newTestClock(), vfs.NewMem()
	e := openMem(t, mem, clock, nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":10}]`)
	putTenant(t, e, "acme", "free")
	ask := func(id string) usage.LeaseRequest {
		return usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(5), TTLSeconds: 60}
	}
	l, err := e.Lease(ctx, ask("one"))
	require.NoError(t, err)
	require.True(t, l.Take(3))
	again, err := e.Lease(ctx, ask("one"))
	require.NoError(t, err)
	require.Same(t, l, again)
	require.False(t, again.Take(3))
	require.NoError(t, l.Settle(ctx, true))
	_, err = e.Lease(ctx, ask("one"))
	require.Equal(t, usage.CodeConflict, usage.Code(err), "it is over")

	_, err = e.GrantLease(ctx, ask("elsewhere"))
	require.NoError(t, err)
	_, err = e.Lease(ctx, ask("elsewhere"))
	require.Equal(t, usage.CodeConflict, usage.Code(err), "somebody else spends it")
	_, err = e.SettleLease(ctx, "acme", "elsewhere", usage.Int(0), true)
	require.NoError(t, err)

	l, err = e.Lease(ctx, ask("two"))
	require.NoError(t, err)
	require.True(t, l.Take(4))
	require.NoError(t, l.Settle(ctx, false))
	require.NoError(t, e.Close())
	e = openMem(t, mem, clock, nil)
	_, err = e.Lease(ctx, ask("two"))
	require.Equal(t, usage.CodeConflict, usage.Code(err), "the process before this one may have spent all of it")

	// Nobody knows what became of the call, so nobody spends: a repeated one may.
	e.leases.doubt(leaseKey{"acme", "three"})
	small := ask("three")
	small.Quantity = usage.Int(2)
	_, err = e.GrantLease(ctx, small)
	require.NoError(t, err)
	l, err = e.Lease(ctx, small)
	require.NoError(t, err)
	require.True(t, l.Take(2))
	require.NoError(t, l.Settle(ctx, true))
}

// What is over, or not there, answers and does not wait.
func TestEndsOfTheFace(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":10,"warning_thresholds":[10,50,100]}]`)
	putTenant(t, e, "acme", "free")
	consume(t, e, usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(10)}}}) // without id
	out, err := e.Record(ctx, usage.Event{TenantID: "acme", FeatureType: "api_calls"})
	require.NoError(t, err)
	require.Len(t, out.ID, 36, "a single event without id gets one")
	for after, want := range map[uint64]int{0: 3, 2: 1, 3: 0, 1000: 0, math.MaxUint64 - 1: 0, math.MaxUint64: 0} {
		rows, err := e.Outbox(ctx, after, 10)
		require.NoError(t, err)
		require.Len(t, rows, want, after)
	}
	rows, err := e.Outbox(ctx, 0, -1)
	require.NoError(t, err)
	require.Empty(t, rows)

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = e.Record(canceled, usage.Event{ID: "late", TenantID: "acme", FeatureType: "api_calls"})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, usage.CodeOverloaded, usage.Code(err))
	units, _ := e.Current("acme", "api_calls")
	require.EqualValues(t, 11, units, "nothing was written")

	s, err := e.Subscribe(SubscribeOptions{Usage: true})
	require.NoError(t, err)
	time.AfterFunc(20*time.Millisecond, s.Close)
	for err == nil {
		_, err = s.Next(ctx)
	}
	require.ErrorIs(t, err, usage.ErrClosed)
	s.Close()
	require.NoError(t, e.Close())
	require.ErrorIs(t, e.Verify(ctx), usage.ErrClosed)
}
