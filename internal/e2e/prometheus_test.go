package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
)

// TestPrometheus: promtool accepts the rules, their tests pass, every metric that rules and dashboard speak of is one that the
// server has, and a real Prometheus scrapes it.
func TestPrometheus(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is missing: make deps")
	}
	ctx := deadline(t, 3*time.Minute)
	deploy := filepath.Join("..", "..", "deploy")
	for _, args := range [][]string{{"check", "rules", "weir.rules.yml"}, {"test", "rules", "weir.rules.test.yml"}, {"check", "config", "prometheus.yml"}} {
		cmd := exec.CommandContext(ctx, promtool, args...)
		cmd.Dir = filepath.Join(deploy, "prometheus")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "promtool %v: %s", args, out)
	}

	s := serve(ctx, t, filepath.Join(t.TempDir(), "data"))
	s.must(ctx, t, http.StatusOK, http.MethodPost, "/v1/events", `{"id":"1","tenant_id":"acme","feature_type":"api_calls"}`, nil)
	page, err := s.Ask(ctx, http.MethodGet, "/metrics", nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, page.Status)
	check := exec.CommandContext(ctx, promtool, "check", "metrics")
	check.Stdin = strings.NewReader(string(page.Body))
	out, err := check.CombinedOutput()
	require.NoError(t, err, "promtool check metrics: %s", out)

	rules, err := os.ReadFile(filepath.Join(deploy, "prometheus", "weir.rules.yml"))
	require.NoError(t, err)
	board, err := os.ReadFile(filepath.Join(deploy, "grafana", "weir.json"))
	require.NoError(t, err)
	require.True(t, json.Valid(board))
	names := regexp.MustCompile(`\b(?:weir|process|go)_[a-z0-9_]+`).FindAllString(string(rules)+string(board), -1)
	require.Greater(t, len(names), 30)
	for _, name := range names {
		require.Contains(t, string(page.Body), "\n"+name, "%s is in a rule or on the dashboard, but not at /metrics", name)
	}
	scrape(ctx, t, s)
}

// scrape runs a Prometheus until it has seen the server.
func scrape(ctx context.Context, t *testing.T, s *server) {
	t.Helper()
	prometheus, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is missing: make deps")
	}
	dir := t.TempDir()
	config := fmt.Sprintf("global: {scrape_interval: 1s}\nscrape_configs:\n  - job_name: weir\n    static_configs: [{targets: [%q]}]\n", strings.TrimPrefix(s.Base, "http://"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600))
	var front string
	var p *weirtest.Process
	launch := func() {
		front = freeAddress(t)
		p, err = weirtest.Start(ctx, nil, prometheus, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "tsdb"),
			"--web.listen-address", front)
		require.NoError(t, err)
		t.Cleanup(p.Kill)
	}
	launch()
	require.Eventually(t, func() bool {
		if p.Ended() { // another program has taken the port in between
			launch()
		}
		res, err := http.DefaultClient.Get("http://" + front + `/api/v1/query?query=weir_events_total%7Boutcome%3D%22counted%22%7D`)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		return json.NewDecoder(res.Body).Decode(&answer) == nil && len(answer.Data.Result) == 1 && answer.Data.Result[0].Value[1] == "1"
	}, time.Minute, 100*time.Millisecond, "%s", &p.Stderr)
}

// freeAddress is a loopback address that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}
