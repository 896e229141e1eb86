package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
)

// TestVoidAcrossTheBase voids events shortly before their blocks are cut off: the void stands in the log that is left, what it read
// does not, and the log must fold to the same state all the same, again and again. Beyond the base a void says event_archived.
func TestVoidAcrossTheBase(t *testing.T) {
	skipRace(t)
	rng := rand.New(rand.NewPCG(seed(t), 8))
	ctx, clock, mem := context.Background(), newTestClock(), vfs.NewMem()
	tune := func(o *Options) { o.CheckpointItems = 40 }
	e := openMem(t, mem, clock, tune)
	everyAggregation(t, e)
	require.NoError(t, e.PutSettings(ctx, keepRaw36(), usage.Condition{}))
	voided, n := 0, 0
	for range quicker(14) {
		for range quicker(8) {
			evs := make([]usage.Event, 1+rng.IntN(4))
			for i := range evs {
				evs[i] = usage.Event{ID: fmt.Sprint(n), TenantID: "acme", FeatureType: "work", UserID: fmt.Sprint("u", rng.IntN(3)), Quantity: usage.Int(rng.Int64N(9))}
				n++
			}
			_, err := e.RecordBatch(ctx, evs)
			require.NoError(t, err)
		}
		clock.advance(9 * day)
		for range 6 {
			out, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: fmt.Sprint(rng.IntN(n)), Reason: "test"})
			if usage.Code(err) == usage.CodeEventArchived {
				continue
			}
			require.NoError(t, err)
			if out.Status == usage.StatusVoided {
				voided++
			}
		}
		require.NoError(t, e.Expire(ctx))
		require.NoError(t, e.Verify(ctx))
		index, sum := e.Digest()
		require.NoError(t, e.Close())
		e = openMem(t, mem, clock, tune)
		again, same := e.Digest()
		require.Equal(t, sum, same)
		require.Equal(t, index, again)
	}
	require.Positive(t, voided)
	base := e.state.cfg.Load().kept.archived()
	require.Positive(t, base)
	_, err := e.Void(ctx, usage.Void{TenantID: "acme", ID: "0", Reason: "test"})
	require.Equal(t, usage.CodeEventArchived, usage.Code(err))
	_, err = e.Event(ctx, "acme", "", "1")
	require.Contains(t, []usage.ErrorCode{"", usage.CodeEventArchived}, usage.Code(err))
	page, err := e.Events(ctx, usage.EventFilter{TenantID: "acme", Limit: 1000})
	require.NoError(t, err)
	require.NotEmpty(t, page.Data)
	require.Empty(t, page.Next)
	require.Greater(t, page.Data[len(page.Data)-1].Index, base)

	q := usage.Query{Meter: "m_sum", TenantID: "acme", From: clock.Now().Add(-100 * day).Truncate(day), To: clock.Now().Add(day).Truncate(day)}
	_, err = e.Explain(ctx, q, 0, "")
	require.Equal(t, usage.CodeEventArchived, usage.Code(err))
	q.From = clock.Now().Add(-20 * day).Truncate(day)
	x, err := e.Explain(ctx, q, 0, "")
	require.NoError(t, err)
	require.Positive(t, x.Steps[2].Events.Counts.Counted)
	for _, index := range []uint64{1, base - 1, base, base + 1} {
		q.AsOfIndex = index
		_, err = e.Usage(ctx, q)
		require.Equal(t, index < base, usage.Code(err) == usage.CodeEventArchived, "as of %d, base %d: %v", index, base, err)
	}
	q.AsOfIndex, q.AsOfTime = 0, clock.Now().Add(-200*day)
	_, err = e.Usage(ctx, q)
	require.Equal(t, usage.CodeEventArchived, usage.Code(err))
}
