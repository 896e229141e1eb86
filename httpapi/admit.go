package httpapi

// What may run at once. Decisions and writes are short and many; reads that walk through history are long and few. The long ones
// have a small number of places, so that a processor is always left for the others: `check` and `consume` go first.

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/usage"
)

// heavyReads are the endpoints whose work grows with the history or the number of tenants.
var heavyReads = []string{
	"/v1/usage", "/v1/usage/top", "/v1/usage/changes", "/v1/overview", "/v1/explain", "/v1/events", "/v1/tenants", "/v1/tenants/{id}/users",
	"/v1/tenants/{id}/summary", "/v1/tenants/{id}/forecast", "/v1/tenants/{id}/recommendations", "/v1/crossings", "/v1/audit",
}

// admission counts what is under way.
type admission struct {
	inFlight atomic.Int64
	heavy    chan struct{} // a place for each heavy read
	waitMax  time.Duration // for a place; a seam for tests
}

func newAdmission() *admission {
	return &admission{heavy: make(chan struct{}, max(1, runtime.GOMAXPROCS(0)-1)), waitMax: heavyWaitMax}
}

// enter takes a request in, or says that there are too many. leave must be called when it has ended.
func (a *admission) enter() error {
	if a.inFlight.Add(1) > inFlightMax {
		a.inFlight.Add(-1)
		return refuse(usage.CodeOverloaded, "", "too many requests are under way; nothing was done; retry later")
	}
	return nil
}

func (a *admission) leave() { a.inFlight.Add(-1) }

// takePlace waits for a place among the heavy reads when the endpoint is one of them. The place is given back when the answer
// begins to be written (call.write): a client that reads slowly holds none.
func (c *call) takePlace(e *endpoint) error {
	if e.method != "GET" || !slices.Contains(heavyReads, e.pattern) {
		return nil
	}
	places := c.api.admission.heavy
	select {
	case places <- struct{}{}:
	default:
		wait := time.NewTimer(c.api.admission.waitMax)
		defer wait.Stop()
		select {
		case places <- struct{}{}:
		case <-wait.C:
			return refuse(usage.CodeOverloaded, "", "too many queries are under way; retry later")
		case <-c.r.Context().Done():
			return refuse(usage.CodeOverloaded, "", "the client has gone")
		}
	}
	c.place = true
	return nil
}

// leavePlace gives the place back, once.
func (c *call) leavePlace() {
	if c.place {
		c.place = false
		<-c.api.admission.heavy
	}
}
