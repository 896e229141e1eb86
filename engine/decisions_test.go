package engine

import (
	"fmt"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// The newest thousand decisions of a tenant are kept, whoever asks beside it.
func TestDecisions(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":1200}]`)
	putTenant(t, e, "acme", "free")
	for i := range 1500 {
		consume(t, e, ask(fmt.Sprint(i), 1))
		r := ask(fmt.Sprint(i), 1)
		r.TenantID = fmt.Sprint("other", i%100)
		consume(t, e, r)
	}
	all := e.Decisions("acme", "", time.Time{}, 5000)
	require.Len(t, all, 1000)
	require.Equal(t, []string{"1499", "500"}, []string{all[0].ID, all[999].ID})
	require.Len(t, e.Decisions("acme", usage.DecisionBlock, time.Time{}, 5000), 300)
	require.Len(t, e.Decisions("acme", usage.DecisionBlock, time.Time{}, 7), 7)
	require.Len(t, e.Decisions("other7", "", time.Time{}, 5000), 15)
	require.Equal(t, all[500:510], e.DecisionsBefore("acme", "", time.Time{}, all[499].Number, 10))
	require.Empty(t, e.DecisionsBefore("acme", "", time.Time{}, all[999].Number, 10))
	require.Empty(t, e.Decisions("nobody", "", time.Time{}, 5000))
	var l decisionLog
	l.seed = e.decisions.seed
	for i := range 3 * decisionsPerStripe { // a ring that has turned, more than once, with tenants that come and go
		l.add(&usage.Request{ID: fmt.Sprint(i), TenantID: fmt.Sprint("t", i%10*(i/1000)), Items: []usage.Item{{}}}, &judged{binding: -1}, counted, 0)
	}
	for i := range l.stripes {
		s := &l.stripes[i]
		require.LessOrEqual(t, len(s.ring), decisionsPerStripe)
		require.LessOrEqual(t, len(s.tenants), len(s.ring))
		for tenant, of := range s.tenants {
			require.Equal(t, tenant, of.tenant)
			require.Same(t, of, s.at(of.newest).of)
		}
	}
}

// A decision that is kept does not keep the answer: its quotas are ten times as large.
func TestDecisionsKeepNoAnswers(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":1200}]`)
	putTenant(t, e, "acme", "free")
	a := consume(t, e, ask("1", 1))
	require.Equal(t, "m", *a.BindingQuota)
	quotas := weak.Make(&a.Quotas[0])
	a = usage.Answer{}
	require.Eventually(t, func() bool {
		runtime.GC()
		return quotas.Value() == nil
	}, time.Minute, time.Millisecond)
	kept := e.Decisions("acme", "", time.Time{}, 1)
	require.Equal(t, "m", *kept[0].BindingQuota)
	require.Equal(t, []any{"1", usage.DecisionAllow, usage.StatusCounted, true}, []any{kept[0].ID, kept[0].Decision, kept[0].Status, kept[0].Allowed})
}
