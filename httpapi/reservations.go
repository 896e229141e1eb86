package httpapi

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/weirhq/weir/usage"
)

// reservationBody is the body of a reservation or a lease.
type reservationBody struct {
	ID          string        `json:"id"`
	TenantID    string        `json:"tenant_id"`
	UserID      string        `json:"user_id"`
	FeatureType string        `json:"feature_type"`
	Quantity    usage.Decimal `json:"quantity"`
	TTLSeconds  *int          `json:"ttl_seconds"`
	OnExpiry    string        `json:"on_expiry"`
}

// readReservation reads and identifies the body, after the form of the answer.
func (c *call) readReservation() (b reservationBody, form decisionForm, ok bool) {
	form, err := c.decisionForm()
	if err != nil {
		c.writeError(err)
		return b, form, false
	}
	if !c.readConfig(&b) {
		return b, form, false
	}
	if b.ID, err = c.givenID(b.ID); err == nil && b.TTLSeconds != nil && *b.TTLSeconds < 1 {
		err = refuse(usage.CodeInvalidValue, "/ttl_seconds", "ttl_seconds is out of range; use 1 to 86400")
	}
	if err != nil {
		c.writeError(err)
		return b, form, false
	}
	return b, form, true
}

func (b *reservationBody) ttl() int {
	if b.TTLSeconds == nil {
		return 0
	}
	return *b.TTLSeconds
}

func (c *call) postReservation() {
	b, form, ok := c.readReservation()
	if !ok {
		return
	}
	a, err := c.eng.Reserve(c.r.Context(), usage.Reservation{ID: b.ID, TenantID: b.TenantID, UserID: b.UserID,
		FeatureType: b.FeatureType, Quantity: b.Quantity, TTLSeconds: b.ttl(), OnExpiry: b.OnExpiry})
	c.answerHold(&a, form, err)
}

// answerHold answers what was asked of a reservation: 201 when this call made it.
func (c *call) answerHold(a *usage.Answer, form decisionForm, err error) {
	if err != nil {
		c.writeError(err)
		return
	}
	status := http.StatusOK
	if a.Created {
		status = http.StatusCreated
		c.w.Header().Set("Location", "/v1/reservations/"+url.PathEscape(a.ReservationID))
	}
	c.writeAnswer(status, a, form)
}

// holdBody is the body of what is done to a reservation or lease.
type holdBody struct {
	TenantID   string        `json:"tenant_id"`
	Quantity   usage.Decimal `json:"quantity"`
	TTLSeconds *int          `json:"ttl_seconds"`
}

// readHold reads the body of an operation on a reservation.
func (c *call) readHold() (b holdBody, form decisionForm, ok bool) {
	form, err := c.decisionForm()
	if err != nil {
		c.writeError(err)
		return b, form, false
	}
	ok = c.readConfig(&b)
	if ok && b.TTLSeconds != nil && (*b.TTLSeconds < 1 || *b.TTLSeconds > usage.HoldTTLMaxSeconds) {
		c.writeError(refuse(usage.CodeInvalidValue, "/ttl_seconds", "ttl_seconds is out of range; use 1 to 86400"))
		return b, form, false
	}
	return b, form, ok
}

func (c *call) commitReservation() {
	if b, form, ok := c.readHold(); ok {
		a, err := c.eng.Commit(c.r.Context(), b.TenantID, c.slug, b.Quantity)
		c.answerHold(&a, form, err)
	}
}

func (c *call) extendReservation() {
	b, form, ok := c.readHold()
	if !ok {
		return
	}
	ttl := time.Duration(0)
	if b.TTLSeconds != nil {
		ttl = time.Duration(*b.TTLSeconds) * time.Second
	}
	a, err := c.eng.Extend(c.r.Context(), b.TenantID, c.slug, b.Quantity, ttl)
	c.answerHold(&a, form, err)
}

func (c *call) releaseReservation() {
	if b, form, ok := c.readHold(); ok {
		a, err := c.eng.Release(c.r.Context(), b.TenantID, c.slug)
		c.answerHold(&a, form, err)
	}
}

// leaseBody is a lease as the API shows it.
type leaseBody struct {
	LeaseID   string        `json:"lease_id"`
	State     string        `json:"state"`
	Granted   usage.Decimal `json:"granted"`
	Used      usage.Decimal `json:"used"`
	Returned  usage.Decimal `json:"returned"`
	ExpiresAt time.Time     `json:"expires_at"`
}

// getReservation answers a reservation, or a lease under its own path.
func (c *call) getReservation() {
	q, err := c.query("tenant_id")
	if err == nil && q.Get("tenant_id") == "" {
		err = refuse(usage.CodeMissingField, "/tenant_id", "tenant_id is missing; ids are a tenant's own")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	st, err := c.eng.Reservation(q.Get("tenant_id"), c.slug)
	if err == nil && st.Lease != (c.route.segments[1] == "leases") {
		err = refuse(usage.CodeNotFound, "", "there is nothing of that id here")
	}
	if err != nil {
		c.writeError(err)
		return
	}
	if st.Lease {
		c.marshal(http.StatusOK, leaseOf(&st))
		return
	}
	c.marshal(http.StatusOK, st)
}

func leaseOf(st *usage.ReservationState) leaseBody {
	b := leaseBody{LeaseID: st.ID, State: st.State, Granted: st.Quantity, Used: st.Committed, Returned: usage.Int(0), ExpiresAt: st.ExpiresAt}
	if st.State == "released" || st.State == "expired" {
		coef, scale := st.Committed.Parts()
		if rest, err := st.Quantity.Add(usage.FromUnits(-coef, int(scale))); err == nil && rest.Sign() > 0 {
			b.Returned = rest
		}
	}
	return b
}

// postLease grants a lease whole, or denies it.
func (c *call) postLease() {
	b, form, ok := c.readReservation()
	if !ok {
		return
	}
	if b.UserID != "" {
		c.writeError(refuse(usage.CodeInvalidValue, "/user_id", "a lease is for a tenant, not for one of its users; leave user_id out"))
		return
	}
	a, err := c.eng.GrantLease(c.r.Context(), usage.LeaseRequest{ID: b.ID, TenantID: b.TenantID, FeatureType: b.FeatureType,
		Quantity: b.Quantity, TTLSeconds: b.ttl(), OnExpiry: b.OnExpiry})
	if err != nil {
		c.writeError(err)
		return
	}
	if !a.Allowed {
		c.answerHold(&a, form, nil)
		return
	}
	status := http.StatusOK
	if a.Created {
		status = http.StatusCreated
		c.w.Header().Set("Location", "/v1/leases/"+url.PathEscape(a.ReservationID))
	}
	body, err := c.encode(struct {
		LeaseID   string        `json:"lease_id"`
		Granted   usage.Decimal `json:"granted"`
		ExpiresAt time.Time     `json:"expires_at"`
		Status    usage.Status  `json:"status"`
	}{a.ReservationID, b.Quantity, a.ExpiresAt.UTC(), a.Status})
	if err != nil {
		c.writeError(err)
		return
	}
	c.writeJSON(status, append(body, '\n'))
}

// settleLease books what was spent of a lease.
func (c *call) settleLease() {
	var b struct {
		TenantID string        `json:"tenant_id"`
		Used     usage.Decimal `json:"used"`
		Release  bool          `json:"release"`
	}
	if !c.readConfig(&b) {
		return
	}
	st, err := c.eng.SettleLease(c.r.Context(), b.TenantID, c.slug, b.Used, b.Release)
	var e *usage.Error
	if errors.As(err, &e) && e.Pointer == "/quantity" { // the engine's name of it
		err = refuse(e.Code, "/used", e.Detail)
	}
	if err != nil {
		c.writeError(err)
		return
	}
	c.marshal(http.StatusOK, leaseOf(&st))
}
