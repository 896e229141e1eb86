// Package tracing gives every request to a weir a span of OpenTelemetry. It is a module of its own, so that neither weir nor a program
// that embeds it links OpenTelemetry unless it asks for it.
//
//	api, err := httpapi.New(eng, &httpapi.Options{...})
//	handler := tracing.Handler(api, tracing.Options{Provider: provider}) // a TracerProvider of the SDK, with an exporter of yours
//	err = http.Serve(listener, handler)
//
// A span continues the trace of the request's traceparent header (W3C Trace Context), is named by method and route, and has the
// attributes of the semantic conventions for HTTP servers. Health checks and the metrics page have none.
package tracing

import (
	"net/http"
	"strings"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Options tune a Handler. Every zero value is a default.
type Options struct {
	// Provider makes the spans. Default: the global one.
	Provider trace.TracerProvider
	// Propagator reads the trace of a request. Default: W3C Trace Context.
	Propagator propagation.TextMapPropagator
	// Skip tells which requests have no span. Default: /healthz, /readyz and /metrics.
	Skip func(*http.Request) bool
}

// Handler wraps the handler of a weir. Safe for concurrent use, as next is.
func Handler(next http.Handler, o Options) http.Handler {
	if o.Provider == nil {
		o.Provider = otel.GetTracerProvider()
	}
	if o.Propagator == nil {
		o.Propagator = propagation.TraceContext{}
	}
	if o.Skip == nil {
		o.Skip = probe
	}
	tracer := o.Provider.Tracer("github.com/weirhq/weir/httpapi/tracing")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Skip(r) {
			next.ServeHTTP(w, r)
			return
		}
		route := Route(r.URL.Path)
		method := knownMethod(r.Method)
		ctx := o.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, method+" "+route, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(
			attribute.String("http.request.method", method), attribute.String("http.route", route)))
		defer span.End()
		seen := &answer{ResponseWriter: w}
		next.ServeHTTP(seen, r.WithContext(ctx))
		if seen.status == 0 {
			seen.status = http.StatusOK
		}
		span.SetAttributes(attribute.Int("http.response.status_code", seen.status), attribute.String("weir.request_id", w.Header().Get("X-Request-Id")))
		if seen.status >= 500 { // 4xx are the client's, says the convention
			span.SetStatus(codes.Error, http.StatusText(seen.status))
		}
	})
}

func probe(r *http.Request) bool {
	return r.URL.Path == "/healthz" || r.URL.Path == "/readyz" || r.URL.Path == "/metrics"
}

// words are the parts of paths that are not names of somebody's tenants or events.
var words = map[string]bool{
	"v1": true, "events": true, "void": true, "adjustments": true, "consume": true, "check": true, "batch": true, "reservations": true,
	"commit": true, "extend": true, "release": true, "leases": true, "settle": true, "forward-auth": true, "decisions": true,
	"crossings": true, "tenants": true, "quotas": true, "users": true, "reset": true, "plan": true, "plans": true, "versions": true,
	"meters": true, "test": true, "settings": true, "keys": true, "rotate": true, "audit": true, "portal": true, "sessions": true,
	"usage": true, "top": true, "overview": true, "summary": true, "forecast": true, "recommendations": true, "explain": true,
	"stream": true, "backup": true, "system": true, "version": true, "docs": true, "openapi.json": true, "compat": true,
	"openmeter": true, "lago": true, "stripe": true, "api": true, "billing": true, "meter_events": true, "assets": true,
}

// Route is a path with its variable parts as {}: names of spans must be few, and must not say whose request it was.
func Route(path string) string {
	parts := strings.Split(strings.Trim(path, "/"), "/")
	if len(parts) > 8 {
		parts = append(parts[:8], "more")
	}
	for i, p := range parts {
		// Behind tenants, meters, plans, keys, events, reservations, leases and quotas stands a name, whatever it is.
		// A name may be one of the words, but a name follows no name: parts[i-1] of /tenants/tenants/quotas is {} by then.
		if p != "" && (!words[p] || i > 0 && named[parts[i-1]]) {
			parts[i] = "{}"
		}
	}
	return "/" + strings.Join(parts, "/")
}

var named = map[string]bool{
	"tenants": true, "meters": true, "plans": true, "keys": true, "reservations": true, "leases": true, "quotas": true,
}

func knownMethod(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions, http.MethodPatch:
		return m
	}
	return "_OTHER"
}

// answer sees the status.
type answer struct {
	http.ResponseWriter
	status int
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= 200 {
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(b []byte) (int, error) {
	if a.status == 0 {
		a.status = http.StatusOK
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController reach what the server's own writer can do.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
