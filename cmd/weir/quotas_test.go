package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The quota commands, against a real server, as tables and in pipes.
func TestQuotaCommands(t *testing.T) {
	s := start(t, "dev", "--demo=false")
	file := filepath.Join(t.TempDir(), "free.json")
	put := func(limit string) {
		require.NoError(t, os.WriteFile(file, []byte(`{"slug":"free","name":"Free","quotas":[{"slug":"monthly","meter":"api_calls","period":"month","limit":`+limit+`}]}`), 0o600))
	}
	weir := func(want int, args ...string) string {
		t.Helper()
		code, out, errs := run(t, nil, append(args, "--server", s.base)...)
		require.Equal(t, want, code, "%v\n%s%s", args, out, errs)
		return out + errs
	}
	require.Contains(t, weir(0, "plans", "-o", "table"), "there are no plans")
	put("10")
	require.Contains(t, weir(0, "plans", "put", file, "-o", "table"), "plan free is at version 1")
	require.Contains(t, weir(0, "plans", "-o", "table"), "api_calls 10/month")
	require.Contains(t, weir(0, "tenants", "put", "acme", "--plan", "free", "--time-zone", "Europe/Berlin", "-o", "table"), "tenant acme: plan free v1, zone Europe/Berlin")
	require.Contains(t, weir(0, "check", "--tenant", "acme", "--feature", "api_calls", "--quantity", "10", "-o", "table"), "warn, checked")
	require.Contains(t, weir(0, "consume", "--tenant", "acme", "--feature", "api_calls", "--quantity", "7", "-o", "table"), "allow, counted")
	require.Contains(t, weir(3, "consume", "--tenant", "acme", "--feature", "api_calls", "--quantity", "4"), "denied: quota_exceeded by quota monthly")
	require.Contains(t, weir(3, "check", "--tenant", "acme", "--feature", "api_calls", "--quantity", "11"), "cost_exceeds_limit")
	quotas := weir(0, "tenants", "quotas", "acme", "-o", "table")
	require.Contains(t, quotas, "monthly")
	require.Contains(t, quotas, "███████░░░ 70%")
	put("5")
	require.Contains(t, weir(0, "plans", "put", file, "--dry-run", "-o", "table"), "1 would be over a limit now: acme")
	require.Contains(t, weir(0, "plans", "put", file, "--apply", "now"), `"version":2`)
	require.Contains(t, weir(0, "tenants", "--near-limit", "-o", "table"), "acme")
	weir(0, "tenants", "override", "acme", "monthly", "--limit", "100")
	require.Contains(t, weir(0, "tenants", "-o", "table"), "monthly")
	require.Contains(t, weir(0, "reserve", "--tenant", "acme", "--feature", "api_calls", "--quantity", "50", "--id", "job", "-o", "table"), "reservation job until")
	require.Contains(t, weir(0, "reserve", "commit", "job", "--tenant", "acme", "--quantity", "20"), `"used":27`)
	require.Contains(t, weir(1, "reserve", "release", "job", "--tenant", "acme"), "reservation_committed")
	require.Contains(t, weir(0, "reserve", "show", "job", "--tenant", "acme"), `"state":"committed"`)
	weir(0, "tenants", "override", "acme", "monthly", "--delete")
	require.Contains(t, weir(1, "plans", "delete", "free"), "in_use")
	require.Contains(t, weir(1, "plans", "show", "fre"), "did you mean free?")
	out := weir(0, "plans", "versions", "free", "--limit", "1", "-o", "table")
	_, cursor, more := strings.Cut(out, "more: --cursor ")
	require.True(t, more, out)
	require.NotContains(t, weir(0, "plans", "versions", "free", "--cursor", strings.TrimSpace(cursor), "-o", "table"), "more")
	require.Contains(t, weir(0, "plans", "versions", "free", "-o", "table"), "api_calls 5/month")
	require.Contains(t, weir(2, "plans", "put", "-"), "not JSON")
	require.Contains(t, weir(2, "consume", "--tenant", "acme"), "--feature")
	require.Contains(t, weir(2, "tenants", "show"), "ID is missing")
	weir(0, "tenants", "delete", "acme")
	weir(0, "plans", "delete", "free")
}
