package middleware

import (
	"bufio"
	"net"
	"net/http"
)

// Response is what a handler has answered.
type Response struct {
	http.ResponseWriter
	Status int
	Bytes  int64 // of the body
}

// WriteHeader implements http.ResponseWriter.
func (res *Response) WriteHeader(status int) {
	if res.Status == 0 && status >= 200 {
		res.Status = status
	}
	res.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (res *Response) Write(b []byte) (int, error) {
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	n, err := res.ResponseWriter.Write(b)
	res.Bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach what the server's own writer can do.
func (res *Response) Unwrap() http.ResponseWriter { return res.ResponseWriter }

// Hijack implements http.Hijacker, which libraries for WebSockets ask for. What goes over the connection afterwards is not in Bytes.
func (res *Response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buf, err := http.NewResponseController(res.ResponseWriter).Hijack()
	if err == nil && res.Status == 0 {
		res.Status = http.StatusSwitchingProtocols
	}
	return conn, buf, err
}

// Flush implements http.Flusher.
func (res *Response) Flush() {
	_ = http.NewResponseController(res.ResponseWriter).Flush() // a writer that cannot flush sends when it is full
}
