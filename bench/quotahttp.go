package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// runConsumeHTTP measures batches of 1,000 decisions at a real `weir serve` with fsync on, and its client on the same cores.
func runConsumeHTTP(ctx context.Context, o *options, r *report) error {
	calls := 1_000_000
	if o.events > 0 {
		calls = o.events
	}
	bodies := make([][]byte, calls/1000)
	for i := range bodies {
		b := []byte(`{"requests":[`)
		for k := range 1000 {
			if k > 0 {
				b = append(b, ',')
			}
			b = fmt.Appendf(b, `{"id":"r%d-%d","tenant_id":"t%d","feature_type":"api_calls","quantity":1}`, i, k, (i*7+k)%1000)
		}
		bodies[i] = append(b, "]}"...)
	}
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		figures, err := medians(o.runs, func(int) (figures []figure, err error) {
			err = withQuotas(ctx, o, binary, func(s *server) error {
				waits, elapsed, err := s.flood(ctx, "/v1/consume/batch", len(bodies), 8, func(i int) []byte { return bodies[i] }, []byte(`"allowed":true`), 1000)
				figures = append([]figure{{"decided", float64(calls) / elapsed.Seconds(), "/s"}}, latencies("request", waits)...)
				return err
			})
			return figures, err
		})
		if err != nil {
			return err
		}
		r.add(fmt.Sprintf("%d decisions, batches of 1000, 8 clients, 1000 tenants, one quota", calls), figures...)
		return nil
	})
}

// runCheckHTTP compares single checks with a bare net/http handler that answers as many bytes. Both servers are up, and are asked by
// turns of less than a second, so that a moment in which the machine is slow is slow for both. First with net/http's client, which is most
// programs'; then with clients that do next to nothing, so that it is the servers alone that are compared.
func runCheckHTTP(ctx context.Context, o *options, r *report) error {
	const calls, turns, clients = 200_000, 10, 32
	body := func(i int) []byte { return fmt.Appendf(nil, `{"tenant_id":"t%d","feature_type":"api_calls"}`, i%1000) }
	want := []byte(`"allowed":true`)
	kinds := []struct {
		name  string
		flood func(s *server, path string) ([][]time.Duration, time.Duration, error)
	}{
		{"clients", func(s *server, path string) ([][]time.Duration, time.Duration, error) {
			return s.flood(ctx, path, calls/turns, clients, body, want, 1)
		}},
		{"lean clients", func(s *server, path string) ([][]time.Duration, time.Duration, error) {
			return s.floodWires(ctx, path, calls/turns, clients, body, want)
		}},
	}
	return inStore(o, func(tools string) error {
		binary, err := buildWeir(ctx, tools)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			both, err := medians(o.runs, func(int) (figures []figure, err error) {
				err = withQuotas(ctx, o, binary, func(weir *server) error {
					return withBare(ctx, func(bare *server) error {
						var check, empty flooded
						for range turns {
							if err := check.add(kind.flood(weir, "/v1/check")); err != nil {
								return err
							}
							if err := empty.add(kind.flood(bare, "/")); err != nil {
								return err
							}
						}
						figures = append(check.figures("checked", calls), empty.figures("answered", calls)...)
						return nil
					})
				})
				return figures, err
			})
			if err != nil {
				return err
			}
			n := len(both) / 2
			r.add(fmt.Sprintf("POST /v1/check, %d %s", clients, kind.name), both[:n]...)
			r.add(fmt.Sprintf("bare net/http handler, %d %s", clients, kind.name), both[n:]...)
			r.note("check reaches %.0f %% of the bare handler's rate with %s", 100*both[0].Value/both[n].Value, kind.name)
		}
		return nil
	})
}

// flooded is what several floods of one server took.
type flooded struct {
	waits   [][]time.Duration
	elapsed time.Duration
}

func (f *flooded) add(waits [][]time.Duration, elapsed time.Duration, err error) error {
	f.waits = append(f.waits, waits...)
	f.elapsed += elapsed
	return err
}

func (f *flooded) figures(what string, calls int) []figure {
	return append([]figure{{what, float64(calls) / f.elapsed.Seconds(), "/s"}}, latencies("request", f.waits)...)
}

// withBare runs f against a handler that reads the body and answers 600 bytes, in a process of its own, as weir is.
func withBare(ctx context.Context, f func(s *server) error) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	if err := l.Close(); err != nil { // the child takes the port over
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	s := &server{url: "http://" + addr, log: &bytes.Buffer{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	s.cmd = exec.CommandContext(ctx, self, bareName, addr)
	if err := s.cmd.Start(); err != nil {
		return err
	}
	defer func() {
		_ = s.cmd.Process.Kill() // it holds nothing
		_ = s.cmd.Wait()         // reports the signal
	}()
	for deadline := time.Now().Add(serverTimeout); !s.ready(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) || ctx.Err() != nil {
			return errors.New("the bare handler is not ready")
		}
	}
	return f(s)
}

// bareName is the argument that makes this program the bare handler.
const bareName = "bare-handler"

func runBare(addr string) error {
	answer := append([]byte(`{"allowed":true`), bytes.Repeat([]byte(" "), 584)...)
	answer = append(answer, '}')
	srv := &http.Server{Addr: addr, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})}
	return srv.ListenAndServe()
}

// withQuotas runs f against a fresh server whose unknown tenants are on a plan with one quota.
func withQuotas(ctx context.Context, o *options, binary string, f func(s *server) error) error {
	return inStore(o, func(dir string) (err error) {
		s, err := startServer(ctx, binary, dir)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, s.stop()) }()
		for _, put := range [][2]string{
			{"/v1/plans/p", `{"quotas":[{"slug":"m","meter":"api_calls","period":"month","limit":1000000000000}]}`},
			{"/v1/settings", `{"default_plan":"p"}`},
		} {
			if _, err := s.send(ctx, http.MethodPut, put[0], []byte(put[1])); err != nil {
				return err
			}
		}
		return f(s)
	})
}

// send sends one request and returns the answer of a 2xx.
func (s *server) send(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+s.key)
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %.300s", method, path, res.Status, text)
	}
	return text, err
}

// flood posts n bodies from clients; every answer must hold want so many times.
func (s *server) flood(ctx context.Context, path string, n, clients int, body func(i int) []byte, want []byte, times int) ([][]time.Duration, time.Duration, error) {
	return flooding(n, clients, func(calls func(ask func(i int) error) error) error {
		return calls(func(i int) error {
			text, err := s.send(ctx, http.MethodPost, path, body(i))
			if err == nil && bytes.Count(text, want) != times {
				err = fmt.Errorf("%s: not every call was allowed: %.300s", path, text)
			}
			return err
		})
	})
}

// floodWires is flood of single requests with clients that do next to nothing, so that it is the servers that are compared: net/http's
// client takes as long as a bare handler, or longer, and both share the cores.
func (s *server) floodWires(ctx context.Context, path string, n, clients int, body func(i int) []byte, want []byte) ([][]time.Duration, time.Duration, error) {
	bodies := make([][]byte, 1000)
	for i := range bodies {
		bodies[i] = body(i)
	}
	return flooding(n, clients, func(calls func(ask func(i int) error) error) error {
		w, err := dialWire(strings.TrimPrefix(s.url, "http://"), path, s.key)
		if err != nil {
			return err
		}
		defer w.close()
		return calls(func(i int) error {
			if err := cmp.Or(ctx.Err(), w.post(bodies[i%len(bodies)])); err != nil {
				return err
			}
			return w.expect(want)
		})
	})
}

// flooding makes n calls from clients, each of which is a goroutine that runs client; client hands over what makes the call of a number.
func flooding(n, clients int, client func(calls func(ask func(i int) error) error) error) ([][]time.Duration, time.Duration, error) {
	var next atomic.Int64
	var wg sync.WaitGroup
	waits, errs := make([][]time.Duration, clients), make([]error, clients)
	start := time.Now()
	for c := range clients {
		wg.Go(func() {
			errs[c] = client(func(ask func(i int) error) error {
				for {
					i := int(next.Add(1)) - 1
					if i >= n {
						return nil
					}
					sent := time.Now()
					if err := ask(i); err != nil {
						return err
					}
					waits[c] = append(waits[c], time.Since(sent))
				}
			})
		})
	}
	wg.Wait()
	return waits, time.Since(start), errors.Join(errs...)
}
