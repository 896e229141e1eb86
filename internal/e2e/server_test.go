package e2e

// A `weir serve` process, and asking it.

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/usage"
)

// server is a `weir serve` process that has been ready.
type server struct {
	*process
	base, key string
	ready     time.Duration // from its start to the first 200 of /readyz
}

var listening = regexp.MustCompile(`weir listens on (http://\S+)`)

// startLimit bounds how long a server may take to answer.
const startLimit = 30 * time.Second

// startServer runs `weir serve` on a free port and waits until it listens. Without notReady it
// also waits until /readyz says 200.
func startServer(ctx context.Context, dir string, notReady bool) (*server, error) {
	began := time.Now()
	p, err := startProcess(ctx, nil, weirPath, "serve", "--data", dir, "--listen", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	for {
		if m := listening.FindStringSubmatch(p.stdout.String()); m != nil {
			s.base = m[1]
			break
		}
		if p.ended() || time.Since(began) > startLimit {
			p.kill()
			return nil, fmt.Errorf("weir serve does not listen: %s\n%s%s", p.cmd.ProcessState, &p.stdout, &p.errs)
		}
		time.Sleep(time.Millisecond)
	}
	for !notReady {
		a, err := s.ask(ctx, http.MethodGet, "/readyz", nil)
		if err == nil && a.status == http.StatusOK {
			break
		}
		if p.ended() || time.Since(began) > startLimit {
			p.kill()
			return nil, fmt.Errorf("weir serve is not ready: %v %s\n%s", err, a.body, &p.errs)
		}
		time.Sleep(time.Millisecond)
	}
	s.ready = time.Since(began)
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		p.kill()
		return nil, err
	}
	s.key = strings.TrimSpace(string(key))
	return s, nil
}

// serve is startServer for tests: the process ends with the test.
func serve(ctx context.Context, t *testing.T, dir string) *server {
	t.Helper()
	s, err := startServer(ctx, dir, false)
	require.NoError(t, err)
	t.Cleanup(s.kill)
	return s
}

// answer is an HTTP answer that was read to its end.
type answer struct {
	status int
	media  string
	body   []byte
}

// httpClient talks to servers that come and go. Its timeout is far above what any request may
// take: tests that bound the time of a request measure it.
var httpClient = &http.Client{
	Timeout:   60 * time.Second,
	Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
}

// ask sends one request. edit may change it; it may be nil.
func (s *server) ask(ctx context.Context, method, path string, body []byte, edit ...func(*http.Request)) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.base+path, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if s.key != "" {
		req.Header.Set("Authorization", "Bearer "+s.key)
	}
	for _, e := range edit {
		e(req)
	}
	res, err := httpClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header.Get("Content-Type"), text}, err
}

// header sets one header of a request.
func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// must sends one request that has to be answered with the status, and decodes the answer into v.
func (s *server) must(ctx context.Context, t *testing.T, status int, method, path, body string, v any) {
	t.Helper()
	a, err := s.ask(ctx, method, path, []byte(body), header("Content-Type", "application/json"))
	require.NoError(t, err)
	require.Equal(t, status, a.status, "%s %s: %s", method, path, a.body)
	if v != nil {
		require.NoError(t, json.Unmarshal(a.body, v), "%s", a.body)
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
func (a answer) problem() (problem, error) {
	var p problem
	if a.media != "application/problem+json" {
		return p, fmt.Errorf("status %d, media type %q, body %s", a.status, a.media, a.body)
	}
	err := json.Unmarshal(a.body, &p)
	if err == nil && (p.Code == "" || p.Status != a.status) {
		err = errors.New("not a problem of weir")
	}
	return p, err
}

// stats answers the engine's figures.
func (s *server) stats(ctx context.Context) (usage.Stats, error) {
	var body struct{ Stats usage.Stats }
	a, err := s.ask(ctx, http.MethodGet, "/v1/system", nil)
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", a.status, a.body)
	}
	if err == nil {
		err = json.Unmarshal(a.body, &body)
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
	a, err := s.ask(ctx, http.MethodGet, path, nil)
	require.NoError(t, err)
	var body struct{ Checks []usage.HealthCheck }
	require.NoError(t, json.Unmarshal(a.body, &body), "%s", a.body)
	wrong = make(map[string]string)
	for _, c := range body.Checks {
		if !c.OK {
			wrong[c.Name] = c.Detail
		}
	}
	return a.status, wrong
}
