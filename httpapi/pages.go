package httpapi

import "net/http"

// servePages answers a request that no route of the API takes with a page of the dashboard or the portal. It is false when the request
// is for no page. Pages need no key: everything that they show they ask the API for, with the key of who looks at them.
func (c *call) servePages() bool {
	w := &pageWriter{ResponseWriter: c.w, call: c}
	if !c.api.pages.Serve(w, c.r) {
		return false
	}
	c.route = c.api.pageRoute
	return true
}

// pageWriter tells the call what was answered, for the access log and the metrics.
type pageWriter struct {
	http.ResponseWriter
	call *call
}

func (w *pageWriter) WriteHeader(status int) {
	w.call.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *pageWriter) Write(b []byte) (int, error) {
	n, err := w.ResponseWriter.Write(b)
	w.call.written += n
	return n, err
}
