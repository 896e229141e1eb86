package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestImportFormats(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	load := func(code int, want string, args ...string) string {
		t.Helper()
		got, stdout, stderr := run(t, nil, append([]string{"import", "--server", s.base}, args...)...)
		require.Equal(t, code, got, stderr)
		require.Contains(t, stdout, want)
		return stderr
	}
	now := time.Now().UTC().Add(-time.Hour)

	events := file("events.ndjson", fmt.Sprintf(`{"id":"1","tenant_id":"acme","feature_type":"api_calls","quantity":2,"timestamp":"%s"}
{"feature_type":"api_calls"}

{"feature_type":"api_calls"}
{"tenant_id":"acme","feature_tpye":"api_calls"}
{"feature_type":"api_ca`, now.Format(time.RFC3339)))
	stderr := load(exitFailed, "3 counted, 0 duplicates, 0 rejected, 1 lines not read", events, "--tenant", "fallback")
	require.Contains(t, stderr, "line 5:")
	require.Contains(t, stderr, "line 6 has no end yet")
	load(exitFailed, "0 counted, 3 duplicates", events, "--tenant", "fallback")

	text := fmt.Sprintf("\ufeffcustomer,calls,when,metadata.region,note\r\n\"acme, inc\",3,%s,eu,\"two\nlines\"\nglobex,1.5,%d,7,\nglobex,4,%d,true,x\n",
		now.Format(time.DateTime), now.Unix(), now.UnixMilli())
	table := file("usage.csv", text)
	columns := []string{table, "--map", "tenant_id=customer", "--map", "quantity=calls", "--map", "timestamp=when", "--feature", "api_calls"}
	stderr = load(exitFailed, "2 counted, 0 duplicates, 1 rejected", columns...)
	require.Contains(t, stderr, "too_many_decimals")
	load(exitFailed, "0 counted, 2 duplicates, 1 rejected", columns...)
	for args, want := range map[string]string{ // order-free: each by itself
		"":                              "no column is tenant_id",
		"--tenant a":                    "no column is feature_type",
		"--tenant a --map user_id=none": "there is no column none",
	} {
		code, _, stderr := run(t, nil, append([]string{"import", "--server", s.base, table}, strings.Fields(args)...)...)
		require.Equal(t, exitUsage, code, stderr)
		require.Contains(t, stderr, want)
	}

	// An import is resumed where it ended, as long as the file begins the same.
	var log strings.Builder
	for i := range 1200 {
		fmt.Fprintf(&log, `{"tenant_id":"res","feature_type":"api_calls","metadata":{"n":%d}}`+"\n", i)
	}
	grows := file("grows.ndjson", log.String())
	load(exitOK, "1200 counted, 0 duplicates", grows, "--resume")
	load(exitOK, "0 counted, 0 duplicates", grows, "--resume")
	file("grows.ndjson", log.String()+`{"tenant_id":"res","feature_type":"api_calls"}`+"\n")
	load(exitOK, "1 counted, 0 duplicates", grows, "--resume")
	file("grows.ndjson", `{"id":"new","tenant_id":"res","feature_type":"api_calls"}`+"\n")
	load(exitOK, "1 counted, 0 duplicates", grows, "--resume")
	require.NoError(t, os.WriteFile(grows+".weir-import", []byte("{"), 0o600))
	require.Contains(t, load(exitFailed, "", grows, "--resume"), "delete it")
	require.Equal(t, exitOK, s.stop())
}

func TestCSVTime(t *testing.T) {
	want := time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)
	for _, text := range []string{"2026-01-31T10:00:00Z", "2026-01-31T11:00:00+01:00", "2026-01-31 10:00:00", "1769853600", "1769853600000"} {
		got, err := csvTime(text)
		require.NoError(t, err)
		require.True(t, want.Equal(got), "%s: %s", text, got)
	}
	_, err := csvTime("yesterday")
	require.Error(t, err)
}
