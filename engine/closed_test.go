package engine

import (
	"context"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// What Close promises: whatever returns an error returns ErrClosed, reads of configuration too.
func TestReadsAfterClose(t *testing.T) {
	e, ctx := openMem(t, vfs.NewMem(), newTestClock(), nil), context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	k, _, err := e.CreateKey(ctx, usage.Key{Name: "k", Scopes: []usage.Scope{usage.ScopeAdmin}})
	require.NoError(t, err)
	require.NoError(t, e.Close())
	for name, call := range map[string]func() error{
		"Admissible":     func() error { return e.Admissible(ctx, event("a")) },
		"BillingPeriods": func() error { _, _, err := e.BillingPeriods("acme", 1); return err },
		"Key":            func() error { _, err := e.Key(k.ID); return err },
		"Keys":           func() error { _, err := e.Keys("", 1); return err },
		"PlanTrial":      func() error { _, err := e.PlanTrial(usage.Plan{Slug: "free"}); return err },
		"Quotas":         func() error { _, err := e.Quotas("acme", ""); return err },
		"Tenant":         func() error { _, err := e.Tenant("acme"); return err },
		"TryEvent":       func() error { _, err := e.TryEvent(ctx, "api_calls", event("a")); return err },
		"Users":          func() error { _, _, err := e.Users("acme", "", false, 0, 1); return err },
		"Usage":          func() error { _, err := e.Usage(ctx, usage.Query{Meter: "api_calls"}); return err },
	} {
		require.ErrorIs(t, call(), usage.ErrClosed, name)
	}
}
