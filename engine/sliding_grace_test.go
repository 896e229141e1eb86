package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// TestGraceOfSlidingQuota: the grace period of a window runs from the moment at which what is in it passed the limit, ends, and begins anew
// when the window has come back under the limit, be it by time alone.
func TestGraceOfSlidingQuota(t *testing.T) {
	const limit, overage, grace = 100, 50, time.Hour
	reasons := make(map[usage.Reason]int)
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 7))
		clock := newTestClock()
		e := openMem(t, vfs.NewMem(), clock, nil)
		putPlan(t, e, "p", fmt.Sprintf(`[{"slug":"s","meter":"api_calls","period":{"sliding":"3h"},"limit":%d,"overage":%d,"grace_period":"1h"}]`, limit, overage))
		putTenant(t, e, "acme", "p")
		used := func() int64 {
			quotas, err := e.Quotas("acme", "")
			require.NoError(t, err)
			n, err := quotas[0].Used.Units(0)
			require.NoError(t, err)
			return n
		}
		var since time.Time // zero: not over
		for i := range 300 {
			clock.advance(time.Duration(rng.IntN(int(25 * time.Minute))))
			if rng.IntN(40) == 0 {
				clock.advance(4 * time.Hour)
			}
			before := used()
			if before <= limit {
				since = time.Time{}
			}
			cost := int64(1 + rng.IntN(20))
			if rng.IntN(4) == 0 {
				_, err := e.Record(t.Context(), usage.Event{ID: fmt.Sprint(i), TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(cost)})
				require.NoError(t, err)
			} else {
				want := usage.ReasonNone
				switch {
				case before+cost > limit+overage:
					want = usage.ReasonExceeded
				case before+cost > limit && !since.IsZero() && clock.Now().Sub(since) >= grace:
					want = usage.ReasonGrace
				}
				require.Equal(t, want == usage.ReasonNone, e.Allowed("acme", "api_calls", cost).Allowed)
				a := consume(t, e, ask(fmt.Sprint(i), cost))
				require.Equal(t, want == usage.ReasonNone, a.Allowed, "seed %d step %d: used %d, cost %d, over since %v: %s", seed, i, before, cost, since, a.Reason)
				if !a.Allowed {
					require.Equal(t, want, a.Reason)
				}
				reasons[want]++
			}
			if used() > limit && since.IsZero() {
				since = clock.Now()
			}
		}
	}
	require.NotZero(t, reasons[usage.ReasonGrace])
	require.NotZero(t, reasons[usage.ReasonExceeded])
	require.NotZero(t, reasons[usage.ReasonNone])
}
