package httpapi

// Portal sessions: a token that lets a customer read its own tenant for a while. It is stateless, so that a page view writes
// nothing: tenant, expiry and the key that asked for it, under an HMAC with the stored hash of that key's secret. So every replica
// can check it, and it ends with the key: at once when that is revoked, with the overlap when it is rotated.

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// sessionPrefix begins a token: weirs_<key id>.<tenant>.<expiry, unix seconds>.<HMAC>, tenant and HMAC in base64url.
const sessionPrefix = "weirs_"

// postSession makes a portal session for one tenant.
func (c *call) postSession() {
	var in struct {
		TenantID   string `json:"tenant_id"`
		TTLSeconds *int   `json:"ttl_seconds"`
	}
	if _, err := c.query(); err != nil {
		c.writeError(err)
		return
	}
	if !c.readConfig(&in) {
		return
	}
	seconds := int(sessionTTLDefault / time.Second)
	if in.TTLSeconds != nil {
		seconds = *in.TTLSeconds
	}
	switch {
	case in.TenantID == "":
		c.writeError(refuse(usage.CodeMissingField, "/tenant_id", "tenant_id is missing; a session is for one tenant"))
		return
	case seconds < 1 || seconds > int(sessionTTLMax/time.Second): // before it is multiplied, which would wrap
		c.writeError(refuse(usage.CodeInvalidValue, "/ttl_seconds", fmt.Sprintf("ttl_seconds is out of range; use 1 to %d", int(sessionTTLMax.Seconds()))))
		return
	}
	if _, err := c.eng.Tenant(in.TenantID); err != nil {
		if usage.Code(err) == usage.CodeNotFound {
			err = refuse(usage.CodeUnknownTenant, "/tenant_id", "there is no tenant "+quoted(in.TenantID))
		}
		c.writeError(err)
		return
	}
	expires := time.Now().Add(time.Duration(seconds) * time.Second).Truncate(time.Second)
	body := c.who.key.ID + "." + base64.RawURLEncoding.EncodeToString([]byte(in.TenantID)) + "." + strconv.FormatInt(expires.Unix(), 10)
	macs := c.api.sessionMACs(c.who.key.ID, body)
	if len(macs) == 0 { // revoked since this request was let in
		c.writeError(refuse(usage.CodeUnauthorized, "", "the key is not known here, or was revoked"))
		return
	}
	token := sessionPrefix + body + "." + base64.RawURLEncoding.EncodeToString(macs[0])
	c.w.Header().Set("Cache-Control", "no-store")
	c.marshal(http.StatusCreated, struct {
		Token     string    `json:"token"`
		TenantID  string    `json:"tenant_id"`
		ExpiresAt time.Time `json:"expires_at"`
		URL       string    `json:"url"` // a fragment is sent to no server and stands in no log
	}{token, in.TenantID, expires.UTC(), "/portal#token=" + token})
}

// session checks a token.
func (a *API) session(token string) (caller, *usage.Error) {
	wrong := refuse(usage.CodeUnauthorized, "", "the session is not valid; ask for another")
	parts := strings.Split(strings.TrimPrefix(token, sessionPrefix), ".")
	if len(parts) != 4 || len(token) > keyBytesMax {
		return caller{}, wrong
	}
	tenant, err1 := base64.RawURLEncoding.Strict().DecodeString(parts[1])
	expiry, err2 := strconv.ParseInt(parts[2], 10, 64)
	mac, err3 := base64.RawURLEncoding.Strict().DecodeString(parts[3])
	if err1 != nil || err2 != nil || err3 != nil || !usage.ValidIdentifier(string(tenant)) {
		return caller{}, wrong
	}
	right := false
	for _, want := range a.sessionMACs(parts[0], strings.Join(parts[:3], ".")) {
		right = hmac.Equal(mac, want) || right // hmac.Equal takes the same time whatever differs
	}
	if !right {
		return caller{}, wrong
	}
	if time.Now().Unix() >= expiry {
		return caller{}, refuse(usage.CodeUnauthorized, "", "the session has expired; ask for another")
	}
	return caller{session: true, key: &usage.Key{ID: parts[0], Scopes: []usage.Scope{usage.ScopePortal}, Tenants: []string{string(tenant)}}}, nil
}

// sessionMACs are the HMACs that a session may carry. Without keys sessions end with the process.
func (a *API) sessionMACs(id, body string) [][]byte {
	message := []byte("weir portal session " + body) // nothing else that a key signs begins so
	if a.noAuth && id == localKey.ID {
		mac := hmac.New(sha256.New, a.sessionSecret[:])
		mac.Write(message)
		return [][]byte{mac.Sum(nil)}
	}
	return a.whole.SignWithKey(id, message)
}
