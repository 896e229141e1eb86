package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// What was read of the configuration is the reader's: to change it and put it back is a change, and the configuration that decisions and
// the digest are made of does not move under apply meanwhile.
func TestConfigurationIsReadAsCopies(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	ctx := t.Context()
	putPlan(t, e, "pro", `[{"slug":"m","meter":"api_calls","period":"month","limit":100,"grace_period":"1h","warning_thresholds":[50]},
		{"slug":"r","meter":"api_calls","rate":{"limit":5,"per":"1s"}}]`)
	putTenant(t, e, "acme", "pro")
	require.NoError(t, e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: []byte(`{"limit":7}`)}))
	require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: new("pro"), UpgradeURL: new("https://a.example")}, usage.Condition{}))
	require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: "eu", EventType: "api_calls", Aggregation: usage.Sum, Scale: new(2), Dimensions: []string{"metadata.zone"},
		Filters: &usage.Filter{And: []usage.Filter{{Property: "metadata.zone", Op: "in", Value: []any{"eu", "uk"}}}}}))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "pro", Metadata: []byte(`{"a":1}`)}))

	st, _ := e.Plan("pro")
	*st.Plan.Quotas[0].GracePeriod *= 2
	*st.Plan.Quotas[0].MaxDelay *= 2
	st.Plan.Quotas[0].WarningThresholds[0] = 60
	st.Plan.Quotas[0].Limit = usage.Num(usage.Int(5))
	st.Plan.Quotas[1].Rate.Per *= 2
	require.NoError(t, e.PutPlan(ctx, st.Plan))
	versions := e.PlanVersions("pro")
	require.Len(t, versions, 2, "the change is one")
	require.Equal(t, "100", versions[0].Plan.Quotas[0].Limit.Decimal().String())
	require.Equal(t, []int{50}, versions[0].Plan.Quotas[0].WarningThresholds)
	require.Equal(t, "1h", versions[0].Plan.Quotas[0].GracePeriod.String())
	require.Equal(t, "1s", versions[0].Plan.Quotas[1].Rate.Per.String())

	settings, version := e.Settings()
	*settings.DefaultPlan, *settings.UpgradeURL = "free", "https://b.example"
	settings, _ = e.Settings()
	require.Equal(t, []string{"pro", "https://a.example"}, []string{*settings.DefaultPlan, *settings.UpgradeURL})
	*settings.UpgradeURL = "https://b.example"
	require.NoError(t, e.PutSettings(ctx, settings, usage.Condition{}))
	_, next := e.Settings()
	require.Greater(t, next, version)

	for range 2 {
		m, _ := e.Meter("eu")
		require.Equal(t, []any{2, "metadata.zone", "eu", "in"},
			[]any{*m.Meter.Scale, m.Meter.Dimensions[0], m.Meter.Filters.And[0].Value.([]any)[0], m.Meter.Filters.And[0].Op})
		*m.Meter.Scale, m.Meter.Dimensions[0], m.Meter.Filters.And[0].Value.([]any)[0], m.Meter.Filters.And[0].Op = 3, "x", "us", "nin"
		for _, m := range e.Meters() {
			*m.Meter.Scale = 9
		}
		tenant, err := e.Tenant("acme")
		require.NoError(t, err)
		require.Equal(t, `{"a":1}`, string(tenant.Tenant.Metadata))
		require.Equal(t, `{"limit":7}`, string(tenant.Overrides[0].Fields))
		tenant.Tenant.Metadata[5], tenant.Overrides[0].Fields[9] = '2', '9'
	}

	_, err := e.Record(ctx, event("a"))
	require.NoError(t, err)
	for range 2 {
		top, err := e.Top(ctx, usage.TopQuery{Meter: "api_calls"})
		require.NoError(t, err)
		require.Equal(t, "acme", *top.Data[0].Key)
		*top.Data[0].Key = "somebody else"
	}
	require.NoError(t, e.Verify(ctx))
}
