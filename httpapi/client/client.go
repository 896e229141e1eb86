package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// Options tune a Client. Every zero value is a default.
type Options struct {
	// Key is an API key, weir_<id>_<secret>. Default: none, for weir dev.
	Key string
	// HTTP sends the requests. Default: a client of its own that keeps up to 64 connections.
	HTTP *http.Client
	// Timeout is of one attempt. Default 10 s.
	Timeout time.Duration
	// Attempts is how often a call is tried, 1 to 100. Default 8, about six seconds in all.
	Attempts int
	// UserAgent is added to the requests. Default "weir-go".
	UserAgent string
}

// Client talks to one weir.
type Client struct {
	base string
	o    Options
}

// New makes a client of the server at base, such as http://127.0.0.1:7070. It does no I/O.
func New(base string, opts *Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("client: the address %q must look like http://127.0.0.1:7070", base)
	}
	c := &Client{base: strings.TrimSuffix(base, "/")}
	if opts != nil {
		c.o = *opts
	}
	if c.o.HTTP == nil {
		c.o.HTTP = &http.Client{
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true},
			// A redirect could carry the key elsewhere, and turns a POST into a GET.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if c.o.Timeout == 0 {
		c.o.Timeout = timeoutDefault
	}
	if c.o.Attempts == 0 {
		c.o.Attempts = attemptsDefault
	}
	if c.o.UserAgent == "" {
		c.o.UserAgent = "weir-go"
	}
	if c.o.Timeout < 0 || c.o.Attempts < 0 || c.o.Attempts > 100 {
		return nil, errors.New("client: Options.Timeout must not be negative, Attempts must be 1 to 100")
	}
	return c, nil
}

// Do sends one call and decodes its answer into out, which may be nil; in is its body as JSON, or nil. It tries again while the
// server cannot be reached, is busy, or does not know the outcome: a body of a write must have its id. path begins with /v1.
//
// Errors are an *usage.Error with the server's code, outcome_unknown when no answer came, or the error of ctx joined with it.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	res, err := c.retried(ctx, method, path, body)
	if err != nil {
		return err
	}
	if res.status >= 300 {
		return res.problem()
	}
	if out == nil || len(res.body) == 0 {
		return nil
	}
	if err := json.Unmarshal(res.body, out); err != nil {
		return fmt.Errorf("client: read the answer of %s %s: %w", method, path, err)
	}
	return nil
}

// response is an answer that came whole.
type response struct {
	status     int
	media      string
	retryAfter time.Duration // 0: not said
	body       []byte
}

// retried sends a call until an answer comes that more tries would not change.
func (c *Client) retried(ctx context.Context, method, path string, body []byte) (*response, error) {
	for attempt := 1; ; attempt++ {
		res, err := c.once(ctx, method, path, body)
		switch {
		case err == nil && !res.retryable() || attempt >= c.o.Attempts:
			return res, err
		case err != nil && ctx.Err() != nil:
			return nil, errors.Join(err, ctx.Err())
		}
		wait := backoff(attempt)
		if err == nil {
			wait = max(wait, res.retryAfter)
		}
		if !sleep(ctx, wait) {
			if err == nil {
				err = res.problem()
			}
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// once sends a call. An error is outcome_unknown: whether the server got it cannot be told from here.
func (c *Client) once(ctx context.Context, method, path string, body []byte) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Key)
	}
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		return nil, &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "weir did not answer (" + err.Error() + "); retry with the same id"}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax+1))
	if err != nil {
		return nil, &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "weir's answer was cut off (" + err.Error() + "); retry with the same id"}
	}
	if len(text) > answerBytesMax {
		return nil, errors.New("client: the answer is too long; ask for less")
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return &response{res.StatusCode, media, parseRetryAfter(res.Header.Get("Retry-After"), time.Now()), text}, nil
}

// problem is the error of an answer that is none of 2xx.
func (r *response) problem() error {
	var p struct {
		Code   usage.ErrorCode `json:"code"`
		Detail string          `json:"detail"`
		Errors []struct {
			Pointer string `json:"pointer"`
		} `json:"errors"`
	}
	if json.Unmarshal(r.body, &p) == nil && p.Code != "" {
		e := &usage.Error{Code: p.Code, Detail: fmt.Sprintf("%s (status %d)", p.Detail, r.status)}
		if len(p.Errors) > 0 {
			e.Pointer = p.Errors[0].Pointer
		}
		return e
	}
	if r.retryable() { // a proxy in between; it may have passed the call on
		return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: fmt.Sprintf("something before weir answered status %d; retry with the same id", r.status)}
	}
	return fmt.Errorf("client: status %d, and not an answer of weir; is the address right?", r.status)
}
