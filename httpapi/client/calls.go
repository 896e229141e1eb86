package client

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// path joins the parts of a path, each percent-encoded once.
func path(parts ...string) string {
	p := "/v1"
	for _, part := range parts {
		p += "/" + url.PathEscape(part)
	}
	return p
}

func (c *Client) post(ctx context.Context, p string, in, out any) error {
	return c.Do(ctx, http.MethodPost, p, in, out)
}

// Record counts one event and returns when it is durable at the server. An event without id gets one.
func (c *Client) Record(ctx context.Context, ev usage.Event) (out usage.Outcome, err error) {
	if ev.ID == "" {
		ev.ID = NewID()
	}
	err = c.post(ctx, "/v1/events", ev, &out)
	return out, err
}

// Refusal is one event of a batch that was refused.
type Refusal struct {
	Index   int             `json:"index"` // in the batch
	ID      *string         `json:"id"`
	Code    usage.ErrorCode `json:"code"`
	Pointer string          `json:"pointer"`
	Detail  string          `json:"detail"`
}

// Err is the refusal as an error.
func (r *Refusal) Err() *usage.Error {
	return &usage.Error{Code: r.Code, Pointer: r.Pointer, Detail: r.Detail}
}

// OverLimit is a quota that a counted event belongs to and that is over its limit.
type OverLimit struct {
	TenantID string `json:"tenant_id"`
	Quota    string `json:"quota"`
	UserID   string `json:"user_id"`
}

// BatchResult is what became of a batch. Refused lists at most the first 1,000 refused events; RefusedTotal counts all.
type BatchResult struct {
	Accepted     int         `json:"accepted"`
	Duplicates   int         `json:"duplicates"`
	Refused      []Refusal   `json:"rejected"`
	RefusedTotal int         `json:"rejected_total"`
	OverLimit    []OverLimit `json:"over_limit"`
}

// RecordBatch counts events, each by itself, and returns when they are durable at the server; at most 10,000. An event without id
// gets one, in evs, so that a call with the same slice is a retry.
func (c *Client) RecordBatch(ctx context.Context, evs []usage.Event) (out BatchResult, err error) {
	for i := range evs {
		if evs[i].ID == "" {
			evs[i].ID = NewID()
		}
	}
	err = c.post(ctx, "/v1/events", evs, &out)
	return out, err
}

// Consume asks every quota, and counts when all allow it. A request without id gets one. A denial is no error: see Answer.Allowed.
func (c *Client) Consume(ctx context.Context, r usage.Request) (a usage.Answer, err error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	err = c.post(ctx, "/v1/consume", r, &a)
	return a, err
}

// ConsumeBatch decides up to 1,000 requests, each on its own; errors by place. With all set, answers have every quota, else the
// binding one.
func (c *Client) ConsumeBatch(ctx context.Context, rs []usage.Request, all bool) ([]usage.Answer, []error, error) {
	for i := range rs {
		if rs[i].ID == "" {
			rs[i].ID = NewID()
		}
	}
	p := "/v1/consume/batch"
	if all {
		p += "?detail=quotas"
	}
	var out struct {
		Results []struct {
			usage.Answer
			Error *problem `json:"error"`
		} `json:"results"`
	}
	if err := c.post(ctx, p, map[string]any{"requests": rs}, &out); err != nil {
		return nil, nil, err
	}
	answers, errs := make([]usage.Answer, len(out.Results)), make([]error, len(out.Results))
	for i, r := range out.Results {
		answers[i] = r.Answer
		if r.Error != nil {
			errs[i] = r.Error.err()
		}
	}
	return answers, errs, nil
}

// Check answers what Consume would, and counts nothing.
func (c *Client) Check(ctx context.Context, r usage.Request) (a usage.Answer, err error) {
	err = c.post(ctx, "/v1/check", r, &a)
	return a, err
}

// Reserve holds units until they are committed, released, or expire. A reservation without id gets one: Answer.ReservationID.
func (c *Client) Reserve(ctx context.Context, r usage.Reservation) (a usage.Answer, err error) {
	if r.ID == "" {
		r.ID = NewID()
	}
	err = c.post(ctx, "/v1/reservations", r, &a)
	return a, err
}

// Commit counts what was really used of a reservation, and gives back the rest.
func (c *Client) Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (a usage.Answer, err error) {
	err = c.post(ctx, path("reservations", id, "commit"), map[string]any{"tenant_id": tenant, "quantity": actual}, &a)
	return a, err
}

// Extend holds a new total, or longer; an absent total and a ttl of 0 stay as they are.
func (c *Client) Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (a usage.Answer, err error) {
	body := map[string]any{"tenant_id": tenant}
	if total.IsSet() {
		body["quantity"] = total
	}
	if ttl > 0 {
		body["ttl_seconds"] = int((ttl + time.Second - 1) / time.Second)
	}
	err = c.post(ctx, path("reservations", id, "extend"), body, &a)
	return a, err
}

// Release gives all of a reservation back.
func (c *Client) Release(ctx context.Context, tenant, id string) (a usage.Answer, err error) {
	err = c.post(ctx, path("reservations", id, "release"), map[string]any{"tenant_id": tenant}, &a)
	return a, err
}

// Quotas answers how every quota of a tenant stands; with a user, the user's too.
func (c *Client) Quotas(ctx context.Context, tenant, user string) ([]usage.QuotaStatus, error) {
	p := path("tenants", tenant, "quotas")
	if user != "" {
		p += "?user_id=" + url.QueryEscape(user)
	}
	var out struct {
		Data []usage.QuotaStatus `json:"data"`
	}
	err := c.Do(ctx, http.MethodGet, p, nil, &out)
	return out.Data, err
}

// Usage answers what a meter counted: its total, or by window and group.
func (c *Client) Usage(ctx context.Context, q usage.Query) (rows usage.Rows, err error) {
	err = c.Do(ctx, http.MethodGet, "/v1/usage?"+usageValues(&q).Encode(), nil, &rows)
	return rows, err
}

// usageValues writes a query as the parameters of /v1/usage. Every field has to be here: one that was left out would ask another
// question.
func usageValues(q *usage.Query) url.Values {
	v := url.Values{"meter": {q.Meter}}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("tenant_id", q.TenantID)
	set("window", string(q.Window))
	set("time_zone", q.TimeZone)
	set("group_by", strings.Join(q.GroupBy, ","))
	set("compare", string(q.Compare))
	set("cursor", q.Cursor)
	for name, at := range map[string]time.Time{"from": q.From, "to": q.To, "as_of": q.AsOfTime} { // order-free: a query is a set
		if !at.IsZero() {
			v.Set(name, at.UTC().Format(time.RFC3339Nano))
		}
	}
	if q.AsOfIndex != 0 {
		v.Set("as_of", strconv.FormatUint(q.AsOfIndex, 10))
	}
	if q.FillZero {
		v.Set("fill", "zero")
	}
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	for dimension, values := range q.Filter { // order-free: likewise
		v["filter["+dimension+"]"] = values
	}
	return v
}

// PutMeter makes a meter, or changes its name or unit.
func (c *Client) PutMeter(ctx context.Context, m usage.Meter) error {
	return c.Do(ctx, http.MethodPut, path("meters", m.Slug), m, nil)
}

// PutPlan makes a plan, or a new version of it. apply moves the tenants that are on it: "now", "period_end", or "" for nobody.
func (c *Client) PutPlan(ctx context.Context, p usage.Plan, apply string) error {
	target := path("plans", p.Slug)
	if apply != "" {
		target += "?apply=" + url.QueryEscape(apply)
	}
	return c.Do(ctx, http.MethodPut, target, p, nil)
}

// PutTenant makes a tenant, or replaces what is said of it.
func (c *Client) PutTenant(ctx context.Context, t usage.Tenant) error {
	return c.Do(ctx, http.MethodPut, path("tenants", t.ID), t, nil)
}

// ChangePlan moves a tenant to a plan.
func (c *Client) ChangePlan(ctx context.Context, p usage.PlanChange) error {
	return c.post(ctx, path("tenants", p.TenantID, "plan"), p, nil)
}

// Backup copies a consistent backup of the server to a writer as it streams, an archive that `weir restore` reads. Options.Timeout does
// not bound it. It is not tried again, as the copy may have begun: after an error what was written is no backup.
func (c *Client) Backup(ctx context.Context, to io.Writer) error {
	res, err := c.begin(ctx, http.MethodPost, "/v1/backup", "", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		whole, err := read(res)
		if err != nil {
			return err
		}
		return whole.problem()
	}
	if _, err := io.Copy(to, res.Body); err != nil {
		return fmt.Errorf("client: copy the backup: %w", err)
	}
	return nil
}
