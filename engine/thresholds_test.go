package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// told is the crossings since the last call, as "quota percent".
func told(t *testing.T, e *Engine, after *uint64) (out []string) {
	t.Helper()
	cs, err := e.Outbox(context.Background(), *after, 100)
	require.NoError(t, err)
	for _, c := range cs {
		*after = c.Number
		out = append(out, fmt.Sprintf("%s %d", c.Quota, c.Threshold))
	}
	return out
}

// A counter outlives a change of its quota's thresholds, and goes to another quota on the same meter and period. What has fired is
// thresholds of a quota, not places in its list.
func TestThresholdsOfAChangedQuota(t *testing.T) {
	fs, clock, ctx := vfs.NewMem(), newTestClock(), context.Background()
	e := openMem(t, fs, clock, nil)
	plan := func(slug, quota string, thresholds ...int) {
		p := usage.Plan{Slug: slug, Quotas: []usage.Quota{{Slug: quota, Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth},
			Limit: usage.Num(usage.Int(100)), WarningThresholds: thresholds}}}
		_, _, err := e.PutPlanIf(ctx, p, usage.EffectiveNow, usage.Condition{})
		require.NoError(t, err)
	}
	var after uint64
	plan("a", "monthly", 50, 100)
	putTenant(t, e, "acme", "a")
	consume(t, e, ask("1", 60))
	require.Equal(t, []string{"monthly 50"}, told(t, e, &after))

	plan("a", "monthly", 80, 90) // 80 stands where 50 stood
	consume(t, e, ask("2", 1))
	require.Empty(t, told(t, e, &after))
	consume(t, e, ask("3", 24))
	require.Equal(t, []string{"monthly 80"}, told(t, e, &after))
	plan("a", "monthly", 70, 80, 90) // 80 has fired, wherever it stands; 70 is new
	consume(t, e, ask("4", 1))
	require.Equal(t, []string{"monthly 70"}, told(t, e, &after))
	require.NoError(t, e.Close())

	e = openMem(t, fs, clock, nil)
	plan("a", "monthly", 80, 90)
	consume(t, e, ask("5", 5))
	require.Equal(t, []string{"monthly 90"}, told(t, e, &after))

	plan("b", "other", 80, 90, 95) // another quota, of which nobody has been told
	putTenant(t, e, "acme", "b")
	consume(t, e, ask("6", 1))
	require.Equal(t, []string{"other 80", "other 90"}, told(t, e, &after))
	require.NoError(t, e.Verify(ctx))
}

// A quota of users tells of each of them only when it lists thresholds, also when it lists those that are a tenant's default.
func TestThresholdsOfUsersAreListed(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"silent","meter":"api_calls","scope":"user","period":"month","limit":100},
		{"slug":"told","meter":"api_calls","scope":"user","period":"month","limit":100,"warning_thresholds":[50,75,90,100]},
		{"slug":"tenant","meter":"api_calls","period":"month","limit":100}]`)
	putTenant(t, e, "acme", "p")
	consume(t, e, ask("1", 76))
	var after uint64
	require.ElementsMatch(t, []string{"told 50", "told 75", "tenant 50", "tenant 75"}, told(t, e, &after))

	// With the scope goes the default; a list that was given stays.
	for quota, want := range map[string][]string{"tenant": nil, "told": {"told 50", "told 75", "told 90"}, "silent": {"silent 50", "silent 75", "silent 90"}} {
		tenant := "by-" + quota
		putTenant(t, e, tenant, "p")
		for _, q := range []string{"silent", "told", "tenant"} {
			fields := `{"limit":null}`
			if q == quota {
				fields = map[bool]string{true: `{"scope":"user"}`, false: `{"scope":"tenant"}`}[q == "tenant"]
			}
			require.NoError(t, e.PutOverride(context.Background(), usage.Override{TenantID: tenant, Quota: q, Fields: []byte(fields)}))
		}
		r := ask(tenant, 90)
		r.TenantID = tenant
		consume(t, e, r)
		require.Equal(t, want, told(t, e, &after), quota)
	}
}
