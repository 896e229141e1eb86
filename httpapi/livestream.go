package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// The stream of what happens, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html):
//
//	event: ready | usage | crossings | decisions | dropped | closing
//	id:    <number of the newest crossing told>-<second of log time up to which counters are told>
//	data:  one line of JSON
//
// A client that comes back with Last-Event-ID, as EventSource does by itself, gets every crossing after that number, each once, and
// the value of every counter that may have changed since that second. Decisions are those from now on.
//
// Everything told is on the disk. Between events a comment goes out every 15 seconds, so that proxies keep the connection.

// getStream answers events until the client goes, falls behind, or the server stops.
func (c *call) getStream() {
	opts, err := c.streamOptions()
	if err != nil {
		c.writeError(err)
		return
	}
	if c.api.draining.Load() {
		c.writeError(refuse(usage.CodeDraining, "", "the server is stopping; connect to another, or later"))
		return
	}
	sub, err := c.eng.Subscribe(opts)
	if err != nil {
		c.writeError(err)
		return
	}
	defer sub.Close()
	h := c.w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold the events back
	c.status = http.StatusOK
	c.w.WriteHeader(http.StatusOK)
	if c.r.Method == http.MethodHead {
		return
	}
	out := &eventWriter{call: c, control: http.NewResponseController(c.w), admitted: time.Now()}
	_ = out.control.SetReadDeadline(time.Time{}) // nothing more is read, and the connection stays
	out.event("ready", sub.Cursor(), struct {
		TenantID *string `json:"tenant_id"`
	}{optionalText(opts.TenantID)})
	ctx, stop := c.untilDraining()
	defer stop()
	out.run(ctx, sub)
}

// streamOptions reads the query and Last-Event-ID.
func (c *call) streamOptions() (o engine.SubscribeOptions, err error) {
	v, err := c.query("topics", "tenant_id")
	if err != nil {
		return o, err
	}
	o.TenantID = v.Get("tenant_id")
	if v.Has("tenant_id") && !usage.ValidIdentifier(o.TenantID) {
		return o, refuse(usage.CodeInvalidValue, "/tenant_id", "tenant_id "+quoted(o.TenantID)+" must be 1 to 128 bytes of UTF-8 without control characters; leave it out for all tenants")
	}
	reads := c.who.key.Has(usage.ScopeRead) || c.who.key.Has(usage.ScopeAdmin)
	topics := v.Get("topics")
	switch {
	case topics == "" && reads:
		topics = "usage,crossings,decisions"
	case topics == "":
		topics = "usage,crossings"
	}
	for topic := range strings.SplitSeq(topics, ",") {
		switch topic {
		case "usage":
			o.Usage = true
		case "crossings":
			o.Crossings = true
		case "decisions":
			if !reads {
				return o, refuse(usage.CodeForbidden, "/topics", "decisions need a key with scope read")
			}
			o.Decisions = true
		default:
			return o, refuse(usage.CodeInvalidValue, "/topics", "topic "+quoted(topic)+" must be one of usage, crossings, decisions, with commas between several")
		}
	}
	if id := c.r.Header.Get("Last-Event-ID"); id != "" {
		o.Resume = true
		o.Cursor, err = parseEventID(id)
	}
	return o, err
}

func appendEventID(b []byte, c engine.Cursor) []byte {
	b = append(strconv.AppendUint(b, c.Crossing, 10), '-')
	return strconv.AppendInt(b, c.Seconds, 10)
}

func parseEventID(id string) (c engine.Cursor, err error) {
	number, seconds, ok := strings.Cut(id, "-")
	var errs [2]error
	c.Crossing, errs[0] = strconv.ParseUint(number, 10, 63)
	var at uint64
	at, errs[1] = strconv.ParseUint(seconds, 10, 62)
	if !ok || errs[0] != nil || errs[1] != nil {
		return engine.Cursor{}, refuse(usage.CodeInvalidCursor, "", "Last-Event-ID "+quoted(id)+" is none of this stream; leave it out to begin anew")
	}
	c.Seconds = int64(at)
	return c, nil
}

func optionalText(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// untilDraining is the request's context, that ends too when the server begins to stop: a stream would never end by itself.
func (c *call) untilDraining() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(c.r.Context())
	go func() {
		select {
		case <-c.api.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// eventWriter writes events. The first error ends it: the client has gone, or takes too long.
type eventWriter struct {
	call    *call
	control *http.ResponseController
	buf     []byte
	err     error

	admitted time.Time // when the key was last found good
}

// run tells everything until ctx ends or the client is lost.
func (w *eventWriter) run(ctx context.Context, sub *engine.Subscription) {
	for w.flush(); w.err == nil; w.flush() {
		updates, err := w.next(ctx, sub)
		switch {
		case err == nil:
			for i := range updates {
				w.update(&updates[i])
			}
		case ctx.Err() != nil:
			w.end("closing", sub, "the server is stopping; connect again")
			return
		case errors.Is(err, context.DeadlineExceeded):
			w.buf = append(w.buf, ": still here\n\n"...)
		case errors.Is(err, errKeyEnded):
			w.end("closing", sub, "the key was revoked or has expired")
			return
		case errors.Is(err, engine.ErrSlow):
			w.end("dropped", sub, "more decisions came than were taken; connect again, and ask for one tenant or fewer topics")
			return
		default:
			w.end("closing", sub, "the engine takes no more questions; connect again")
			return
		}
	}
}

// errKeyEnded is returned by next when the key would not be let in any more.
var errKeyEnded = errors.New("the key has ended")

// next waits for updates, no longer than a heartbeat. A stream may outlive its key, so the key is asked for as often.
func (w *eventWriter) next(ctx context.Context, sub *engine.Subscription) ([]engine.Update, error) {
	if now := time.Now(); now.Sub(w.admitted) >= w.call.api.heartbeat {
		if _, err := w.call.api.authorize(w.call.r); err != nil {
			return nil, errKeyEnded
		}
		w.admitted = now
	}
	beat, cancel := context.WithTimeout(ctx, w.call.api.heartbeat)
	defer cancel()
	return sub.Next(beat)
}

// end says why the stream ends.
func (w *eventWriter) end(name string, sub *engine.Subscription, why string) {
	w.event(name, sub.Cursor(), struct {
		Reason string `json:"reason"`
	}{why})
	w.flush()
}

func (w *eventWriter) update(u *engine.Update) {
	switch {
	case u.Counter != nil:
		w.event("usage", u.Cursor, u.Counter)
	case u.Crossing != nil:
		w.event("crossings", u.Cursor, u.Crossing)
	case u.Decision != nil:
		w.event("decisions", u.Cursor, u.Decision)
	}
}

// event adds an event; data is marshalled to one line.
func (w *eventWriter) event(name string, cursor engine.Cursor, data any) {
	text, err := w.call.encode(data)
	if err != nil {
		w.err = fmt.Errorf("event %s: %w", name, err)
		w.call.api.log.Error("BUG: an event does not marshal", "event", name, "err", err)
		return
	}
	w.buf = append(append(append(w.buf, "event: "...), name...), "\nid: "...)
	w.buf = append(append(appendEventID(w.buf, cursor), "\ndata: "...), text...)
	w.buf = append(w.buf, "\n\n"...)
}

// flush sends what was added. A client that does not take it in time is let go.
func (w *eventWriter) flush() {
	if w.err != nil || len(w.buf) == 0 {
		return
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(w.call.api.streamWriteMax))
	n, err := w.call.w.Write(w.buf)
	w.call.written += n
	if w.buf = w.buf[:0]; err == nil {
		err = w.control.Flush()
	}
	w.err = err
}
