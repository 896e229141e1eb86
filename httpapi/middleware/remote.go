package middleware

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

// Remote asks a weir over HTTP. Its zero Client has a timeout of two seconds.
type Remote struct {
	BaseURL string // such as http://127.0.0.1:7070
	Key     string // with scope check
	Client  *http.Client
}

var (
	_ Engine       = (*Remote)(nil)
	_ LeaseGranter = (*Remote)(nil)
)

// remoteClient is the default of Remote.Client: a request must not wait long for its own permission.
var remoteClient = &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 90 * time.Second}}

// Consume implements Engine.
func (c *Remote) Consume(ctx context.Context, r usage.Request) (a usage.Answer, err error) {
	return a, c.post(ctx, "/v1/consume", r, &a)
}

// Reserve implements Engine.
func (c *Remote) Reserve(ctx context.Context, r usage.Reservation) (a usage.Answer, err error) {
	return a, c.post(ctx, "/v1/reservations", r, &a)
}

// Commit implements Engine.
func (c *Remote) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (a usage.Answer, err error) {
	return a, c.post(ctx, "/v1/reservations/"+url.PathEscape(id)+"/commit", map[string]any{"tenant_id": tenant, "quantity": actual}, &a)
}

// Release implements Engine.
func (c *Remote) Release(ctx context.Context, tenant, id string) (a usage.Answer, err error) {
	return a, c.post(ctx, "/v1/reservations/"+url.PathEscape(id)+"/release", map[string]any{"tenant_id": tenant}, &a)
}

// Extend holds a new total, or for longer; an absent total and a ttl of 0 stay as they are.
func (c *Remote) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (a usage.Answer, err error) {
	body := map[string]any{"tenant_id": tenant}
	if total.IsSet() {
		body["quantity"] = total
	}
	if ttl > 0 {
		body["ttl_seconds"] = int((ttl + time.Second - 1) / time.Second)
	}
	return a, c.post(ctx, "/v1/reservations/"+url.PathEscape(id)+"/extend", body, &a)
}

// GrantLease implements LeaseGranter.
func (c *Remote) GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error) {
	var body struct {
		usage.Answer
		LeaseID   string    `json:"lease_id"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if err := c.post(ctx, "/v1/leases", r, &body); err != nil {
		return usage.Answer{}, err
	}
	if body.LeaseID != "" {
		body.Allowed, body.Decision = true, usage.DecisionAllow
	}
	a := body.Answer
	a.ExpiresAt = body.ExpiresAt
	return a, nil
}

// SettleLease implements LeaseGranter.
func (c *Remote) SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error) {
	var body struct {
		State string        `json:"state"`
		Used  usage.Decimal `json:"used"`
	}
	err := c.post(ctx, "/v1/leases/"+url.PathEscape(id)+"/settle", map[string]any{"tenant_id": tenant, "used": used, "release": release}, &body)
	return usage.ReservationState{ID: id, State: body.State, Committed: body.Used, Lease: true}, err
}

// answerBytesMax bounds an answer: 64 quotas are about 30 KB.
const answerBytesMax = 1 << 20

// post sends one call. An error of the server is an *usage.Error with its code.
func (c *Remote) post(ctx context.Context, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.BaseURL, "/")+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	client := c.Client
	if client == nil {
		client = remoteClient
	}
	res, err := client.Do(req)
	if err != nil {
		return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "weir did not answer: " + err.Error()}
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, answerBytesMax))
	if err != nil {
		return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "weir's answer was cut off: " + err.Error()}
	}
	if res.StatusCode/100 == 2 {
		return json.Unmarshal(text, out)
	}
	var p struct {
		Code   usage.ErrorCode `json:"code"`
		Detail string          `json:"detail"`
	}
	if json.Unmarshal(text, &p) != nil || p.Code == "" {
		return errors.New("weir answered " + res.Status)
	}
	return &usage.Error{Code: p.Code, Detail: fmt.Sprintf("%s (status %d)", p.Detail, res.StatusCode)}
}
