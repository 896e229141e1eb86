package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestAllowedWhilePlansChange: a reader never judges a counter by the quota of another plan. Every plan has room; but a slot that was a
// rate holds a time where a month has its reserved units, and a face with five quotas has counters where one with a single quota has none.
// The ledgers of three plans are shown in turns, as fast as it goes: a plan change through the log is too rare to be met half-way.
func TestAllowedWhilePlansChange(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	month, rate := `{"slug":"m%d","meter":"api_calls","period":"month","limit":%d}`, `{"slug":"r","meter":"api_calls","rate":{"limit":100000,"per":"1s"}}`
	many := rate
	for i := range 4 {
		many += "," + fmt.Sprintf(month, i+2, 100_000+i)
	}
	var ledgers []*ledger
	for slug, quotas := range map[string]string{"month": fmt.Sprintf(month, 1, 100_000), "rate": rate, "many": many} {
		putPlan(t, e, slug, "["+quotas+"]")
		putTenant(t, e, "acme", slug)
		require.True(t, consume(t, e, ask(slug, 1)).Allowed)
		l := *e.state.dir.tenant("acme").account.Load().ledger
		ledgers = append(ledgers, &l)
	}
	sh := e.state.dir.tenant("acme").shard
	var denied, shown atomic.Int64
	var done atomic.Bool
	var writer sync.WaitGroup
	writer.Go(func() {
		for !done.Load() {
			for _, l := range ledgers {
				sh.mu.Lock()
				l.show()
				sh.mu.Unlock()
				shown.Add(1)
			}
		}
	})
	for n := 0; n < 50_000 || shown.Load() < 1000; n++ {
		if !e.Allowed("acme", "api_calls", 1).Allowed {
			denied.Add(1)
		}
	}
	done.Store(true)
	writer.Wait()
	require.Zero(t, denied.Load(), "while %d ledgers were shown", shown.Load())
	require.NoError(t, e.Close())
}

// A check of a tenant that has no account yet is judged as the default plan would, beside blocks that are applied: under the race
// detector this is a test of what such a reader may look at.
func TestCheckOfNobodyBesideWrites(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":100}]`)
	ctx := t.Context()
	require.NoError(t, e.PutSettings(ctx, usage.Settings{DefaultPlan: new("free")}, usage.Condition{}))
	var done atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		for i := 0; !done.Load(); i++ {
			r := ask("", 101)
			r.TenantID = fmt.Sprint("nobody", i%7)
			a, err := e.Check(r)
			if !assert.NoError(t, err) || !assert.False(t, a.Allowed) {
				return
			}
		}
	})
	for i := range 300 {
		_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "api_calls"})
		require.NoError(t, err)
	}
	done.Store(true)
	reader.Wait()
}
