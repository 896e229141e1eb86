package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var quotaSecondsFlag = flag.Int("e2e.quota-seconds", 4, "how long the never-over run asks; the full run at least 60")

// TestNeverOver: eight clients ask for far more than limits of 1, 10 and 1,000, by consumes and reservations of 1 to 7 units, and void
// some of what they consumed, while limits are lowered and raised, with kill -9 of the server every second or so. What was admitted never passes a limit, in any answer; what was acknowledged is counted
// after every restart; and in the end exactly the limit is admitted (P1, P2, P3).
func TestNeverOver(t *testing.T) {
	ctx := deadline(t, 20*time.Minute)
	rng := seeded(t)
	dir := filepath.Join(t.TempDir(), "data")
	s, err := startServer(ctx, dir, false)
	require.NoError(t, err)
	run := &quotaRun{limits: []int64{1, 10, 1000}}
	for _, limit := range run.limits {
		s.must(ctx, t, 201, http.MethodPut, fmt.Sprintf("/v1/plans/p%d", limit),
			fmt.Sprintf(`{"quotas":[{"slug":"m","meter":"api_calls","period":"lifetime","limit":%d}]}`, limit), nil)
		s.must(ctx, t, 201, http.MethodPut, fmt.Sprintf("/v1/tenants/t%d", limit), fmt.Sprintf(`{"plan":"p%d"}`, limit), nil)
		run.admitted = append(run.admitted, new(atomic.Int64))
	}
	run.server.Store(s)
	t.Cleanup(func() {
		if s := run.server.Load(); s != nil {
			s.Kill()
		}
	})
	var wg sync.WaitGroup
	stop, cancel := context.WithCancel(ctx)
	for g := range 8 {
		clientRng := rand.New(rand.NewPCG(rng.Uint64(), uint64(g)))
		wg.Go(func() {
			for i := 0; stop.Err() == nil; i++ {
				run.ask(ctx, clientRng, fmt.Sprintf("c%d-%d", g, i))
			}
		})
	}
	kills := 0
	for end := time.Now().Add(time.Duration(*quotaSecondsFlag) * time.Second); time.Now().Before(end); kills++ {
		time.Sleep(time.Duration(300+rng.IntN(1000)) * time.Millisecond)
		run.server.Swap(nil).Kill()
		s, err := startServer(ctx, dir, false)
		require.NoError(t, err)
		run.check(ctx, t, s, false)
		run.server.Store(s)
	}
	cancel()
	wg.Wait()
	s = run.server.Load()
	for i, limit := range run.limits { // what reservations and voids have given back, and changes of the limit held back
		_, err := s.Ask(ctx, http.MethodPut, fmt.Sprintf("/v1/tenants/t%d/quotas/m", limit), fmt.Appendf(nil, `{"limit":%d}`, limit), header("Content-Type", "application/json"))
		require.NoError(t, err)
		for n := 0; ; n++ {
			var a decision
			s.must(ctx, t, 200, http.MethodPost, "/v1/consume", fmt.Sprintf(`{"id":"rest-%d","tenant_id":"t%d","feature_type":"api_calls"}`, n, limit), &a)
			if !a.Allowed {
				break
			}
			run.admitted[i].Add(1)
		}
	}
	run.check(ctx, t, s, true)
	s.stop(t)
	mustWeir(ctx, t, "verify", "--data", dir)
	require.Empty(t, run.failure.Load())
	require.Positive(t, run.retried.Load(), "no kill met a call on its way: this run showed nothing")
	fmt.Printf("never over: %d calls for %d units on limits %v, %d units voided, %d changes of limits, %d kills, %d retried calls; over_limit_units=0\n",
		run.calls.Load(), run.asked.Load(), run.limits, run.voided.Load(), run.changes.Load(), kills, run.retried.Load())
}

// quotaRun is clients that ask one server after another.
type quotaRun struct {
	server   atomic.Pointer[server] // nil while it is down
	limits   []int64
	admitted []*atomic.Int64 // units acknowledged, by limit

	calls, asked, retried, voided, changes atomic.Int64
	failure                                atomic.Pointer[string]
}

// decision is what a test looks at in an answer.
type decision struct {
	Allowed bool   `json:"allowed"`
	Status  string `json:"status"`
	Quotas  []struct {
		Used, Reserved, Limit json.Number
	} `json:"quotas"`
}

// ask makes one call and repeats it until it is answered.
func (r *quotaRun) ask(ctx context.Context, rng *rand.Rand, id string) {
	i := rng.IntN(len(r.limits))
	n := 1 + rng.Int64N(7)
	r.calls.Add(1)
	r.asked.Add(n)
	if rng.IntN(60) == 0 {
		limit := r.limits[i] - rng.Int64N(2)*(r.limits[i]/2)
		r.send(ctx, http.MethodPut, fmt.Sprintf("/v1/tenants/t%d/quotas/m", r.limits[i]), fmt.Sprintf(`{"limit":%d}`, limit))
		r.changes.Add(1)
	}
	body := fmt.Sprintf(`{"id":"%s","tenant_id":"t%d","feature_type":"api_calls","quantity":%d}`, id, r.limits[i], n)
	if rng.IntN(3) > 0 {
		if a, ok := r.post(ctx, "/v1/consume", body); ok && a.Allowed {
			r.admitted[i].Add(n)
			if rng.IntN(3) == 0 {
				r.admitted[i].Add(-n) // from now on it may be gone
				r.post(ctx, "/v1/events/"+id+"/void", fmt.Sprintf(`{"tenant_id":"t%d","reason":"test"}`, r.limits[i]))
				r.voided.Add(n)
			}
		}
		return
	}
	a, ok := r.post(ctx, "/v1/reservations", body)
	if !ok || !a.Allowed {
		return
	}
	used := rng.Int64N(n + 1)
	if used == 0 {
		r.post(ctx, "/v1/reservations/"+id+"/release", fmt.Sprintf(`{"tenant_id":"t%d"}`, r.limits[i]))
		return
	}
	if _, ok := r.post(ctx, "/v1/reservations/"+id+"/commit", fmt.Sprintf(`{"tenant_id":"t%d","quantity":%d}`, r.limits[i], used)); ok {
		r.admitted[i].Add(used)
	}
}

// post sends a call until it is answered; ok is false when the run is over.
func (r *quotaRun) post(ctx context.Context, path, body string) (d decision, ok bool) {
	return r.send(ctx, http.MethodPost, path, body)
}

func (r *quotaRun) send(ctx context.Context, method, path, body string) (d decision, ok bool) {
	for sent := false; ctx.Err() == nil; sent = true {
		s := r.server.Load()
		for s == nil {
			time.Sleep(time.Millisecond)
			if ctx.Err() != nil {
				return d, false
			}
			s = r.server.Load()
		}
		if sent {
			r.retried.Add(1)
		}
		a, err := s.Ask(ctx, method, path, []byte(body), header("Content-Type", "application/json"))
		if err != nil || a.Status == http.StatusServiceUnavailable {
			time.Sleep(time.Millisecond)
			continue
		}
		if a.Status/100 != 2 {
			text := fmt.Sprintf("%s %s: %d %s", path, body, a.Status, a.Body)
			r.failure.CompareAndSwap(nil, &text)
			return d, false
		}
		if err := json.NewDecoder(bytes.NewReader(a.Body)).Decode(&d); err != nil {
			text := err.Error()
			r.failure.CompareAndSwap(nil, &text)
			return d, false
		}
		return d, true
	}
	return d, false
}

// check compares the quotas of every tenant with what was acknowledged.
func (r *quotaRun) check(ctx context.Context, t *testing.T, s *server, over bool) {
	t.Helper()
	for i, limit := range r.limits {
		acked := r.admitted[i].Load()
		var list struct {
			Data []struct{ Used, Reserved int64 }
		}
		s.must(ctx, t, 200, http.MethodGet, fmt.Sprintf("/v1/tenants/t%d/quotas", limit), "", &list)
		q := list.Data[0]
		require.LessOrEqual(t, q.Used+q.Reserved, limit, "over the limit of %d", limit)
		require.GreaterOrEqual(t, q.Used+q.Reserved, acked, "something acknowledged was lost")
		if over {
			require.Equal(t, []int64{limit, limit}, []int64{acked, q.Used}, "exactly the limit when demand is larger")
		}
	}
}
