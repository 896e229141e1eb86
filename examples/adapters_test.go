package examples_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/examples"
	"github.com/weirhq/weir/httpapi/middleware"
	"github.com/weirhq/weir/usage"
)

// Every router lets two calls through and answers 429 to the third.
func TestRouters(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	routers := map[string]func(l *middleware.Limiter) http.Handler{
		"net/http": func(l *middleware.Limiter) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /hello", l.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })))
			return mux
		},
		"chi": func(l *middleware.Limiter) http.Handler {
			r := chi.NewRouter()
			r.Use(l.Wrap)
			r.Get("/hello", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
			return r
		},
		"gin": func(l *middleware.Limiter) http.Handler {
			r := gin.New()
			r.Use(examples.Gin(l))
			r.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
			return r
		},
		"echo": func(l *middleware.Limiter) http.Handler {
			e := echo.New()
			e.Use(examples.Echo(l))
			e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
			return e
		},
	}
	for name, router := range routers {
		t.Run(name, func(t *testing.T) {
			e, err := engine.Open(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer e.Close()
			ctx := context.Background()
			err = e.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{{Slug: "monthly", Meter: "api_calls",
				Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(2))}}})
			if err == nil {
				err = e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"})
			}
			if err != nil {
				t.Fatal(err)
			}
			l, err := middleware.New(e, middleware.Options{Feature: "api_calls", Tenant: func(r *http.Request) string { return r.Header.Get("X-Tenant") }})
			if err != nil {
				t.Fatal(err)
			}
			server := httptest.NewServer(router(l))
			defer server.Close()
			for i, want := range []int{200, 200, 429} {
				req, err := http.NewRequest(http.MethodGet, server.URL+"/hello", nil)
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("X-Tenant", "acme")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				_ = res.Body.Close()
				if res.StatusCode != want {
					t.Errorf("call %d: %d, want %d", i+1, res.StatusCode, want)
				}
			}
		})
	}
}
