package e2e

// Processes: the binary is built once, and every process a test starts is reaped by it.

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

var (
	eventsFlag = flag.Int("e2e.events", 20_000, "events of the exactly-once run; the full run has 1,000,000")
	clientFlag = flag.Int("e2e.client", 10_000, "events of the run of the Go client; the full run has 1,000,000")
	killsFlag  = flag.Int("e2e.kills", 4, "how often that run kills the server; the full run at least 20 times")
	seedFlag   = flag.Uint64("e2e.seed", 0, "the seed of random tests; 0 takes a new one")
)

// weirPath is the binary under test.
var weirPath string

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(recorderVariable) != "" { // this process is a child of TestClientCountsOnce
		os.Exit(recordAsChild())
	}
	if os.Getenv(retentionVariable) != "" { // one of TestKillInRetention
		os.Exit(retainAsChild())
	}
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "weir-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if weirPath, err = weirtest.Build(ctx, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// seeded answers a random source and prints its seed.
func seeded(t *testing.T) *rand.Rand {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed: -e2e.seed=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// deadline answers a context that ends before the test binary's own timeout, so that a test that
// hangs still ends its processes.
func deadline(t *testing.T, limit time.Duration) context.Context {
	t.Helper()
	end := time.Now().Add(limit)
	if d, ok := t.Deadline(); ok && d.Add(-10*time.Second).Before(end) {
		end = d.Add(-10 * time.Second)
	}
	ctx, cancel := context.WithDeadline(t.Context(), end)
	t.Cleanup(cancel)
	return ctx
}

// runWeir runs one command to its end.
func runWeir(ctx context.Context, t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p, err := weirtest.Start(ctx, nil, weirPath, args...)
	require.NoError(t, err)
	<-p.Done
	require.NoError(t, ctx.Err(), "weir %v took too long", args)
	return p.Cmd.ProcessState.ExitCode(), p.Stdout.String(), p.Stderr.String()
}

// mustWeir runs one command that has to succeed and answers what it printed.
func mustWeir(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := runWeir(ctx, t, args...)
	require.Equal(t, 0, code, "weir %v\n%s%s", args, stdout, stderr)
	return stdout
}
