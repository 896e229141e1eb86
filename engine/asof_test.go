package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestAsOf writes down, at random moments of a life of several tenants with quotas, voids, reservations and changes of
// configuration, how everything stands; later it asks for each moment again, after checkpoints, restarts and expiry of events.
func TestAsOf(t *testing.T) {
	rng := rand.New(rand.NewPCG(seed(t), 6))
	ctx, clock, mem := context.Background(), newTestClock(), vfs.NewMem()
	tune := func(o *Options) { o.CheckpointItems = 70 }
	e := openMem(t, mem, clock, tune)
	everyAggregation(t, e)
	require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
	putPlan(t, e, "p", `[{"slug":"m","meter":"m_sum","period":"month","limit":90,"mode":"soft"},{"slug":"u","meter":"m_sum","scope":"user","period":"day","limit":30}]`)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "t1", Plan: "p", TimeZone: "Asia/Kathmandu"}))
	type moment struct {
		index  uint64
		at     time.Time
		tenant string
		seen   map[string]string
		quotas string
	}
	var moments []moment
	snapshot := func(e *Engine, tenant string, at time.Time) (map[string]string, string) {
		from := at.Add(-10 * 24 * time.Hour).Truncate(time.Hour)
		quotas, _ := e.Quotas(tenant, "u1")
		return everything(t, e, tenant, from, at.Add(time.Hour).Truncate(time.Hour)), string(mustJSON(quotas))
	}
	var ids, holds []string
	for n := range quicker(300) {
		tenant, id := fmt.Sprint("t", rng.IntN(3)), fmt.Sprint(n)
		user := fmt.Sprint("u", rng.IntN(3))
		switch op := rng.IntN(12); {
		case op < 4:
			_, err := e.RecordBatch(ctx, []usage.Event{{ID: id, TenantID: tenant, UserID: user, FeatureType: "work", Quantity: usage.Int(rng.Int64N(20))},
				{ID: id, TenantID: "t2", FeatureType: "work", Timestamp: clock.Now().Add(-time.Duration(rng.IntN(100)) * time.Hour)}})
			require.NoError(t, err)
			ids = append(ids, tenant+"/"+id)
		case op < 6:
			_, err := e.Consume(ctx, usage.Request{ID: id, TenantID: tenant, UserID: user, Items: []usage.Item{{FeatureType: "work", Quantity: usage.Int(rng.Int64N(9))}}})
			require.NoError(t, err)
			ids = append(ids, tenant+"/"+id)
		case op == 6:
			_, err := e.Reserve(ctx, usage.Reservation{ID: id, TenantID: tenant, UserID: user, FeatureType: "api_calls", Quantity: usage.Int(3), TTLSeconds: 1 + rng.IntN(9000), OnExpiry: "charge"})
			require.NoError(t, err)
			holds = append(holds, tenant+"/"+id)
		case op == 7 && len(holds) > 0:
			var at, hold string
			_, _ = fmt.Sscanf(holds[rng.IntN(len(holds))], "%2s/%s", &at, &hold)
			_, _ = e.Commit(ctx, at, hold, usage.Int(2))
		case op < 10 && len(ids) > 0:
			var at, old string
			_, _ = fmt.Sscanf(ids[len(ids)-1-rng.IntN(min(len(ids), 30))], "%2s/%s", &at, &old)
			_, err := e.Void(ctx, usage.Void{TenantID: at, ID: old, Reason: "test"})
			require.Contains(t, []usage.ErrorCode{"", usage.CodeNotFound, usage.CodeEventArchived}, usage.Code(err), "%v", err)
		case op == 10:
			switch rng.IntN(4) {
			case 0:
				putPlan(t, e, "p", fmt.Sprintf(`[{"slug":"m","meter":"m_sum","period":"month","limit":%d,"mode":"soft"},{"slug":"u","meter":"m_sum","scope":"user","period":"day","limit":30}]`, rng.IntN(200)))
			case 1:
				err := e.DeletePlan(ctx, "p", usage.Condition{}) // in use by t1: refused, and so it is when another tenant is replayed
				require.Equal(t, usage.CodeInUse, usage.Code(err))
			case 2:
				_, _, _ = e.PutMeterIf(ctx, usage.Meter{Slug: fmt.Sprint("late", n), EventType: "work", Aggregation: usage.Max}, usage.Condition{})
			default:
				_ = e.PutOverride(ctx, usage.Override{TenantID: tenant, Quota: "m", Fields: []byte(`{"limit":70}`)})
			}
		default:
			clock.advance(time.Duration(rng.IntN(30)) * time.Hour)
		}
		if n%40 == 7 {
			m := moment{tenant: tenant, at: clock.Now()}
			if n%80 == 7 {
				m.tenant = "t1"
			}
			require.NoError(t, e.tick(ctx)) // what is due has happened
			m.seen, m.quotas = snapshot(e, m.tenant, m.at)
			m.index, _ = e.state.asOf()
			moments = append(moments, m)
		}
		if n%150 == 99 {
			require.NoError(t, e.Close())
			e = openMem(t, mem, clock, tune)
		}
	}
	require.NoError(t, e.Expire(ctx))
	base, archivedMoments := e.state.cfg.Load().kept.archived(), 0
	for _, m := range moments {
		index, err := e.pastIndex(m.index, time.Time{})
		if m.index < base {
			require.Equal(t, usage.CodeEventArchived, usage.Code(err))
			archivedMoments++
			continue
		}
		require.NoError(t, err)
		require.Equal(t, m.index, index)
		past, err := e.asOf(ctx, m.tenant, index)
		require.NoError(t, err)
		seen, quotas := snapshot(past.Engine, m.tenant, m.at)
		require.Equal(t, m.seen, seen, "as of block %d", m.index)
		require.Equal(t, m.quotas, quotas, "as of block %d", m.index)
		past.release()
	}
	t.Logf("%d moments, %d of them before the base", len(moments), archivedMoments)

	// Over all tenants, and by time.
	last := moments[len(moments)-1]
	q := usage.Query{Meter: "m_sum", From: last.at.Add(-10 * 24 * time.Hour).Truncate(time.Hour), To: last.at.Add(time.Hour).Truncate(time.Hour)}
	var sum int64
	for _, tenant := range []string{"t0", "t1", "t2"} {
		q.TenantID, q.AsOfIndex = tenant, last.index
		rows, err := e.Usage(ctx, q)
		require.NoError(t, err)
		require.Equal(t, last.index, rows.AsOf.Index)
		sum += sumRows(t, rows, 2)
	}
	q.TenantID = ""
	all, err := e.Usage(ctx, q)
	require.NoError(t, err)
	require.Equal(t, sum, sumRows(t, all, 2))
	q.AsOfIndex, q.AsOfTime = 0, last.at
	byTime, err := e.Usage(ctx, q)
	require.NoError(t, err)
	require.GreaterOrEqual(t, byTime.AsOf.Index, last.index)
	require.False(t, byTime.AsOf.Time.After(last.at))
	q.AsOfTime, q.AsOfIndex = time.Time{}, 1<<40
	_, err = e.Usage(ctx, q)
	require.Equal(t, usage.CodeInvalidValue, usage.Code(err))
	require.NoError(t, e.Verify(ctx))
}

// Changed names the windows whose numbers moved since, with what they were.
func TestChanged(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	noon := clock.Now()
	for i := range 4 {
		_, err := e.Record(ctx, usage.Event{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(int64(i + 1)), Timestamp: noon.Add(-time.Duration(i) * time.Hour)})
		require.NoError(t, err)
	}
	since, _ := e.state.asOf()
	_, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: "2", Reason: "x"})
	require.NoError(t, err)
	_, err = e.Record(ctx, usage.Event{ID: "late", TenantID: "acme", FeatureType: "api_calls", Timestamp: noon.Add(-5 * time.Hour)})
	require.NoError(t, err)
	changes, err := e.Changed(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", Window: usage.WindowHour, From: noon.Add(-6 * time.Hour), To: noon.Add(time.Hour)}, since)
	require.NoError(t, err)
	var got []string
	require.Equal(t, since, changes.Since.Index)
	for _, c := range changes.Data {
		got = append(got, fmt.Sprint(int(c.WindowStart.Sub(noon).Hours()), " ", c.Was, " -> ", c.Value))
	}
	slices.Sort(got)
	require.Equal(t, []string{"-2 3 -> 0", "-5 0 -> 1"}, got)
}

// TestAsOfZoneOfRefusedEntry: the table of a time zone may have come along with an entry that was refused.
func TestAsOfZoneOfRefusedEntry(t *testing.T) {
	ctx, clock := context.Background(), newTestClock()
	e := openMem(t, vfs.NewMem(), clock, nil)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme"}))
	require.Error(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", TimeZone: "Europe/Berlin", Plan: "none"}))
	_, _, err := e.PutTenantIf(ctx, usage.Tenant{ID: "acme", TimeZone: "Europe/Berlin"}, usage.Condition{IfNoneMatchAny: true})
	require.Equal(t, usage.CodePrecondition, usage.Code(err))
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme", TimeZone: "Europe/Berlin"}))
	_, err = e.Record(ctx, event("1"))
	require.NoError(t, err)
	index, _ := e.Digest()
	rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: "acme", AsOfIndex: index})
	require.NoError(t, err)
	require.Equal(t, "2", rows.Data[0].Value.String())
}
