package torture

// The clients. Each does one random thing after another, repeats it until it is answered, and enters the answer in the books.

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/internal/weirtest"
)

// target is the server that clients ask; nil while it is down.
type target struct {
	atomic.Pointer[weirtest.Server]
}

// client is one caller.
type client struct {
	*book
	target  *target
	began   time.Time
	number  uint8
	rng     *rand.Rand
	entries []*entry // all that were ever made
	open    []*entry // holds that wait for their end
	ids     uint32
}

// requestLimit is how long a client waits for an answer. A server that is paused for longer still has the request when the next copy of it comes.
const requestLimit = 2 * time.Second

// outcome is what became of a request that was repeated until it was answered.
type outcome struct {
	weirtest.Answer
	code   string // of a refusal
	unsure bool   // an attempt had no answer
}

func (o *outcome) ok() bool { return o.Status/100 == 2 }

// send repeats a request until it is answered for certain; ok is false when the run is over before.
func (c *client) send(ctx context.Context, method, path string, body []byte) (o outcome, ok bool) {
	c.requests.Add(1)
	for try := 0; ; try++ {
		if ctx.Err() != nil {
			return o, false
		}
		s := c.target.Load()
		if s == nil {
			time.Sleep(time.Millisecond)
			continue
		}
		if try > 0 {
			c.retried.Add(1)
		}
		limit := requestLimit
		if c.rng.IntN(100) == 0 { // a client that loses its patience at once
			limit = time.Duration(c.rng.IntN(5000)) * time.Microsecond
		}
		attempt, cancel := context.WithTimeout(ctx, limit)
		a, err := s.Ask(attempt, method, path, body)
		cancel()
		o.Answer, o.code = a, a.Code()
		switch {
		case s == c.ghost.Load(): // nobody has got this answer
			o.unsure = true
			if err == nil && a.Status/100 == 2 && method != http.MethodGet {
				c.haunted.Add(1)
			}
		case err != nil || o.code == "outcome_unknown":
			o.unsure = true
			c.unknown.Add(1)
		case a.Status == http.StatusServiceUnavailable, a.Status == http.StatusInsufficientStorage, a.Status == http.StatusTooManyRequests:
			switch o.code { // not done
			case "clock":
				c.unready[0].Add(1)
			case "disk_full":
				c.unready[1].Add(1)
			default:
				c.unready[2].Add(1)
			}
			time.Sleep(10 * time.Millisecond)
		case a.Status >= 500 && method == http.MethodGet && (c.diskFails.Load() || s != c.target.Load()):
			// A read that the disk did not answer. It may say so.
		case a.Status >= 500:
			c.violation("%s %s %s: %d %s", method, path, body, a.Status, a.Body)
			return o, false
		default:
			return o, true
		}
		time.Sleep(time.Millisecond)
	}
}

// work goes on until stop ends. What was begun is brought to its end, unless ctx ends.
func (c *client) work(ctx, stop context.Context, pause time.Duration) {
	for stop.Err() == nil && !c.failed() {
		c.step(ctx)
		if pause > 0 {
			time.Sleep(time.Duration(c.rng.Int64N(2 * int64(pause))))
		}
	}
}

func (c *client) step(ctx context.Context) {
	switch n := c.rng.IntN(100); {
	case n < 16:
		n := 1 + c.rng.IntN(60)
		if c.rng.IntN(8) == 0 {
			n *= 20
		}
		c.record(ctx, c.events.take(n), n, true)
	case n < 23:
		c.recordAgain(ctx)
	case n < 48:
		c.decide(ctx, c.draw(opConsume))
	case n < 54:
		c.consumeBatch(ctx)
	case n < 62:
		c.again(ctx)
	case n < 70:
		c.decide(ctx, c.draw(opReserve))
	case n < 73:
		c.decide(ctx, c.draw(opLease))
	case n < 83:
		c.close(ctx)
	case n < 86:
		c.decide(ctx, c.draw(opAdjust))
	case n < 90:
		c.voidConsume(ctx)
	case n < 92:
		c.voidEvent(ctx)
	case n < 94:
		c.changeLimit(ctx)
	default:
		c.query(ctx)
	}
}

func (c *client) draw(kind opKind) *entry {
	e := draw(c.rng, kind)
	c.ids++
	e.client, e.number = c.number, c.ids
	c.entries = append(c.entries, &e)
	return &e
}

// batchAnswer is the answer to a batch of events.
type batchAnswer struct {
	Accepted      int             `json:"accepted"`
	Duplicates    int             `json:"duplicates"`
	RejectedTotal int             `json:"rejected_total"`
	Rejected      json.RawMessage `json:"rejected"`
}

func (c *client) makeRange(first uint64, n int) []event {
	list := make([]event, n)
	for i := range list {
		list[i] = makeEvent(c.seed, first+uint64(i), c.began)
	}
	return list
}

// recordAgain sends some of what somebody has sent before.
func (c *client) recordAgain(ctx context.Context) {
	c.events.mu.Lock()
	next := c.events.next
	c.events.mu.Unlock()
	if next == 0 {
		return
	}
	first := c.rng.Uint64N(next)
	if c.rng.IntN(2) == 0 {
		first = max(0, next-min(next, 500)) // near the end: its first copy may be under way
	}
	c.record(ctx, first, int(min(next-first, 1+c.rng.Uint64N(60))), false)
}

// record sends a range of events. More of them may be new than were unknown when it was sent: never.
func (c *client) record(ctx context.Context, first uint64, n int, fresh bool) {
	list := c.makeRange(first, n)
	if fresh {
		c.events.sending(list)
	}
	open := c.events.open(first, first+uint64(n))
	body := eventsBody(list, c.rng.IntN(2) == 0)
	o, ok := c.send(ctx, http.MethodPost, "/v1/events", body)
	if !ok {
		return
	}
	var a batchAnswer
	if err := json.Unmarshal(o.Body, &a); err != nil || !o.ok() || a.Accepted+a.Duplicates != n {
		c.violation("a batch of %d events from %d on: %d %s", n, first, o.Status, o.Body)
		return
	}
	if a.Accepted > open {
		c.lost.Add(int64(a.Accepted - open))
		c.violation("of the events %d to %d, %d were not acknowledged, and %d were new", first, first+uint64(n), open, a.Accepted)
	}
	c.events.acknowledge(list)
	c.recent.add(acked{first: first, last: first + uint64(n)})
}

func eventsBody(list []event, otherwise bool) []byte {
	body := []byte{'['}
	for i := range list {
		if i > 0 {
			body = append(body, ',')
		}
		body = list[i].appendJSON(body, otherwise != (i%3 == 0))
	}
	return append(body, ']')
}

// decision is what is looked at in an answer.
type decision struct {
	Allowed *bool  `json:"allowed"`
	Status  string `json:"status"`
	LeaseID string `json:"lease_id"`
	Late    bool   `json:"late"`
	Quotas  []struct {
		Quota    string `json:"quota"`
		Used     int64  `json:"used"`
		Reserved int64  `json:"reserved"`
	} `json:"quotas"`
	Error json.RawMessage `json:"error"` // of one of a batch
}

// request is the call of an entry.
func (e *entry) request() (path string, body []byte) {
	head := fmt.Sprintf(`{"id":"%s","tenant_id":"%s"`, e.id(), e.tenantName())
	switch e.kind {
	case opConsume:
		if e.more > 0 {
			return "/v1/consume", fmt.Appendf(nil, `%s,"items":[{"feature_type":"api_calls","quantity":%d},{"feature_type":"llm_tokens","quantity":%d}]}`, head, e.units, e.more)
		}
		return "/v1/consume", fmt.Appendf(nil, `%s,"feature_type":"api_calls","quantity":%d}`, head, e.units)
	case opAdjust:
		return "/v1/adjustments", fmt.Appendf(nil, `%s,"meter":"api_calls","quantity":%d,"reason":"test"}`, head, e.units)
	case opLease:
		path = "/v1/leases"
	default:
		path = "/v1/reservations"
	}
	return path, fmt.Appendf(nil, `%s,"feature_type":"api_calls","quantity":%d,"ttl_seconds":%d}`, head, e.units, e.ttl)
}

// decide sends the call of an entry, for the first time or again.
func (c *client) decide(ctx context.Context, e *entry) {
	path, body := e.request()
	o, ok := c.send(ctx, http.MethodPost, path, body)
	if !ok {
		return
	}
	var d decision
	if err := json.Unmarshal(o.Body, &d); err != nil || !o.ok() {
		c.violation("%s: %d %s", body, o.Status, o.Body)
		return
	}
	c.enter(e, &d, o.unsure)
}

// enter writes an answer down.
func (c *client) enter(e *entry, d *decision, unsure bool) {
	if e.strict {
		for _, q := range d.Quotas {
			if q.Quota == "m" {
				c.look(e.tenant, q.Used, q.Reserved)
			}
		}
	}
	if d.Allowed != nil && !*d.Allowed {
		c.attempts.Add(1)
		if e.is(counts) {
			c.lost.Add(1)
			c.violation("%s of %s was acknowledged, and is denied now", e.id(), e.tenantName())
		}
		if unsure {
			e.state |= maybe
		}
		return
	}
	if e.is(counts) && d.Status != "duplicate" {
		c.lost.Add(1)
		c.violation("%s of %s was acknowledged, and is %s now", e.id(), e.tenantName(), d.Status)
	}
	if !e.is(counts) {
		e.state = e.state&^maybe | counts
		if e.kind == opReserve || e.kind == opLease {
			c.open = append(c.open, e)
		}
		c.recent.add(acked{entry: e})
	}
}

// again repeats something of this client's past.
func (c *client) again(ctx context.Context) {
	if len(c.entries) > 0 {
		c.decide(ctx, c.entries[c.rng.IntN(len(c.entries))])
	}
}

func (c *client) consumeBatch(ctx context.Context) {
	list := make([]*entry, 1+c.rng.IntN(20))
	for i := range list {
		list[i] = c.draw(opConsume)
	}
	o, ok := c.send(ctx, http.MethodPost, "/v1/consume/batch?detail=quotas", consumesBody(list))
	if ok {
		c.enterBatch(list, &o)
	}
}

func consumesBody(list []*entry) []byte {
	body := []byte(`{"requests":[`)
	for i, e := range list {
		if i > 0 {
			body = append(body, ',')
		}
		_, one := e.request()
		body = append(body, one...)
	}
	return append(body, `]}`...)
}

func (c *client) enterBatch(list []*entry, o *outcome) {
	var a struct {
		Results []decision `json:"results"`
	}
	if err := json.Unmarshal(o.Body, &a); err != nil || !o.ok() || len(a.Results) != len(list) {
		c.violation("a batch of %d consumes: %d %s", len(list), o.Status, o.Body)
		return
	}
	for i := range a.Results {
		if a.Results[i].Error != nil {
			c.violation("%s: %s", list[i].id(), a.Results[i].Error)
			return
		}
		c.enter(list[i], &a.Results[i], o.unsure)
	}
}

// ending is the call that ends a hold with units, or releases it (-1).
func (e *entry) ending(units int32) (path string, body []byte) {
	tenant := e.tenantName()
	switch {
	case e.kind == opLease:
		return "/v1/leases/" + e.id() + "/settle", fmt.Appendf(nil, `{"tenant_id":"%s","used":%d,"release":true}`, tenant, units)
	case units < 0:
		return "/v1/reservations/" + e.id() + "/release", fmt.Appendf(nil, `{"tenant_id":"%s"}`, tenant)
	}
	return "/v1/reservations/" + e.id() + "/commit", fmt.Appendf(nil, `{"tenant_id":"%s","quantity":%d}`, tenant, units)
}

// close ends a hold that was made some time ago, or forgets it: then it is held for ever, or expires.
func (c *client) close(ctx context.Context) {
	if len(c.open) == 0 {
		return
	}
	i := c.rng.IntN(len(c.open))
	e := c.open[i]
	c.open[i] = c.open[len(c.open)-1]
	c.open = c.open[:len(c.open)-1]
	if !e.strict && c.rng.IntN(5) == 0 {
		return // of the strict ones none is forgotten: they would fill the limit
	}
	units := c.rng.Int32N(e.units + 1)
	switch {
	case e.kind == opReserve && c.rng.IntN(3) == 0:
		units = -1
	case e.kind == opReserve && !e.strict && c.rng.IntN(4) == 0:
		units += 5 // more than was held
	}
	path, body := e.ending(units)
	o, ok := c.send(ctx, http.MethodPost, path, body)
	switch {
	case !ok:
		c.open = append(c.open, e) // unknown: it is ended the same way or left
		e.closing = units
		return
	case o.ok():
		e.state |= settled
		e.closing = units
		c.recent.add(acked{entry: e, closing: true, units: units})
	case o.code == "reservation_expired" && !e.strict:
		e.state |= expired
	default:
		if o.Status == http.StatusNotFound {
			c.lost.Add(1)
		}
		c.violation("%s %s: %d %s", path, body, o.Status, o.Body)
	}
}

// voidConsume takes something of this client's own back.
func (c *client) voidConsume(ctx context.Context) {
	for range 8 {
		if len(c.entries) == 0 {
			return
		}
		e := c.entries[c.rng.IntN(len(c.entries))]
		if e.kind != opConsume || !e.is(counts) || e.is(voided) {
			continue
		}
		if c.void(ctx, e.tenantName(), e.id()) {
			e.state |= voided
		}
		return
	}
}

func (c *client) voidEvent(ctx context.Context) {
	e, ok := c.events.chooseVoid(c.rng, func(n uint64) event { return makeEvent(c.seed, n, c.began) })
	if ok && c.void(ctx, fmt.Sprint("record-", e.tenant), e.id()) {
		c.events.hasVoided(e)
	}
}

func (c *client) void(ctx context.Context, tenant, id string) bool {
	o, ok := c.send(ctx, http.MethodPost, "/v1/events/"+id+"/void", fmt.Appendf(nil, `{"tenant_id":"%s","reason":"test"}`, tenant))
	if ok && !o.ok() {
		if o.Status == http.StatusUnprocessableEntity && bytes.Contains(o.Body, []byte("the minute of the event again, and it is spread over more than")) {
			return false // a bound of voids, which a log of half a million items reaches; nothing has changed
		}
		if o.Status == http.StatusNotFound {
			c.lost.Add(1)
		}
		c.violation("void of %s of %s: %d %s", id, tenant, o.Status, o.Body)
	}
	return ok && o.ok()
}

// changeLimit lowers or raises a limit. In the long run limits rise, so that there is always something to be had.
func (c *client) changeLimit(ctx context.Context) {
	tenant := uint8(c.rng.IntN(strictTenants))
	limit := c.limits[tenant].Load() + c.rng.Int64N(100) - 60
	name := fmt.Sprint("strict-", tenant)
	if c.rng.IntN(3) == 0 {
		name, limit = fmt.Sprint("loose-", c.rng.IntN(looseTenants)), 100+c.rng.Int64N(5000)
	} else {
		c.raise(tenant, limit)
	}
	o, ok := c.send(ctx, http.MethodPut, "/v1/tenants/"+name+"/quotas/m", fmt.Appendf(nil, `{"limit":%d}`, limit))
	if ok && !o.ok() {
		c.violation("limit of %s: %d %s", name, o.Status, o.Body)
	}
}
