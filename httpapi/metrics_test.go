package httpapi

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/stretchr/testify/require"
)

// TestMetricsAreComplete: every part of the engine shows, and names and types are as Prometheus wants them.
func TestMetricsAreComplete(t *testing.T) {
	f := newFixture(t)
	f.do("PUT", "/v1/plans/free", freePlan)
	f.do("PUT", "/v1/tenants/acme", `{"plan":"free"}`)
	f.do("POST", "/v1/consume", `{"id":"1","tenant_id":"acme","feature_type":"api_calls","quantity":900}`)
	f.do("POST", "/v1/consume", `{"id":"2","tenant_id":"acme","feature_type":"api_calls","quantity":900}`)
	page := f.get("/metrics").Body.String()
	for _, line := range []string{
		`weir_events_total{outcome="counted"} 1`, `weir_events_total{outcome="denied"} 1`, `weir_decisions_total{decision="warn"} 1`,
		`weir_decisions_total{decision="block"} 1`, `weir_decisions_total{decision="allow"} 0`, "weir_commit_duration_seconds_bucket{le=\"6.4e-05\"}",
		`weir_commit_duration_seconds_bucket{le="+Inf"}`, "weir_queue_items 0", "weir_dedup_runs 0", `weir_pebble_l0_tables{store="log"}`,
		`weir_pebble_wal_bytes{store="log"}`, `weir_pebble_compaction_debt_bytes{store="state"}`, "weir_disk_free_bytes", "weir_space_tripped 0",
		"weir_cache_hits_total", "weir_tenants 1", "weir_other_users_total 0", "process_resident_memory_bytes", "go_goroutines", `weir_healthy{check="clock"} 1`,
	} {
		require.Contains(t, page, line)
	}
	problems, err := promlint.New(strings.NewReader(page)).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
}
