package engine

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// Events is a number of one moment: it neither falls nor passes what was sent, though a cut moves events from the shards' part of it to
// the checkpoint's.
func TestStatsOfOneMoment(t *testing.T) {
	e := openMem(t, vfs.NewMem(), newTestClock(), func(o *Options) { o.CheckpointItems = 20 })
	var sent atomic.Uint64
	var done atomic.Bool
	var reader sync.WaitGroup
	reader.Go(func() {
		last := uint64(0)
		for !done.Load() {
			st := e.Stats()
			if most := sent.Load(); st.Events < last || st.Events > most {
				t.Errorf("%d events, %d a moment before, and %d were sent", st.Events, last, most)
				return
			}
			last = st.Events
		}
	})
	for i := range 60 {
		sent.Add(10)
		evs := make([]usage.Event, 10)
		for k := range evs {
			evs[k] = usage.Event{ID: fmt.Sprint(i, ".", k), TenantID: fmt.Sprint("t", k), FeatureType: "api_calls"}
		}
		_, err := e.RecordBatch(t.Context(), evs)
		require.NoError(t, err)
		if t.Failed() {
			break
		}
	}
	done.Store(true)
	reader.Wait()
	require.EqualValues(t, sent.Load(), e.Stats().Events)
}
