package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// An entry that fails halfway, because the disk cannot be read, leaves an account without its counters. Readers are told that the engine
// has failed; they neither trip over it nor are answered from it.
func TestReadsOfWhatWasLeftHalfway(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := t.Context()
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":100},{"slug":"u","meter":"api_calls","scope":"user","period":"day","limit":3}]`)
	_, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	gone, err := wal.Open("gone", &wal.Options{FS: vfs.NewMem()})
	require.NoError(t, err)
	require.NoError(t, gone.Close())
	e.state.mu.Lock()
	store := e.state.store
	e.state.store = gone // whoever reads buckets fails
	e.state.mu.Unlock()
	err = e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"}) // the new counter starts from them
	require.Equal(t, usage.CodeOutcomeUnknown, usage.Code(err), "%v", err)
	require.Error(t, e.store.Failed(), "else this tests nothing")
	e.state.store = store

	_, err = e.Quotas("acme", "alice")
	require.ErrorIs(t, err, usage.ErrFailed)
	_, err = e.Check(ask("alice", 1))
	require.ErrorIs(t, err, usage.ErrFailed)
	require.NotPanics(t, func() { // who asked whether it has failed a moment before it did
		e.Allowed("acme", "api_calls", 1)
		require.Empty(t, e.FeatureQuotas("acme", "alice", "api_calls"))
		require.Empty(t, e.OverLimit("acme", "alice"))
		users, _, err := e.Users("acme", "", false, 0, 10)
		require.ErrorIs(t, err, usage.ErrFailed)
		require.Empty(t, users)
		e.Tenants(TenantFilter{Sort: TenantsByUsage, Limit: 10})
		require.Error(t, newOverviewScan(e.state.cfg.Load(), e.clock.now(), 0, 20).run(ctx, e))
		_, err = e.PlanTrial(usage.Plan{Slug: "free", Quotas: []usage.Quota{{Slug: "m", Meter: "api_calls", Period: usage.Period{Kind: "month"}, Limit: usage.Num(usage.Int(1))}}})
		require.Error(t, err)
		_, err = e.Reservation("acme", "r")
		require.ErrorIs(t, err, usage.ErrFailed)
		tn := e.state.dir.tenant("acme")
		tn.shard.mu.Lock()
		defer tn.shard.mu.Unlock()
		_, err = tn.shard.accountToRead(tn, e.clock.now())
		require.ErrorIs(t, err, usage.ErrFailed)
	})
}
