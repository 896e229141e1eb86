package e2e

// A `weir serve` process, and asking it.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/internal/weirtest"
	"github.com/weirhq/weir/usage"
)

// server is a `weir serve` process that has been ready.
type server struct{ *weirtest.Server }

// startServer runs `weir serve` on a free port and waits until it listens. Without notReady it
// also waits until /readyz says 200.
func startServer(ctx context.Context, dir string, notReady bool) (*server, error) {
	s, err := weirtest.Serve(ctx, weirPath, dir, &weirtest.Options{NotReady: notReady})
	if err != nil {
		return nil, err
	}
	return &server{s}, nil
}

// stop asks for a clean end.
func (s *server) stop(t *testing.T) {
	t.Helper()
	require.Equal(t, 0, s.Interrupt(syscall.SIGTERM), "the exit code after SIGTERM\n%s", &s.Stderr)
}

// serve is startServer for tests: the process ends with the test.
func serve(ctx context.Context, t *testing.T, dir string) *server {
	t.Helper()
	s, err := startServer(ctx, dir, false)
	require.NoError(t, err)
	t.Cleanup(s.Kill)
	return s
}

// header sets one header of a request.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// must sends one request that has to be answered with the status, and decodes the answer into v.
func (s *server) must(ctx context.Context, t *testing.T, status int, method, path, body string, v any) {
	t.Helper()
	a, err := s.Ask(ctx, method, path, []byte(body), header("Content-Type", "application/json"))
	require.NoError(t, err)
	require.Equal(t, status, a.Status, "%s %s: %s", method, path, a.Body)
	if v != nil {
		require.NoError(t, json.Unmarshal(a.Body, v), "%s", a.Body)
	}
}

// batchAnswer is the answer to a batch of events.
type batchAnswer struct {
	Accepted      int `json:"accepted"`
	Duplicates    int `json:"duplicates"`
	RejectedTotal int `json:"rejected_total"`
	Rejected      []struct {
		Index  int    `json:"index"`
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"rejected"`
}

// problem is a problem+json answer.
type problem struct {
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

// problem reads an answer as a problem.
func problemOf(a weirtest.Answer) (problem, error) {
	var p problem
	if a.Media != "application/problem+json" {
		return p, fmt.Errorf("status %d, media type %q, body %s", a.Status, a.Media, a.Body)
	}
	err := json.Unmarshal(a.Body, &p)
	if err == nil && (p.Code == "" || p.Status != a.Status) {
		err = errors.New("not a problem of weir")
	}
	return p, err
}

// stats answers the engine's figures.
func (s *server) stats(ctx context.Context) (usage.Stats, error) {
	var body struct{ Stats usage.Stats }
	a, err := s.Ask(ctx, http.MethodGet, "/v1/system", nil)
	if err == nil && a.Status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", a.Status, a.Body)
	}
	if err == nil {
		err = json.Unmarshal(a.Body, &body)
	}
	return body.Stats, err
}

// usage asks for rows; pairs are names and values of parameters.
func (s *server) usage(ctx context.Context, t *testing.T, pairs ...string) []usage.Row {
	t.Helper()
	q := make(url.Values)
	for i := 0; i < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	var rows usage.Rows
	s.must(ctx, t, http.StatusOK, http.MethodGet, "/v1/usage?"+q.Encode(), "", &rows)
	return rows.Data
}

// health answers what /healthz or /readyz says: the status, and the details of what is not well.
func (s *server) health(ctx context.Context, t *testing.T, path string) (status int, wrong map[string]string) {
	t.Helper()
	a, err := s.Ask(ctx, http.MethodGet, path, nil)
	require.NoError(t, err)
	var body struct{ Checks []usage.HealthCheck }
	require.NoError(t, json.Unmarshal(a.Body, &body), "%s", a.Body)
	wrong = make(map[string]string)
	for _, c := range body.Checks {
		if !c.OK {
			wrong[c.Name] = c.Detail
		}
	}
	return a.Status, wrong
}
