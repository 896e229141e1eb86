package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

const (
	httpEvents    = 2_000_000
	httpBatch     = 1000
	httpTenants   = 1_000
	serverTimeout = 20 * time.Second // to start, and to stop
)

// runHTTP measures a real `weir serve` with fsync on, and its client on the same cores.
func runHTTP(ctx context.Context, o *options, r *report) error {
	events := httpEvents
	if o.events > 0 {
		events = o.events
	}
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		bodies, bytesPerEvent := encodeBodies(newSource(httpTenants, 0), events)
		r.note("bodies are encoded beforehand; a JSON event has %.0f bytes", bytesPerEvent)
		for _, clients := range []int{2, 8} {
			figures, err := medians(o.runs, func(int) (figures []figure, err error) {
				err = inStore(o, func(dir string) error {
					figures, err = httpOnce(ctx, binary, dir, bodies, events, clients)
					return err
				})
				return figures, err
			})
			if err != nil {
				return err
			}
			r.add(fmt.Sprintf("%d events, batch %d, %d clients, %d tenants", events, httpBatch, clients,
				httpTenants), figures...)
		}
		return nil
	})
}

// buildWeir builds the binary of the tree this module lies in.
func buildWeir(ctx context.Context, dir string) (string, error) {
	list := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/weirhq/weir")
	root, err := list.Output()
	if err != nil {
		return "", fmt.Errorf("run this in the bench folder: %w", err)
	}
	binary := filepath.Join(dir, "weir")
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", binary, "./cmd/weir")
	cmd.Dir = string(bytes.TrimSpace(root))
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/weir: %w\n%s", err, out)
	}
	return binary, nil
}

// encodeBodies makes the request bodies of events, httpBatch in each but perhaps the last.
func encodeBodies(src *source, events int) (bodies [][]byte, bytesPerEvent float64) {
	numbers := newNumbering(0, 1, 0)
	total := 0
	for done := 0; done < events; done += httpBatch {
		evs := make([]usage.Event, min(httpBatch, events-done))
		src.fill(evs, numbers.take)
		body := make([]byte, 0, 300*len(evs))
		body = append(body, `{"events":[`...)
		for i := range evs {
			if i > 0 {
				body = append(body, ',')
			}
			body = appendJSON(body, &evs[i])
		}
		bodies = append(bodies, append(body, "]}"...))
		total += len(body)
	}
	return bodies, float64(total) / float64(events)
}

// httpOnce sends bodies to a fresh server; every event must be accepted.
func httpOnce(ctx context.Context, binary, dir string, bodies [][]byte, events, clients int,
) (_ []figure, err error) {
	s, err := startServer(ctx, binary, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	var (
		next     atomic.Int64
		accepted atomic.Int64
		wg       sync.WaitGroup
		errs     = make([]error, clients)
		waits    = make([][]time.Duration, clients)
		start    = time.Now()
	)
	for c := range clients {
		wg.Go(func() {
			for errs[c] == nil {
				i := next.Add(1) - 1
				if i >= int64(len(bodies)) {
					return
				}
				sent := time.Now()
				var n int64
				n, errs[c] = s.post(ctx, bodies[i])
				accepted.Add(n)
				waits[c] = append(waits[c], time.Since(sent))
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if accepted.Load() != int64(events) {
		return nil, fmt.Errorf("accepted %d of %d events", accepted.Load(), events)
	}
	figures := []figure{{"acknowledged", float64(events) / elapsed.Seconds(), "ev/s"}}
	return append(figures, latencies("request", waits)...), nil
}

// server is a running `weir serve`.
type server struct {
	cmd    *exec.Cmd
	url    string
	key    string
	client *http.Client
	log    *bytes.Buffer
}

// startServer starts binary on a free loopback port and waits until it is ready.
func startServer(ctx context.Context, binary, dir string) (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil { // the server takes the port over
		return nil, err
	}
	data := filepath.Join(dir, "data")
	s := &server{url: "http://" + addr, log: &bytes.Buffer{},
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	s.cmd = exec.CommandContext(ctx, binary, "serve", "--data", data, "--listen", addr)
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(serverTimeout); ; time.Sleep(20 * time.Millisecond) {
		if s.ready() {
			break
		}
		if time.Now().After(deadline) || ctx.Err() != nil {
			return nil, errors.Join(fmt.Errorf("%s serve is not ready on %s", binary, addr), s.stop())
		}
	}
	text, err := os.ReadFile(filepath.Join(data, "admin.key"))
	if err != nil {
		return nil, errors.Join(err, s.stop())
	}
	for _, word := range strings.Fields(string(text)) {
		if strings.HasPrefix(word, "weir_") {
			s.key = word
		}
	}
	return s, nil
}

func (s *server) ready() bool {
	res, err := s.client.Get(s.url + "/readyz")
	if err != nil {
		return false
	}
	_ = res.Body.Close() // nothing of it is wanted
	return res.StatusCode == http.StatusOK
}

// post sends one body and returns how many events were accepted.
func (s *server) post(ctx context.Context, body []byte) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+"/v1/events", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	var answer struct{ Accepted int64 }
	if res.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("POST /v1/events: %s: %.300s", res.Status, text)
	}
	err = json.Unmarshal(text, &answer)
	return answer.Accepted, err
}

// stop asks the server to end, as an operator would, and shows its log when it ends badly.
func (s *server) stop() error {
	s.client.CloseIdleConnections()
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	late := time.AfterFunc(serverTimeout, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("weir serve: %w\n%s", err, s.log.Bytes())
	}
	return nil
}
