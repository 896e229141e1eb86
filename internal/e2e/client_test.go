package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

// TestClientCountsOnce: whatever dies, every event that a Recorder with a spool has taken counts exactly once.
//
// A child process records events and says how far it is. Its requests pass a gate that refuses some (503), loses the answers of
// others that were done, and holds some longer than the client waits. Meanwhile the server is killed (-9) and started again, and
// so is the child, which goes on after the last event that it said was taken.
func TestClientCountsOnce(t *testing.T) {
	ctx := deadline(t, 30*time.Minute)
	rng := seeded(t)
	n := *clientFlag
	data, spool := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "spool")
	s, err := startServer(ctx, data, false)
	require.NoError(t, err)
	g := &gate{rand: rand.New(rand.NewPCG(rng.Uint64(), 0))}
	g.server.Store(s)
	t.Cleanup(func() { g.server.Load().Kill() })
	front := httptest.NewServer(g)
	t.Cleanup(front.Close)

	began := time.Now().UTC().Add(-time.Hour).Truncate(time.Hour)
	args := recorderArgs{Base: front.URL, Key: s.Key, Spool: spool, Events: n, Began: began}
	const kills = 4
	childKills, serverKills := 0, 0
	for done := false; !done; {
		c := startRecorder(ctx, t, args)
		// The child dies when it has taken a part of what is left; the last one may end.
		goal := n
		if childKills < kills {
			goal = args.From + rng.IntN(max(1, (n-args.From)/2))
		}
		for {
			line, ok := <-c.lines
			if !ok {
				break
			}
			if line == "done" {
				done = true
				continue
			}
			taken, err := strconv.Atoi(strings.TrimPrefix(line, "taken "))
			require.NoError(t, err, line)
			args.From = taken
			if serverKills < kills && taken > n*(serverKills+1)/(kills+2) {
				g.restart(ctx, t, data)
				serverKills++
			}
			if childKills < kills && taken >= goal {
				require.NoError(t, c.cmd.Process.Kill())
				childKills++
				goal = n + 1
			}
		}
		err := c.cmd.Wait()
		if done {
			require.NoError(t, err, c.errs.String())
		}
	}
	s = g.server.Load()
	stats, err := s.stats(ctx)
	require.NoError(t, err)
	require.EqualValues(t, n, stats.Events)
	require.Zero(t, stats.Conflicts)
	rows := s.usage(ctx, t, "meter", "api_calls", "from", began.Add(-time.Hour).Format(time.RFC3339), "to", began.Add(48*time.Hour).Format(time.RFC3339))
	require.Equal(t, strconv.Itoa(n), rows[0].Value.String())
	fmt.Printf("client: %d events counted once; server killed %d times, recorder %d times; %d requests refused, %d answers lost, %d held\n",
		n, serverKills, childKills, g.refused.Load(), g.lost.Load(), g.held.Load())
	require.Positive(t, g.lost.Load(), "no outcome was unknown: this run showed nothing")
}

// gate passes requests on to the server of now, but not all of them well. What it does with each is dealt from a deck, not thrown:
// the shortest of runs has its share of all of it.
type gate struct {
	server              atomic.Pointer[server]
	refused, lost, held atomic.Int64

	mu   sync.Mutex // guards the block below
	rand *rand.Rand
	deck []treatment
}

type treatment int

const (
	pass treatment = iota
	refuse
	lose // the answer of a request that was done
	hold // the answer, for longer than the client waits
)

// deal says what to do with the next request: of 30 in a row, 3 are refused, 3 lost and 1 is held.
func (g *gate) deal() treatment {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.deck) == 0 {
		g.deck = append(make([]treatment, 23, 30), refuse, refuse, refuse, lose, lose, lose, hold)
		g.rand.Shuffle(len(g.deck), func(i, j int) { g.deck[i], g.deck[j] = g.deck[j], g.deck[i] })
	}
	last := len(g.deck) - 1
	card := g.deck[last]
	g.deck = g.deck[:last]
	return card
}

// giveBack keeps what was dealt to a request that met no server.
func (g *gate) giveBack(card treatment) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.deck = append(g.deck, card)
}

func (g *gate) restart(ctx context.Context, t *testing.T, data string) {
	t.Helper()
	g.server.Load().Kill()
	s, err := startServer(ctx, data, false)
	require.NoError(t, err)
	g.server.Store(s)
}

func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	card := g.deal()
	target, err := url.Parse(g.server.Load().Base)
	if err != nil {
		panic(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ErrorLog = nil
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { // the server was killed
		g.giveBack(card)
		panic(http.ErrAbortHandler)
	}
	switch card {
	case refuse:
		g.refused.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte(`{"code":"overloaded","detail":"too much is waiting"}`))
	case lose:
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		g.lost.Add(1)
		panic(http.ErrAbortHandler)
	case hold:
		proxy.ServeHTTP(httptest.NewRecorder(), r)
		g.held.Add(1)
		<-r.Context().Done() // until the client gives up
		panic(http.ErrAbortHandler)
	default:
		proxy.ServeHTTP(w, r)
	}
}

// recorderVariable holds the arguments of a child that records.
const recorderVariable = "E2E_RECORDER"

type recorderArgs struct {
	Base, Key, Spool string
	Events, From     int
	Began            time.Time
}

type recorderChild struct {
	cmd   *exec.Cmd
	lines chan string
	errs  weirtest.Output
}

func startRecorder(ctx context.Context, t *testing.T, args recorderArgs) *recorderChild {
	t.Helper()
	text, err := json.Marshal(args)
	require.NoError(t, err)
	c := &recorderChild{cmd: exec.CommandContext(ctx, os.Args[0]), lines: make(chan string)}
	c.cmd.Env = append(os.Environ(), recorderVariable+"="+string(text))
	c.cmd.Stderr = &c.errs
	out, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	go func() {
		defer close(c.lines)
		for in := bufio.NewScanner(out); in.Scan(); {
			c.lines <- in.Text()
		}
	}()
	return c
}

// recordAsChild records events in groups, and says after each how many were taken. The timestamp of an event is of its number: what
// was taken when the process died, and not yet said, is recorded again and must be the same event.
func recordAsChild() int {
	var args recorderArgs
	if err := json.Unmarshal([]byte(os.Getenv(recorderVariable)), &args); err != nil {
		return childFailed(err)
	}
	c, err := client.New(args.Base, &client.Options{Key: args.Key, Timeout: 500 * time.Millisecond})
	if err != nil {
		return childFailed(err)
	}
	r, err := c.NewRecorder(&client.RecorderOptions{SpoolDir: args.Spool, FlushInterval: 2 * time.Millisecond, BatchEvents: 200,
		OnRefused: func(ev usage.Event, why *usage.Error) {
			childFailed(fmt.Errorf("event %s: %w", ev.ID, why))
			os.Exit(1)
		}})
	if err != nil {
		return childFailed(err)
	}
	ctx := context.Background()
	for at := args.From; at < args.Events; {
		group := make([]usage.Event, 0, 100)
		for ; at < args.Events && len(group) < cap(group); at++ {
			group = append(group, usage.Event{ID: fmt.Sprint("event-", at), TenantID: fmt.Sprint("tenant-", at%7), FeatureType: "api_calls",
				Timestamp: args.Began.Add(time.Duration(at%1000) * time.Millisecond)})
		}
		if err := r.Record(ctx, group...); err != nil {
			return childFailed(err)
		}
		fmt.Println("taken", at)
	}
	if err := r.Flush(ctx); err != nil {
		return childFailed(err)
	}
	if err := r.Close(ctx); err != nil {
		return childFailed(err)
	}
	fmt.Println("done")
	return 0
}

func childFailed(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}
