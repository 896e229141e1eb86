package weirtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// Server is a `weir serve` process that listens.
type Server struct {
	*Process
	Base, Key string
	Ready     time.Duration // from its start to the first 200 of /readyz, or, when that was not waited for, to listening
	client    *http.Client
}

// Options are how a server is started. The zero value is a server that is waited for until it is ready.
type Options struct {
	NotReady bool          // wait until it listens only
	Environ  []string      // in addition to this process's own
	Args     []string      // in addition to --data and --listen
	Limit    time.Duration // how long it may take; 0: 30 s
}

var listening = regexp.MustCompile(`weir listens on (http://\S+)`)

// Serve runs `weir serve` on a free port.
func Serve(ctx context.Context, binary, dir string, o *Options) (*Server, error) {
	if o == nil {
		o = &Options{}
	}
	limit := o.Limit
	if limit == 0 {
		limit = 30 * time.Second
	}
	began := time.Now()
	p, err := Start(ctx, o.Environ, binary, append([]string{"serve", "--data", dir, "--listen", "127.0.0.1:0"}, o.Args...)...)
	if err != nil {
		return nil, err
	}
	// A client of its own: a connection to a server that is gone is never asked again.
	s := &Server{Process: p, client: &http.Client{Timeout: time.Minute,
		Transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}}
	for s.Base == "" {
		if m := listening.FindStringSubmatch(p.Stdout.String()); m != nil {
			s.Base = m[1]
		} else if p.Ended() || time.Since(began) > limit {
			p.Kill()
			return nil, fmt.Errorf("weir serve does not listen: %s\n%s%s", p.Cmd.ProcessState, &p.Stdout, &p.Stderr)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
	for !o.NotReady {
		a, err := s.Ask(ctx, http.MethodGet, "/readyz", nil)
		if err == nil && a.Status == http.StatusOK {
			break
		}
		if p.Ended() || time.Since(began) > limit {
			s.Kill()
			return nil, fmt.Errorf("weir serve is not ready: %v %s\n%s", err, a.Body, &p.Stderr)
		}
		time.Sleep(time.Millisecond)
	}
	s.Ready = time.Since(began)
	key, err := os.ReadFile(filepath.Join(dir, "admin.key"))
	if err != nil {
		s.Kill()
		return nil, err
	}
	s.Key = strings.TrimSpace(string(key))
	return s, nil
}

// Kill ends the process as kill -9 does, and waits until it is gone.
func (s *Server) Kill() {
	s.Process.Kill()
	s.client.CloseIdleConnections()
}

// Answer is an HTTP answer that was read to its end.
type Answer struct {
	Status int
	Media  string
	Body   []byte
}

// Ask sends one request, once. edit may change it. An error means that the outcome is unknown.
func (s *Server) Ask(ctx context.Context, method, path string, body []byte, edit ...func(*http.Request)) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, method, s.Base+path, bytes.NewReader(body))
	if err != nil {
		return Answer{}, err
	}
	if s.Key != "" {
		req.Header.Set("Authorization", "Bearer "+s.Key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for _, e := range edit {
		e(req)
	}
	res, err := s.client.Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return Answer{res.StatusCode, res.Header.Get("Content-Type"), text}, err
}

// Must sends a request that has to be answered with a status of 2xx, and decodes the answer into v, which may be nil.
func (s *Server) Must(ctx context.Context, method, path, body string, v any) error {
	a, err := s.Ask(ctx, method, path, []byte(body))
	if err == nil && a.Status/100 != 2 {
		err = errors.New(string(a.Body))
	}
	if err == nil && v != nil {
		err = json.Unmarshal(a.Body, v)
	}
	if err != nil {
		return fmt.Errorf("%s %s %s: %w", method, path, body, err)
	}
	return nil
}

// Code is the code of a problem, or "" for any other answer.
func (a Answer) Code() string {
	if a.Media != "application/problem+json" {
		return ""
	}
	var p struct {
		Code string `json:"code"`
	}
	_ = json.Unmarshal(a.Body, &p) // no code then
	return p.Code
}
