package sim

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/httpapi"
	"github.com/weirhq/weir/httpapi/client"
	"github.com/weirhq/weir/usage"
)

// door is a way to an engine: in process, or as HTTP through the real client and the real handler. What clients do and what the book
// believes does not depend on the door.
type door interface {
	Record(context.Context, usage.Event) (usage.Outcome, error)
	RecordMany(context.Context, []usage.Event) (refused map[int]error, duplicates int, err error)
	Consume(context.Context, usage.Request) (usage.Answer, error)
	ConsumeMany(context.Context, []usage.Request) ([]usage.Answer, []error, error)
	Check(context.Context, usage.Request) (usage.Answer, error)
	Reserve(context.Context, usage.Reservation) (usage.Answer, error)
	Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error)
	Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error)
	Release(ctx context.Context, tenant, id string) (usage.Answer, error)
	GrantLease(context.Context, usage.LeaseRequest) (usage.Answer, error)
	SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error)
	Adjust(context.Context, usage.Adjustment) (usage.Outcome, error)
	Void(context.Context, usage.Void) (usage.Outcome, error)
	ResetQuota(context.Context, usage.Reset) (usage.Outcome, error)
	PutOverride(context.Context, usage.Override) error
	ChangePlan(context.Context, usage.PlanChange) error
	Usage(context.Context, usage.Query) (usage.Rows, error)
	Quotas(ctx context.Context, tenant, user string) ([]usage.QuotaStatus, error)
}

var (
	_ door = engineDoor{}
	_ door = httpDoor{}
)

// engineDoor is the engine in process.
type engineDoor struct{ *engine.Engine }

func (d engineDoor) RecordMany(ctx context.Context, evs []usage.Event) (map[int]error, int, error) {
	outs, err := d.RecordBatch(ctx, evs)
	if err != nil {
		return nil, 0, err
	}
	refused, duplicates := make(map[int]error), 0
	for i := range outs {
		switch outs[i].Status {
		case usage.StatusDuplicate:
			duplicates++
		case usage.StatusRejected, usage.StatusConflict:
			refused[i] = outs[i].Err
		}
	}
	return refused, duplicates, nil
}

func (d engineDoor) ConsumeMany(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	return d.ConsumeAll(ctx, rs)
}

func (d engineDoor) Check(_ context.Context, r usage.Request) (usage.Answer, error) {
	return d.Engine.Check(r)
}

func (d engineDoor) Quotas(_ context.Context, tenant, user string) ([]usage.QuotaStatus, error) {
	return d.Engine.Quotas(tenant, user)
}

// httpDoor is the client for Go in front of the handler, without a network between.
type httpDoor struct{ *client.Client }

// newHTTPDoor builds an API over an engine.
func newHTTPDoor(w *world, e *engine.Engine) httpDoor {
	api, err := httpapi.New(e, &httpapi.Options{NoAuth: true, Logger: slog.New(bugs{w})})
	require.NoError(w.t, err)
	c, err := client.New("http://127.0.0.1:7070", &client.Options{
		HTTP: &http.Client{Transport: inProcess{api.Handler()}}, Attempts: 1, // the simulator does its own retries
	})
	require.NoError(w.t, err)
	return httpDoor{c}
}

// inProcess sends requests straight into a handler.
type inProcess struct{ h http.Handler }

func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	in.RequestURI, in.RemoteAddr = r.URL.RequestURI(), "127.0.0.1:4711"
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	p.h.ServeHTTP(rec, in)
	return rec.Result(), nil
}

// bugs hears what the handler logs: a panic in it is answered 500 and logged.
type bugs struct{ w *world }

func (bugs) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelError }
func (b bugs) WithAttrs([]slog.Attr) slog.Handler         { return b }
func (b bugs) WithGroup(string) slog.Handler              { return b }

func (b bugs) Handle(_ context.Context, r slog.Record) error {
	if strings.HasPrefix(r.Message, "BUG") {
		text := r.Message
		r.Attrs(func(a slog.Attr) bool { text += "\n" + a.String(); return true })
		b.w.violation(panicked, "%s", text)
	}
	return nil
}

func (d httpDoor) RecordMany(ctx context.Context, evs []usage.Event) (map[int]error, int, error) {
	res, err := d.RecordBatch(ctx, evs)
	if err != nil {
		return nil, 0, err
	}
	refused := make(map[int]error)
	for i := range res.Refused {
		refused[res.Refused[i].Index] = res.Refused[i].Err()
	}
	return refused, res.Duplicates, nil
}

func (d httpDoor) ConsumeMany(ctx context.Context, rs []usage.Request) ([]usage.Answer, []error, error) {
	return d.ConsumeBatch(ctx, rs, true)
}

func (d httpDoor) Adjust(ctx context.Context, a usage.Adjustment) (out usage.Outcome, err error) {
	err = d.Do(ctx, http.MethodPost, "/v1/adjustments", a, &out)
	return out, err
}

func (d httpDoor) Void(ctx context.Context, v usage.Void) (out usage.Outcome, err error) {
	err = d.Do(ctx, http.MethodPost, "/v1/events/"+url.PathEscape(v.ID)+"/void",
		map[string]string{"tenant_id": v.TenantID, "reason": v.Reason}, &out)
	return out, err
}

func (d httpDoor) ResetQuota(ctx context.Context, r usage.Reset) (out usage.Outcome, err error) {
	err = d.Do(ctx, http.MethodPost, "/v1/tenants/"+url.PathEscape(r.TenantID)+"/quotas/"+url.PathEscape(r.Quota)+"/reset",
		map[string]string{"id": r.ID, "reason": r.Reason}, &out)
	return out, err
}

func (d httpDoor) PutOverride(ctx context.Context, o usage.Override) error {
	return d.Do(ctx, http.MethodPut, "/v1/tenants/"+url.PathEscape(o.TenantID)+"/quotas/"+url.PathEscape(o.Quota), o.Fields, nil)
}
