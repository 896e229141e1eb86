package middleware

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

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
	// Cost is what a request costs, or is reserved for it; asked once a request, and absent is 1. Default 1.
	Cost func(*http.Request) usage.Decimal
	// ID makes retries of a request count once. Default: the header Idempotency-Key, else X-Request-Id, else a new id. A request whose id
	// has counted runs the handler again and counts nothing: where clients are not trusted to choose ids, and the handler does its work again,
	// give an id that they do not choose, such as one that a proxy of yours sets, or "", which is a new one.
	ID func(*http.Request) string

	Mode Mode
	// Actual is what a request has really cost, for mode Settle. Absent or zero: nothing. Default: Cost when the status is below 500,
	// else nothing.
	Actual func(*http.Request, *Response) usage.Decimal

	// FailOpen tells whether a request goes on when weir does not answer, or does not know the feature or the key. Default: it does not. A
	// request that weir refuses for what it is (an id with another cost, an unknown tenant, a negative cost) never goes on.
	FailOpen func(*http.Request) bool
	// NoDelay lets throttled requests go on at once. Default: they wait for as long as the quota says, at most its max_delay.
	NoDelay bool
	// DenyStatus is the status of a denial. Default 429.
	DenyStatus int
	// NoHeaders leaves the RateLimit and X-Usage headers out. Requests that are spent of a lease never have them: nobody was asked.
	NoHeaders bool
	// Denied answers a denial instead of a problem+json.
	Denied func(http.ResponseWriter, *http.Request, usage.Answer)
	// OnError hears every error of weir. Default: nobody.
	OnError func(error)

	// LeaseUnits is how much mode Lease takes at once, in whole units. Default 1000. A tenant's last units are consumed one by one.
	LeaseUnits int64
	// LeaseTTLSeconds is how long a lease may live; it is settled before it ends. Default 60.
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

// call is what is asked for one request.
type call struct {
	tenant, feature, user, id string
	cost                      usage.Decimal
}

func (l *Limiter) call(r *http.Request, tenant, feature string, cost usage.Decimal) call {
	c := call{tenant: tenant, feature: feature, id: l.o.ID(r), cost: cost}
	if c.id == "" {
		c.id = rand.Text()
	}
	if l.o.User != nil {
		c.user = l.o.User(r)
	}
	return c
}

// cost is what a request costs. A function that reads the request may not be able to do so twice.
func (l *Limiter) cost(r *http.Request) usage.Decimal {
	if l.o.Cost != nil {
		if d := l.o.Cost(r); d.IsSet() {
			return d
		}
	}
	return usage.Int(1)
}

// Wrap returns a handler that asks weir around next.
func (l *Limiter) Wrap(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tenant, feature := l.o.Tenant(r), l.o.FeatureOf(r)
		if tenant == "" || feature == "" {
			next.ServeHTTP(w, r)
			return
		}
		cost := l.cost(r)
		if l.leases != nil && l.leases.take(r.Context(), tenant, feature, cost) {
			next.ServeHTTP(w, r)
			return
		}
		c := l.call(r, tenant, feature, cost)
		if l.o.Mode == Settle {
			l.settle(w, r, next, c)
			return
		}
		a, err := l.eng.Consume(r.Context(), usage.Request{ID: c.id, TenantID: c.tenant, UserID: c.user,
			Items: []usage.Item{{FeatureType: c.feature, Quantity: c.cost}}})
		if l.admits(w, r, &a, err) && l.pace(r.Context(), &a) {
			next.ServeHTTP(w, r)
		}
	})
}

// pace waits for as long as the quota says, and reports whether the client was still there.
func (l *Limiter) pace(ctx context.Context, a *usage.Answer) bool {
	if a.DelayMS <= 0 || l.o.NoDelay {
		return true
	}
	timer := time.NewTimer(time.Duration(a.DelayMS) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// admits tells whether the request goes on, and answers it when it does not.
func (l *Limiter) admits(w http.ResponseWriter, r *http.Request, a *usage.Answer, err error) bool {
	switch {
	case err != nil:
		if l.o.OnError != nil {
			l.o.OnError(err)
		}
		if status := refusalStatus(usage.Code(err)); status != 0 {
			refused(w, status, usage.Code(err))
			return false
		}
		if l.o.FailOpen != nil && l.o.FailOpen(r) {
			return true
		}
		unavailable(w, err)
		return false
	case a.Allowed:
		if !l.o.NoHeaders {
			l.quotaHeaders(w.Header(), a)
		}
		return true
	}
	if !l.o.NoHeaders {
		l.quotaHeaders(w.Header(), a)
	}
	if l.o.Denied != nil {
		l.o.Denied(w, r, *a)
		return false
	}
	denied(w, l.o.DenyStatus, a)
	return false
}

func (l *Limiter) heard(_ usage.Answer, err error) {
	if err != nil && l.o.OnError != nil {
		l.o.OnError(err)
	}
}
