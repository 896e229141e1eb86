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

// query is a path with parameters.
func query(p string, q url.Values) string {
	if len(q) == 0 {
		return p
	}
	return p + "?" + q.Encode()
}

// given is the parameters that have a value, of names and values by turns.
func given(pairs ...string) url.Values {
	q := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}

// flag is a parameter that is true, or absent.
func flag(b bool) string {
	if b {
		return "true"
	}
	return ""
}

// instant is a time as a parameter; the zero time is absent.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// wholeSeconds rounds up, so that what is more than nothing stays so; less than nothing is -1, which weir refuses.
func wholeSeconds(d time.Duration) int {
	if d < 0 {
		return -1
	}
	return int((d + time.Second - 1) / time.Second)
}

func (c *Client) get(ctx context.Context, p string, out any) error {
	return c.Do(ctx, http.MethodGet, p, nil, out)
}

func (c *Client) put(ctx context.Context, p string, in any) error {
	return c.Do(ctx, http.MethodPut, p, in, nil)
}

func (c *Client) remove(ctx context.Context, p string) error {
	return c.Do(ctx, http.MethodDelete, p, nil, nil)
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

// CheckResult is what a feature of a tenant would be answered.
type CheckResult struct {
	TenantID    string
	FeatureType string
	Allowed     bool
	Decision    usage.Decision
	Quotas      []usage.QuotaStatus
	Err         error // a pair that could not be judged, such as one with an unknown feature; an *usage.Error
}

// CheckBatch checks one unit of every feature for every tenant, at most 100 of each, by tenant and then by feature. Nothing is counted.
func (c *Client) CheckBatch(ctx context.Context, tenants, features []string) ([]CheckResult, error) {
	var out struct {
		Results []struct {
			usage.Answer
			TenantID    string   `json:"tenant_id"`
			FeatureType string   `json:"feature_type"`
			Error       *problem `json:"error"`
		} `json:"results"`
	}
	if err := c.post(ctx, "/v1/check/batch", map[string]any{"tenants": tenants, "features": features}, &out); err != nil {
		return nil, err
	}
	results := make([]CheckResult, len(out.Results))
	for i, r := range out.Results {
		results[i] = CheckResult{r.TenantID, r.FeatureType, r.Allowed, r.Decision, r.Quotas, nil}
		if r.Error != nil {
			results[i].Err = r.Error.err()
		}
	}
	return results, nil
}

// Quotas answers how every quota of a tenant stands; with a user, the user's too.
func (c *Client) Quotas(ctx context.Context, tenant, user string) ([]usage.QuotaStatus, error) {
	var out struct {
		Data []usage.QuotaStatus `json:"data"`
	}
	err := c.get(ctx, query(path("tenants", tenant, "quotas"), given("user_id", user)), &out)
	return out.Data, err
}

// Usage answers what a meter counted: its total, or by window and group.
func (c *Client) Usage(ctx context.Context, q usage.Query) (rows usage.Rows, err error) {
	err = c.get(ctx, query("/v1/usage", usageValues(&q)), &rows)
	return rows, err
}

// usageValues writes a query as the parameters of /v1/usage. Every field has to be here: one that was left out would ask another
// question.
func usageValues(q *usage.Query) url.Values {
	v := given("tenant_id", q.TenantID, "window", string(q.Window), "time_zone", q.TimeZone, "group_by", strings.Join(q.GroupBy, ","),
		"compare", string(q.Compare), "cursor", q.Cursor, "from", instant(q.From), "to", instant(q.To), "as_of", instant(q.AsOfTime))
	v.Set("meter", q.Meter)
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
