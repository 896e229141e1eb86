//go:build linux

package e2e

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	diskMiB = 300
	// roomyMiB is the disk at the end, when everything is sent once more: a duplicate is a line of
	// the log too.
	roomyMiB = 4 * diskMiB
	// fillerMiB comes free when the filler is deleted. weir refuses below a minimum of about
	// 100 MiB and resumes a quarter above it, so this is more than enough for it.
	fillerMiB = 100
	// requestMax bounds every request on a full disk: refused, not blocked.
	requestMax = 40 * time.Second
	// fatEvents and fatBytes make a batch of 200 KB that does not compress: it fits one block.
	fatEvents = 50
	fatBytes  = 3000
)

// TestDiskFull fills a small disk through the server (P7): it refuses in time and says why, goes
// on answering reads, takes writes again when there is room, and has everything it acknowledged,
// also when it is killed while the disk is full.
func TestDiskFull(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	disk := mountTmpfs(t)
	dir := filepath.Join(disk, "data")
	filler := filepath.Join(disk, "filler")
	require.NoError(t, fill(filler, fillerMiB<<20))
	s := serve(ctx, t, dir)
	w := &fatWriter{}

	filled := time.Now()
	w.untilRefused(ctx, t, s)
	t.Logf("%d batches were taken and the disk refused after %v; slowest request %v",
		len(w.acked), time.Since(filled).Round(time.Millisecond), w.slowest.Round(time.Millisecond))
	require.NotEmpty(t, w.acked)
	checkFull := func() {
		t.Helper()
		began := time.Now()
		a, err := s.Ask(ctx, http.MethodPost, "/v1/events", []byte(`{"id":"late","tenant_id":"acme","feature_type":"api_calls"}`))
		require.NoError(t, err)
		require.Less(t, time.Since(began), requestMax)
		require.Equal(t, http.StatusInsufficientStorage, a.Status, "%s", a.Body)
		p, err := problemOf(a)
		require.NoError(t, err)
		require.Equal(t, "disk_full", p.Code)
		require.Regexp(t, `disk is almost full: \d+ MiB free, writes resume above \d+ MiB`, p.Detail)

		status, _ := s.health(ctx, t, "/healthz")
		require.Equal(t, http.StatusOK, status, "a restart would not help")
		status, wrong := s.health(ctx, t, "/readyz")
		require.Equal(t, http.StatusServiceUnavailable, status)
		require.Contains(t, wrong["disk"], "almost full")
		w.checkUsage(ctx, t, s)
	}
	checkFull()

	require.NoError(t, os.Remove(filler))
	resumed := time.Now()
	var counted struct{ Status string }
	for {
		a, err := s.Ask(ctx, http.MethodPost, "/v1/events", []byte(`{"id":"late","tenant_id":"acme","feature_type":"api_calls"}`))
		require.NoError(t, err)
		if a.Status == http.StatusOK {
			require.NoError(t, json.Unmarshal(a.Body, &counted))
			break
		}
		require.Equal(t, http.StatusInsufficientStorage, a.Status, "%s", a.Body)
		require.Less(t, time.Since(resumed), requestMax, "there is room, and writes are still refused")
		time.Sleep(20 * time.Millisecond)
	}
	require.Equal(t, "counted", counted.Status, "what was refused had not counted")
	t.Logf("writes resumed %v after there was room, without a restart", time.Since(resumed).Round(time.Millisecond))
	status, wrong := s.health(ctx, t, "/readyz")
	require.Equal(t, http.StatusOK, status, "%v", wrong)

	// Full again, and killed while it is. It starts on the full disk, for reading.
	require.NoError(t, fill(filler, fillerMiB<<20))
	w.untilRefused(ctx, t, s)
	s.Kill()
	s, err := startServer(ctx, dir, true)
	require.NoError(t, err)
	t.Cleanup(s.Kill)
	w.checkUsage(ctx, t, s)
	status, wrong = s.health(ctx, t, "/readyz")
	if status == http.StatusOK { // the start deleted files that nothing needs: there is a little room, and soon none
		w.untilRefused(ctx, t, s)
		status, wrong = s.health(ctx, t, "/readyz")
	}
	require.Equal(t, http.StatusServiceUnavailable, status)
	require.Contains(t, wrong["disk"], "almost full")
	s.Kill()

	require.NoError(t, os.Remove(filler))
	require.NoError(t, resize(disk, roomyMiB<<10))
	w.checkReopened(ctx, t, dir)
}

// TestDiskFilledByOthers takes the rest of the disk from under the server at one stroke while it
// is writing, between two of its measurements. It may refuse or stop, but not block, and what it
// acknowledged is there when there is room again.
func TestDiskFilledByOthers(t *testing.T) {
	ctx := deadline(t, 3*time.Minute)
	disk := mountTmpfs(t)
	dir := filepath.Join(disk, "data")
	s := serve(ctx, t, dir)
	w := &fatWriter{}
	shrunk := make(chan error, 1)
	go func() {
		for w.count() < 100 && ctx.Err() == nil {
			time.Sleep(time.Millisecond)
		}
		shrunk <- shrinkToUsed(disk)
	}()
	w.untilRefused(ctx, t, s)
	require.NoError(t, <-shrunk)
	require.GreaterOrEqual(t, len(w.acked), 100)
	status, wrong := s.health(ctx, t, "/readyz")
	require.Equal(t, http.StatusServiceUnavailable, status)
	t.Logf("%d batches were taken, %d have no answer; slowest request %v; not ready: %v",
		len(w.acked), len(w.unknown), w.slowest.Round(time.Millisecond), wrong)

	// Without a byte left it may start, for reading, or say why it does not.
	s.Kill()
	if again, err := startServer(ctx, dir, true); err == nil {
		t.Log("it started without a byte left")
		w.checkUsage(ctx, t, again)
		again.Kill()
	} else {
		t.Log(err)
		require.ErrorContains(t, err, "no space left")
	}
	require.NoError(t, resize(disk, roomyMiB<<10))
	w.checkReopened(ctx, t, dir)
}

// shrinkToUsed makes the disk as small as what is on it, give or take what is written meanwhile:
// it has a few blocks left or none.
func shrinkToUsed(disk string) error {
	var err error
	for range 1000 { // it cannot be made smaller than it is full, and it grows all the time
		var st syscall.Statfs_t
		if err = syscall.Statfs(disk, &st); err != nil {
			return err
		}
		usedKiB := int64(st.Blocks-st.Bfree) * st.Bsize >> 10
		if err = resize(disk, usedKiB+64); err == nil {
			return nil
		}
	}
	return err
}

func resize(disk string, sizeKiB int64) error {
	return syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%dk", sizeKiB))
}

// mountTmpfs answers a disk of diskMiB of its own.
func mountTmpfs(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("a small disk needs a mount, and a mount needs root")
	}
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", diskMiB)); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, syscall.Unmount(dir, 0)) })
	return dir
}

// fill writes a file of so many bytes.
func fill(name string, size int) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	chunk := make([]byte, 1<<20)
	for written := 0; written < size && err == nil; written += len(chunk) {
		_, err = f.Write(chunk)
	}
	return errors.Join(err, f.Close())
}

// fatWriter sends batches of large events and knows which were acknowledged. Batch n is the same
// whenever it is made.
type fatWriter struct {
	mu      sync.Mutex // guards the block below
	next    int
	acked   []int
	unknown []int // without a definite answer
	slowest time.Duration
}

func (w *fatWriter) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

func fatBatch(n int) []byte {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(n))
	rng := rand.NewChaCha8(seed)
	b := []byte{'['}
	noise := make([]byte, fatBytes)
	for i := range fatEvents {
		_, _ = rng.Read(noise) // never fails
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `{"id":"fat-%d-%d","tenant_id":"acme","user_id":"u","feature_type":"api_calls","metadata":{"noise":"%s"}}`,
			n, i, base64.StdEncoding.EncodeToString(noise))
	}
	return append(b, ']')
}

// untilRefused writes with four clients until each of them was refused.
func (w *fatWriter) untilRefused(ctx context.Context, t *testing.T, s *server) {
	t.Helper()
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	for range cap(errs) {
		wg.Go(func() { errs <- w.writeUntilRefused(ctx, s) })
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

func (w *fatWriter) writeUntilRefused(ctx context.Context, s *server) error {
	for {
		w.mu.Lock()
		n := w.next
		w.next++
		w.mu.Unlock()
		body := fatBatch(n)
		limit, cancel := context.WithTimeout(ctx, requestMax)
		began := time.Now()
		a, err := s.Ask(limit, http.MethodPost, "/v1/events", body)
		took := time.Since(began)
		cancel()
		if err != nil {
			return fmt.Errorf("the server is there, so it has to answer in time: %w", err)
		}
		w.mu.Lock()
		w.slowest = max(w.slowest, took)
		switch a.Status {
		case http.StatusOK:
			w.acked = append(w.acked, n)
		case http.StatusInsufficientStorage: // nothing was written
		case http.StatusServiceUnavailable:
			w.unknown = append(w.unknown, n)
		}
		w.mu.Unlock()
		if a.Status == http.StatusOK {
			continue
		}
		p, err := problemOf(a)
		if err != nil {
			return err
		}
		switch p.Code {
		case "disk_full", "failed":
			return nil
		case "outcome_unknown":
			continue // a batch that came into two blocks; the next one is refused
		}
		return fmt.Errorf("%s: %s", p.Code, p.Detail)
	}
}

// checkUsage asks for the number of events: all that were acknowledged, and at most those
// without an answer beside them ("late" is one event).
func (w *fatWriter) checkUsage(ctx context.Context, t *testing.T, s *server) {
	t.Helper()
	began := time.Now()
	stats, err := s.stats(ctx)
	require.NoError(t, err)
	require.Less(t, time.Since(began), requestMax)
	require.GreaterOrEqual(t, stats.Events, uint64(len(w.acked)*fatEvents))
	require.LessOrEqual(t, stats.Events, uint64((len(w.acked)+len(w.unknown))*fatEvents+1))
	rows := s.usage(ctx, t, "meter", "api_calls", "tenant_id", "acme",
		"from", time.Now().UTC().Add(-48*time.Hour).Truncate(24*time.Hour).Format(time.RFC3339),
		"to", time.Now().UTC().Add(48*time.Hour).Truncate(24*time.Hour).Format(time.RFC3339))
	require.Len(t, rows, 1)
	require.Equal(t, fmt.Sprint(stats.Events), rows[0].Value.String())
}

// checkReopened starts a server where there is room again and sends everything that was
// acknowledged once more: all of it is there.
func (w *fatWriter) checkReopened(ctx context.Context, t *testing.T, dir string) {
	t.Helper()
	s := serve(ctx, t, dir)
	w.checkUsage(ctx, t, s)
	for _, n := range w.acked {
		var got batchAnswer
		s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", string(fatBatch(n)), &got)
		require.Equal(t, batchAnswer{Duplicates: fatEvents}, trim(got), "batch %d", n)
	}
	s.stop(t)
	mustWeir(ctx, t, "verify", "--data", dir)
}
