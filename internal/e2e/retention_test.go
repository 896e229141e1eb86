package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

// Retention drops what is weeks old, so the engine of this test lives on a clock of its own: three days pass with every batch.

const (
	retentionVariable = "WEIR_E2E_RETENTION" // holds the arguments of a child
	retentionBatch    = 400
	retentionStep     = 72 * time.Hour
)

var retentionBegan = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// retentionArgs is what a child is told: batches before From are known to be in the store.
type retentionArgs struct {
	Dir  string
	From int
}

// retentionClock stands at a batch.
type retentionClock struct{ batch atomic.Int64 } // moved by the test, read by the engine

func (c *retentionClock) Now() time.Time {
	return retentionBegan.Add(time.Duration(c.batch.Load()) * retentionStep)
}

// at is the batch.
func (c *retentionClock) at() int { return int(c.batch.Load()) }

// retentionEvents is batch n: 97 users of 5 tenants, with the moments of its own three days, so that a batch that is sent again is the same.
func retentionEvents(n int) []usage.Event {
	evs := make([]usage.Event, retentionBatch)
	for i := range evs {
		evs[i] = usage.Event{ID: fmt.Sprintf("%d-%d", n, i), TenantID: fmt.Sprint("tenant-", i%5), UserID: fmt.Sprint("user-", i%97), FeatureType: "api_calls",
			Timestamp: retentionBegan.Add(time.Duration(n)*retentionStep - time.Duration(i)*10*time.Minute)}
	}
	return evs
}

func openRetention(dir string, clock usage.Clock) (*engine.Engine, error) {
	return engine.Open(dir, &engine.Options{Clock: clock, Logger: slog.New(slog.DiscardHandler), CheckpointItems: 1500})
}

// retainAsChild records batch after batch, says so, and lets retention drop what is old after each, until it is killed.
func retainAsChild() int {
	var args retentionArgs
	if err := json.Unmarshal([]byte(os.Getenv(retentionVariable)), &args); err != nil {
		return childFailed(err)
	}
	clock := new(retentionClock)
	clock.batch.Store(int64(args.From))
	e, err := openRetention(args.Dir, clock)
	if err != nil {
		return childFailed(err)
	}
	ctx := context.Background()
	for {
		outs, err := e.RecordBatch(ctx, retentionEvents(clock.at()))
		for i := range outs {
			if err == nil {
				err = outs[i].Err
			}
		}
		if err != nil {
			return childFailed(err)
		}
		fmt.Println("recorded", clock.at())
		clock.batch.Add(1)
		fmt.Println("expiring")
		if err := e.Expire(ctx); err != nil {
			return childFailed(err)
		}
	}
}

// TestKillInRetention kills a process with SIGKILL again and again while minutes and raw events expire, the base moves on and the state
// is compacted. Afterwards every number is what was recorded, the log and the state are equal from the base on, and what needs
// events that have expired says so.
func TestKillInRetention(t *testing.T) {
	rng, ctx, dir := seeded(t), deadline(t, 2*time.Minute), t.TempDir()
	clock := &retentionClock{}
	e, err := openRetention(dir, clock)
	require.NoError(t, err)
	require.NoError(t, e.PutSettings(ctx, usage.Settings{Retention: usage.Retention{
		Raw: usage.KeepFor(36 * 24 * time.Hour), Minute: usage.KeepFor(24 * time.Hour), QuarterHour: usage.KeepFor(48 * time.Hour)}}, usage.Condition{}))
	require.NoError(t, e.Close())

	kills := max(4, *killsFlag)
	for kill := range kills {
		from := clock.at()
		text, err := json.Marshal(retentionArgs{Dir: dir, From: from})
		require.NoError(t, err)
		child := exec.CommandContext(ctx, os.Args[0])
		child.Env = append(os.Environ(), retentionVariable+"="+string(text))
		var errs weirtest.Output
		child.Stderr = &errs
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		least := 8 + rng.IntN(8) // so many batches: a good month each time
		in := bufio.NewScanner(out)
		for in.Scan() {
			word, number, _ := strings.Cut(in.Text(), " ")
			if word == "recorded" {
				n, err := strconv.Atoi(number)
				require.NoError(t, err)
				clock.batch.Store(int64(n + 1))
			}
			if word == "expiring" && clock.at()-from >= least {
				time.Sleep(time.Duration(rng.IntN(20_000)) * time.Microsecond) // into the middle of it
				require.NoError(t, child.Process.Signal(syscall.SIGKILL))
				break
			}
		}
		for in.Scan() { // what it said before it died, some of which was read already
			if number, ok := strings.CutPrefix(in.Text(), "recorded "); ok {
				n, err := strconv.Atoi(number)
				require.NoError(t, err)
				clock.batch.Store(int64(n + 1))
			}
		}
		_ = child.Wait()
		require.Greater(t, clock.at(), from, "kill %d: %s", kill, errs.String())

		e, err := openRetention(dir, clock)
		require.NoError(t, err, "kill %d", kill)
		checkRetained(ctx, t, e, clock)
		require.NoError(t, e.Close())
	}
	e, err = openRetention(dir, clock)
	require.NoError(t, err)
	defer e.Close()
	checkExpired(ctx, t, e)
	t.Logf("killed %d times in retention over %d batches; nothing lost, verified from the base", kills, clock.at())
}

// checkRetained records the batch that was perhaps under way, so that all before the next one is known to count, and compares.
func checkRetained(ctx context.Context, t *testing.T, e *engine.Engine, clock *retentionClock) {
	t.Helper()
	for _, n := range []int{0, clock.at() / 2, clock.at() - 1} {
		outs, err := e.RecordBatch(ctx, retentionEvents(n))
		require.NoError(t, err)
		for i := range outs {
			require.NoError(t, outs[i].Err)
			require.Equal(t, usage.StatusDuplicate, outs[i].Status, "batch %d", n)
		}
	}
	outs, err := e.RecordBatch(ctx, retentionEvents(clock.at()))
	require.NoError(t, err)
	for i := range outs {
		require.NoError(t, outs[i].Err)
	}
	clock.batch.Add(1)
	require.NoError(t, e.Verify(ctx))
	to := clock.Now().Truncate(24 * time.Hour).Add(24 * time.Hour)
	for tenant := range 5 {
		rows, err := e.Usage(ctx, usage.Query{Meter: "api_calls", TenantID: fmt.Sprint("tenant-", tenant), From: retentionBegan.Add(-96 * time.Hour), To: to})
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(clock.at()*retentionBatch/5), rows.Data[0].Value.String(), "tenant-%d", tenant)
	}
}

// checkExpired asks for what only expired events could tell.
func checkExpired(ctx context.Context, t *testing.T, e *engine.Engine) {
	t.Helper()
	from, to := retentionBegan.Add(-96*time.Hour), retentionBegan.Add(96*time.Hour)
	_, err := e.Void(ctx, usage.Void{TenantID: "tenant-0", ID: "0-0", Reason: "too late"})
	require.Equal(t, usage.CodeEventArchived, usage.Code(err), "%v", err)
	_, err = e.Event(ctx, "tenant-0", "", "0-0")
	require.Equal(t, usage.CodeEventArchived, usage.Code(err), "%v", err)
	q := usage.Query{Meter: "api_calls", TenantID: "tenant-0", From: from, To: to}
	_, err = e.Explain(ctx, q, 10, "")
	require.Equal(t, usage.CodeEventArchived, usage.Code(err), "%v", err)
	q.AsOfIndex = 2
	_, err = e.Usage(ctx, q)
	require.Equal(t, usage.CodeEventArchived, usage.Code(err), "%v", err)
}
