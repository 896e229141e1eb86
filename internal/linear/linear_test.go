package linear

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

var (
	forFlag  = flag.Duration("linear.for", 4*time.Second, "how long the clients work; the full run at least 10m")
	seedFlag = flag.Uint64("linear.seed", 0, "the seed of the work; 0 takes a new one")
)

const (
	roundClients = 6
	roundCalls   = 90 // of each client
	// decideLimit is how long one history may take. One that takes longer is undecided, and the run fails.
	decideLimit = time.Minute
)

// tally is what a run comes to.
type tally struct {
	histories, operations, unknown, unjudged, kills int
}

// TestLinearizable: rounds of clients at new tenants. In each round the server is killed at a random moment and started again, and
// the clients go on. Every history of every round must have an order that explains it.
func TestLinearizable(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector does not see into the server")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -linear.seed=%d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	ctx, dir := t.Context(), t.TempDir()
	binary, err := weirtest.Build(ctx, dir)
	require.NoError(t, err)
	w := &world{t: t, binary: binary, data: filepath.Join(dir, "data"), deaths: make(map[int]time.Duration)}
	w.began = time.Now()
	w.start(ctx)
	t.Cleanup(func() { w.server.Load().Kill() })
	for end := w.began.Add(*forFlag); time.Now().Before(end); {
		w.round(ctx, rng)
	}
	n := &w.tally
	fmt.Printf("linearizable: histories=%d operations=%d (of them %d without an answer) kills=%d cut=%d unjudged_reads=%d illegal=0 undecided=0\n",
		n.histories, n.operations, n.unknown, n.kills, w.cuts.Load(), n.unjudged)
	require.Positive(t, n.unknown, "no kill met a call on its way: this run showed nothing")
}

// world is a run with its server.
type world struct {
	run
	t            *testing.T
	binary, data string
	lives        int
	deaths       map[int]time.Duration
	rounds       int
	tally        tally
}

func (w *world) start(ctx context.Context) {
	s, err := weirtest.Serve(ctx, w.binary, w.data, nil)
	require.NoError(w.t, err)
	w.lives++
	w.server.Store(&life{s, w.lives})
}

// kill ends the server and starts it again.
func (w *world) kill(ctx context.Context) {
	s := w.server.Swap(nil)
	s.Kill()
	w.deaths[s.number] = time.Since(w.began)
	w.tally.kills++
	w.start(ctx)
}

// round lets clients work on new tenants, kills the server under their hands, and checks what they were answered.
func (w *world) round(ctx context.Context, rng *rand.Rand) {
	w.rounds++
	var tenants []*tenant
	s := w.server.Load()
	for i := range 4 {
		n := &tenant{name: fmt.Sprintf("t%d-%d", w.rounds, i), limit: 10 + rng.Int64N(60), minute: i == 3}
		period := "lifetime"
		if n.minute {
			period = "minute"
		}
		quota := fmt.Sprintf(`{"quotas":[{"slug":"m","meter":"api_calls","period":"%s","limit":%d}]}`, period, n.limit)
		require.NoError(w.t, s.Must(ctx, "PUT", "/v1/plans/p"+n.name, quota, nil))
		require.NoError(w.t, s.Must(ctx, "PUT", "/v1/tenants/"+n.name, `{"plan":"p`+n.name+`"}`, nil))
		tenants = append(tenants, n)
	}
	var clients sync.WaitGroup
	for i := range roundClients {
		c := &client{run: &w.run, number: i, name: fmt.Sprintf("r%d-c%d", w.rounds, i), tenants: tenants,
			rng: rand.New(rand.NewPCG(rng.Uint64(), uint64(i)))}
		clients.Go(func() { c.work(ctx, roundCalls) })
	}
	time.Sleep(time.Duration(10+rng.IntN(150)) * time.Millisecond) // the moment of the kill is drawn
	w.kill(ctx)
	clients.Wait()
	if text := w.wrong.Load(); text != nil {
		w.t.Fatal(*text)
	}
	for _, n := range tenants {
		list, unjudged := n.histories(w.began, w.deaths)
		w.tally.unjudged += unjudged
		for _, h := range list {
			w.tally.add(h)
			h.decide(w.t)
		}
	}
}

func (n *tally) add(h history) {
	n.histories++
	n.operations += len(h.operations)
	for _, o := range h.operations {
		if o.Output.(result).unknown {
			n.unknown++
		}
	}
}

// decide fails unless the history is linearizable. Of one that is not it keeps a picture.
func (h history) decide(t *testing.T) {
	t.Helper()
	model := specification(h.ids, h.limit)
	verdict := porcupine.CheckOperationsTimeout(model, h.operations, decideLimit)
	if verdict == porcupine.Ok {
		return
	}
	name := filepath.Join(os.TempDir(), fmt.Sprintf("weir-linear-%d.html", os.Getpid()))
	_, info := porcupine.CheckOperationsVerbose(model, h.operations, decideLimit)
	if err := porcupine.VisualizePath(model, info, name); err != nil {
		t.Log(err)
	}
	t.Fatalf("%s of %d operations is %s; see %s", h.name, len(h.operations), verdict, name)
}
