package httpapi

import (
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
)

// appendAnswer writes an answer by hand: a batch has a thousand of them, and encoding/json would take most of the time.
func appendAnswer(b []byte, a *usage.Answer, numbers bool) []byte {
	b = append(b, '{')
	if a.ID != "" {
		b = append(b, `"id":`...)
		b = appendString(b, a.ID)
		b = append(b, ',')
	}
	b = append(b, `"allowed":`...)
	b = strconv.AppendBool(b, a.Allowed)
	b = append(b, `,"decision":"`...)
	b = append(b, a.Decision...)
	b = append(b, `","reason":`...)
	b = appendReason(b, a.Reason)
	b = append(b, `,"status":"`...)
	b = append(b, a.Status...)
	b = append(b, `","delay_ms":`...)
	b = appendInt(b, a.DelayMS)
	b = append(b, `,"retry_after_ms":`...)
	b = appendOptionalInt(b, a.RetryAfterMS)
	b = append(b, `,"binding_quota":`...)
	b = appendOptional(b, a.BindingQuota)
	if a.ReservationID != "" {
		b = append(b, `,"reservation_id":`...)
		b = appendString(b, a.ReservationID)
		b = append(b, `,"expires_at":`...)
		b = appendTime(b, a.ExpiresAt)
		b = append(b, `,"late":`...)
		b = strconv.AppendBool(b, a.Late)
	}
	b = append(b, `,"quotas":`...)
	b = appendQuotas(b, a.Quotas, numbers)
	return append(b, '}')
}

// appendQuotas writes a list of quotas.
func appendQuotas(b []byte, quotas []usage.QuotaStatus, numbers bool) []byte {
	b = append(b, '[')
	for i := range quotas {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendQuota(b, &quotas[i], numbers)
	}
	return append(b, ']')
}

func appendQuota(b []byte, q *usage.QuotaStatus, numbers bool) []byte {
	for _, f := range [...]struct{ name, value string }{{`{"quota":"`, q.Quota}, {`","meter":"`, q.Meter}, {`","scope":"`, q.Scope}} { // slugs need no escapes
		b = append(append(b, f.name...), f.value...)
	}
	b = append(b, `","user_id":`...)
	b = appendOptional(b, q.UserID)
	b = append(append(b, `,"mode":"`...), q.Mode...)
	b = append(append(b, `","period":"`...), q.Period...)
	b = append(b, '"')
	for _, f := range [...]struct {
		name  string
		value usage.Decimal
	}{{`,"limit":`, q.Limit}, {`,"used":`, q.Used}, {`,"reserved":`, q.Reserved}, {`,"remaining":`, q.Remaining},
		{`,"percentage":`, q.Percentage}, {`,"overage_used":`, q.OverageUsed}} {
		b = appendDecimal(append(b, f.name...), f.value, numbers)
	}
	b = strconv.AppendBool(append(b, `,"exceeded":`...), q.Exceeded)
	b = append(append(b, `,"decision":"`...), q.Decision...)
	b = appendReason(append(b, `","reason":`...), q.Reason)
	b = append(b, `,"would":`...)
	if q.Would == nil {
		b = append(b, "null"...)
	} else {
		b = append(append(append(b, '"'), *q.Would...), '"')
	}
	b = appendOptionalInt(append(b, `,"retry_after_ms":`...), q.RetryAfterMS)
	b = append(append(b, `,"on_error":"`...), q.OnError...)
	b = appendOptionalTime(append(b, `","period_start":`...), q.PeriodStart)
	b = appendOptionalTime(append(b, `,"reset_at":`...), q.ResetAt)
	return append(b, '}')
}

func appendReason(b []byte, r usage.Reason) []byte {
	if r == usage.ReasonNone {
		return append(b, "null"...)
	}
	return append(append(append(b, '"'), r...), '"')
}

func appendOptional(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendString(b, *s)
}

func appendOptionalInt(b []byte, n *int64) []byte {
	if n == nil {
		return append(b, "null"...)
	}
	return appendInt(b, *n)
}

func appendOptionalTime(b []byte, t *time.Time) []byte {
	if t == nil {
		return append(b, "null"...)
	}
	return appendTime(b, *t)
}
