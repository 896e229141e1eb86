package examples

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"

	"github.com/weirhq/weir/httpapi/middleware"
)

// Gin turns a limiter into a middleware of gin. (chi and net/http take Limiter.Wrap as it is; echo has echo.WrapMiddleware.)
func Gin(l *middleware.Limiter) gin.HandlerFunc {
	return func(c *gin.Context) {
		allowed := false
		l.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			allowed = true
			c.Request = r
			c.Next()
		})).ServeHTTP(c.Writer, c.Request)
		if !allowed {
			c.Abort()
		}
	}
}

// Echo turns a limiter into a middleware of echo.
func Echo(l *middleware.Limiter) echo.MiddlewareFunc { return echo.WrapMiddleware(l.Wrap) }
