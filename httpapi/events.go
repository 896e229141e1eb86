package httpapi

// POST /v1/events with a JSON body: one event, or a batch. Streams of lines: stream.go. How an
// event is read: eventparse.go.

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// postEvents takes events in any of their forms.
func (c *call) postEvents() {
	media, err := c.mediaType()
	if err != nil {
		c.writeError(err)
		return
	}
	switch {
	case media == mediaCloudBatch || media == mediaCloud:
		c.postCloudEvents(media == mediaCloudBatch)
		return
	case c.r.Header.Get("Ce-Specversion") != "":
		c.postBinary()
		return
	}
	switch media {
	case "", "application/json":
		c.postJSON()
	case "application/x-ndjson", "application/ndjson":
		c.postStream()
	default:
		c.w.Header().Set("Accept-Post", "application/json, application/x-ndjson, "+mediaCloud+", "+mediaCloudBatch)
		c.writeError(refuse(usage.CodeUnsupportedMedia, "",
			"send Content-Type: application/json or application/x-ndjson, not "+quoted(media)))
	}
}

func (c *call) postJSON() {
	doc, err := c.wholeBody()
	if err != nil {
		c.writeError(err)
		return
	}
	b := getBatch()
	single, err := b.parseBody(doc)
	switch {
	case err != nil:
		putBatch(b)
		c.writeError(err)
	case single:
		c.postSingle(b)
	default:
		c.postBatch(b)
	}
}

// wholeBody reads a JSON body. The strings of all events are parts of this one copy. It is not pooled: the engine may still be
// reading it when the client has gone and this call returned.
func (c *call) wholeBody() ([]byte, error) {
	buf := getBuffer()
	defer putBuffer(buf)
	text, err := c.readBody(buf.b, jsonBodyBytesMax)
	buf.b = text
	if err != nil {
		return nil, err
	}
	return bytes.Clone(text), nil
}

// postSingle records one event and answers it alone.
func (c *call) postSingle(b *batch) {
	defer putBatch(b)
	ev := &b.events[0]
	if err := c.identify(ev); err != nil {
		c.writeError(err)
		return
	}
	out, err := c.eng.Record(c.recording(), *ev)
	if err == nil {
		err = out.Err
	}
	if err != nil {
		c.writeError(b.renamed(err))
		return
	}
	buf := getBuffer()
	defer putBuffer(buf)
	a := append(buf.b, `{"id":`...)
	a = appendString(a, ev.ID)
	a = append(a, `,"status":"`...)
	a = append(a, out.Status...)
	a = append(a, `","billing_period":{"start":`...)
	a = appendTime(a, out.BillingPeriod.Start)
	a = append(a, `,"end":`...)
	a = appendTime(a, out.BillingPeriod.End)
	a = append(a, `},"quotas":`...)
	a = appendQuotas(a, c.eng.FeatureQuotas(ev.TenantID, ev.UserID, ev.FeatureType), c.numbersAsStrings())
	a = append(a, "}\n"...)
	buf.b = a
	c.writeJSON(http.StatusOK, a)
}

// identify gives a single event its id: that of the body, else of the header
// Idempotency-Key, else a new one. The header may be quoted, as its IETF draft has it.
func (c *call) identify(ev *usage.Event) error {
	key := c.r.Header.Get("Idempotency-Key")
	if len(key) >= 2 && key[0] == '"' && key[len(key)-1] == '"' {
		key = key[1 : len(key)-1]
	}
	switch {
	case key != "" && !usage.ValidIdentifier(key):
		return refuse(usage.CodeInvalidValue, "/id",
			"the header Idempotency-Key must be 1 to 128 bytes of UTF-8 without control characters")
	case key != "" && ev.ID != "" && key != ev.ID:
		return refuse(usage.CodeInvalidValue, "/id",
			"id "+quoted(ev.ID)+" and the header Idempotency-Key "+quoted(key)+" differ; send one of them")
	case ev.ID == "" && key != "":
		ev.ID = strings.Clone(key)
	case ev.ID == "":
		ev.ID = newUUID(time.Now())
	}
	return nil
}

// recording is the context of what is recorded: a key with scope backfill brings in events of any age. Admin does not imply it: the
// bound of the age finds wrong clocks, and who does not bring in history wants them found.
func (c *call) recording() context.Context {
	if c.who.key.Has(usage.ScopeBackfill) {
		return engine.WithBackfill(c.r.Context())
	}
	return c.r.Context()
}

// postBatch records a batch and answers for all of it.
func (c *call) postBatch(b *batch) {
	var t tally
	if err := c.record(b, &t); err != nil {
		c.writeError(err)
		return
	}
	putBatch(b)
	c.writeTally(&t)
}

// record hands a batch to the engine and adds what became of it to t. After an error the
// engine may still be reading the batch: it must not be pooled.
func (c *call) record(b *batch, t *tally) error {
	var outcomes []usage.Outcome
	if len(b.events) > 0 {
		var err error
		if outcomes, err = c.eng.RecordBatch(c.recording(), b.events); err != nil {
			return err
		}
	}
	t.add(b, outcomes)
	t.limits(c.eng, b, outcomes)
	return nil
}

// writeTally answers a batch or a stream: 422 when everything in it was refused, else 200.
func (c *call) writeTally(t *tally) {
	buf := getBuffer()
	defer putBuffer(buf)
	a := t.appendJSON(buf.b)
	buf.b = a
	status := http.StatusOK
	if t.total > 0 && t.refused.total == t.total {
		status = http.StatusUnprocessableEntity
	}
	c.writeJSON(status, a)
}
