package engine

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Quotas that begin empty know nothing of what was reserved before they were there: it is not taken out of them when it is
// committed or released, extended or not, and a window does not lose the units of others.
func TestHoldsBeforeTheQuota(t *testing.T) {
	clock, fs, ctx := newTestClock(), vfs.NewMem(), context.Background()
	e := openMem(t, fs, clock, nil)
	putPlan(t, e, "p", `[]`)
	putTenant(t, e, "acme", "p")
	for _, id := range []string{"commit", "release", "extend"} {
		_, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", UserID: "alice", FeatureType: "api_calls", Quantity: usage.Int(3)})
		require.NoError(t, err)
	}
	for slug, fields := range map[string]string{
		"user":   `{"meter":"api_calls","scope":"user","period":"month","limit":50}`,
		"window": `{"meter":"api_calls","period":{"sliding":"1h"},"limit":50}`,
		"first":  `{"meter":"api_calls","period":{"first_use":"1d"},"limit":50}`,
		"month":  `{"meter":"api_calls","period":"month","limit":50}`,
	} {
		require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: slug, Fields: []byte(fields)}))
	}
	expect := func(month, user, window string) {
		t.Helper()
		q, err := e.Quotas("acme", "alice")
		require.NoError(t, err)
		got := map[string]string{}
		for i := range q {
			got[q[i].Quota] = q[i].Used.String() + "+" + q[i].Reserved.String()
		}
		require.Equal(t, map[string]string{"month": month, "user": user, "window": window, "first": window}, got)
		require.NoError(t, e.Verify(ctx))
	}
	expect("0+9", "0+0", "0+0")
	require.True(t, consume(t, e, ask("1", 5)).Allowed)
	expect("5+9", "5+0", "5+0")
	_, err := e.Extend(ctx, "acme", "extend", usage.Int(7), 0)
	require.NoError(t, err)
	expect("5+13", "5+0", "5+0")
	require.NoError(t, e.Close())
	e = openMem(t, fs, clock, nil)
	_, err = e.Release(ctx, "acme", "release")
	require.NoError(t, err)
	expect("5+10", "5+0", "5+0")
	_, err = e.Release(ctx, "acme", "extend")
	require.NoError(t, err)
	expect("5+3", "5+0", "5+0")
	_, err = e.Commit(ctx, "acme", "commit", usage.Int(2))
	require.NoError(t, err)
	q, err := e.Quotas("acme", "alice")
	require.NoError(t, err)
	for i := range q {
		require.Equal(t, "0", q[i].Reserved.String(), q[i].Quota)
	}
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}

// What is held at once is bounded as totals are: it never wraps.
func TestHoldsDoNotWrap(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"m","meter":"api_calls","period":"month","limit":null},{"slug":"w","meter":"api_calls","mode":"soft","period":{"sliding":"1h"},"limit":1}]`)
	putTenant(t, e, "acme", "p")
	reserve := func(id string, n int64) error {
		_, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n)})
		return err
	}
	require.NoError(t, reserve("a", 1<<61))
	require.NoError(t, reserve("b", 1<<60))
	require.Equal(t, usage.CodeOverflow, usage.Code(reserve("c", 1<<60)))
	_, err := e.Extend(ctx, "acme", "b", usage.Int(1<<61), 0)
	require.Equal(t, usage.CodeOverflow, usage.Code(err))
	_, err = e.Release(ctx, "acme", "a")
	require.NoError(t, err)
	require.NoError(t, reserve("c", 1<<60))
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, []string{"2305843009213693952", "2305843009213693952"}, []string{q[0].Reserved.String(), q[1].Used.String()})
	require.NoError(t, e.Verify(ctx))
	require.NoError(t, e.Close())
}
