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
	// GiveUp hears the error of every try that failed and would be made again: true ends the call with it. The cause, such as a connection
	// that was refused, is in its chain. Default: nobody.
	GiveUp func(error) bool
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

// Once is a client that tries every call once: for a call that has no id, where doing it twice is worse than not knowing.
func (c *Client) Once() *Client {
	once := *c
	once.o.Attempts = 1
	return &once
}

// Do sends one call and decodes its answer into out, which may be nil; in is its body as JSON, or nil. It tries again while the
// server cannot be reached, is busy, or does not know the outcome: a body of a write must have its id. path begins with /v1.
//
// Errors are an *usage.Error with the server's code, outcome_unknown when no answer came, or the error of ctx joined with it. A batch in
// which everything was refused is an answer, no error.
func (c *Client) Do(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	media := ""
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
		media = mediaJSON
	}
	res, err := c.retried(ctx, method, path, media, body)
	if err == nil {
		err = res.decode(out)
	}
	return err
}

// Send is Do for a body of any media type, which may be absent, and answers what the server said as it is.
func (c *Client) Send(ctx context.Context, method, path, media string, body []byte) ([]byte, error) {
	res, err := c.retried(ctx, method, path, media, body)
	if err != nil {
		return nil, err
	}
	return res.answer()
}

const mediaJSON = "application/json"

// response is an answer that came whole.
type response struct {
	status     int
	media      string
	retryAfter time.Duration // 0: not said
	body       []byte
}

// answer is what the server said, but for a problem. A batch has status 422 when everything in it was refused, and is no problem.
func (r *response) answer() ([]byte, error) {
	if r.status < 300 || r.status == http.StatusUnprocessableEntity && r.media == mediaJSON {
		return r.body, nil
	}
	return nil, r.problem()
}

// decode reads the answer into out, unless that is nil. A 200 without a body is of something in between: whether the call is done is unknown.
func (r *response) decode(out any) error {
	text, err := r.answer()
	if err != nil || out == nil {
		return err
	}
	if err := json.Unmarshal(text, out); err != nil {
		return lost("the answer cannot be read", err)
	}
	return nil
}

// retried sends a call until an answer comes that more tries would not change.
func (c *Client) retried(ctx context.Context, method, path, media string, body []byte) (*response, error) {
	for attempt := 1; ; attempt++ {
		res, err := c.once(ctx, method, path, media, body)
		switch {
		case err == nil && !res.retryable() || attempt >= c.o.Attempts:
			return res, err
		case err != nil && ctx.Err() != nil:
			return nil, errors.Join(err, ctx.Err())
		}
		wait := backoff(attempt)
		if err == nil {
			wait = max(wait, res.retryAfter)
			err = res.problem()
		}
		if c.o.GiveUp != nil && c.o.GiveUp(err) {
			return nil, err
		}
		if !sleep(ctx, wait) {
			return nil, errors.Join(err, ctx.Err())
		}
	}
}

// once sends a call. An error is outcome_unknown: whether the server got it cannot be told from here.
func (c *Client) once(ctx context.Context, method, path, media string, body []byte) (*response, error) {
	ctx, cancel := context.WithTimeout(ctx, c.o.Timeout)
	defer cancel()
	res, err := c.begin(ctx, method, path, media, body)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	return read(res)
}

// begin sends a call and answers the response, whose body the caller closes.
func (c *Client) begin(ctx context.Context, method, path, media string, body []byte) (*http.Response, error) {
	var reader io.Reader
	if body != nil {
		reader = bytes.NewReader(body)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.o.UserAgent)
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	if c.o.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.o.Key)
	}
	res, err := c.o.HTTP.Do(req)
	if err != nil {
		return nil, lost("weir did not answer", err)
	}
	return res, nil
}

// read takes in a whole answer.
func read(res *http.Response) (*response, error) {
	text, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax+1))
	if err != nil {
		return nil, lost("weir's answer was cut off", err)
	}
	if len(text) > answerBytesMax {
		return nil, errors.New("client: the answer is too long; ask for less")
	}
	media, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	return &response{res.StatusCode, media, parseRetryAfter(res.Header.Get("Retry-After"), time.Now()), text}, nil
}

// lostError is an outcome_unknown with what happened on the way.
type lostError struct {
	usage *usage.Error
	cause error
}

func lost(what string, cause error) error {
	return &lostError{&usage.Error{Code: usage.CodeOutcomeUnknown, Detail: what + " (" + cause.Error() + "); retry with the same id"}, cause}
}

func (e *lostError) Error() string   { return e.usage.Error() }
func (e *lostError) Unwrap() []error { return []error{e.usage, e.cause} }

// problem is the error of an answer that is none of 2xx.
func (r *response) problem() error {
	var p problem
	if json.Unmarshal(r.body, &p) == nil && p.Code != "" {
		p.Detail = fmt.Sprintf("%s (status %d)", p.Detail, r.status)
		return p.err()
	}
	if r.retryable() { // a proxy in between; it may have passed the call on
		return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: fmt.Sprintf("something before weir answered status %d; retry with the same id", r.status)}
	}
	return fmt.Errorf("client: status %d, and not an answer of weir; is the address right?", r.status)
}

// problem is a refusal as weir writes it (RFC 9457).
type problem struct {
	Code   usage.ErrorCode `json:"code"`
	Detail string          `json:"detail"`
	Errors []struct {
		Pointer string `json:"pointer"`
	} `json:"errors"`
}

func (p *problem) err() *usage.Error {
	e := &usage.Error{Code: p.Code, Detail: p.Detail}
	if len(p.Errors) > 0 {
		e.Pointer = p.Errors[0].Pointer
	}
	return e
}
