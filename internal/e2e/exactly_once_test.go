package e2e

import (
	"cmp"
	"context"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

// TestExactlyOnce: whatever is retried and however often the server is killed, the numbers are
// those of a plain map (P1, P2, P6).
//
// Eight clients send a list of events that holds every event twice, in random order, in batches
// of random size, as JSON arrays and as lines, some compressed, each copy written differently. A
// batch is sent again until it is answered with 200. Meanwhile the server is killed (-9) at
// random moments and started again on the same directory; some of the kills hit it while it is
// starting, and once it is stopped in order. After every restart, before the clients go on, what
// was acknowledged must be there: the second copies would hide a loss otherwise.
func TestExactlyOnce(t *testing.T) {
	ctx := deadline(t, 30*time.Minute)
	rng := seeded(t)
	dir := filepath.Join(t.TempDir(), "data")
	s, err := startServer(ctx, dir, false)
	require.NoError(t, err)
	s.must(ctx, t, http.StatusCreated, http.MethodPut, "/v1/meters/orders", ordersMeter, nil)

	began := time.Now()
	events := makeEvents(rng, *eventsFlag, began)
	want := newModel(events, began)
	run := newReplay(events, rng)
	run.server.Store(s)
	t.Cleanup(func() {
		if s := run.server.Load(); s != nil {
			s.Kill()
		}
	})
	run.start(ctx)
	k := &killer{run: run, rng: rng, dir: dir}
	if err := k.rampage(ctx, *killsFlag); err != nil {
		run.fail(err)
	}
	require.NoError(t, run.wait())
	took := time.Since(began)
	s = run.server.Load()

	require.Equal(t, int64(2*len(events)), run.accepted.Load()+run.duplicates.Load(), "every copy was answered for")
	require.LessOrEqual(t, run.accepted.Load(), int64(len(events)))
	want.check(ctx, t, s, len(events))

	sample := rng.Perm(len(events))[:max(1, len(events)/20)]
	for part := range slices.Chunk(sample, batchMax) {
		b := &batch{events: part, variant: rng.Uint64()}
		got, err := run.post(ctx, s, b)
		require.NoError(t, err)
		require.Equal(t, batchAnswer{Duplicates: len(part)}, trim(got))
	}
	want.check(ctx, t, s, len(events))

	s.stop(t)
	verified := mustWeir(ctx, t, "verify", "--data", dir)
	require.Contains(t, verified, fmt.Sprintf("verified: %d events", len(events)))
	s, err = startServer(ctx, dir, false)
	require.NoError(t, err)
	run.server.Store(s)
	want.check(ctx, t, s, len(events))

	fmt.Printf("exactly once: %d events sent twice, %d kills (%d during start), %d batches, %d retried batches, %.1f s\n",
		len(events), k.kills, k.killedStarting, len(run.batches), run.retried.Load(), took.Seconds())
	if len(k.restarts) > 0 {
		slices.SortFunc(k.restarts, func(a, b restart) int { return cmp.Compare(a.ready, b.ready) })
		longest := k.restarts[len(k.restarts)-1]
		fmt.Printf("exactly once: restart after kill -9, start to ready: median %v, longest %v (%d items folded again)\n",
			k.restarts[len(k.restarts)/2].ready.Round(time.Millisecond), longest.ready.Round(time.Millisecond), longest.replayed)
	}
	if *killsFlag > 0 {
		require.Positive(t, run.retried.Load(), "no kill met a batch on its way: this run showed nothing")
	}
}

// trim leaves the counts of an answer, for comparing.
func trim(a batchAnswer) batchAnswer {
	return batchAnswer{Accepted: a.Accepted, Duplicates: a.Duplicates, RejectedTotal: a.RejectedTotal}
}

// check compares every number that weir answers with the model.
func (m *model) check(ctx context.Context, t *testing.T, s *server, events int) {
	t.Helper()
	stats, err := s.stats(ctx)
	require.NoError(t, err)
	require.Equal(t, uint64(events), stats.Events)
	require.Zero(t, stats.Conflicts)
	from := m.began.Add(-modelAgeMax - 24*time.Hour).Format(time.RFC3339)
	to := time.Now().UTC().Add(48 * time.Hour).Truncate(24 * time.Hour).Format(time.RFC3339)
	cells := 0
	for tenant := range modelTenants {
		name := fmt.Sprintf("tenant-%d", tenant)
		for feature, meter := range modelFeatures {
			got := make(map[string]*big.Rat)
			for _, row := range s.usage(ctx, t, "meter", meter, "tenant_id", name, "from", from, "to", to,
				"window", "day", "time_zone", "UTC") {
				value, ok := new(big.Rat).SetString(row.Value.String())
				require.True(t, ok, row.Value.String())
				day := m.day(row.WindowStart)
				if got[day] == nil {
					got[day] = new(big.Rat)
				}
				got[day].Add(got[day], value)
			}
			for day, value := range got {
				want := big.NewRat(m.totals[cell{tenant, feature, day}], 1000)
				require.Zero(t, want.Cmp(value), "%s %s %s: want %s, got %s", name, meter, day, want, value)
			}
			cells += len(got)
		}
		users := s.usage(ctx, t, "meter", "active_users", "tenant_id", name, "from", from, "to", to)
		require.Len(t, users, 1)
		require.Equal(t, fmt.Sprint(len(m.users[tenant])), users[0].Value.String(), "users of %s", name)
	}
	// Every row was in the model; as many rows as the model has cells means that none is missing.
	// A cell may be worth nothing: weir answers those that have events.
	require.Equal(t, len(m.totals), cells, "tenant x meter x day cells with events")
}

// killer ends the server again and again.
type killer struct {
	run *replay
	rng *rand.Rand
	dir string

	kills, killedStarting int
	restarts              []restart // after a kill
}

// restart is how long a server took from its start to the first 200 of /readyz, and how many
// items of the log it folded again in that time.
type restart struct {
	ready    time.Duration
	replayed uint64
}

// rampage kills the server at moments that are spread over the run.
func (k *killer) rampage(ctx context.Context, kills int) error {
	for i := range kills {
		// Somewhere in the i-th of as many equal parts of the work, the last 5 % left out so that
		// there is work on its way.
		at := int64(0.95 * float64(len(k.run.batches)) * (float64(i) + k.rng.Float64()) / float64(kills))
		if err := k.run.waitFor(ctx, at); err != nil {
			return err
		}
		time.Sleep(k.moment(5 * time.Millisecond))
		if err := k.strike(ctx); err != nil {
			return fmt.Errorf("kill %d: %w", k.kills, err)
		}
		if i == kills/2 {
			if err := k.stop(ctx); err != nil {
				return fmt.Errorf("clean restart: %w", err)
			}
		}
	}
	return nil
}

// moment draws the random moment of a kill.
func (k *killer) moment(limit time.Duration) time.Duration {
	return time.Duration(k.rng.Int64N(int64(limit)))
}

// strike kills the server and starts it again.
func (k *killer) strike(ctx context.Context) error {
	s := k.run.server.Swap(nil)
	s.Kill()
	k.kills++
	if k.rng.IntN(4) == 0 { // and once more while it recovers
		p, err := weirtest.Start(ctx, nil, weirPath, "serve", "--data", k.dir, "--listen", "127.0.0.1:0")
		if err != nil {
			return err
		}
		last := 50 * time.Millisecond
		if n := len(k.restarts); n > 0 {
			last = k.restarts[n-1].ready
		}
		time.Sleep(k.moment(last))
		p.Kill()
		k.kills++
		k.killedStarting++
	}
	r, err := k.revive(ctx)
	k.restarts = append(k.restarts, r)
	return err
}

// stop ends the server in order, under the clients' hands, and starts it again.
func (k *killer) stop(ctx context.Context) error {
	s := k.run.server.Swap(nil)
	if code := s.Interrupt(syscall.SIGTERM); code != 0 {
		return fmt.Errorf("exit code %d after SIGTERM: %s", code, &s.Stderr)
	}
	r, err := k.revive(ctx)
	if err == nil && r.replayed > 0 {
		err = fmt.Errorf("%d items were folded again after a clean end", r.replayed)
	}
	return err
}

// revive starts the server again, asks for what it had acknowledged, and lets the clients at it.
func (k *killer) revive(ctx context.Context) (restart, error) {
	s, err := startServer(ctx, k.dir, false)
	if err != nil {
		return restart{}, err
	}
	stats, err := s.stats(ctx)
	if err == nil {
		err = k.run.checkAcknowledged(ctx, s)
	}
	if err != nil {
		s.Kill()
		return restart{}, err
	}
	k.run.server.Store(s)
	return restart{s.Ready, stats.Replayed}, nil
}
