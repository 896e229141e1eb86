package tracing

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

func TestHandler(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(sdk.WithSpanProcessor(spans))
	inner := false
	h := Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		inner = trace.SpanContextFromContext(r.Context()).IsValid()
		w.Header().Set("X-Request-Id", "r1")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_, _ = w.Write([]byte("{}"))
	}), Options{Provider: provider})

	for _, path := range []string{"/healthz", "/readyz", "/metrics"} {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
	}
	if n := len(spans.Ended()); n != 0 {
		t.Fatalf("probes made %d spans", n)
	}
	r := httptest.NewRequest("GET", "/v1/tenants/acme/quotas", nil)
	r.Header.Set("Traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	h.ServeHTTP(httptest.NewRecorder(), r)
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/v1/consume", nil))
	ended := spans.Ended()
	if len(ended) != 2 || !inner {
		t.Fatalf("%d spans, inside %t", len(ended), inner)
	}
	first, second := ended[0], ended[1]
	if first.Name() != "GET /v1/tenants/{}/quotas" || first.SpanKind() != trace.SpanKindServer || first.Status().Code != codes.Unset {
		t.Fatalf("%s %v %v", first.Name(), first.SpanKind(), first.Status())
	}
	if got := first.SpanContext().TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Fatalf("the trace is %s, not the caller's", got)
	}
	if first.Parent().SpanID().String() != "00f067aa0ba902b7" {
		t.Fatal("the parent is not the caller's span")
	}
	if second.Name() != "POST /v1/consume" || second.Status().Code != codes.Error {
		t.Fatalf("%s %v", second.Name(), second.Status())
	}
	for _, kv := range second.Attributes() {
		if kv.Key == "http.response.status_code" && kv.Value.AsInt64() != 503 {
			t.Fatal(kv)
		}
	}
}

func TestRoute(t *testing.T) {
	for path, want := range map[string]string{ // order-free: each by itself
		"/": "/", "/v1/consume": "/v1/consume", "/v1/tenants/acme": "/v1/tenants/{}", "/v1/tenants/quotas/quotas/users/reset": "/v1/tenants/{}/quotas/{}/reset",
		"/v1/events/secret-id/void": "/v1/events/{}/void", "/v1/reservations/commit/commit": "/v1/reservations/{}/commit", "/wp-admin/x.php": "/{}/{}",
		"/v1/meters/test/test": "/v1/meters/{}/test", "/a/b/c/d/e/f/g/h/i/j": "/{}/{}/{}/{}/{}/{}/{}/{}/{}",
	} {
		if got := Route(path); got != want {
			t.Errorf("%s: %s, not %s", path, got, want)
		}
	}
}
