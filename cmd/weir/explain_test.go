package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestExplainCommands records, denies, voids, and finds all of it behind the number.
func TestExplainCommands(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	do := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(args, "--server", s.base)...)
		require.Equal(t, exitOK, code, "%v: %s", args, stderr)
		return stdout
	}
	do("record", "--tenant", "acme", "--feature", "api_calls", "--quantity", "3", "--id", "one")
	do("record", "--tenant", "acme", "--feature", "api_calls", "--quantity", "4", "--id", "two")
	require.Contains(t, do("events", "--tenant", "acme", "-o", "table"), "two")
	require.Contains(t, do("events", "-o", "json"), `"id":"one"`)
	require.Equal(t, "one voided\n", do("void", "one", "--tenant", "acme", "--reason", "test", "-o", "table"))
	require.Contains(t, do("void", "one", "--tenant", "acme", "--reason", "test", "-o", "json"), `"duplicate"`)

	table := do("explain", "acme", "api_calls", "--period", time.Now().UTC().Format("2006-01"), "-o", "table")
	for _, want := range []string{"1. api_calls of acme is 4 (sum)", "counted 1 (late 0), voided 1", "No plan", "as of block"} {
		require.Contains(t, table, want)
	}
	var x struct{ Steps []struct{ Kind string } }
	require.NoError(t, json.Unmarshal([]byte(do("explain", "acme", "api_calls", "-o", "json")), &x))
	require.Len(t, x.Steps, 4)
	do("consume", "--tenant", "acme", "--feature", "api_calls", "--id", "asked")
	require.Contains(t, do("explain", "acme", "--decision", "asked", "-o", "table"), "consume asked at ")

	for _, args := range [][]string{{"explain", "acme"}, {"explain", "acme", "api_calls", "--period", "soon"}, {"void"}, {"events", "more"}} {
		code, _, _ := run(t, nil, append(args, "--server", s.base)...)
		require.Equal(t, exitUsage, code, args)
	}
	require.Equal(t, exitOK, s.stop())
}
