package engine

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Values that HTTP cannot send, as its bodies are JSON, are refused to an embedder as well: none makes the engine panic, and none is kept.
func TestValuesThatAreNoJSON(t *testing.T) {
	e, ctx := openMem(t, vfs.NewMem(), newTestClock(), nil), context.Background()
	putPlan(t, e, "free", monthly100)
	putTenant(t, e, "acme", "free")
	cut, far := json.RawMessage(`{"a":`), time.Date(20_000, 1, 1, 0, 0, 0, 0, time.UTC)
	override := func(fields string, from time.Time) error {
		return e.PutOverride(ctx, usage.Override{TenantID: "acme", Quota: "m", Fields: json.RawMessage(fields), EffectiveFrom: from})
	}
	for name, c := range map[string]struct {
		err  error
		code usage.ErrorCode
	}{
		"tenant":           {e.PutTenant(ctx, usage.Tenant{ID: "acme", Metadata: cut}), usage.CodeMalformedJSON},
		"override":         {override(string(cut), time.Time{}), usage.CodeMalformedJSON},
		"override, type":   {override(`{"limit":true}`, time.Time{}), usage.CodeInvalidValue},
		"override, member": {override(`{"lmit":5}`, time.Time{}), usage.CodeUnknownField},
		"override, none":   {override(``, time.Time{}), usage.CodeMissingField},
		"override, year":   {override(`{"limit":5}`, far), usage.CodeInvalidValue},
		"plan, year":       {e.ChangePlan(ctx, usage.PlanChange{TenantID: "acme", Plan: "free", Effective: "9999-12-31T00:00:00Z"}), usage.CodeInvalidValue},
		"adjustment": {second(e.Adjust(ctx, usage.Adjustment{ID: "a", TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(1), Reason: "x", Metadata: cut})),
			usage.CodeMalformedJSON},
		"event": {second(e.Record(ctx, usage.Event{ID: "a", TenantID: "acme", FeatureType: "api_calls", Metadata: cut})), usage.CodeMalformedJSON},
		"item":  {second(e.Consume(ctx, usage.Request{ID: "a", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Metadata: cut}}})), usage.CodeMalformedJSON},
	} {
		require.Equal(t, c.code, usage.Code(c.err), "%s: %v", name, c.err)
	}
	q, err := e.Quotas("acme", "")
	require.NoError(t, err)
	require.Equal(t, []string{"100", "0"}, []string{q[0].Limit.String(), q[0].Used.String()})
}

func second[T any](_ T, err error) error { return err }
