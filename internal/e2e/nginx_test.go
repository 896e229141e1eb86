//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

const (
	nginxRequests = 3000
	// olderCopies times the real log make the older, rotated one.
	olderCopies = 20
	// nginxZone and nginxTZ are one zone: half an hour off every whole hour of UTC. The second is
	// the form that needs no zone files.
	nginxZone = "Asia/Kolkata"
	nginxTZ   = "TZ=IST-5:30"
)

// TestNginx imports the access log of a real nginx and an older, rotated one, interrupted several
// times, and compares what weir then answers with what awk counts in the same files: calls by
// virtual host and hour of a zone, and distinct users by virtual host. Imported again, nothing
// changes.
func TestNginx(t *testing.T) {
	for _, name := range []string{"nginx", "awk"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("%s is not installed", name)
		}
	}
	ctx := deadline(t, 3*time.Minute)
	rng := seeded(t)
	n := startNginx(ctx, t)
	n.traffic(ctx, t, rng, nginxRequests)
	require.Equal(t, 0, n.Interrupt(os.Interrupt), "%s", &n.Stderr)
	current, err := os.ReadFile(n.log)
	require.NoError(t, err)
	older := makeOlder(t, rng, current)
	packed := filepath.Join(t.TempDir(), "access.log.1.gz")
	require.NoError(t, os.WriteFile(packed, gzipped(t, older), 0o600))
	want := countByAwk(ctx, t, current, older)

	dir := filepath.Join(t.TempDir(), "data")
	s := serve(ctx, t, dir)
	load := func(file string) []string {
		return []string{"import", file, "--format", "vhost_combined", "--server", s.Base, "--data", dir}
	}
	interruptStdin(ctx, t, s, older, load("-"))
	for range 3 { // and the file, at moments that may be before, in or after it
		p, err := weirtest.Start(ctx, nil, weirPath, load(packed)...)
		require.NoError(t, err)
		time.Sleep(time.Duration(rng.Int64N(int64(500 * time.Millisecond))))
		p.Kill()
	}
	stats, err := s.stats(ctx)
	require.NoError(t, err)
	t.Logf("%d of %d lines were imported when the last import was interrupted", stats.Events, lines(older))
	counted, duplicates := imported(t, mustWeir(ctx, t, load(packed)...))
	require.Equal(t, lines(older), counted+duplicates)
	require.GreaterOrEqual(t, uint64(duplicates), stats.Events)

	counted, duplicates = imported(t, mustWeir(ctx, t, load(n.log)...))
	require.Equal(t, []int{lines(current), 0}, []int{counted, duplicates})
	want.check(ctx, t, s, dir)
	for _, file := range []string{packed, n.log} {
		counted, _ = imported(t, mustWeir(ctx, t, load(file)...))
		require.Zero(t, counted, "%s again", file)
	}
	want.check(ctx, t, s, dir)
	s.stop(t)
	mustWeir(ctx, t, "verify", "--data", dir)
}

// interruptStdin feeds an import a tenth of a log, ending inside a line, waits until the server has
// some of it, and kills the import.
func interruptStdin(ctx context.Context, t *testing.T, s *server, log []byte, args []string) {
	t.Helper()
	cmd := exec.CommandContext(ctx, weirPath, args...)
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = stdin.Write(log[:len(log)/10+7])
	require.NoError(t, err)
	for {
		stats, err := s.stats(ctx)
		require.NoError(t, err)
		if stats.Events >= 2000 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait(), "it was killed")
}

// makeOlder makes a log of the days before from a real one: every line several times, its time
// moved back by whole hours.
func makeOlder(t *testing.T, rng *rand.Rand, current []byte) []byte {
	t.Helper()
	var older bytes.Buffer
	for range olderCopies {
		for line := range bytes.Lines(current) {
			open, end := bytes.IndexByte(line, '['), bytes.IndexByte(line, ']')
			at, err := time.Parse(nginxTime, string(line[open+1:end]))
			require.NoError(t, err)
			at = at.Add(-time.Duration(1+rng.IntN(72)) * time.Hour)
			older.Write(line[:open+1])
			older.WriteString(at.Format(nginxTime))
			older.Write(line[end:])
		}
	}
	return older.Bytes()
}

const nginxTime = "02/Jan/2006:15:04:05 -0700"

func lines(log []byte) int { return bytes.Count(log, []byte{'\n'}) }

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err := w.Write(text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return out.Bytes()
}

var importReport = regexp.MustCompile(`(\d+) counted, (\d+) duplicates, 0 rejected, 0 lines not read`)

// imported reads what `weir import` says at its end.
func imported(t *testing.T, text string) (counted, duplicates int) {
	t.Helper()
	m := importReport.FindStringSubmatch(text)
	require.NotNil(t, m, text)
	counted, _ = strconv.Atoi(m[1])
	duplicates, _ = strconv.Atoi(m[2])
	return counted, duplicates
}

// logCounts is what is in the logs: by virtual host, calls by hour and distinct users.
type logCounts struct {
	calls map[string]map[string]string
	users map[string]string
}

// logAwk counts lines by host and hour, as both are written, and users by host.
const logAwk = `
{
	host = $1; sub(/:[0-9]+$/, "", host)
	user = $4; if (user == "-") user = $2
	calls[host " " substr($5, 2, 14)]++
	if (!seen[host " " user]++) users[host]++
}
END {
	for (k in calls) print "calls", k, calls[k]
	for (h in users) print "users", h, "-", users[h]
}`

func countByAwk(ctx context.Context, t *testing.T, logs ...[]byte) logCounts {
	t.Helper()
	cmd := exec.CommandContext(ctx, "awk", logAwk)
	cmd.Stdin = bytes.NewReader(bytes.Join(logs, nil))
	text, err := cmd.Output()
	require.NoError(t, err)
	c := logCounts{calls: make(map[string]map[string]string), users: make(map[string]string)}
	in := bufio.NewScanner(bytes.NewReader(text))
	for in.Scan() {
		f := strings.Fields(in.Text())
		require.Len(t, f, 4, in.Text())
		if f[0] == "users" {
			c.users[f[1]] = f[3]
			continue
		}
		if c.calls[f[1]] == nil {
			c.calls[f[1]] = make(map[string]string)
		}
		c.calls[f[1]][f[2]] = f[3]
	}
	require.NotEmpty(t, c.calls)
	return c
}

// check compares what `weir usage` answers.
func (c logCounts) check(ctx context.Context, t *testing.T, s *server, dir string) {
	t.Helper()
	stats, err := s.stats(ctx)
	require.NoError(t, err)
	require.Equal(t, len(c.calls), stats.Tenants)
	zone, err := time.LoadLocation(nginxZone)
	require.NoError(t, err)
	ask := func(meter, tenant, window, form string) string {
		return mustWeir(ctx, t, "usage", "--meter", meter, "--tenant", tenant, "--window", window, "-o", form,
			"--from", time.Now().In(zone).AddDate(0, 0, -5).Format(time.DateOnly),
			"--to", time.Now().In(zone).AddDate(0, 0, 2).Format(time.DateOnly),
			"--time-zone", nginxZone, "--server", s.Base, "--data", dir)
	}
	for host, want := range c.calls {
		rows, err := csv.NewReader(strings.NewReader(ask("api_calls", host, "hour", "csv"))).ReadAll()
		require.NoError(t, err)
		got := make(map[string]string)
		for _, row := range rows[1:] {
			start, err := time.Parse(time.RFC3339Nano, row[0])
			require.NoError(t, err)
			got[start.In(zone).Format("02/Jan/2006:15")] = row[2]
		}
		require.Equal(t, want, got, "calls of %s", host)

		var users usage.Rows
		require.NoError(t, json.Unmarshal([]byte(ask("active_users", host, "total", "json")), &users))
		require.Len(t, users.Data, 1)
		require.Equal(t, c.users[host], fmt.Sprint(users.Data[0].Value), "users of %s", host)
	}
}
