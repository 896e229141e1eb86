package engine

import (
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// A denial says when to come back, never how long to wait before going on: what another quota would have throttled is not let through.
func TestDenialHasNoDelay(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "p", `[{"slug":"paced","meter":"api_calls","period":"hour","limit":10,"throttle_at":0.1,"max_delay":"1h"},
		{"slug":"cap","meter":"api_calls","period":"day","limit":3}]`)
	putTenant(t, e, "acme", "p")
	a := consume(t, e, ask("1", 2))
	require.Equal(t, []any{true, usage.DecisionThrottle}, []any{a.Allowed, a.Decision})
	require.Positive(t, a.DelayMS)
	a = consume(t, e, ask("2", 2))
	require.Equal(t, []any{false, usage.DecisionBlock, "cap"}, []any{a.Allowed, a.Decision, *a.BindingQuota})
	require.Zero(t, a.DelayMS)
	require.NotNil(t, a.RetryAfterMS)
	a, err := e.Check(ask("", 2))
	require.NoError(t, err)
	require.False(t, a.Allowed)
	require.Zero(t, a.DelayMS)
	v := e.Allowed("acme", "api_calls", 2)
	require.False(t, v.Allowed)
	require.Zero(t, v.Delay)
	require.Positive(t, v.RetryAfter)
}
