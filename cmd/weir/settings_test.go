package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPrecedence: defaults < file < variables < flags, each with its origin.
func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "weir.yaml")
	require.NoError(t, os.WriteFile(file, []byte("# comment\ndata: /from/file\nlisten: 127.0.0.1:1\nlog:\n  level: debug\nauto_meters: true\n"), 0o600))
	code, stdout, stderr := run(t, []string{"WEIR_LISTEN=127.0.0.1:2", "WEIR_ACCEPT_CLOCK=true", "HOME=/x"},
		"config", "print", "--config", file, "--accept-clock=false", "-o", "csv")
	require.Equal(t, exitOK, code, stderr)
	for _, want := range []string{
		"data,/from/file," + file + ":2", "listen,127.0.0.1:2,variable WEIR_LISTEN", "log_level,debug," + file + ":5",
		"auto_meters,true," + file + ":6", "accept_clock,false,command line", "log_format,auto,default",
	} {
		require.Contains(t, stdout, want+"\n")
	}
	code, stdout, _ = run(t, []string{"WEIR_CONFIG=" + file}, "config", "check")
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "in order")
	code, stdout, _ = run(t, nil, "config", "print", "-o", "table")
	require.Equal(t, exitOK, code)
	require.Contains(t, stdout, "SETTING")
}

func TestWrongSettings(t *testing.T) {
	dir := t.TempDir()
	for _, test := range []struct{ file, want string }{
		{"lisen: x\n", "weir.yaml:1: lisen is no setting; did you mean listen?"},
		{"tls:\n  nonsense: x\n", "weir.yaml:2: tls-nonsense is no setting"},
		{"config: other.yaml\n", "config is no setting"},
		{"- a\n", "settings are a mapping"},
		{"data: [\n", "weir.yaml"},
		{"auto_meters: perhaps\n", "weir.yaml:1"},
		{"log_level: loud\ndata: x\n", "--log-level"},
		{"log_format: xml\ndata: x\n", "--log-format"},
		{"data: x\noutput: json\n", "weir.yaml:2: output is no setting"},
		{"data: null\n", "weir.yaml:1: data has no value"},
		{"data:\n", "weir.yaml:1: data has no value"},
		{"portal_frame: [null]\n", "weir.yaml:1: portal-frame has no value"},
		{"data: x\nlisten: 127.0.0.1:1\ndata: y\n", "weir.yaml:3: data is given twice, first in line 1"},
		{"log_level: info\nlog:\n  level: warn\n", "weir.yaml:3: log-level is given twice, first in line 1"},
		{"log-level: info\nlog_level: warn\n", "weir.yaml:2: log-level is given twice"},
		{"portal_frame: [\"http://a\"]\nportal-frame: [\"http://b\"]\n", "weir.yaml:2: portal-frame is given twice"},
		{"data: x\n---\nlisten: 127.0.0.1:1\n", "weir.yaml:2: a second document"},
		{"", "give a data directory"},
	} {
		path := filepath.Join(dir, "weir.yaml")
		require.NoError(t, os.WriteFile(path, []byte(test.file), 0o600))
		code, _, stderr := run(t, nil, "config", "check", "--config", path)
		require.Equal(t, exitUsage, code, test.file)
		require.Contains(t, stderr, test.want, test.file)
	}
	code, _, stderr := run(t, nil, "serve", "--config", filepath.Join(dir, "missing.yaml"))
	require.Equal(t, exitUsage, code)
	require.Contains(t, stderr, "no such file")
}

// TestConfigCheck: what serve refuses, check refuses with the same words, and serve makes nothing before.
func TestConfigCheck(t *testing.T) {
	for args, want := range map[string]string{ // order-free: each by itself
		"--listen 0.0.0.0:80":         "--insecure",
		"--listen nonsense":           "--listen",
		"--listen 127.0.0.1:999999":   "--listen",
		"--tls-cert a":                "--tls-key",
		"--tls-cert a --tls-key b":    "read the certificate",
		"--tenant-rate -5":            "must not be negative",
		"--drain-delay -5s":           "must not be negative",
		"--portal-frame foo":          "--portal-frame",
		"--memory-max -1":             "--memory-max",
		"--memory-max 99999999999999": "--memory-max",
		"--log-level loud":            "--log-level",
	} {
		dir := filepath.Join(t.TempDir(), "data")
		var said []string
		for _, verb := range []string{"config check", "serve"} {
			code, stdout, stderr := run(t, nil, strings.Fields(verb+" --data "+dir+" "+args)...)
			require.Equal(t, exitUsage, code, "%s %s: %s", verb, args, stderr)
			require.Contains(t, stderr, want, args)
			require.Empty(t, stdout, args)
			said = append(said, stderr)
		}
		require.Equal(t, said[0], said[1])
		require.NoDirExists(t, dir, args)
	}
}

// FuzzConfigFile: no file makes the reader panic.
func FuzzConfigFile(f *testing.F) {
	for _, seed := range []string{"data: x", "a: {b: {c: d}}", "x: [1, 2]", "&a [*a]", "a: *b", "<<: {data: y}", "? {a: b}\n: c", "\t"} {
		f.Add([]byte(seed))
	}
	path := filepath.Join(f.TempDir(), "weir.yaml")
	f.Fuzz(func(t *testing.T, text []byte) {
		require.NoError(t, os.WriteFile(path, text, 0o600))
		_ = readConfig(new(Main).serveCommand().Flags(), path) // any answer but a panic
	})
}

// TestMisspelt: a command below another, and a flag, are corrected.
func TestMisspelt(t *testing.T) {
	for args, want := range map[string]string{ // order-free: each by itself
		"plans shwo x":           `did you mean "weir plans show"`,
		"record --tennant x":     "did you mean --tenant",
		"tenants overide a b":    `did you mean "weir tenants override"`,
		"meters put m":           "--aggregation",
		"settings put":           "say what changes",
		"decisions":              "--tenant",
		"top --every 1ms":        "--every",
		"adjust --quantity x":    "--quantity",
		"import x.csv --map a=b": "no field a",
		"import x.csv --map id":  "field=column",
		"import x.csv --map id=": "field=column",
		"import x --resume --format ndjson --tenant \x00": "--tenant",
	} {
		code, _, stderr := run(t, nil, strings.Fields(args)...)
		require.Equal(t, exitUsage, code, "%s: %s", args, stderr)
		require.Contains(t, stderr, want, args)
	}
}
