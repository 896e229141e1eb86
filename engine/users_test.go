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

// manyUsers makes a tenant of n users under two quotas of user scope. Every third has used more of one than it is warned of. One came before
// there were quotas.
func manyUsers(t testing.TB, n int) *Engine {
	e := openMem(t, vfs.NewMem(), newTestClock(), nil)
	_, err := e.Record(context.Background(), usage.Event{ID: "x", TenantID: "acme", UserID: "before", FeatureType: "feature_use"})
	require.NoError(t, err)
	putPlan(t, e, "p", `[{"slug":"each","meter":"api_calls","scope":"user","period":"day","limit":4,"mode":"soft"},
		{"slug":"month","meter":"api_calls","scope":"user","period":"month","limit":1000},{"slug":"all","meter":"api_calls","period":"day","limit":null}]`)
	putTenant(t, e, "acme", "p")
	for from := 0; from < n; from += 1000 {
		var requests []usage.Request
		for i := from; i < min(n, from+1000); i++ {
			requests = append(requests, usage.Request{ID: fmt.Sprint(i), TenantID: "acme", UserID: fmt.Sprintf("user-%d", i),
				Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(int64(1 + i%3*2))}}})
		}
		answers, err := e.ConsumeBatch(context.Background(), requests)
		require.NoError(t, err)
		require.True(t, answers[0].Allowed)
	}
	return e
}

// TestUsersPages: pages of any size, begun anywhere, tell what one page does, and that is what each user is told.
func TestUsersPages(t *testing.T) {
	s := seed(t)
	rng := rand.New(rand.NewPCG(s, 9))
	n := 3*usersChunk + 17
	e := manyUsers(t, n)
	for _, quota := range []string{"", "each", "month", "none"} {
		for _, near := range []bool{false, true} {
			whole, next, err := e.Users("acme", quota, near, 0, n+1)
			require.NoError(t, err)
			require.Zero(t, next)
			switch {
			case quota == "none", quota == "month" && near:
				require.Empty(t, whole)
			case near:
				require.Equal(t, n/3, len(whole))
			default:
				require.Equal(t, n, len(whole))
			}
			var paged []UserQuotas
			for after := uint32(0); ; {
				page, next, err := e.Users("acme", quota, near, after, 1+rng.IntN(2*usersChunk))
				require.NoError(t, err)
				paged = append(paged, page...)
				if after = next; next == 0 {
					break
				}
			}
			require.Equal(t, whole, paged)
			if len(whole) > 5 {
				rest, _, err := e.Users("acme", quota, near, whole[4].Number, n)
				require.NoError(t, err)
				require.Equal(t, whole[5:], rest)
			}
			for _, u := range whole[:min(3, len(whole))] {
				all, err := e.Quotas("acme", u.UserID)
				require.NoError(t, err)
				var want []usage.QuotaStatus
				for _, q := range all {
					if q.UserID != nil && (quota == "" || q.Quota == quota) {
						want = append(want, q)
					}
				}
				require.Equal(t, want, u.Quotas)
			}
		}
	}
}

// TestUsersHoldNobodyUp: while the users of a large tenant are looked through in vain, others get the lock of its shard again and again. (It was
// held from the first user to the last: 1.7 s for 300,000.)
func TestUsersHoldNobodyUp(t *testing.T) {
	e := manyUsers(t, 40_000)
	most := 0
	for range 10 { // on a busy machine a round may be over before anybody else has run
		most = max(most, turnsBeside(t, e.state.dir.tenant("acme").shard, func() error {
			_, _, err := e.Users("acme", "month", true, 0, 10) // nobody is near
			return err
		}))
		if most > 5 {
			return
		}
	}
	t.Fatalf("others had the lock %d times", most)
}

// turnsBeside is how often somebody else gets the lock of a shard out of the hands of a call.
func turnsBeside(t *testing.T, sh *shard, call func() error) (turns int) {
	done := make(chan error, 1)
	go func() { done <- call() }()
	for {
		select {
		case err := <-done:
			require.NoError(t, err)
			return turns
		default:
		}
		if sh.mu.TryLock() { // nobody has it
			sh.mu.Unlock()
			continue
		}
		sh.mu.Lock()
		turns++
		sh.mu.Unlock()
	}
}
