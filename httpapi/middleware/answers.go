package middleware

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
)

// quotaHeaders says how the binding quota of the tenant stands, in the words of the server's own answers.
func (l *Limiter) quotaHeaders(h http.Header, a *usage.Answer) {
	q := a.TenantQuota()
	if q == nil {
		return
	}
	unit := q.Meter
	if e, ok := l.eng.(interface {
		Meter(slug string) (usage.MeterState, bool)
	}); ok { // an embedded engine; a remote one would have to be asked
		if st, ok := e.Meter(q.Meter); ok {
			unit = st.Meter.UnitToken()
		}
	}
	policy, state := `"`+q.Quota+`";q=`+strconv.FormatInt(q.Limit.Whole(), 10), `"`+q.Quota+`";r=`+strconv.FormatInt(q.Remaining.Whole(), 10)
	if q.ResetAt != nil {
		if q.PeriodStart != nil {
			policy += ";w=" + strconv.FormatInt(int64(q.ResetAt.Sub(*q.PeriodStart).Seconds()), 10)
		}
		state += ";t=" + strconv.FormatInt(max(0, int64(time.Until(*q.ResetAt)/time.Second)+1), 10)
	}
	h.Set("RateLimit-Policy", policy+`;qu="weir-`+unit+`"`)
	h.Set("RateLimit", state)
	h.Set("X-Usage-Current", q.Used.String())
	h.Set("X-Usage-Limit", q.Limit.String())
	h.Set("X-Usage-Remaining", q.Remaining.String())
}

// denied answers a denial as a problem (RFC 9457) with the fields of the answer.
func denied(w http.ResponseWriter, status int, a *usage.Answer) {
	if a.RetryAfterMS != nil {
		w.Header().Set("Retry-After", strconv.FormatInt((*a.RetryAfterMS+999)/1000, 10))
	}
	problem(w, status, usage.CodeQuotaExceeded, "The quota is exceeded", map[string]any{
		"detail": "this call is over a limit", "allowed": false, "decision": a.Decision, "reason": a.Reason,
		"binding_quota": a.BindingQuota, "retry_after_ms": a.RetryAfterMS, "quotas": a.Quotas,
	})
}

// refusalStatus is the status of a request that weir has refused for what it is; 0: weir could not be asked, or is not set up for it.
func refusalStatus(code usage.ErrorCode) int {
	switch code {
	case usage.CodeConflict:
		return http.StatusConflict
	case usage.CodeUnknownTenant, usage.CodeUserRequired, usage.CodeCardinalityLimit:
		return http.StatusForbidden
	case usage.CodeInvalidValue, usage.CodeInvalidUTF8, usage.CodeNegativeQuantity, usage.CodeTooManyDecimals, usage.CodeOverflow:
		return http.StatusBadRequest
	}
	return 0
}

// refused answers such a request. The error's own words may tell a stranger too much.
func refused(w http.ResponseWriter, status int, code usage.ErrorCode) {
	detail := "this call cannot be counted as it is"
	if code == usage.CodeConflict {
		detail = "this request's id was used by another request; send a new one"
	}
	problem(w, status, code, "The call was refused", map[string]any{"detail": detail})
}

// unavailable answers a request whose quotas could not be asked. The error's own words may tell a stranger too much.
func unavailable(w http.ResponseWriter, err error) {
	code := usage.Code(err)
	if code == "" {
		code = usage.CodeOverloaded
	}
	w.Header().Set("Retry-After", "1")
	problem(w, http.StatusServiceUnavailable, code, "The quota could not be asked", map[string]any{"detail": "the quota of this call could not be asked; try again later"})
}

func problem(w http.ResponseWriter, status int, code usage.ErrorCode, title string, fields map[string]any) {
	fields["type"], fields["title"], fields["status"], fields["code"] = "urn:weir:problem:"+string(code), title, status, code
	body, err := json.Marshal(fields)
	if err != nil {
		body = []byte("{}")
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client is gone
}
