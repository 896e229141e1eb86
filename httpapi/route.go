package httpapi

// Routing by hand, because http.ServeMux answers unknown paths, other methods and unclean
// paths in plain text or with redirects, and an API answers problems.

import (
	"fmt"
	"net/http"
	"net/url"
	"runtime/debug"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/weirhq/weir/httpapi/compat"
	"github.com/weirhq/weir/usage"
)

// handler answers one method of one route.
type handler func(*call)

// route is one path of the API and its methods.
type route struct {
	pattern  string // with {name} for a variable segment; also the label of metrics
	segments []string
	methods  map[string]*endpoint
	allow    []string // the methods, sorted
	duration prometheus.Observer
	answered [len(countedMethods)]atomic.Pointer[prometheus.Counter] // with 200, by method; nil until the first
}

func newRoute(pattern string) *route {
	return &route{pattern: pattern, segments: strings.Split(pattern[1:], "/"), methods: make(map[string]*endpoint)}
}

// splitPath cuts a path at its slashes and then decodes each part once, so that a slash that
// was encoded is part of a name; it appends the parts. It is false for a path that cannot be decoded.
func splitPath(parts []string, u *url.URL) ([]string, bool) {
	path := u.EscapedPath()
	if path == "" || path[0] != '/' {
		return nil, false
	}
	for p := range strings.SplitSeq(path[1:], "/") {
		if strings.IndexByte(p, '%') >= 0 {
			decoded, err := url.PathUnescape(p)
			if err != nil {
				return nil, false
			}
			p = decoded
		}
		parts = append(parts, p)
	}
	return parts, true
}

// fixedRoutes are the routes without variables, by path: to find the ninetieth of a list costs more than to read a request.
func fixedRoutes(routes []*route) map[string]*route {
	fixed := make(map[string]*route)
	for _, r := range routes {
		var slug, sub string
		if find(routes, r.segments, &slug, &sub) == r && slug == "" {
			fixed[r.pattern] = r
		}
	}
	return fixed
}

// find answers the route of a path and sets slug to its variable segment, and sub to the second one if it has two.
func (a *API) find(u *url.URL, segments []string, slug, sub *string) *route {
	if u.RawPath == "" { // else a slash may be part of a name
		if r := a.fixed[u.Path]; r != nil {
			return r
		}
	}
	return find(a.routes, segments, slug, sub)
}

func find(routes []*route, segments []string, slug, sub *string) *route {
	for _, r := range routes {
		if len(r.segments) != len(segments) {
			continue
		}
		match := true
		var variables []string
		for i, want := range r.segments {
			if want[0] == '{' {
				variables = append(variables, segments[i])
				match = match && segments[i] != ""
			} else if want != segments[i] {
				match = false
			}
		}
		if match {
			if len(variables) > 0 {
				*slug = variables[0]
			}
			if len(variables) > 1 {
				*sub = variables[1]
			}
			return r
		}
	}
	return nil
}

// call is one request on its way through the API.
type call struct {
	api       *API
	who       caller
	eng       Engine      // as the caller may see it
	peer      compat.Peer // whose client asks; "": nobody's but ours
	w         http.ResponseWriter
	r         *http.Request
	route     *route
	requestID string
	trace     string     // W3C traceparent, "" when none came
	slug      string     // the variable segment of the path, decoded
	sub       string     // the second one
	parsed    url.Values // the query string, once parseQuery has read it

	segments [6]string // room for those of the path, which are seldom more
	values   [8]string // of headers that setHeader has set: a slice for each would be an allocation
	set      int       // of values

	place   bool // among the heavy reads
	status  int  // 0 until the answer has begun
	written int  // bytes of the answer's body
}

// write sends the whole answer. An error of writing means that the client has gone; there is
// nobody left to tell.
func (c *call) write(status int, contentType string, body []byte) {
	c.leavePlace()
	h := c.w.Header()
	switch contentType {
	case "":
	case jsonType:
		h["Content-Type"] = headerJSON
	default:
		h.Set("Content-Type", contentType)
	}
	// net/http finds the length of a short answer itself. The header would be the ninth of a decision's, and Go's maps get dear then.
	known := len(body) > 0 && len(body) <= netHTTPLengthMax && c.r.Method != http.MethodHead
	if !known && status != http.StatusNoContent && status != http.StatusNotModified {
		c.setHeader("Content-Length", strconv.Itoa(len(body)))
	}
	c.status = status
	c.w.WriteHeader(status)
	if len(body) > 0 && c.r.Method != http.MethodHead {
		n, _ := c.w.Write(body)
		c.written += n
	}
}

func (c *call) writeJSON(status int, body []byte) { c.write(status, jsonType, body) }

const jsonType = "application/json"

// netHTTPLengthMax is how long an answer may be of which net/http finds the length: it keeps 2,048 bytes back.
const netHTTPLengthMax = 2000

// Values of headers that never change. Nobody may write into them.
var (
	headerJSON    = []string{jsonType}
	headerNosniff = []string{"nosniff"}
)

// setHeader sets a header whose name is spelled as net/http does.
func (c *call) setHeader(name, value string) {
	if c.set == len(c.values) {
		c.w.Header().Set(name, value)
		return
	}
	c.values[c.set] = value
	c.set++
	c.w.Header()[name] = c.values[c.set-1 : c.set : c.set]
}

// recovered answers a request whose handler panicked, and logs where.
func (c *call) recovered(p any) {
	c.api.log.Error("BUG: handler panicked", "request_id", c.requestID, "route", c.route.pattern,
		"panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if c.status == 0 {
		c.writeProblem(problem{code: codeInternal, detail: "internal error; the log has it under this request_id"})
	}
}

// query parses the query string. Only the names given may appear, each once: a misspelt
// filter that is ignored answers another question than the one asked.
func (c *call) query(names ...string) (url.Values, error) {
	q, err := c.parseQuery()
	if err != nil {
		return nil, err
	}
	return q, checkQuery(q, names...)
}

func (c *call) parseQuery() (url.Values, error) {
	if c.r.URL.RawQuery == "" || c.parsed != nil {
		return c.parsed, nil
	}
	q, err := url.ParseQuery(c.r.URL.RawQuery)
	if err != nil {
		return nil, refuse(usage.CodeInvalidValue, "", "the query string cannot be decoded; percent-encode its values")
	}
	c.parsed = q
	return q, nil
}

// bare is a handler of requests that take no query parameters of their own.
func bare(h handler) handler {
	return func(c *call) {
		if _, err := c.query(); err != nil {
			c.writeError(err)
			return
		}
		h(c)
	}
}

// checkQuery refuses parameters that are not among names, and those that are given twice. Every request may say how it wants
// quantities written.
func checkQuery(q url.Values, names ...string) error {
	if len(q) == 0 {
		return nil
	}
	given := make([]string, 0, len(q))
	for name := range q { // order-free: sorted below
		given = append(given, name)
	}
	sort.Strings(given)
	for _, name := range given {
		if name != "numbers" && !known(name, names) {
			return refuse(usage.CodeUnknownField, "/"+escapePointer(name), "unknown query parameter "+quoted(name)+usage.DidYouMean(name, names))
		}
		if len(q[name]) > 1 {
			return refuse(usage.CodeDuplicateKey, "/"+name, "the query parameter "+name+" appears twice")
		}
	}
	return checkNumbers(q)
}

// oneOf reads a parameter that has one of some values, or is left out.
func oneOf(q url.Values, name string, values ...string) (string, error) {
	text := q.Get(name)
	if text != "" && !known(text, values) {
		return "", refuse(usage.CodeInvalidValue, "/"+name, name+" "+quoted(text)+" must be "+strings.Join(values, " or ")+", or left out")
	}
	return text, nil
}

func known(name string, names []string) bool {
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// escapePointer escapes a name for a JSON pointer (RFC 6901).
func escapePointer(name string) string {
	name = shorten(name)
	if strings.ContainsAny(name, "~/") {
		name = strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
	}
	return name
}

// shorten cuts a value that is to be shown in an error. A cut in the middle of a character is
// repaired when the text is written.
func shorten(s string) string {
	const shownMax = 64
	if len(s) <= shownMax {
		return s
	}
	return s[:shownMax] + "..."
}

func quoted(s string) string { return `"` + shorten(s) + `"` }
