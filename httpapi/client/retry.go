package client

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// retryable reports whether the same call may be answered otherwise a moment later.
func (r *response) retryable() bool {
	switch r.status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// backoff is how long to wait after the n-th attempt: doubling up to waitMax, and of that a random part, at least half, so that
// clients that a restart has cut off do not come back as one ("Exponential Backoff And Jitter", AWS, equal jitter).
func backoff(n int) time.Duration {
	wait := waitMax
	if n < 8 {
		wait = min(waitMax, waitFirst<<(n-1))
	}
	return wait/2 + rand.N(wait/2+1)
}

// parseRetryAfter reads a Retry-After: seconds, or a date (RFC 9110, section 10.2.3). What it cannot read is 0.
func parseRetryAfter(text string, now time.Time) time.Duration {
	text = strings.TrimSpace(text)
	if text == "" {
		return 0
	}
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		return min(max(time.Duration(n)*time.Second, 0), retryAfterMax)
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(at.Sub(now), 0), retryAfterMax)
	}
	return 0
}

// sleep waits, and reports whether ctx let it.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
