package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/weirhq/weir/httpapi/compat"
	"github.com/weirhq/weir/httpapi/ui"
	"github.com/weirhq/weir/usage"
)

// Options tune an API. Every zero value is a default.
type Options struct {
	// NoAuth lets everybody in who speaks to a loopback name of this machine. Requests that a
	// browser makes for another site are refused. For development only: otherwise who has a key of
	// the engine's log is let in.
	NoAuth bool
	// Logger receives the access log (at debug) and internal errors. Default: discards.
	Logger *slog.Logger
	// Version is what /version answers. Default: "devel".
	Version string
	// Registry takes the metrics. Default: a new one, so that two APIs in one process work.
	Registry *prometheus.Registry
	// TLS encrypts what Serve serves. Default: plain HTTP.
	TLS *tls.Config
	// ConnectionsMax is how many connections Serve has at once; others wait. Default 8192.
	ConnectionsMax int
	// TenantRate is how many events and decisions a second are taken from one tenant; the rest is refused as rate_limited. It
	// protects the server and is no quota. Default: no bound.
	TenantRate int
	// DrainDelay is how long /readyz answers 503 before the listener closes, so that a load
	// balancer stops sending first. Default 0.
	DrainDelay time.Duration
	// DrainMax is how long requests in flight may take to end after that. Default 20 s.
	DrainMax time.Duration
	// PortalFrames are the origins whose pages may show the portal in a frame. Default: none but this server's own.
	PortalFrames []string
	// Settings are what the server was started with, for /v1/config. They are shown to whoever has an admin key: no secrets.
	Settings []Setting
}

// EnsureDefaults fills every zero field.
func (o *Options) EnsureDefaults() {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Version == "" {
		o.Version = "devel"
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.ConnectionsMax == 0 {
		o.ConnectionsMax = connectionsMaxDefault
	}
	if o.DrainMax == 0 {
		o.DrainMax = 20 * time.Second
	}
}

// Validate reports everything that is wrong with the options at once.
func (o *Options) Validate() error {
	var errs []error
	if o.ConnectionsMax < 0 || o.TenantRate < 0 {
		errs = append(errs, errors.New("Options.ConnectionsMax and TenantRate must not be negative"))
	}
	if o.DrainDelay < 0 || o.DrainMax < 0 {
		errs = append(errs, errors.New("Options.DrainDelay and DrainMax must not be negative"))
	}
	return errors.Join(errs...)
}

// API serves an engine over HTTP. It has no state of usage; two of them may share an engine.
type API struct {
	whole     Engine // handlers ask call.eng, which is bound to the tenants of the caller's key
	noAuth    bool
	attempts  *attempts
	admission *admission
	tls       *tls.Config
	connsMax  int
	log       *slog.Logger
	version   string
	started   time.Time
	metrics   *metrics
	routes    []*route
	fixed     map[string]*route // those without variables, by path
	notFound  *route            // where requests are counted that no route takes
	pages     *ui.Pages
	settings  []Setting
	pageRoute *route // where requests for pages are counted
	origin    *http.CrossOriginProtection

	sessionSecret [sha256.Size]byte // signs portal sessions when there are no keys

	drainDelay, drainMax time.Duration
	draining             atomic.Bool   // set once by Serve, read by every /readyz
	stopping             chan struct{} // closed with it: streams end

	heartbeat, streamWriteMax time.Duration // as in limits.go; shorter in tests

	document document // the OpenAPI document and its page
}

// New makes an API over eng. It does no I/O. opts is copied.
func New(eng Engine, opts *Options) (*API, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	o.EnsureDefaults()
	if err := o.Validate(); err != nil {
		return nil, err
	}
	a := &API{
		whole: eng, noAuth: o.NoAuth, attempts: newAttempts(), admission: newAdmission(), tls: o.TLS, connsMax: o.ConnectionsMax, log: o.Logger, version: o.Version,
		settings: slices.Clone(o.Settings),
		started:  time.Now(), origin: http.NewCrossOriginProtection(),
		drainDelay: o.DrainDelay, drainMax: o.DrainMax, stopping: make(chan struct{}),
		heartbeat: heartbeat, streamWriteMax: streamWriteMax,
	}
	if o.TenantRate > 0 {
		a.whole = newPaced(eng, o.TenantRate)
	}
	_, _ = rand.Read(a.sessionSecret[:]) // never fails since Go 1.24: the program ends instead
	a.metrics = newMetrics(o.Registry, eng)
	a.routes = table(endpoints)
	a.fixed = fixedRoutes(a.routes)
	var err error
	if a.pages, err = ui.New(&ui.Options{PortalFrames: o.PortalFrames}); err != nil {
		return nil, err
	}
	a.notFound, a.pageRoute = &route{pattern: "other"}, &route{pattern: "pages"}
	for _, r := range append(a.routes, a.notFound, a.pageRoute) {
		r.duration = a.metrics.duration.WithLabelValues(r.pattern)
	}
	return a, nil
}

// Handler answers the API as an http.Handler, for a server of the caller's own.
func (a *API) Handler() http.Handler { return a }

var _ http.Handler = (*API)(nil)

// ServeHTTP answers one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	begin := time.Now()
	c := &call{api: a, w: w, r: r, requestID: requestID(r), trace: traceparent(r), route: a.notFound}
	c.setHeader("X-Request-Id", c.requestID)
	if c.trace != "" {
		w.Header().Set("Traceparent", c.trace)
	}
	w.Header()["X-Content-Type-Options"] = headerNosniff
	// Every request sets its own deadlines: on a connection that is kept alive the old ones
	// of a request before would still be running.
	c.deadlines(begin)
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			c.recovered(p)
		}
		took := time.Since(begin)
		c.route.duration.Observe(took.Seconds())
		a.metrics.request(c.route, r.Method, c.status)
		if a.log.Enabled(r.Context(), slog.LevelDebug) {
			a.log.Debug("request", "request_id", c.requestID, "trace", c.trace, "actor", c.who.actor(), "method", r.Method,
				"path", r.URL.Path, "status", c.status, "bytes", c.written, "took", took, "remote", r.RemoteAddr)
		}
	}()
	c.dispatch()
}

// dispatch authenticates, finds the route and runs its handler. Authentication comes first
// under /v1, so that a stranger does not learn which paths exist.
func (c *call) dispatch() {
	segments, ok := splitPath(c.segments[:0], c.r.URL)
	if ok && len(segments) > 1 && segments[0] == "compat" {
		c.peer = compat.PeerOf(segments[1])
	}
	if ok && len(segments) > 0 && (segments[0] == "v1" || c.peer != "") {
		who, err := c.api.authorize(c.r)
		if err != nil {
			c.writeError(err)
			return
		}
		c.who = who
	}
	var found *route
	if ok {
		found = c.api.find(c.r.URL, segments, &c.slug, &c.sub)
	}
	if found == nil && c.servePages() {
		return
	}
	if found == nil {
		c.writeError(refuse(usage.CodeNotFound, "", "there is nothing at "+shorten(c.r.URL.Path)))
		return
	}
	c.route = found
	e, ok := found.methods[c.r.Method]
	if !ok {
		allow := strings.Join(found.allow, ", ")
		c.w.Header().Set("Allow", allow)
		c.writeError(refuse(usage.CodeMethodNotAllowed, "",
			shorten(c.r.Method)+" is not for "+found.pattern+"; it takes "+allow))
		return
	}
	if err := c.permit(e); err != nil {
		c.writeError(err)
		return
	}
	if e.needs != scopePublic {
		if err := c.api.admission.enter(); err != nil {
			c.writeError(err)
			return
		}
		defer c.api.admission.leave()
		if err := c.takePlace(e); err != nil {
			c.writeError(err)
			return
		}
		defer c.leavePlace()
	}
	c.eng = c.api.whole
	if c.who.key != nil && len(c.who.key.Tenants) > 0 {
		c.eng = &bound{c.api.whole, c.who.key}
	}
	e.do(c)
}
