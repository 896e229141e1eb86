package engine

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

func leaseEngine(t *testing.T) (*Engine, func(id string) usage.LeaseRequest) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":100000}]`)
	putTenant(t, e, "acme", "free")
	return e, func(id string) usage.LeaseRequest {
		return usage.LeaseRequest{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(5), TTLSeconds: 60}
	}
}

// Whoever repeats the call and gets the lease of the first may release it at once: all of it is there.
func TestLeaseIsWholeWhenFound(t *testing.T) {
	e, ask := leaseEngine(t)
	ctx := t.Context()
	for n := range 200 {
		var group sync.WaitGroup
		for range 2 {
			group.Go(func() {
				l, err := e.Lease(ctx, ask(fmt.Sprint(n)))
				if err == nil {
					err = l.Settle(ctx, true)
				}
				if err != nil && usage.Code(err) != usage.CodeConflict {
					t.Error(err)
				}
			})
		}
		group.Wait()
	}
}

// A call that was given up is no licence to spend again what another call of the same id got, and is done with.
func TestLeaseOfDoubtIsNotFilledTwice(t *testing.T) {
	e, ask := leaseEngine(t)
	ctx := t.Context()
	l, err := e.Lease(ctx, ask("one"))
	require.NoError(t, err)
	require.True(t, l.Take(5))
	require.NoError(t, l.Settle(ctx, true))
	e.leases.doubt(leaseKey{"acme", "one"}) // by a call beside the first, whose caller gave up before it was answered
	again, err := e.Lease(ctx, ask("one"))
	require.Equal(t, usage.CodeConflict, usage.Code(err), "its units were spent: %v", again)

	l, err = e.Lease(ctx, ask("two"))
	require.NoError(t, err)
	require.True(t, l.Take(5))
	require.NoError(t, l.Settle(ctx, false))
	e.leases.drop(leaseKey{"acme", "two"}) // as a process before this one had it
	e.leases.doubt(leaseKey{"acme", "two"})
	_, err = e.Lease(ctx, ask("two"))
	require.Equal(t, usage.CodeConflict, usage.Code(err), "units of it were booked")
}

// A release that did not reach the log leaves the lease where a repeated call finds it: nothing of it is handed out again, and what was
// spent can still be settled.
func TestLeaseStaysUntilItIsReleased(t *testing.T) {
	e, ask := leaseEngine(t)
	ctx := t.Context()
	l, err := e.Lease(ctx, ask("one"))
	require.NoError(t, err)
	require.True(t, l.Take(3))
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	require.Error(t, l.Settle(canceled, true))
	e.leases.doubt(leaseKey{"acme", "one"})
	again, err := e.Lease(ctx, ask("one"))
	require.NoError(t, err)
	require.Same(t, l, again)
	require.False(t, again.Take(1))
	require.NoError(t, again.Settle(ctx, true))
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, []string{"3", "0"}, []string{q[0].Used.String(), q[0].Reserved.String()})
}

// The doubts of calls that nobody repeats are forgotten, the whole lot of them when they are too many.
func TestLeaseDoubtsAreBounded(t *testing.T) {
	var x leases
	for i := range 3 * leaseDoubtsMax {
		x.doubt(leaseKey{"acme", fmt.Sprint(i)})
	}
	require.LessOrEqual(t, len(x.unsure), leaseDoubtsMax)
	x.add(leaseKey{"acme", fmt.Sprint(3*leaseDoubtsMax - 1)}, &Lease{}, 1<<40)
	_, ok := x.again(leaseKey{"acme", fmt.Sprint(3*leaseDoubtsMax - 1)})
	require.False(t, ok, "it was granted, and is no doubt any more")
}
