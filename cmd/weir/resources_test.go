package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// TestResources takes every command that talks to a server through a life of a tenant, as JSON, as a table and as CSV.
func TestResources(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	do := func(want string, args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(args, "--server", s.base)...)
		require.Equal(t, exitOK, code, "%v: %s", args, stderr)
		require.Contains(t, stdout, want, args)
		return stdout
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte(`{"slug":"team","quotas":[{"slug":"mails","meter":"mails","period":"month","limit":30},
		{"slug":"mails-user","meter":"mails","scope":"user","period":"month","limit":20}]}`), 0o600))
	do(`"slug":"mails"`, "meters", "put", "mails", "--aggregation", "sum", "--scale", "0", "--unit", "letters")
	do(`"slug":"mails"`, "meters", "show", "mails")
	do("letters", "meters", "-o", "table")
	do(`"version":1`, "plans", "put", plan)
	do(`"unknown_tenants":"create"`, "settings")
	do(`"default_plan":"team"`, "settings", "put", "--default-plan", "team")
	do(`"allowed":true`, "consume", "--tenant", "acme", "--user", "ann", "--feature", "mails", "--quantity", "15", "--id", "c1")
	do("c1", "decisions", "--tenant", "acme", "-o", "table")
	do("mails", "crossings", "--tenant", "acme", "-o", "csv")
	do("a1 counted", "adjust", "--tenant", "acme", "--meter", "mails", "--quantity=-5", "--reason", "test", "--id", "a1", "-o", "table")
	do("a1 duplicate", "adjust", "--tenant", "acme", "--meter", "mails", "--quantity=-5", "--reason", "test", "--id", "a1", "-o", "table")
	do("15 of 20", "tenants", "users", "acme", "-o", "table")
	do("mails", "tenants", "quotas", "acme", "-o", "table")
	do("counted", "tenants", "reset", "acme", "mails", "--reason", "test")
	do("settings", "audit", "-o", "table")
	do("acme", "top", "--meter", "mails", "--by", "tenant", "-o", "table")
	do("ann", "top", "--meter", "mails", "--by", "user", "--tenant", "acme", "-o", "csv")
	do(`"by":"tenant"`, "top", "--meter", "mails", "-o", "json")

	// Leases are for tenants without user quotas.
	require.NoError(t, os.WriteFile(plan, []byte(`{"slug":"solo","quotas":[{"slug":"mails","meter":"mails","period":"month","limit":100}]}`), 0o600))
	do("solo", "plans", "put", plan, "-o", "table")
	do("solo", "tenants", "put", "worker", "--plan", "solo")
	do("lease l1 of 40", "leases", "take", "--tenant", "worker", "--feature", "mails", "--quantity", "40", "--id", "l1", "-o", "table")
	do(`"state":"held"`, "leases", "show", "l1", "--tenant", "worker")
	do("25 of 40 used, 15 returned", "leases", "settle", "l1", "--tenant", "worker", "--used", "25", "--release", "-o", "table")
	code, _, stderr := run(t, nil, "leases", "take", "--tenant", "worker", "--feature", "mails", "--quantity", "99", "--server", s.base)
	require.Equal(t, exitDenied, code, stderr)

	rows, err := csv.NewReader(strings.NewReader(do("quota", "tenants", "quotas", "worker", "-o", "csv"))).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Equal(t, "quota", rows[0][0])
	require.Equal(t, "mails", rows[1][0])
	require.Empty(t, do("", "meters", "delete", "mails"))
	require.Equal(t, exitOK, s.stop())
}

func TestWriteCSV(t *testing.T) {
	for answer, want := range map[string]string{ // order-free: each by itself
		`{"data":[{"b":1,"a":"x,y"},{"a":null,"c":{"d":[1]}}]}`: "b,a,c\n1,\"x,y\",\n,,\"{\"\"d\"\":[1]}\"\n",
		`{"data":[],"next_cursor":null}`:                        "",
		`{"z":9007199254740993,"s":"=1+1"}`:                     "z,s\n9007199254740993,'=1+1\n",
		`{"results":[{"a":true}]}`:                              "a\ntrue\n",
	} {
		var out strings.Builder
		require.NoError(t, writeCSV(&out, []byte(answer)))
		require.Equal(t, want, out.String())
	}
	require.Error(t, writeCSV(new(strings.Builder), []byte(`{"data":[1]}`)))
}

// TestManPages: every command has a page, and groff, where it is there, has nothing to say about any.
func TestManPages(t *testing.T) {
	dir := t.TempDir()
	code, _, stderr := run(t, nil, "man", dir)
	require.Equal(t, exitOK, code, stderr)
	pages, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Greater(t, len(pages), 40)
	text, err := os.ReadFile(filepath.Join(dir, "weir-leases-take.1"))
	require.NoError(t, err)
	for _, want := range []string{".TH WEIR\\-LEASES\\-TAKE 1", ".SH SYNOPSIS", `\-\-on\-expiry`, ".SH EXIT STATUS"} {
		require.Contains(t, string(text), want)
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		code, stdout, stderr := run(t, nil, "completion", shell)
		require.Equal(t, exitOK, code, stderr)
		require.Contains(t, stdout, "weir")
	}
}

// TestCLIDocs: docs/CLI.md lists every command. With REWRITE=1 in the environment it is written anew.
func TestCLIDocs(t *testing.T) {
	const begin = "<!-- commands: written by TestCLIDocs -->\n"
	path := filepath.Join("..", "..", "docs", "CLI.md")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	head, _, found := strings.Cut(string(text), begin)
	require.True(t, found)
	var list strings.Builder
	root := new(Main).root()
	root.InitDefaultCompletionCmd()
	require.NoError(t, eachCommand(root, func(c *cobra.Command) error {
		if c.HasParent() && c.Parent().Name() != "completion" {
			list.WriteString("| `" + strings.ReplaceAll(strings.TrimSuffix(c.UseLine(), " [flags]"), "|", "\\|") + "` | " + c.Short + " |\n")
		}
		return nil
	}))
	want := head + begin + "\n| command | what it does |\n|---|---|\n" + list.String()
	if os.Getenv("REWRITE") == "1" {
		require.NoError(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	require.Equal(t, want, string(text), "a command is new or says something else: run REWRITE=1 go test ./cmd/weir -run TestCLIDocs")
}
