package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// limitSlug is the quota under which api_calls are consumed, reserved and leased: for ever, so that no period forgives a unit.
const limitSlug = "calls"

// The other quotas: compute_time is limited for each user, session_time in a sliding hour and by a rate.
const (
	userSlug, userLimit        = "each", 60
	slideSlug, slideLimit      = "slide", 60
	paceSlug, paceMax, paceFor = "pace", 40, 2 * time.Second // burst, and the time in which one unit comes back
)

var (
	tenants = []string{"acme", "globex", "initech"}
	zones   = []string{"UTC", "Asia/Kathmandu", "America/Los_Angeles"} // of the tenants
)

func userName(n int) string { return fmt.Sprint("user-", n) }

const users = 12

// session is one engine at work.
type session struct {
	w      *world
	e      *engine.Engine
	d      *disk
	http   httpDoor
	failed atomic.Pointer[error] // that it has failed, as somebody was told
}

// caller works on an engine until it fails or its time is over, and enters what it is told in the book.
type caller struct {
	*session
	rng *rand.Rand
}

// door picks a way to the engine for one call.
func (c *caller) door() door {
	total.add(func() { total.writes++ })
	if c.rng.IntN(3) == 0 {
		total.add(func() { total.http++ })
		return c.http
	}
	return engineDoor{c.e}
}

// errPowerCut stands in for whatever a ghost answered.
var errPowerCut = &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "the power was cut before the answer came"}

// believe returns the error of a call, or that nothing is known when the power is off by now.
func (c *caller) believe(err error) error {
	if c.d.off() {
		return errPowerCut
	}
	return err
}

// run does so many random things. It returns early when the engine takes nothing any more.
func (c *caller) run(ctx context.Context, steps int) {
	defer func() {
		if p := recover(); p != nil {
			c.w.violation(panicked, "%v\n%s", p, debug.Stack())
		}
	}()
	for range steps {
		call, cancel := c.patience(ctx)
		alive := c.step(call)
		cancel()
		if !alive || c.d.off() {
			return
		}
		c.letTimePass()
	}
}

// patience is a context that now and then ends in the middle of a call.
func (c *caller) patience(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.rng.IntN(25) != 0 {
		return ctx, func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	yields := c.rng.IntN(60)
	go func() {
		for range yields {
			runtime.Gosched()
		}
		cancel()
	}()
	return ctx, cancel
}

func (c *caller) letTimePass() {
	switch c.rng.IntN(40) {
	case 0:
		c.w.clock.pass(time.Duration(c.rng.Int64N(int64(12 * time.Hour))))
	case 1, 2, 3, 4, 5, 6, 7:
		c.w.clock.pass(time.Duration(c.rng.Int64N(int64(10 * time.Minute))))
	case 8:
		time.Sleep(time.Duration(c.rng.Int64N(int64(time.Second))))
	case 9, 10:
		runtime.Gosched()
	}
}

// step does one thing; false: the engine has failed or is closed.
func (c *caller) step(ctx context.Context) bool {
	b := c.w.book
	switch n := c.rng.IntN(100); {
	case n < 16:
		return c.record(ctx, b.add(c.draw(opRecord)))
	case n < 22:
		return c.recordMany(ctx)
	case n < 38:
		return c.consume(ctx, b.add(c.draw(opConsume)))
	case n < 43:
		return c.consumeMany(ctx)
	case n < 61:
		return c.again(ctx)
	case n < 64:
		return c.clash(ctx)
	case n < 70:
		return c.reserve(ctx, b.add(c.draw(opReserve)))
	case n < 74:
		return c.reserve(ctx, b.add(c.draw(opLease)))
	case n < 82:
		return c.finish(ctx)
	case n < 85:
		return c.correct(ctx, b.add(c.draw(opAdjust)))
	case n < 86:
		return c.correct(ctx, b.add(c.draw(opReset)))
	case n < 91:
		return c.void(ctx)
	case n < 93:
		return c.configure(ctx)
	default:
		return c.look(ctx)
	}
}

// draw makes up an entry.
func (c *caller) draw(op opKind) *entry {
	e := &entry{op: op, tenant: tenants[c.rng.IntN(len(tenants))], parts: []part{{"api_calls", c.rng.Int64N(8)}}}
	switch op {
	case opRecord:
		e.user = userName(c.rng.IntN(users))
		e.parts[0].feature = []string{"data_transfer", "data_transfer", "llm_tokens", "seats"}[c.rng.IntN(4)]
		if e.parts[0].feature == "seats" || c.rng.IntN(3) == 0 { // late, up to what is accepted
			e.at = c.w.clock.True().Add(-time.Duration(c.rng.Int64N(int64(34 * 24 * time.Hour)))).Truncate(time.Second)
		}
	case opConsume:
		e.user, e.parts[0].units = userName(c.rng.IntN(users)), 1+c.rng.Int64N(7)
		switch c.rng.IntN(5) {
		case 0:
			e.parts = append(e.parts, part{"compute_time", 1 + c.rng.Int64N(9)})
		case 1:
			e.parts[0].feature = "session_time"
		}
	case opReserve, opLease:
		e.parts[0].units, e.ttl = 1+c.rng.Int64N(20), 60+c.rng.IntN(3600)
		e.size, e.charge = e.parts[0].units, op == opLease || c.rng.IntN(3) == 0
	case opAdjust:
		e.parts[0].units = c.rng.Int64N(9) - 6
	}
	return e
}

// ended sorts out an error: certain tells that nothing was done, alive that more can be asked.
func (c *caller) ended(err error) (certain, alive bool) {
	switch usage.Code(err) {
	case usage.CodeOutcomeUnknown:
		total.add(func() { total.unknown++ })
		return false, true
	case usage.CodeFailed:
		c.failed.CompareAndSwap(nil, &err)
		return true, false
	case usage.CodeDraining:
		return true, false
	case usage.CodeDiskFull, usage.CodeOverloaded, usage.CodeClock:
		time.Sleep(time.Second)
		return true, true
	case "", "internal":
		c.w.violation(liedOutcome, "an error without a code: %v\n%s", err, debug.Stack())
	}
	return true, true
}

// unread sorts out an error of a read, which may be that of a disk that cannot be read or of a base that cannot be opened, or of a caller who has lost patience.
func (c *caller) unread(err error) (alive bool) {
	if errors.Is(err, context.Canceled) {
		return true
	}
	if code := usage.Code(err); (code == "" || code == "internal") && (c.d.hit(readError) || c.d.hit(writeError) || c.d.hit(noSpace)) { // the base is opened to read the past
		return true
	}
	_, alive = c.ended(err)
	return alive
}

// passing tells that an error says nothing about the write itself: the engine takes none at present.
func passing(err error) bool {
	switch usage.Code(err) {
	case usage.CodeFailed, usage.CodeDraining, usage.CodeDiskFull, usage.CodeOverloaded, usage.CodeClock, usage.CodeMemoryLimit:
		return true
	}
	return false
}

// asked is what was known about an entry before a call.
type asked struct {
	counts bool
	failed *error // of the engine
}

func (c *caller) before(e *entry) (a asked) {
	c.w.book.with(func() { a.counts = e.counts })
	a.failed = c.failed.Load()
	return a
}

// told enters the answer of a write under an id.
func (c *caller) told(e *entry, was asked, status usage.Status, err error) (alive bool) {
	if err != nil {
		certain, alive := c.ended(err)
		switch {
		case !certain:
			c.w.book.with(func() { e.unknown = true })
		case was.counts && !passing(err):
			c.w.violation(lostAcked, "%s was acknowledged before, and is refused now: %v", e.key(), err)
		}
		return alive
	}
	if was.failed != nil {
		c.w.violation(goesOn, "%s is %s although the engine has failed: %v", e.key(), status, *was.failed)
	}
	switch {
	case was.counts && status != usage.StatusDuplicate:
		c.w.violation(lostAcked, "%s was acknowledged before, and is %s now", e.key(), status)
	case status == usage.StatusDuplicate:
		total.add(func() { total.again++ })
		fallthrough
	case status == usage.StatusCounted:
		c.w.book.with(func() { e.counts, e.unknown = true, false })
	}
	return true
}

// configure changes a limit or a plan.
func (c *caller) configure(ctx context.Context) bool {
	tenant, limit := tenants[c.rng.IntN(len(tenants))], 20+c.rng.Int64N(400)
	var err error
	if c.rng.IntN(3) > 0 {
		c.w.book.raise(tenant, limit) // also when the outcome is unknown
		err = c.door().PutOverride(ctx, usage.Override{TenantID: tenant, Quota: limitSlug, Fields: json.RawMessage(fmt.Sprintf(`{"limit":%d}`, limit))})
	} else {
		err = c.door().ChangePlan(ctx, usage.PlanChange{TenantID: tenant, Plan: []string{"p", "q"}[c.rng.IntN(2)],
			Effective: []string{usage.EffectiveNow, usage.EffectivePeriodEnd}[c.rng.IntN(2)]})
	}
	if err = c.believe(err); err == nil {
		return true
	}
	_, alive := c.ended(err)
	return alive
}
