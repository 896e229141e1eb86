package engine

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

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

// TestCheckOfStrangersAnew: the account that is kept for tenants in no directory answers as one made for the call, over the ends of
// periods, changes of the default plan and other names.
func TestCheckOfStrangersAnew(t *testing.T) {
	clock := newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	putPlan(t, e, "free", `[{"slug":"m","meter":"api_calls","period":"month","limit":100},{"slug":"h","meter":"api_calls","period":"hour","limit":7},
		{"slug":"f","meter":"api_calls","period":{"first_use":"2h"},"limit":9},{"slug":"s","meter":"api_calls","period":{"sliding":"1h"},"limit":8},
		{"slug":"r","meter":"api_calls","rate":{"limit":5,"per":"1s"}},{"slug":"u","meter":"api_calls","scope":"user","period":"day","limit":3}]`)
	putPlan(t, e, "paid", `[{"slug":"l","meter":"api_calls","period":"lifetime","limit":50}]`)
	rng := rand.New(rand.NewPCG(1, 2))
	kept, fresh := 0, 0
	for i := range 2000 {
		if rng.IntN(50) == 0 {
			plan := []*string{nil, new("free"), new("paid")}[rng.IntN(3)]
			require.NoError(t, e.PutSettings(t.Context(), usage.Settings{DefaultPlan: plan}, usage.Condition{}))
		}
		if rng.IntN(10) == 0 {
			clock.advance(time.Duration(rng.IntN(int([]time.Duration{time.Second, 40 * time.Minute, 40 * 24 * time.Hour}[rng.IntN(3)]))))
		}
		if rng.IntN(200) == 0 {
			putPlan(t, e, "paid", fmt.Sprintf(`[{"slug":"l","meter":"api_calls","period":"lifetime","limit":%d}]`, i))
		}
		r := ask(fmt.Sprint("user", i%3), int64(rng.IntN(10)))
		r.TenantID = fmt.Sprint("nobody", rng.IntN(20))
		for _, sh := range e.state.shards {
			if sh.stranger != nil {
				kept++
			}
		}
		got, err := e.Check(r)
		require.NoError(t, err)
		for _, sh := range e.state.shards {
			if sh.stranger != nil {
				fresh++
			}
			sh.stranger = nil
		}
		want, err := e.Check(r)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	require.NotZero(t, kept)
	require.NotZero(t, fresh)
}
