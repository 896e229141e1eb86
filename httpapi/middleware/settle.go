package middleware

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"time"

	"github.com/weirhq/weir/usage"
)

// Mode Settle. The id of a request is that of its reservation, so a retry finds what the first copy left behind: committed, and it counts
// nothing more; still held, and whoever is done first commits; given back, because the first copy failed, and it reserves anew under the
// next id of a row that every retry goes through in the same order.

// retriesMax bounds the failed copies of one request whose reservations a retry goes through. Beyond it the request is refused as weir
// refuses it.
const retriesMax = 16

// extender finds out how a reservation stands: both engines have it. A reservation that is held is held for the retry as well.
type extender interface {
	Extend(ctx context.Context, tenant, id string, total usage.Decimal, ttl time.Duration) (usage.Answer, error)
}

// settle reserves, runs the handler, and commits what it has cost. A handler that panics has cost nothing.
func (l *Limiter) settle(w http.ResponseWriter, r *http.Request, next http.Handler, c call) {
	id, again, ok := l.reserve(w, r, &c)
	if !ok {
		return
	}
	if id == "" { // failed open, or a retry of what was counted
		next.ServeHTTP(w, r)
		return
	}
	res := &Response{ResponseWriter: w}
	// The client may be gone by then; what it has used counts all the same.
	ctx := context.WithoutCancel(r.Context())
	done := false
	defer func() {
		if !done && !again {
			l.heard(l.eng.Release(ctx, c.tenant, id))
		}
	}()
	next.ServeHTTP(res, r)
	if res.Status == 0 {
		res.Status = http.StatusOK
	}
	actual := c.cost
	switch {
	case l.o.Actual != nil:
		actual = l.o.Actual(r, res)
	case res.Status >= 500:
		actual = usage.Int(0)
	}
	done = true
	switch {
	case actual.Sign() > 0:
		a, err := l.eng.Commit(ctx, c.tenant, id, actual)
		if again && usage.Code(err) == usage.CodeConflict {
			err = nil // the other copy has counted, with a cost of its own
		}
		l.heard(a, err)
	case !again: // the other copy of a retry may still need what is held
		l.heard(l.eng.Release(ctx, c.tenant, id))
	}
}

// reserve makes the reservation of a request. ok: it goes on; without an id there is nothing to settle. again: another copy of the request
// has reserved, and not settled.
func (l *Limiter) reserve(w http.ResponseWriter, r *http.Request, c *call) (id string, again, ok bool) {
	id = c.id
	for n := 1; ; n++ {
		a, err := l.eng.Reserve(r.Context(), usage.Reservation{ID: id, TenantID: c.tenant, UserID: c.user, FeatureType: c.feature, Quantity: c.cost})
		if !l.admits(w, r, &a, err) {
			return "", false, false
		}
		if err != nil {
			return "", false, true
		}
		if a.Status != usage.StatusDuplicate {
			if !l.pace(r.Context(), &a) {
				l.heard(l.eng.Release(context.WithoutCancel(r.Context()), c.tenant, id))
				return "", false, false
			}
			return id, false, true
		}
		switch l.stateOf(r.Context(), c.tenant, id) {
		case usage.HoldHeld, usage.HoldExpired:
			return id, true, true
		case usage.HoldReleased:
			if n < retriesMax {
				id = nextID(c.id, n+1)
				continue
			}
			fallthrough
		default:
			return "", false, true
		}
	}
}

// stateOf is the state of a reservation that is there, or "" when it cannot be told.
func (l *Limiter) stateOf(ctx context.Context, tenant, id string) string {
	e, ok := l.eng.(extender)
	if !ok {
		return ""
	}
	_, err := e.Extend(ctx, tenant, id, usage.Decimal{}, usage.HoldTTLDefaultSeconds*time.Second)
	switch usage.Code(err) {
	case usage.CodeCommitted:
		return usage.HoldCommitted
	case usage.CodeReleased:
		return usage.HoldReleased
	case usage.CodeExpired:
		return usage.HoldExpired
	}
	if err == nil {
		return usage.HoldHeld
	}
	l.heard(usage.Answer{}, err)
	return ""
}

// nextID is the id of the n-th reservation of a request whose earlier ones were given back.
func nextID(id string, n int) string {
	if len(id) > usage.IdentifierBytesMax-4 {
		sum := sha256.Sum256([]byte(id))
		id = hex.EncodeToString(sum[:])
	}
	return id + "~" + strconv.Itoa(n)
}
