package e2e

// Processes: the binary is built once, and every process a test starts is reaped by it.

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
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
	weirPath = filepath.Join(dir, "weir")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	build := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", weirPath, "github.com/weirhq/weir/cmd/weir")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	if text, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build weir: %v\n%s", err, text)
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

// output keeps the head of what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer // guarded by mu
}

// outputBytesMax bounds what is kept of a process's output: enough for every line that matters.
const outputBytesMax = 1 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if room := outputBytesMax - o.buf.Len(); room > 0 {
		o.buf.Write(p[:min(len(p), room)])
	}
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// process is a running program.
type process struct {
	cmd          *exec.Cmd
	stdout, errs output
	done         chan struct{} // closed when it has ended and was reaped
}

// startProcess runs a program until it ends or ctx does; then it is killed.
func startProcess(ctx context.Context, environ []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, name, args...), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), environ...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.errs
	p.cmd.WaitDelay = 5 * time.Second
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(p.done)
		_ = p.cmd.Wait() // the exit code says all
	}()
	return p, nil
}

// ended reports whether the process is gone.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// kill ends the process as kill -9 does, and waits until it is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // an error means that it has ended already
	<-p.done
}

// interrupt sends a signal and answers the exit code. A process that is still there after 30
// seconds is killed, which makes the code -1.
func (p *process) interrupt(sig os.Signal) int {
	_ = p.cmd.Process.Signal(sig)
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode()
}

// stop asks for a clean end.
func (p *process) stop(t *testing.T) {
	t.Helper()
	require.Equal(t, 0, p.interrupt(syscall.SIGTERM), "the exit code after SIGTERM\n%s", &p.errs)
}

// runWeir runs one command to its end.
func runWeir(ctx context.Context, t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	p, err := startProcess(ctx, nil, weirPath, args...)
	require.NoError(t, err)
	<-p.done
	require.NoError(t, ctx.Err(), "weir %v took too long", args)
	return p.cmd.ProcessState.ExitCode(), p.stdout.String(), p.errs.String()
}

// mustWeir runs one command that has to succeed and answers what it printed.
func mustWeir(ctx context.Context, t *testing.T, args ...string) string {
	t.Helper()
	code, stdout, stderr := runWeir(ctx, t, args...)
	require.Equal(t, 0, code, "weir %v\n%s%s", args, stdout, stderr)
	return stdout
}
