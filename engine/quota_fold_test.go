package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/crashtest"
	"github.com/weirhq/weir/usage"
)

// Random operations of every sort, with restarts and power cuts in between: what is admitted never passes a limit, the state is
// the fold of the log, and any other number of shards and checkpoints gives the same digest.
func TestQuotaOperationsFold(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 7))
	clock, fs := newTestClock(), crashtest.New()
	tune := func(o *Options) { o.CheckpointItems = 300; o.Shards = 2 }
	e := openMem(t, fs, clock, tune)
	ctx := context.Background()
	putPlan(t, e, "a", `[{"slug":"m","meter":"api_calls","period":"month","limit":500},{"slug":"h","meter":"api_calls","period":"hour","limit":60},
		{"slug":"u","meter":"api_calls","scope":"user","period":"day","limit":40,"warning_thresholds":[10,60]},{"slug":"r","meter":"api_calls","rate":{"limit":20,"per":"1m","burst":30}},
		{"slug":"s","meter":"data_transfer","period":{"sliding":"1h"},"limit":100},{"slug":"f","meter":"data_transfer","period":{"first_use":"2h"},"limit":200},
		{"slug":"au","meter":"active_users","period":"month","limit":4}]`)
	putPlan(t, e, "b", `[{"slug":"m2","meter":"api_calls","period":"month","limit":300,"overage":50,"grace_period":"1h"},{"slug":"s","meter":"data_transfer","period":{"sliding":"1h"},"limit":50}]`)
	require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: new("a")}, usage.Condition{}))
	for slug, aggregation := range map[string]usage.Aggregation{"calls_by": usage.Sum, "peak_by": usage.Max} { // order-free: each on its own
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: slug, EventType: "api_calls", Aggregation: aggregation, Scale: new(0), Dimensions: []string{"metadata.kind"}}))
	}
	var holds []string
	for i := range 3000 {
		tenant, user := fmt.Sprint("t", rng.IntN(4)), fmt.Sprint("u", rng.IntN(6))
		feature := []string{"api_calls", "data_transfer"}[rng.IntN(2)]
		id, n := fmt.Sprint(i), usage.Int(rng.Int64N(12))
		var err error
		switch op := rng.IntN(20); {
		case op < 8:
			_, err = e.Consume(ctx, usage.Request{ID: id, TenantID: tenant, UserID: user, Items: []usage.Item{{FeatureType: feature, Quantity: n}}})
		case op < 11:
			_, err = e.Record(ctx, usage.Event{ID: id, TenantID: tenant, UserID: user, FeatureType: feature, Quantity: n,
				Timestamp: clock.Now().Add(time.Duration(rng.IntN(300)-200) * time.Second)})
		case op < 14:
			_, err = e.Reserve(ctx, usage.Reservation{ID: id, TenantID: tenant, UserID: user, FeatureType: feature, Quantity: n,
				TTLSeconds: 1 + rng.IntN(3000), OnExpiry: []string{"", "charge"}[rng.IntN(2)]})
			holds = append(holds, tenant+"/"+id)
		case op < 17 && len(holds) > 0:
			var at, hold string
			_, _ = fmt.Sscanf(holds[rng.IntN(len(holds))], "%2s/%s", &at, &hold)
			switch rng.IntN(3) {
			case 0:
				_, _ = e.Commit(ctx, at, hold, n)
			case 1:
				_, _ = e.Release(ctx, at, hold)
			default:
				_, _ = e.Extend(ctx, at, hold, usage.Int(15), time.Hour)
			}
		case op == 17:
			err = e.ChangePlan(ctx, usage.PlanChange{TenantID: tenant, Plan: []string{"a", "b"}[rng.IntN(2)], Effective: []string{"now", "period_end"}[rng.IntN(2)]})
			if usage.Code(err) == usage.CodeNotFound {
				err = nil
			}
		case op == 18:
			_ = e.PutOverride(ctx, usage.Override{TenantID: tenant, Quota: "m", Fields: []byte(fmt.Sprintf(`{"meter":"api_calls","period":"month","limit":%d}`, rng.IntN(900))),
				EffectiveUntil: clock.Now().Add(time.Duration(rng.IntN(7200)+1) * time.Second)})
		default:
			clock.advance(time.Duration(rng.IntN(2000)) * time.Second)
		}
		require.True(t, err == nil || usage.Code(err) == usage.CodeUserRequired, "%d: %v", i, err)
		if i%500 == 499 {
			before := standings(e) // and everything due is done
			require.NoError(t, e.Verify(ctx))
			index, want := e.Digest()
			if i%1000 == 499 {
				require.NoError(t, e.Close())
			} else {
				fs = fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 0, RNG: rng})
				old := e
				defer func() { _ = old.Close() }()
			}
			e = openMem(t, fs, clock, tune)
			again, sum := e.Digest()
			require.Equal(t, want, sum)
			require.Equal(t, index, again)
			require.Equal(t, before, standings(e), "after a restart")
		}
	}
	index, want := e.Digest()
	copyLog(t, e, clock, 1, 100, index, want)
	copyLog(t, e, clock, 3, 1<<20, index, want)
	require.NoError(t, e.Close())
}

// standings is every quota of every tenant and user, as text.
func standings(e *Engine) string {
	var out []usage.QuotaStatus
	for _, st := range e.Tenants(TenantFilter{Limit: 100}) {
		quotas, err := e.Quotas(st.Tenant.ID, "")
		if err != nil {
			return err.Error()
		}
		out = append(out, quotas...)
		users, _, _ := e.Users(st.Tenant.ID, "", false, 0, 100)
		for _, u := range users {
			out = append(out, u.Quotas...)
		}
	}
	return string(mustJSON(out))
}
