package httpapi

// The ingestion of other products, so that their clients need only another address. What they send and expect is in package
// compat; here it is recorded. Errors of these routes are in the peer's shape (call.writeProblem).

import (
	"net/http"
	"strings"
	"time"

	"github.com/weirhq/weir/httpapi/compat"
	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

var compatEndpoints = []endpoint{
	{"POST", "/compat/openmeter/api/v1/events", scopeIngest, (*call).postOpenMeter},
	{"POST", "/compat/lago/api/v1/events", scopeIngest, (*call).postLagoEvent},
	{"POST", "/compat/lago/api/v1/events/batch", scopeIngest, (*call).postLagoBatch},
	{"POST", "/compat/stripe/v1/billing/meter_events", scopeIngest, (*call).postStripe},
}

// writePeerProblem answers a problem as the peer would.
func (c *call) writePeerProblem(p problem, status int) {
	errs := p.errors
	status, contentType, body := c.peer.Problem(&compat.Refusal{Status: status, Code: p.code, Detail: p.detail, Errors: errs})
	if h := c.w.Header(); status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		h.Set("Retry-After", retryAfterSeconds)
	}
	c.write(status, contentType, append(body, '\n'))
}

// recordAll records events whose copies of an id, with the same payload or with another, are both well. It refuses what
// the engine refuses; events before it were recorded.
func (c *call) recordAll(evs []usage.Event, prefix string, conflicts bool) error {
	outcomes, err := c.eng.RecordBatch(c.recording(), evs)
	if err != nil {
		return err
	}
	b := batch{prefix: prefix}
	var wrong errorList
	for i, o := range outcomes {
		switch {
		case o.Status == usage.StatusCounted:
		case o.Status == usage.StatusDuplicate, o.Status == usage.StatusConflict && conflicts:
			c.api.metrics.repeats.WithLabelValues(string(c.peer), string(o.Status)).Inc()
		case prefix == "":
			e := b.located(0, o.Err)
			wrong = append(wrong, refuse(e.Code, strings.TrimPrefix(e.Pointer, "/0"), e.Detail))
		default:
			wrong = append(wrong, b.located(int64(i), o.Err))
		}
	}
	if len(wrong) > 0 {
		return wrong
	}
	return nil
}

// postOpenMeter takes CloudEvents, one or many. An id that is known is well, whatever came with it: the first one counts.
func (c *call) postOpenMeter() {
	doc, err := c.wholeBody()
	if err != nil {
		c.writeError(err)
		return
	}
	media, err := c.mediaType()
	var first strictjson.Parser
	first.Reset(doc)
	many := first.Peek() == strictjson.TypeArray
	if err == nil && media != "" && media != "application/json" && media != mediaCloud && media != mediaCloudBatch {
		err = refuse(usage.CodeUnsupportedMedia, "", "send Content-Type: "+mediaCloud+" or "+mediaCloudBatch)
	}
	b := getBatch()
	defer putBatch(b)
	b.cloud = true
	if err == nil {
		err = b.parseCloud(doc, many)
	}
	if err == nil && b.refused.total > 0 { // nothing is recorded of a batch that has a wrong event
		r := b.refused.list[0]
		err = refuse(r.err.Code, r.err.Pointer, r.err.Pointer+": "+r.err.Detail)
	}
	if err == nil {
		err = c.recordAll(append([]usage.Event(nil), b.events...), "/events", true)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.write(http.StatusNoContent, "", nil)
}

func (c *call) postLagoEvent() { c.postLago(false) }
func (c *call) postLagoBatch() { c.postLago(true) }

// postLago takes one event or a batch. A batch is looked at as a whole first: when an event in it is wrong, none is recorded.
func (c *call) postLago(many bool) {
	err := c.wantJSON()
	var doc []byte
	if err == nil {
		doc, err = c.wholeBody()
	}
	if err != nil {
		c.writeError(err)
		return
	}
	evs, wrong, err := compat.ReadLago(doc, many)
	if err != nil {
		c.writeError(jsonError(err))
		return
	}
	prefix := ""
	if many {
		prefix = "/events"
	}
	list := errorList(wrong)
	b := batch{prefix: prefix}
	for i := range evs {
		if len(wrong) > 0 {
			break
		}
		if err := c.eng.Admissible(c.recording(), evs[i]); err != nil {
			e := b.located(int64(i), err)
			if !many {
				e.Pointer = strings.TrimPrefix(e.Pointer, "/0")
			}
			list = append(list, e)
		}
	}
	if len(list) > 0 {
		c.writeError(list)
		return
	}
	if len(evs) > 0 {
		if err := c.recordAll(evs, prefix, false); err != nil {
			c.writeError(err)
			return
		}
	}
	c.writeJSON(http.StatusOK, compat.LagoAnswer(evs, many, time.Now()))
}

// postStripe takes a meter event. The tenant is the one whose stripe_customer_id was sent, else the one of that id.
func (c *call) postStripe() {
	media, err := c.mediaType()
	if err == nil && media != "" && media != "application/x-www-form-urlencoded" {
		err = refuse(usage.CodeUnsupportedMedia, "", "send Content-Type: application/x-www-form-urlencoded")
	}
	var ev usage.Event
	if err == nil {
		buf := getBuffer()
		defer putBuffer(buf)
		buf.b, err = c.readBody(buf.b, configBodyBytesMax)
		if err == nil {
			ev, err = compat.ReadStripe(buf.b)
		}
	}
	if err != nil {
		c.writeError(err)
		return
	}
	customer := ev.TenantID
	ev.TenantID = c.eng.TenantOfStripe(customer)
	if err := c.identify(&ev); err != nil {
		c.writeError(err)
		return
	}
	if err := c.recordAll([]usage.Event{ev}, "", false); err != nil {
		c.writeError(err)
		return
	}
	c.writeJSON(http.StatusOK, compat.StripeAnswer(&ev, customer, time.Now()))
}
