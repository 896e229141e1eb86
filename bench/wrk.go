package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// wrkScript posts a check of one tenant after another, and prints what wrk has seen in one line that a program can read: microseconds
// and counts.
const wrkScript = `
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer %s"
wrk.headers["Content-Type"] = "application/json"
local i = 0
request = function()
  i = i + 1
  return wrk.format(nil, "%s", nil, '{"tenant_id":"t' .. (i %% 1000) .. '","feature_type":"api_calls"}')
end
done = function(summary, latency)
  local e = summary.errors
  print(string.format("WEIR %%d %%d %%d %%d %%d %%d %%d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9), latency.max,
    e.connect + e.read + e.write + e.status + e.timeout))
end
`

// wrk runs github.com/wg/wrk, a closed loop: each connection asks again as soon as it is answered.
func (s *server) wrk(ctx context.Context, path string, connections int, span time.Duration) ([]figure, error) {
	binary, err := exec.LookPath("wrk")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "wrk")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	script := filepath.Join(dir, "check.lua")
	if err := os.WriteFile(script, fmt.Appendf(nil, wrkScript, s.key, path), 0o600); err != nil {
		return nil, err
	}
	seconds := max(1, int(span.Seconds()))
	out, err := exec.CommandContext(ctx, binary, "-t1", "-c"+strconv.Itoa(connections), "-d"+strconv.Itoa(seconds)+"s", "-s", script, s.url).Output()
	if err != nil {
		return nil, fmt.Errorf("wrk: %w", err)
	}
	return wrkFigures(string(out))
}

// wrkFigures reads the line of the script.
func wrkFigures(out string) ([]figure, error) {
	var requests, took, p50, p99, p999, longest, failed float64
	at := strings.Index(out, "WEIR ")
	if at < 0 {
		return nil, fmt.Errorf("wrk printed no summary: %.300s", out)
	}
	if _, err := fmt.Sscanf(out[at:], "WEIR %g %g %g %g %g %g %g", &requests, &took, &p50, &p99, &p999, &longest, &failed); err != nil {
		return nil, fmt.Errorf("wrk: %w in %.300s", err, out[at:])
	}
	if failed > 0 {
		return nil, fmt.Errorf("wrk: %.0f of %.0f requests failed", failed, requests)
	}
	const us = 1000 // nanoseconds
	return []figure{{"answered", requests / (took / 1e6), "/s"}, {"p50", p50 * us, "ns"}, {"p99", p99 * us, "ns"}, {"p99.9", p999 * us, "ns"}, {"max", longest * us, "ns"}}, nil
}
