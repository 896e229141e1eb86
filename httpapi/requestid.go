package httpapi

import (
	"net/http"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// requestID answers the X-Request-Id of the client when it is printable ASCII of at most 128
// bytes (it goes into logs and headers), else a new one.
func requestID(r *http.Request) string {
	id := headerOf(r, "X-Request-Id")
	if id == "" || len(id) > 128 {
		return newUUID(time.Now())
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] >= 0x7f {
			return newUUID(time.Now())
		}
	}
	return id
}

// headerOf is the first value of a header whose name is spelled as net/http does: to have it find that out costs more than to look.
func headerOf(r *http.Request, name string) string {
	if values := r.Header[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// traceparent answers the W3C trace context of a request (level 1, section 3.2) when it is well formed, else "": it is
// echoed, and goes into the log and the audit. Versions after 00 may carry more; their first part is kept.
func traceparent(r *http.Request) string {
	text := headerOf(r, "Traceparent")
	if text == "" {
		return ""
	}
	const size = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if len(text) < size || len(text) > size && (text[:2] == "00" || text[size] != '-') {
		return ""
	}
	text = text[:size]
	for i := range size {
		c := text[i]
		if dash := i == 2 || i == 35 || i == 52; dash != (c == '-') || !dash && (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ""
		}
	}
	if text[:2] == "ff" || strings.Trim(text[3:35], "0") == "" || strings.Trim(text[36:52], "0") == "" {
		return ""
	}
	return text
}

func newUUID(now time.Time) string { return usage.NewID(now) }

// NewEventID makes an id for an event: a UUID of version 7. A client makes the id itself, so
// that it can retry.
func NewEventID() string { return newUUID(time.Now()) }
