package engine

import (
	"context"
	"encoding/json"
	"math"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Before a meter was made, and before the log, the answer is that of a meter which has counted nothing, with every default resolved.
func TestAsOfBefore(t *testing.T) {
	clock, ctx := newTestClock(), context.Background()
	e := openMem(t, vfs.NewMem(), clock, nil)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme"}))
	index, _ := e.state.asOf()
	for slug, agg := range map[string]usage.Aggregation{"later": usage.Sum, "slow": usage.P99} {
		require.NoError(t, e.PutMeter(ctx, usage.Meter{Slug: slug, EventType: "later", Aggregation: agg}))
	}
	_, err := e.Record(ctx, usage.Event{ID: "1", TenantID: "acme", FeatureType: "later", Quantity: usage.Int(5)})
	require.NoError(t, err)
	for _, tenant := range []string{"acme", ""} {
		for _, c := range []struct {
			index uint64
			at    time.Time
			month time.Time // that is the default
		}{
			{index, time.Time{}, monthOf(clock.Now())},
			{0, time.Date(2020, 5, 6, 7, 8, 9, 0, time.UTC), monthOf(time.Date(2020, 5, 1, 0, 0, 0, 0, time.UTC))},
		} {
			rows, err := e.Usage(ctx, usage.Query{Meter: "later", TenantID: tenant, AsOfIndex: c.index, AsOfTime: c.at})
			require.NoError(t, err)
			require.Equal(t, []any{c.month, c.month.AddDate(0, 1, 0), usage.WindowTotal, "UTC"}, []any{rows.From, rows.To, rows.Window, rows.TimeZone})
			require.Len(t, rows.Data, 1)
			require.Equal(t, "0", rows.Data[0].Value.String())
			rows, err = e.Usage(ctx, usage.Query{Meter: "slow", TenantID: tenant, AsOfIndex: c.index, AsOfTime: c.at, Compare: usage.ComparePrevious})
			require.NoError(t, err)
			require.Len(t, rows.Data, 1)
			require.False(t, rows.Data[0].Value.IsSet(), "there is no percentile of nothing")
			require.Len(t, rows.Compare.Data, 1)
			rows, err = e.Usage(ctx, usage.Query{Meter: "later", TenantID: tenant, AsOfIndex: c.index, AsOfTime: c.at, Window: usage.WindowDay, FillZero: true, Limit: 3})
			require.NoError(t, err)
			require.Len(t, rows.Data, 3)
			require.NotNil(t, rows.NextCursor)
			rows, err = e.Usage(ctx, usage.Query{Meter: "later", TenantID: tenant, AsOfIndex: c.index, AsOfTime: c.at, GroupBy: []string{"user_id"}})
			require.NoError(t, err)
			require.Equal(t, []usage.Row{}, rows.Data)
		}
	}
	for _, at := range []time.Time{time.Unix(0, math.MinInt64).AddDate(-500, 0, 0), time.Unix(0, math.MaxInt64).AddDate(500, 0, 0)} {
		_, err := e.Usage(ctx, usage.Query{Meter: "later", AsOfTime: at})
		require.NoError(t, err, at.String())
	}
	_, err = e.Usage(ctx, usage.Query{Meter: "nope", AsOfIndex: index})
	require.Equal(t, usage.CodeNotFound, usage.Code(err))

	_, err = e.Changed(ctx, usage.Query{Meter: "later"}, 99999)
	var ue *usage.Error
	require.ErrorAs(t, err, &ue)
	require.Equal(t, "/since", ue.Pointer)
}

func monthOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// A percentile says how far off it may be; what is exact says nothing.
func TestRelativeError(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	for _, agg := range usage.Aggregations() {
		m := usage.Meter{Slug: "m_" + string(agg), EventType: "work", Aggregation: agg}
		require.NoError(t, e.PutMeter(ctx, m))
		rows, err := e.Usage(ctx, usage.Query{Meter: m.Slug})
		require.NoError(t, err)
		text, err := json.Marshal(rows)
		require.NoError(t, err)
		switch agg {
		case usage.P50, usage.P90, usage.P99:
			require.Contains(t, string(text), `"relative_error":0.0078125,`, agg)
		default:
			require.NotContains(t, string(text), "relative_error", agg)
		}
	}
}

// The steps of an explanation hold lists, also where nothing was counted.
func TestExplainNothing(t *testing.T) {
	ctx := context.Background()
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	require.NoError(t, e.PutTenant(ctx, usage.Tenant{ID: "acme"}))
	x, err := e.Explain(ctx, usage.Query{Meter: "data_transfer", TenantID: "acme"}, 10, "")
	require.NoError(t, err)
	text, err := json.Marshal(x)
	require.NoError(t, err)
	require.Contains(t, string(text), `"buckets":[]`)
	require.NotContains(t, string(text), `"data":null`)
	for _, s := range x.Steps {
		if s.Kind != usage.ExplainKindBuckets {
			text, err := json.Marshal(s)
			require.NoError(t, err)
			require.NotContains(t, string(text), `"buckets":`)
		}
	}
}

// A text about windows has the article of its noun.
func TestTooManyWindows(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	for window, want := range map[usage.Window]string{usage.WindowHour: "windows of an hour;", usage.WindowMinute: "windows of a minute;"} {
		_, err := e.Usage(context.Background(), usage.Query{Meter: "api_calls", Window: window, From: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.ErrorContains(t, err, want)
	}
}
