package examples

import (
	"net/http"

	"github.com/gin-gonic/gin"
	"github.com/labstack/echo/v4"

	"github.com/weirhq/weir/httpapi/middleware"
)

// Gin turns a limiter into a middleware of gin. (chi and net/http take Limiter.Wrap as it is.) Put it inside gin.Recovery: a handler that
// panics has cost nothing in mode Settle.
func Gin(l *middleware.Limiter) gin.HandlerFunc {
	return func(c *gin.Context) {
		allowed := false
		l.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			allowed = true
			c.Request = r
			c.Next()
			// gin writes to its own writer, which knows what was answered; mode Settle has to know it as well.
			if res, ok := w.(*middleware.Response); ok {
				res.Status, res.Bytes = c.Writer.Status(), int64(max(0, c.Writer.Size()))
			}
		})).ServeHTTP(c.Writer, c.Request)
		if !allowed {
			c.Abort()
		}
	}
}

// Echo turns a limiter into a middleware of echo. An error of the handler is answered inside, by the handler of errors of echo: outside,
// where echo does it, mode Settle would take the request for one that went well.
func Echo(l *middleware.Limiter) echo.MiddlewareFunc {
	wrap := echo.WrapMiddleware(l.Wrap)
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return wrap(func(c echo.Context) error {
			if err := next(c); err != nil {
				c.Error(err)
			}
			return nil
		})
	}
}
