package linear

// The clients: each makes one call after another, at random tenants, and asks again until it is answered.

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/internal/weirtest"
)

// life is a server, and which one of the run it is.
type life struct {
	*weirtest.Server
	number int
}

// run is servers that live one after another, and what went wrong.
type run struct {
	began  time.Time
	server atomic.Pointer[life] // nil while it is down
	wrong  atomic.Pointer[string]
	cuts   atomic.Int64 // answers that a client did not wait for
}

func (r *run) fail(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	r.wrong.CompareAndSwap(nil, &text)
}

// client is one caller.
type client struct {
	*run
	number  int
	name    string // unique in the run; ids begin with it
	rng     *rand.Rand
	tenants []*tenant
	ids     int
	mine    []owned // what it may commit, release or void
}

// owned is an id that counted.
type owned struct {
	tenant *tenant
	id     string
	units  int64
	hold   bool
}

func (c *client) work(ctx context.Context, calls int) {
	for i := 0; i < calls && ctx.Err() == nil && c.wrong.Load() == nil; i++ {
		c.step(ctx)
	}
}

func (c *client) step(ctx context.Context) {
	t := c.tenants[c.rng.IntN(len(c.tenants))]
	units := 1 + c.rng.Int64N(7)
	switch n := c.rng.IntN(100); {
	case n < 12:
		c.ask(ctx, t, "", call{kind: check, units: units})
	case n < 18:
		c.ask(ctx, t, "", call{kind: read})
	case n < 50 || t.minute:
		c.open(ctx, t, call{kind: consume, units: units})
	case n < 66:
		c.open(ctx, t, call{kind: reserve, units: units})
	case n < 70:
		c.ask(ctx, t, "", call{kind: limit, units: t.limit/2 + c.rng.Int64N(t.limit)})
	default:
		c.close(ctx)
	}
}

func (c *client) open(ctx context.Context, t *tenant, k call) {
	c.ids++
	id := fmt.Sprintf("%s-%d", c.name, c.ids)
	r := c.ask(ctx, t, id, k)
	if !t.minute && (r.status == "counted" || r.status == "duplicate") {
		c.mine = append(c.mine, owned{t, id, k.units, k.kind == reserve})
	}
	if c.rng.IntN(10) == 0 { // once more: a duplicate, or judged afresh
		c.ask(ctx, t, id, k)
	}
}

// close commits, releases or voids something, sometimes twice.
func (c *client) close(ctx context.Context) {
	if len(c.mine) == 0 {
		return
	}
	i := c.rng.IntN(len(c.mine))
	o := c.mine[i]
	k := call{kind: void, held: o.units}
	if o.hold {
		k = call{kind: release, held: o.units}
		if c.rng.IntN(2) == 0 {
			k = call{kind: commit, held: o.units, units: c.rng.Int64N(o.units + 2)} // also more than was held
		}
	}
	c.ask(ctx, o.tenant, o.id, k)
	if c.rng.IntN(8) == 0 {
		if k.kind == release {
			k.kind, k.units = commit, 1
		}
		c.ask(ctx, o.tenant, o.id, k)
	}
	c.mine[i] = c.mine[len(c.mine)-1]
	c.mine = c.mine[:len(c.mine)-1]
}

// ask makes a call until it is answered, and notes every attempt.
func (c *client) ask(ctx context.Context, t *tenant, id string, k call) (r result) {
	for ctx.Err() == nil && c.wrong.Load() == nil {
		s := c.server.Load()
		if s == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		limit, cancel := ctx, context.CancelFunc(func() {})
		if c.rng.IntN(100) == 0 {
			limit, cancel = context.WithTimeout(ctx, time.Duration(c.rng.IntN(2000))*time.Microsecond)
			c.cuts.Add(1)
		}
		a := attempt{client: c.number, id: id, call: k, life: s.number, began: time.Since(c.began)}
		answer, err := s.send(limit, t, id, k)
		a.done = time.Since(c.began)
		cancel()
		switch code := answer.Code(); {
		case err != nil || code == "outcome_unknown":
			a.result.unknown = true
		case answer.Status == http.StatusServiceUnavailable:
			continue // certainly not done
		case answer.Status == http.StatusConflict:
			a.result.status = code
		case answer.Status/100 != 2:
			c.fail("%s %s of %s: %d %s", k.kind, id, t.name, answer.Status, answer.Body)
			return r
		default:
			if a.result, a.period, err = parse(answer.Body, k); err != nil {
				c.fail("%s: %v: %s", k.kind, err, answer.Body)
				return r
			}
			if !t.minute {
				a.period = time.Time{}
			}
		}
		t.note(a)
		if !a.result.unknown {
			return a.result
		}
	}
	return r
}

// send makes one request of a call.
func (s *life) send(ctx context.Context, t *tenant, id string, k call) (weirtest.Answer, error) {
	post := func(path string, fields string) (weirtest.Answer, error) {
		body := fmt.Sprintf(`{"tenant_id":"%s"%s}`, t.name, fields)
		return s.Ask(ctx, http.MethodPost, path, []byte(body))
	}
	ask := fmt.Sprintf(`,"feature_type":"api_calls","quantity":%d`, k.units)
	switch k.kind {
	case consume:
		return post("/v1/consume", ask+`,"id":"`+id+`"`)
	case reserve:
		return post("/v1/reservations", ask+`,"id":"`+id+`","ttl_seconds":86400`)
	case commit:
		return post("/v1/reservations/"+id+"/commit", fmt.Sprintf(`,"quantity":%d`, k.units))
	case release:
		return post("/v1/reservations/"+id+"/release", "")
	case void:
		return post("/v1/events/"+id+"/void", `,"reason":"test"`)
	case check:
		return post("/v1/check", ask)
	case limit:
		return s.Ask(ctx, http.MethodPut, "/v1/tenants/"+t.name+"/quotas/m", fmt.Appendf(nil, `{"limit":%d}`, k.units))
	default:
		return s.Ask(ctx, http.MethodGet, "/v1/tenants/"+t.name+"/quotas", nil)
	}
}

// quotaAnswer is what is looked at of a quota in an answer.
type quotaAnswer struct {
	Used        int64      `json:"used"`
	Reserved    int64      `json:"reserved"`
	PeriodStart *time.Time `json:"period_start"`
}

// parse reads an answer as the result of a call.
func parse(body []byte, k call) (r result, period time.Time, err error) {
	var a struct {
		Status  string        `json:"status"`
		Allowed bool          `json:"allowed"`
		Quotas  []quotaAnswer `json:"quotas"`
		Data    []quotaAnswer `json:"data"` // of a list of quotas
	}
	if k.kind == limit {
		return result{}, period, nil
	}
	if err := json.Unmarshal(body, &a); err != nil {
		return r, period, err
	}
	r.status = a.Status
	if k.kind == void {
		return r, period, nil
	}
	if k.kind == check && !a.Allowed {
		r.status = "denied"
	}
	quotas := append(a.Quotas, a.Data...)
	if len(quotas) != 1 {
		return r, period, fmt.Errorf("%d quotas in the answer", len(quotas))
	}
	r.used, r.reserved = quotas[0].Used, quotas[0].Reserved
	if start := quotas[0].PeriodStart; start != nil {
		period = *start
	}
	return r, period, nil
}
