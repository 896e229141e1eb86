package httpapi

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

// requestID answers the X-Request-Id of the client when it is printable ASCII of at most 128
// bytes (it goes into logs and headers), else a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
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

// traceparent answers the W3C trace context of a request (level 1, section 3.2) when it is well formed, else "": it is
// echoed, and goes into the log and the audit. Versions after 00 may carry more; their first part is kept.
func traceparent(r *http.Request) string {
	text := r.Header.Get("Traceparent")
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

// newUUID makes a UUID of version 7 (RFC 9562, section 5.7): 48 bits of milliseconds, then
// random bits. Ids made by one server therefore sort roughly by time, which keeps them dense
// in an index.
func newUUID(now time.Time) string {
	var u [16]byte
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	copy(u[:6], ms[2:])
	_, _ = rand.Read(u[6:]) // never fails since Go 1.24: the program ends instead
	u[6] = u[6]&0x0f | 0x70
	u[8] = u[8]&0x3f | 0x80

	var text [36]byte
	hex.Encode(text[0:8], u[0:4])
	text[8] = '-'
	hex.Encode(text[9:13], u[4:6])
	text[13] = '-'
	hex.Encode(text[14:18], u[6:8])
	text[18] = '-'
	hex.Encode(text[19:23], u[8:10])
	text[23] = '-'
	hex.Encode(text[24:], u[10:])
	return string(text[:])
}

// NewEventID makes an id for an event: a UUID of version 7. A client makes the id itself, so
// that it can retry.
func NewEventID() string { return newUUID(time.Now()) }
