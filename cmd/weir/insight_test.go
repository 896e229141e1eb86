package main

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
)

type fixedClock time.Time

func (c fixedClock) Now() time.Time { return time.Time(c) }

// serveAt serves a new store whose clock stands still, to whoever asks, and returns its address.
func serveAt(t *testing.T, now time.Time) string {
	t.Helper()
	eng, err := engine.Open(t.TempDir(), &engine.Options{Clock: fixedClock(now)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, eng.Close()) })
	api, err := httpapi.New(eng, &httpapi.Options{NoAuth: true})
	require.NoError(t, err)
	front := httptest.NewServer(api)
	t.Cleanup(front.Close)
	return front.URL
}

// TestInsight: overview, forecast and recommendations as JSON, as tables and as CSV. On a day of its own: what 34 days add up to in a
// month and a year depends on the day.
func TestInsight(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	base := serveAt(t, now)
	do := func(args ...string) string {
		t.Helper()
		code, stdout, stderr := run(t, nil, append(args, "--server", base)...)
		require.Equal(t, exitOK, code, "%v: %s", args, stderr)
		return stdout
	}
	plan := filepath.Join(t.TempDir(), "plan.json")
	require.NoError(t, os.WriteFile(plan, []byte(`{"slug":"p","quotas":[{"slug":"weekly","meter":"api_calls","period":"year","limit":100}]}`), 0o600))
	do("plans", "put", plan)
	do("tenants", "put", "acme", "--plan", "p")
	require.Contains(t, do("forecast", "--tenant", "acme", "--meter", "api_calls", "-o", "table"), "none: not enough data")
	require.Contains(t, do("recommendations", "--tenant", "acme", "-o", "table"), "nothing: ")
	var events strings.Builder
	for d := range 34 {
		at := now.AddDate(0, 0, -d).Add(-time.Hour)
		fmt.Fprintf(&events, `{"id":"%d","tenant_id":"acme","feature_type":"api_calls","quantity":4,"timestamp":%q}`+"\n", d, at.Format(time.RFC3339))
	}
	file := filepath.Join(t.TempDir(), "events.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(events.String()), 0o600))
	do("import", file)

	var o map[string]any
	require.NoError(t, json.Unmarshal([]byte(do("overview", "--range", "7d", "-o", "json")), &o))
	require.EqualValues(t, 1, o["tenants"])
	table := do("overview", "--range", "30d", "-o", "table")
	for _, want := range []string{"active tenants  1 of 1", "TOP BY API_CALLS", "NEEDS ATTENTION (1)", "weekly"} {
		require.Contains(t, table, want)
	}
	forecast := do("forecast", "--tenant", "acme", "--meter", "api_calls", "-o", "table")
	for _, want := range []string{"100, quota weekly", "136", "confidence", "flat: the limit"} {
		require.Contains(t, forecast, want)
	}
	require.Contains(t, do("forecast", "--tenant", "acme", "--meter", "api_calls", "-o", "csv"), "projected_total")
	require.Contains(t, do("recommendations", "--tenant", "acme", "-o", "json"), `"data":`)
	for _, args := range [][]string{{"forecast"}, {"forecast", "--tenant", "acme"}, {"recommendations"}, {"overview", "more"}} {
		code, _, _ := run(t, nil, append(args, "--server", base)...)
		require.Equal(t, exitUsage, code, args)
	}
}
