package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// clientFlags say which server to talk to, and as whom.
type clientFlags struct{ server, key, data string }

func (f *clientFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.server, "server", "http://"+listenDefault, "the server's address")
	cmd.Flags().StringVar(&f.key, "key", "", "the API key (better: the variable WEIR_KEY)")
	cmd.Flags().StringVar(&f.data, "data", "", "the server's data directory on this machine, to read its admin.key")
}

// client talks to a server. Whatever it sends may be sent twice: events carry ids.
type client struct {
	base string
	key  string
	http *http.Client
}

func (f *clientFlags) open() (*client, error) {
	u, err := url.Parse(f.server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, wrongUsage("--server %q must look like http://127.0.0.1:7070", f.server)
	}
	c := &client{base: strings.TrimSuffix(f.server, "/"), key: f.key, http: &http.Client{Timeout: 60 * time.Second}}
	if c.key == "" && f.data != "" {
		if c.key, err = readKey(f.data); err != nil {
			return nil, fmt.Errorf("read the key: %w", err)
		}
	}
	return c, nil
}

// answerBytesMax bounds an answer: 10,000 rows of usage are about 1.5 MB.
const answerBytesMax = 64 << 20

// attemptsMax and the first wait bound the retries of one request: 0.1 s, doubling, about 13 s
// in all. A server that restarts is back by then.
const (
	attemptsMax  = 8
	retryMinWait = 100 * time.Millisecond
)

// do sends one request and answers the body of a 2xx, or of a 422 that lists refused events.
// It tries again when the server was not reached, was busy, or did not know the outcome.
func (c *client) do(ctx context.Context, method, path, contentType string, body []byte) ([]byte, error) {
	wait := retryMinWait
	for attempt := 1; ; attempt++ {
		answer, again, err := c.once(ctx, method, path, contentType, body)
		if err == nil || !again || attempt == attemptsMax || ctx.Err() != nil {
			return answer, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, err
		}
		wait *= 2
	}
}

func (c *client) once(ctx context.Context, method, path, contentType string, body []byte) (answer []byte, again bool, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	req.Header.Set("User-Agent", "weir/"+version)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	res, err := c.http.Do(req)
	if errors.Is(err, syscall.ECONNREFUSED) {
		// Nobody listens: a wait rarely helps, a hint does.
		return nil, false, c.nothingAnswers()
	}
	if err != nil {
		return nil, true, err
	}
	defer res.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(res.Body, answerBytesMax+1))
	if err != nil {
		return nil, true, fmt.Errorf("read the answer: %w", err)
	}
	if len(answer) > answerBytesMax {
		return nil, false, errors.New("the answer is too long; ask for fewer rows")
	}
	kind, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if res.StatusCode < 300 || res.StatusCode == http.StatusUnprocessableEntity && kind == "application/json" {
		return answer, false, nil
	}
	again = res.StatusCode == http.StatusServiceUnavailable || res.StatusCode == http.StatusTooManyRequests
	return nil, again, problemError(res, answer)
}

func (c *client) nothingAnswers() error {
	return fmt.Errorf("nothing answers at %s; start weir serve or weir dev, or name the server with --server", c.base)
}

// problemError says a problem in one line, with what to do next.
func problemError(res *http.Response, body []byte) error {
	var p struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
		Errors []struct {
			Pointer string `json:"pointer"`
		} `json:"errors"`
	}
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return fmt.Errorf("the server answered %s, not like weir; check --server", res.Status)
	}
	text := p.Code + ": " + p.Detail
	if len(p.Errors) > 0 && p.Errors[0].Pointer != "" {
		text = p.Code + " at " + p.Errors[0].Pointer + ": " + p.Detail
	}
	switch res.StatusCode {
	case http.StatusUnauthorized:
		text += " (give the key with WEIR_KEY, --key, or --data DIR on the server's machine)"
	case http.StatusServiceUnavailable:
		text += " (GET /readyz says what is wrong)"
	}
	return errors.New(text + " [status " + strconv.Itoa(res.StatusCode) + "]")
}
