package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

// run executes one command line.
func run(t *testing.T, environ []string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	m := Main{Environ: environ}
	code = m.Run(t.Context(), args, strings.NewReader(""), &out, &errs)
	return code, out.String(), errs.String()
}

// server is a running `weir serve` or `weir dev`.
type server struct {
	base   string
	stdout *weirtest.Output
	stop   func() int // ends it and answers its exit code
}

var listening = regexp.MustCompile(`weir listens on (https?://\S+)`)

func start(t *testing.T, args ...string) *server {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var out, errs weirtest.Output
	done := make(chan int, 1)
	go func() {
		done <- new(Main).Run(ctx, append(args, "--listen", "127.0.0.1:0"), strings.NewReader(""), &out, &errs)
	}()
	s := &server{stdout: &out, stop: sync.OnceValue(func() int { cancel(); return <-done })}
	t.Cleanup(func() { s.stop() })
	require.Eventually(t, func() bool {
		if m := listening.FindStringSubmatch(out.String()); m != nil {
			s.base = m[1]
		}
		return s.base != ""
	}, time.Minute, 5*time.Millisecond, "%s%s", &out, &errs)
	return s
}

func TestWrongCommandLines(t *testing.T) {
	for _, test := range []struct {
		environ []string
		args    string
		want    string
	}{
		{nil, "recrod", `did you mean "record"`},
		{nil, "--nope", "unknown flag"},
		{nil, "version extra", "unexpected argument"},
		{nil, "help nosuch", `unknown command "nosuch"`},
		{nil, "help recrod", `did you mean "record"`},
		{nil, "help plans shwo", `did you mean "weir plans show"`},
		{nil, "completion nosh", "unexpected argument"},
		{nil, "completion bsh", `did you mean "weir completion bash"`},
		{nil, "completion bash extra", "unexpected argument"},
		{nil, "reserve show x", "--tenant"},
		{nil, "reserve commit x", "--tenant"},
		{nil, "leases show x", "--tenant"},
		{nil, "leases settle x --used 1", "--tenant"},
		{nil, "void x --tenant t", "--reason"},
		{nil, "void x --reason r", "--tenant"},
		{nil, "tenants reset t q", "--reason"},
		{nil, "adjust --tenant t --meter m --quantity 1", "--reason"},
		{nil, "serve", "--data DIR"},
		{nil, "serve --data x --listen 0.0.0.0:7070", "--insecure"},
		{nil, "serve --data x --listen :7070", "--tls-cert"},
		{nil, "serve --data x --listen example.com:7070", "--insecure"},
		{nil, "serve --data x --listen 7070", "host:port"},
		{nil, "serve --data x --tls-cert a.pem", "--tls-key"},
		{nil, "serve --data x --tenant-rate -1", "must not be negative"},
		{nil, "verify", "--data DIR"},
		{nil, "serve --data x --log-level loud", "--log-level"},
		{nil, "dev --listen 0.0.0.0:7070", "loopback"},
		{nil, "dev --listen :7070", "loopback"},
		{nil, "dev --listen 7070", "host:port"},
		{nil, "dev --demo=maybe", "invalid argument"},
		{nil, "record --feature f", "/tenant_id"},
		{nil, "record --tenant t --feature f --quantity much", "--quantity"},
		{nil, "record --tenant t --feature f --time noon", "--time"},
		{nil, "record --tenant t --feature f --meta x", "key=value"},
		{nil, "record --tenant t --feature f --meta a=1 --meta a=2", "twice"},
		{nil, "record --tenant t --feature f --server localhost", "--server"},
		{nil, "record --tenant t --feature f -o xml", "--output"},
		{nil, "usage", "--meter"},
		{nil, "usage --meter m --from soon", "--from"},
		{nil, "import", "name one file"},
		{nil, "import x", "--tenant"},
		{nil, "import x --tenant a --tenant-field 2", "one of"},
		{nil, "import x --tenant-from vhost", "vhost_combined"},
		{nil, "import x --tenant a --format w3c", "--format"},
		{nil, "import x.csv --delimiter \"", "neither a quote"},
		{[]string{"WEIR_KEYS=x"}, "version", "did you mean WEIR_KEY"},
		{[]string{"WEIR_DEMO=perhaps"}, "dev", "WEIR_DEMO"},
	} {
		code, stdout, stderr := run(t, test.environ, strings.Fields(test.args)...)
		require.Equal(t, exitUsage, code, "%s: %s", test.args, stderr)
		require.Contains(t, stderr, test.want, test.args)
		require.Empty(t, stdout, test.args)
	}
	code, stdout, _ := run(t, nil)
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "Exit codes")
	code, stdout, _ = run(t, nil, "version")
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "weir devel")
}

func TestFailures(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"record --tenant t --feature f --server http://127.0.0.1:1", "nothing answers"},
		{"usage --meter m --data /nonexistent", "read the key"},
		{"backup --out " + filepath.Join(t.TempDir(), "x") + " --server http://127.0.0.1:1", "nothing answers at http://127.0.0.1:1"},
		{"verify --data /nonexistent", "no such file"},
		{"verify --data " + t.TempDir(), "is empty"},
		{"import /nonexistent --tenant a", "no such file"},
	} {
		code, _, stderr := run(t, nil, strings.Fields(test.args)...)
		require.Equal(t, exitFailed, code, test.args)
		require.Contains(t, stderr, test.want, test.args)
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestFullOutput: output that could not be written is a failure, whoever printed it.
func TestFullOutput(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	file := filepath.Join(t.TempDir(), "x.csv")
	require.NoError(t, os.WriteFile(file, []byte("tenant_id,quantity\na,1\n"), 0o600))
	for _, args := range []string{
		"version", "help", "completion bash", "config check --data x", "import " + file + " --feature api_calls",
		"record --tenant t --feature api_calls -o table", "consume --tenant t --feature api_calls -o table", "top -o table", "top",
	} {
		words := strings.Fields(args)
		if strings.Contains(args, "feature") || words[0] == "top" {
			words = append(words, "--server", s.base)
		}
		var errs bytes.Buffer
		code := new(Main).Run(t.Context(), words, strings.NewReader(""), fullDisk{}, &errs)
		require.Equal(t, exitFailed, code, args)
		require.Contains(t, errs.String(), "no space left", args)
	}
	require.Equal(t, exitOK, s.stop())
}

// TestTopInPipe: JSON in a pipe, like every command.
func TestTopInPipe(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	for args, want := range map[string]string{"": "{", "-o json": "{", "-o table": "weir  ", "-o csv": ""} { // order-free: each by itself
		code, stdout, stderr := run(t, nil, append([]string{"top", "--server", s.base}, strings.Fields(args)...)...)
		require.Equal(t, exitOK, code, stderr)
		require.True(t, strings.HasPrefix(stdout, want), "%s: %s", args, stdout)
		require.Equal(t, want == "{", json.Valid([]byte(stdout)), args)
	}
	require.Equal(t, exitOK, s.stop())
}

// TestServe is a server's life: the key at the first start, events, usage, a restart that
// keeps key and counts, verify.
func TestServe(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	s := start(t, "serve", "--data", dir)
	key := regexp.MustCompile(`weir_[a-z2-7]+_[a-z2-7]+`).FindString(s.stdout.String())
	require.NotEmpty(t, key)
	info, err := os.Stat(filepath.Join(dir, keyFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())

	code, _, stderr := run(t, nil, "record", "--server", s.base, "--tenant", "acme", "--feature", "api_calls")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "WEIR_KEY")
	event := []string{"record", "--server", s.base, "--tenant", "acme", "--feature", "api_calls", "--id", "e1", "--quantity", "7", "--meta", "endpoint=/v1", "--meta", "n=1.50"}
	code, stdout, stderr := run(t, []string{"WEIR_KEY=" + key}, event...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, `"status":"counted"`)
	code, stdout, stderr = run(t, nil, append(event, "--data", dir, "-o", "table")...)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "e1 duplicate, in the period from")
	code, _, stderr = run(t, nil, "record", "--server", s.base, "--key", key, "--tenant", "acme", "--feature", "api_cals")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stderr, "did you mean")

	ask := []string{"usage", "--server", s.base, "--key", key, "--meter", "api_calls", "--tenant", "acme", "--window", "day"}
	code, stdout, stderr = run(t, nil, ask...)
	require.Equal(t, exitOK, code, stderr)
	require.True(t, json.Valid([]byte(stdout)), "a pipe gets JSON: %s", stdout)
	code, stdout, _ = run(t, nil, append(ask, "-o", "csv")...)
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "window_start,window_end,value")
	code, stdout, _ = run(t, nil, append(ask, "-o", "table", "--time-zone", "Europe/Berlin")...)
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "Europe/Berlin")
	require.Contains(t, stdout, "┤", "the plot")
	require.NotContains(t, stdout, "\x1b", "colours are for terminals")

	require.Equal(t, exitOK, s.stop())
	s = start(t, "serve", "--data", dir)
	require.NotContains(t, s.stdout.String(), "admin key", "it is shown once")
	ask[2] = s.base
	code, stdout, _ = run(t, nil, append(ask, "--window", "total")...)
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, `"value":7`)
	code, _, stderr = run(t, nil, "verify", "--data", dir)
	require.Equal(t, exitFailed, code, "the store is open")
	require.Contains(t, stderr, "lock")
	require.Equal(t, exitOK, s.stop())
	code, stdout, stderr = run(t, nil, "verify", "--data", dir)
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, "verified: 1 events")
}

func TestKeyFile(t *testing.T) {
	dir := t.TempDir()
	key, made, err := adminKey(dir)
	require.NoError(t, err)
	require.True(t, made)
	again, made, err := adminKey(dir)
	require.NoError(t, err)
	require.False(t, made)
	require.Equal(t, key, again)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1, "no temporary file stays")

	path := filepath.Join(dir, keyFile)
	require.NoError(t, os.Chmod(path, 0o644))
	_, _, err = adminKey(dir)
	require.ErrorContains(t, err, "chmod 600")
	require.NoError(t, os.Chmod(path, 0o600))
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	_, _, err = adminKey(dir)
	require.ErrorContains(t, err, "delete the file")
}

// TestDev pastes the lines that `weir dev` prints, without the shell.
func TestDev(t *testing.T) {
	s := start(t, "dev")
	require.Eventually(t, func() bool { return strings.Contains(s.stdout.String(), "Ctrl-C") }, time.Minute, 5*time.Millisecond)
	text := s.stdout.String()
	post := regexp.MustCompile(`curl -s (\S+) -H 'Content-Type: application/json' -d '(.*)'`).FindStringSubmatch(text)
	require.NotNil(t, post, text)
	query := regexp.MustCompile(`curl -s '(\S+/v1/usage\S+)'`).FindStringSubmatch(text)
	require.NotNil(t, query, text)
	var statuses []string
	for range 2 {
		res, err := http.Post(post[1], "application/json", strings.NewReader(post[2]))
		require.NoError(t, err)
		var out usage.Outcome
		require.NoError(t, json.NewDecoder(res.Body).Decode(&out))
		require.NoError(t, res.Body.Close())
		statuses = append(statuses, string(out.Status))
	}
	require.Equal(t, []string{"counted", "duplicate"}, statuses)
	res, err := http.Get(query[1])
	require.NoError(t, err)
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	var rows usage.Rows
	require.NoError(t, json.Unmarshal(body, &rows), string(body))
	require.NotEmpty(t, rows.Data)

	res, err = http.Get(s.base + "/v1/system")
	require.NoError(t, err)
	var system struct{ Stats usage.Stats }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&system))
	require.NoError(t, res.Body.Close())
	require.Equal(t, len(demoTenants), system.Stats.Tenants)
	require.Greater(t, system.Stats.Events, uint64(10_000))
	require.Equal(t, exitOK, s.stop())
}

// TestDemoHistoryOnce opens the demo's directory twice: its history has the same ids and
// payloads, so nothing counts again and nothing conflicts.
func TestDemoHistoryOnce(t *testing.T) {
	dir := t.TempDir()
	s := start(t, "dev", "--data", dir)
	require.Equal(t, exitOK, s.stop())
	s = start(t, "dev", "--data", dir)
	res, err := http.Get(s.base + "/v1/system")
	require.NoError(t, err)
	var system struct{ Stats usage.Stats }
	require.NoError(t, json.NewDecoder(res.Body).Decode(&system))
	require.NoError(t, res.Body.Close())
	require.Greater(t, system.Stats.Duplicates, uint64(10_000))
	require.Zero(t, system.Stats.Conflicts)
	require.Equal(t, exitOK, s.stop())
}

func TestImport(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	now := time.Now().Add(-time.Hour).UTC().Format("02/Jan/2006:15:04:05 -0700")
	line := func(user, target string) string {
		return fmt.Sprintf(`10.0.0.%d - %s [%s] "GET %s HTTP/1.1" 200 612 "-" "curl/8 \"x\" ü"`, len(target), user, now, target)
	}
	var log strings.Builder
	for i := range 1500 {
		fmt.Fprintln(&log, line("alice", fmt.Sprintf("/team%d/items?x=%d", i%3, i)))
	}
	for range 3 { // equal lines are three calls
		fmt.Fprintln(&log, line("-", "/team1/same"))
	}
	path := filepath.Join(t.TempDir(), "access.log")
	require.NoError(t, os.WriteFile(path, []byte(log.String()), 0o600))
	load := func(want string, args ...string) {
		t.Helper()
		code, stdout, stderr := run(t, nil, append([]string{"import", "--server", s.base}, args...)...)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stdout, want)
	}
	load("1503 counted, 0 duplicates", path, "--tenant-from", "path")
	load("0 counted, 1503 duplicates", path, "--tenant-from", "path")

	// The file grows by one line and half of another, and is rotated.
	half := line("bob", "/team2/late")
	grown := log.String() + line("bob", "/team2/x") + "\n" + half[:len(half)-9]
	rotated := path + ".1"
	require.NoError(t, os.WriteFile(rotated, []byte(grown), 0o600))
	load("1 counted, 1503 duplicates", rotated, "--tenant-from", "path")
	require.NoError(t, os.WriteFile(rotated, []byte(log.String()+line("bob", "/team2/x")+"\n"+half+"\n"), 0o600))
	load("1 counted, 0 duplicates", rotated, "--tenant-from", "path", "--from-offset", fmt.Sprint(len(log.String())+len(line("bob", "/team2/x"))+1))

	vhosts := filepath.Join(t.TempDir(), "vhosts.log")
	require.NoError(t, os.WriteFile(vhosts, []byte("shop.example:443 "+line("eve", "/a")+"\nnews.example "+line("eve", "/b")+"\n"), 0o600))
	load("2 counted", vhosts, "--format", "vhost_combined")
	code, stdout, stderr := run(t, nil, "usage", "--server", s.base, "--meter", "api_calls", "--tenant", "shop.example",
		"--from", time.Now().UTC().AddDate(0, 0, -2).Format(time.DateOnly)) // the calls of an hour ago may be of the month before
	require.Equal(t, exitOK, code, stderr)
	require.Contains(t, stdout, `"value":1,`)

	// Lines that are wrong are named, the others count, and the exit code says so.
	mixed := filepath.Join(t.TempDir(), "mixed.log")
	old := strings.Replace(line("eve", "/old"), now, "01/Jan/2020:00:00:00 +0000", 1)
	require.NoError(t, os.WriteFile(mixed, []byte("what is this\n"+line("eve", "/c")+"\n"+old+"\n"), 0o600))
	code, stdout, stderr = run(t, nil, "import", "--server", s.base, mixed, "--tenant", "acme")
	require.Equal(t, exitFailed, code)
	require.Contains(t, stdout, "1 counted, 0 duplicates, 1 rejected, 1 lines not read")
	require.Contains(t, stderr, "line 1:")
	require.Contains(t, stderr, "event_too_old")
}
