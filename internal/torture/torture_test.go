//go:build linux

package torture

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

var (
	forFlag     = flag.Duration("torture.for", 6*time.Second, "how long faults are injected; make torture has minutes")
	seedFlag    = flag.Uint64("torture.seed", 0, "the seed of the work and the faults; 0 takes a new one")
	clientsFlag = flag.Int("torture.clients", 10, "clients at once")
	diskFlag    = flag.Int("torture.disk", 2048, "MiB of the disk")
	clockFlag   = flag.Bool("torture.clock", false, "build a server whose clock jumps; it compiles everything again")
	binaryFlag  = flag.String("torture.binary", "", "the server; default: built from this tree. One that has a clock to move needs -torture.clock too")
	dirFlag     = flag.String("torture.dir", "", "where the disk is; default: the directory for temporary files")
	onlyFlag    = flag.String("torture.faults", "", "a regular expression of the kinds of faults")
	quietFlag   = flag.Duration("torture.quiet", time.Second, "from the end of a fault to the next, at most")
)

// verifyEvery is how often the log is folded again in the middle of a run.
const verifyEvery = 8 * time.Minute

// slowFault is worth a line of its own.
const slowFault = 10 * time.Second

// TestTorture: see the documentation of the package.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("the race detector does not see into the server")
	}
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	fmt.Printf("torture: seed %d (repeat with -torture.seed=%d)\n", seed, seed)
	base, err := os.MkdirTemp(*dirFlag, "weir-torture-")
	require.NoError(t, err)
	r := newRun(t, base, seed)
	err = r.run(t.Context())
	r.close(t.Failed() || err != nil || r.machine.failed())
	r.print(err)
	require.NoError(t, err)
	require.Empty(t, r.machine.wrong)
}

// run is one run: the machine, what strikes it, and the clients.
type run struct {
	t          *testing.T
	base       string
	began      time.Time
	machine    *machine
	faults     *faults
	clients    []*client
	impossible []string
	schedule   []string // the faults, for the report of a failure

	verified         int
	lastFold         time.Time
	events, replayed int
	changed          int
	equal            bool
}

func newRun(t *testing.T, base string, seed uint64) *run {
	r := &run{t: t, base: base}
	b := &book{seed: seed, events: events{voids: make(map[uint64]bool), voided: make(map[uint64]bool)}}
	m := &machine{book: b, target: &target{}}
	r.machine = m
	rng := rand.New(rand.NewPCG(seed, 1))
	var err error
	var why string
	m.disk, why, err = newDisk(base, *diskFlag)
	require.NoError(t, err)
	if why != "" {
		r.impossible = append(r.impossible, why)
	}
	build := weirtest.Build
	if *clockFlag {
		build = weirtest.BuildWithClock
		m.clock, err = weirtest.NewClock(base + "/clock")
		require.NoError(t, err)
	}
	if m.binary = *binaryFlag; m.binary == "" {
		m.binary, err = build(t.Context(), base)
		require.NoError(t, err)
	}
	r.began = time.Now().Truncate(time.Second) // the build is over
	m.judge = r.newClient(255, &target{})
	for i := range *clientsFlag {
		r.clients = append(r.clients, r.newClient(uint8(i), m.target))
	}
	f, impossible := newFaults(m, rng, base)
	r.faults, r.impossible = f, append(r.impossible, impossible...)
	return r
}

func (r *run) newClient(number uint8, to *target) *client {
	return &client{book: r.machine.book, target: to, began: r.began, number: number,
		rng: rand.New(rand.NewPCG(r.machine.seed, 100+uint64(number)))}
}

// setUp makes meters, plans and tenants.
func (r *run) setUp(ctx context.Context) error {
	if err := r.machine.start(ctx, false); err != nil {
		return err
	}
	s := r.machine.server
	if err := s.Must(ctx, "PUT", "/v1/meters/orders", `{"slug":"orders","aggregation":"count"}`, nil); err != nil {
		return err
	}
	const plan = `{"quotas":[{"slug":"m","meter":"api_calls","period":"lifetime","limit":100},{"slug":"k","meter":"llm_tokens","period":"day","limit":200000}]}`
	if err := s.Must(ctx, "PUT", "/v1/plans/limited", plan, nil); err != nil {
		return err
	}
	if err := s.Must(ctx, "PUT", "/v1/plans/soft", `{"quotas":[{"slug":"o","meter":"orders","period":"month","limit":1000,"mode":"soft"}]}`, nil); err != nil {
		return err
	}
	for i := range r.machine.limits {
		r.machine.limits[i].Store(100)
	}
	for _, name := range decisionTenants() {
		if err := s.Must(ctx, "PUT", "/v1/tenants/"+name, `{"plan":"limited"}`, nil); err != nil {
			return err
		}
	}
	for i := range recordTenants {
		if err := s.Must(ctx, "PUT", fmt.Sprint("/v1/tenants/record-", i), `{"plan":"soft"}`, nil); err != nil {
			return err
		}
	}
	r.machine.target.Store(s)
	return nil
}

// run goes through everything.
func (r *run) run(ctx context.Context) error {
	if err := r.setUp(ctx); err != nil {
		return err
	}
	stop, stopped := context.WithCancel(ctx)
	hard, abort := context.WithCancel(ctx)
	defer abort()
	var working sync.WaitGroup
	for _, c := range r.clients {
		working.Go(func() { c.work(hard, stop, 8*time.Millisecond) })
	}
	go r.progress(stop)
	err := r.rampage(ctx)
	stopped()
	if err != nil || r.machine.failed() {
		abort() // whoever waits for an answer would wait for ever
	}
	drained := r.attend(hard, abort, func() error {
		working.Wait()
		return nil
	})
	if err == nil {
		err = drained
	}
	if err != nil || r.machine.failed() {
		return err
	}
	return r.settle(hard, abort)
}

// attend does something that asks the server, and operates the server meanwhile: what the last fault has done may show late.
func (r *run) attend(ctx context.Context, abort func(), do func() error) (err error) {
	done := make(chan error, 1)
	go func() { done <- do() }()
	for {
		select {
		case result := <-done:
			return errors.Join(err, result)
		case <-time.After(100 * time.Millisecond):
			if ctx.Err() != nil {
				continue
			}
			if err = r.machine.operate(ctx); err != nil || r.machine.failed() {
				abort()
			}
		}
	}
}

// rampage injects faults until the time is over.
func (r *run) rampage(ctx context.Context) error {
	r.lastFold = time.Now()
	for end := time.Now().Add(*forFlag); time.Now().Before(end) && !r.machine.failed(); {
		time.Sleep(r.faults.moment(*quietFlag))
		if err := r.machine.operate(ctx); err != nil {
			return err
		}
		k := r.faults.draw()
		at := time.Since(r.began).Round(time.Millisecond)
		err := r.faults.strike(ctx, k)
		took := time.Since(r.began).Round(time.Millisecond) - at
		r.schedule = append(r.schedule, fmt.Sprintf("%v %s, over after %v", at, k, took))
		if took > slowFault {
			r.say("%s took %v: %s", k, took, r.machine.waited)
		}
		if err != nil {
			return err
		}
		if time.Since(r.lastFold) > verifyEvery {
			if err := r.fold(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// fold stops the server, folds its log again, and starts it.
func (r *run) fold(ctx context.Context) error {
	if err := r.machine.stop(); err != nil {
		return err
	}
	if _, err := r.machine.verify(ctx); err != nil {
		return err
	}
	r.verified++
	r.lastFold = time.Now()
	return r.machine.revive(ctx)
}

// settle compares everything with the books, folds the log, replays all, and compares again.
func (r *run) settle(ctx context.Context, abort func()) error {
	m := r.machine
	r.say("faults are over; comparing with the books")
	r.events = int(m.events.next)
	var before numbers
	err := r.attend(ctx, abort, func() (err error) {
		if err = resolve(ctx, r.clients); err == nil {
			before, err = actual(ctx, r.clients[0])
		}
		return err
	})
	if err != nil {
		return err
	}
	want := expected(m.book, r.clients, r.began)
	for name := range before {
		if d := before[name] - want[name]; d > 0 {
			m.doubled.Add(d)
		}
	}
	for name := range want {
		if d := want[name] - before[name]; d > 0 {
			m.lost.Add(d)
		}
	}
	for _, line := range differ(want, before) {
		m.violation("%s", line)
	}
	if err := r.fold(ctx); err != nil {
		return err
	}
	r.say("replaying everything that was acknowledged")
	var after numbers
	err = r.attend(ctx, abort, func() (err error) {
		if r.replayed, err = replay(ctx, r.clients); err == nil {
			after, err = actual(ctx, r.clients[0])
		}
		return err
	})
	if err != nil {
		return err
	}
	changed := differ(before, after)
	r.changed = len(changed)
	for _, line := range changed {
		m.violation("changed by the replay: %s", line)
	}
	if err := m.stop(); err != nil {
		return err
	}
	if _, err := m.verify(ctx); err != nil {
		return err
	}
	r.verified++
	r.equal = len(m.wrong) == 0
	return nil
}

func (r *run) say(format string, args ...any) {
	fmt.Printf("torture: %5.0f s  %s\n", time.Since(r.began).Seconds(), fmt.Sprintf(format, args...))
}

// progress prints a line every ten seconds.
func (r *run) progress(ctx context.Context) {
	for tick := time.NewTicker(10 * time.Second); ; {
		select {
		case <-ctx.Done():
			tick.Stop()
			return
		case <-tick.C:
			b := r.machine.book
			b.events.mu.Lock()
			events := b.events.next
			b.events.mu.Unlock()
			r.say("%d requests, %d events, %d repeated, %d without an answer, %d denied; lost=%d double=%d over=%d", b.requests.Load(),
				events, b.retried.Load(), b.unknown.Load(), b.attempts.Load(), b.lost.Load(), b.doubled.Load(), b.over.Load())
		}
	}
}

// close ends what runs and gives the disk back. After a failure the files stay.
func (r *run) close(keep bool) {
	if s := r.machine.server; s != nil {
		s.Kill()
	}
	r.machine.disk.close()
	if keep {
		fmt.Printf("torture: the files are in %s; disk.img can be mounted\n", r.base)
		return
	}
	if err := os.RemoveAll(r.base); err != nil {
		fmt.Println("torture:", err)
	}
}

// print is the summary.
func (r *run) print(err error) {
	m, b := r.machine, r.machine.book
	equal := map[bool]string{true: "equal", false: "NOT EQUAL"}[r.equal]
	fmt.Printf("torture: %v on %s/%s, seed %d: %d requests, %d events, %d repeated, %d without an answer, %d answers after a power cut not believed; refused: clock %d, disk full %d, not ready %d\n",
		time.Since(r.began).Round(time.Second), runtime.GOOS, runtime.GOARCH, b.seed, b.requests.Load(), r.events, b.retried.Load(), b.unknown.Load(), b.haunted.Load(),
		b.unready[0].Load(), b.unready[1].Load(), b.unready[2].Load())
	fmt.Printf("torture: lost_acked=%d double_counted=%d over_limit_units=%d over_limit_attempts=%d sums=%s verify=%d times equal, replayed=%d changed=%d panics=%d restarts=%d longest_restart=%v\n",
		b.lost.Load(), b.doubled.Load(), b.over.Load(), b.attempts.Load(), equal, r.verified, r.replayed, r.changed, m.panics, m.restarts, m.longest.Round(time.Millisecond))
	fmt.Println("torture:", r.faults)
	for _, why := range r.impossible {
		fmt.Println("torture: not here:", why)
	}
	if len(b.wrong) > 0 || err != nil {
		fmt.Printf("torture: WRONG\n%s\nthe last faults:\n%s\n", strings.Join(b.wrong, "\n"), strings.Join(r.schedule[max(0, len(r.schedule)-10):], "\n"))
	}
}
