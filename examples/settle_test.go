package examples_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/examples"
	"github.com/weirhq/weir/httpapi/middleware"
	"github.com/weirhq/weir/usage"
)

// In mode Settle a call costs one and the bytes of its answer, and nothing when it failed, whichever router answers.
func TestSettle(t *testing.T) {
	gin.SetMode(gin.ReleaseMode)
	routers := map[string]func(l *middleware.Limiter) http.Handler{
		"gin": func(l *middleware.Limiter) http.Handler {
			r := gin.New()
			r.Use(examples.Gin(l))
			r.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
			r.GET("/fails", func(c *gin.Context) { c.AbortWithStatus(http.StatusBadGateway) })
			return r
		},
		"echo": func(l *middleware.Limiter) http.Handler {
			e := echo.New()
			e.Use(examples.Echo(l))
			e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello") })
			e.GET("/fails", func(echo.Context) error { return errors.New("no") })
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
			l, err := middleware.New(e, middleware.Options{Feature: "data_transfer", Mode: middleware.Settle,
				Tenant: func(*http.Request) string { return "acme" },
				Actual: func(_ *http.Request, res *middleware.Response) usage.Decimal {
					if res.Status != http.StatusOK {
						return usage.Int(0)
					}
					return usage.Int(1 + res.Bytes)
				}})
			if err != nil {
				t.Fatal(err)
			}
			h := router(l)
			for path, want := range map[string]int64{"/fails": 0, "/hello": 6} {
				before, _ := e.Current("acme", "data_transfer")
				h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, path, nil))
				after, _ := e.Current("acme", "data_transfer")
				if after-before != want {
					t.Errorf("%s cost %d, want %d", path, after-before, want)
				}
			}
		})
	}
}
