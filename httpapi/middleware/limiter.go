package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"github.com/weirhq/weir/usage"
)

// Engine is what a Limiter asks: an embedded *engine.Engine, or a [Remote].
type Engine interface {
	Consume(ctx context.Context, r usage.Request) (usage.Answer, error)
	Reserve(ctx context.Context, r usage.Reservation) (usage.Answer, error)
	Commit(ctx context.Context, tenant, id string, actual usage.Decimal) (usage.Answer, error)
	Release(ctx context.Context, tenant, id string) (usage.Answer, error)
}

// LeaseGranter is what mode [Lease] needs beside Engine; both engines have it.
type LeaseGranter interface {
	GrantLease(ctx context.Context, r usage.LeaseRequest) (usage.Answer, error)
	SettleLease(ctx context.Context, tenant, id string, used usage.Decimal, release bool) (usage.ReservationState, error)
}

// Mode is when weir is asked.
type Mode int

// The modes.
const (
	Consume Mode = iota // ask and count before the handler
	Settle              // reserve before the handler, commit its real cost afterwards
	Lease               // spend units that were taken in advance
)

// Options tune a Limiter. Tenant and Feature (or FeatureOf) must be given; every other zero value is a default.
type Options struct {
	Tenant    func(*http.Request) string // "": the request is not limited
	User      func(*http.Request) string // default: none
	Feature   string
	FeatureOf func(*http.Request) string // instead of Feature; "": the request is not limited
	// Cost is what a request costs, or is reserved for it. Default 1.
	Cost func(*http.Request) usage.Decimal
	// ID makes retries of a request count once. Default: the header Idempotency-Key, else X-Request-Id, else a new id.
	ID func(*http.Request) string

	Mode Mode
	// Actual is what a request has really cost, for mode Settle. Absent or zero: nothing. Default: Cost when the status is below 500,
	// else nothing.
	Actual func(*http.Request, *Response) usage.Decimal

	// FailOpen tells whether a request goes on when weir does not answer. Default: it does not.
	FailOpen func(*http.Request) bool
	// DenyStatus is the status of a denial. Default 429.
	DenyStatus int
	// NoHeaders leaves the RateLimit and X-Usage headers out.
	NoHeaders bool
	// Denied answers a denial instead of a problem+json.
	Denied func(http.ResponseWriter, *http.Request, usage.Answer)
	// OnError hears every error of weir. Default: nobody.
	OnError func(error)

	// LeaseUnits is how much mode Lease takes at once, in whole units. Default 1000. A tenant's last units are consumed one by one.
	LeaseUnits int64
	// LeaseTTLSeconds is how long a lease may live. Default 60.
	LeaseTTLSeconds int
}

// Limiter wraps handlers.
type Limiter struct {
	eng    Engine
	o      Options
	leases *leases // of mode Lease
}

// New makes a limiter over eng.
func New(eng Engine, o Options) (*Limiter, error) {
	if o.Tenant == nil {
		return nil, errors.New("middleware: Options.Tenant is nil: say which tenant a request is of")
	}
	if o.Feature == "" && o.FeatureOf == nil {
		return nil, errors.New("middleware: give Options.Feature or FeatureOf")
	}
	if o.FeatureOf == nil {
		feature := o.Feature
		o.FeatureOf = func(*http.Request) string { return feature }
	}
	if o.DenyStatus == 0 {
		o.DenyStatus = http.StatusTooManyRequests
	}
	if o.ID == nil {
		o.ID = requestID
	}
	if o.Cost == nil {
		one := usage.Int(1)
		o.Cost = func(*http.Request) usage.Decimal { return one }
	}
	if o.Actual == nil {
		cost := o.Cost
		o.Actual = func(r *http.Request, res *Response) usage.Decimal {
			if res.Status >= 500 {
				return usage.Int(0)
			}
			return cost(r)
		}
	}
	l := &Limiter{eng: eng, o: o}
	if o.Mode == Lease {
		granter, ok := eng.(LeaseGranter)
		if !ok {
			return nil, errors.New("middleware: this engine grants no leases; use mode Consume")
		}
		l.leases = newLeases(granter, &o)
	}
	return l, nil
}

// Close settles what the limiter has leased. Requests afterwards are consumed one by one.
func (l *Limiter) Close(ctx context.Context) error {
	if l.leases == nil {
		return nil
	}
	return l.leases.close(ctx)
}

// requestID is the id that makes retries count once.
func requestID(r *http.Request) string {
	for _, name := range []string{"Idempotency-Key", "X-Request-Id"} {
		if id := r.Header.Get(name); usage.ValidIdentifier(id) {
			return id
		}
	}
	return rand.Text()
}

// Wrap returns a handler that asks weir around next.
func (l *Limiter) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, feature := l.o.Tenant(r), l.o.FeatureOf(r)
		if tenant == "" || feature == "" {
			next.ServeHTTP(w, r)
			return
		}
		if l.leases != nil && l.leases.take(r.Context(), tenant, feature, l.o.Cost(r)) {
			next.ServeHTTP(w, r)
			return
		}
		if l.o.Mode == Settle {
			l.settle(w, r, next, tenant, feature)
			return
		}
		req := usage.Request{ID: l.o.ID(r), TenantID: tenant, UserID: l.user(r),
			Items: []usage.Item{{FeatureType: feature, Quantity: l.o.Cost(r)}}}
		a, err := l.eng.Consume(r.Context(), req)
		if l.admits(w, r, &a, err) {
			next.ServeHTTP(w, r)
		}
	})
}

func (l *Limiter) user(r *http.Request) string {
	if l.o.User == nil {
		return ""
	}
	return l.o.User(r)
}

// admits tells whether the request goes on, and answers it when it does not.
func (l *Limiter) admits(w http.ResponseWriter, r *http.Request, a *usage.Answer, err error) bool {
	switch {
	case err != nil:
		if l.o.OnError != nil {
			l.o.OnError(err)
		}
		if l.o.FailOpen != nil && l.o.FailOpen(r) {
			return true
		}
		unavailable(w, err)
		return false
	case a.Allowed:
		if !l.o.NoHeaders {
			quotaHeaders(w.Header(), a)
		}
		return true
	}
	if !l.o.NoHeaders {
		quotaHeaders(w.Header(), a)
	}
	if l.o.Denied != nil {
		l.o.Denied(w, r, *a)
		return false
	}
	denied(w, l.o.DenyStatus, a)
	return false
}

// settle reserves, runs the handler, and commits what it has cost. A handler that panics has cost nothing.
func (l *Limiter) settle(w http.ResponseWriter, r *http.Request, next http.Handler, tenant, feature string) {
	id := l.o.ID(r)
	a, err := l.eng.Reserve(r.Context(), usage.Reservation{ID: id, TenantID: tenant, UserID: l.user(r), FeatureType: feature, Quantity: l.o.Cost(r)})
	if !l.admits(w, r, &a, err) {
		return
	}
	if err != nil || a.Status == usage.StatusDuplicate { // failed open, or a retry that was settled with its first copy
		next.ServeHTTP(w, r)
		return
	}
	res := &Response{ResponseWriter: w}
	// The client may be gone by then; what it has used counts all the same.
	ctx := context.WithoutCancel(r.Context())
	done := false
	defer func() {
		if !done {
			l.heard(l.eng.Release(ctx, tenant, id))
		}
	}()
	next.ServeHTTP(res, r)
	done = true
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	if actual := l.o.Actual(r, res); actual.Sign() > 0 {
		l.heard(l.eng.Commit(ctx, tenant, id, actual))
	} else {
		l.heard(l.eng.Release(ctx, tenant, id))
	}
}

func (l *Limiter) heard(_ usage.Answer, err error) {
	if err != nil && l.o.OnError != nil {
		l.o.OnError(err)
	}
}

// Response is what a handler has answered.
type Response struct {
	http.ResponseWriter
	Status int
	Bytes  int64 // of the body
}

// WriteHeader implements http.ResponseWriter.
func (res *Response) WriteHeader(status int) {
	if res.Status == 0 && status >= 200 {
		res.Status = status
	}
	res.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (res *Response) Write(b []byte) (int, error) {
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	n, err := res.ResponseWriter.Write(b)
	res.Bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what the server's own writer can do.
func (res *Response) Unwrap() http.ResponseWriter { return res.ResponseWriter }

// Flush implements http.Flusher.
func (res *Response) Flush() {
	_ = http.NewResponseController(res.ResponseWriter).Flush() // a writer that cannot flush sends when it is full
}
