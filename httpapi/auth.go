package httpapi

// Who makes a request: a key of the engine's log, a portal session that one of these signed, or, without keys, whoever is on
// this machine. What a key may reach of the engine: bound.go. Portal sessions: session.go.

import (
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/weirhq/weir/usage"
)

// ErrKeyFormat is returned for a text that is no key.
var ErrKeyFormat = errors.New("a key looks like weir_<id>_<secret>")

// FormatKey is a key as a client sends it.
func FormatKey(id, secret string) string { return "weir_" + id + "_" + secret }

// ParseKey is the inverse of FormatKey.
func ParseKey(key string) (id, secret string, err error) {
	rest, found := strings.CutPrefix(key, "weir_")
	id, secret, cut := strings.Cut(rest, "_")
	if !found || !cut || !usage.ValidKeyID(id) || len(secret) < 16 || len(key) > keyBytesMax {
		return "", "", ErrKeyFormat
	}
	return id, secret, nil
}

// caller is who makes a request. Its key says what it may do.
type caller struct {
	key     *usage.Key
	session bool // the key is that of a portal session, named after the key that signed it
}

// actor names the caller in the audit and in the log.
func (c *caller) actor() string {
	switch {
	case c.key == nil:
		return "nobody"
	case c.key == &localKey:
		return "local"
	case c.session:
		return "portal:" + c.key.ID
	}
	return "key:" + c.key.ID
}

// localKey is what everybody on this machine may do when there are no keys.
var localKey = usage.Key{ID: "local", Scopes: []usage.Scope{usage.ScopeAdmin}}

// authorize finds out who makes a request, or says why it is not let in.
func (a *API) authorize(r *http.Request) (caller, error) {
	if a.noAuth {
		if err := a.authorizeLocal(r); err != nil {
			return caller{}, err
		}
		if token := bearer(r); strings.HasPrefix(token, sessionPrefix) { // so that a portal shows what its user would see
			who, refusal := a.session(token)
			if refusal != nil {
				return who, refusal
			}
			return who, nil
		}
		return caller{key: &localKey}, nil
	}
	header := headerOf(r, "Authorization")
	token := bearer(r)
	switch {
	case token != "":
	case header == "":
		return caller{}, refuse(usage.CodeUnauthorized, "", "send the header Authorization: Bearer weir_<id>_<secret>")
	default:
		return caller{}, a.failedAttempt(r, "the scheme of Authorization must be Bearer, and a key must follow")
	}
	if strings.HasPrefix(token, sessionPrefix) {
		who, refusal := a.session(token)
		if refusal != nil {
			return who, a.failedAttempt(r, refusal.Detail)
		}
		return who, nil
	}
	id, secret, err := ParseKey(token)
	if err != nil {
		return caller{}, a.failedAttempt(r, err.Error())
	}
	key, ok := a.whole.Authenticate(id, secret)
	if !ok {
		return caller{}, a.failedAttempt(r, "the key is not known here, or was revoked")
	}
	return caller{key: key}, nil
}

// bearer is the token that a request carries: of the header Authorization; of X-Weir-Key where a gateway passes the
// Authorization of its own client along; of the user of Basic where a peer's clients send their key so.
func bearer(r *http.Request) string {
	path := r.URL.Path
	if path == forwardAuthPath {
		if key := headerOf(r, "X-Weir-Key"); key != "" {
			return key
		}
	}
	scheme, token, _ := strings.Cut(headerOf(r, "Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(token)
	}
	if user, _, ok := r.BasicAuth(); ok && strings.HasPrefix(path, "/compat/stripe/") {
		return user
	}
	return ""
}

const forwardAuthPath = "/v1/forward-auth"

// failedAttempt counts a wrong key against its address, and says that it is wrong, or that there were too many of them.
func (a *API) failedAttempt(r *http.Request, detail string) error {
	if !a.attempts.spend(remoteAddress(r)) {
		return refuse(usage.CodeRateLimited, "", "there were too many wrong keys from this address; a right one is let in at any time")
	}
	return refuse(usage.CodeUnauthorized, "", detail)
}

// permit reports whether the caller may use an endpoint.
func (c *call) permit(e *endpoint) error {
	if e.admits(c.who.key) {
		return nil
	}
	return refuse(usage.CodeForbidden, "", "this needs a key with scope "+strings.ReplaceAll(string(e.needs), "|", " or "))
}

// mayAct refuses another tenant than those of the caller's key. Handlers need it only where they answer of a tenant without asking
// the engine for it: the engine that they see (bound) refuses by itself.
func (c *call) mayAct(tenant string) error {
	if c.who.key.MayAct(tenant) {
		return nil
	}
	return otherTenant(tenant)
}

func otherTenant(tenant string) *usage.Error {
	return refuse(usage.CodeForbidden, "/tenant_id", "the key is not for tenant "+quoted(tenant))
}

// authorizeLocal guards an API without keys. Whoever runs programs on this machine may use
// it; a web page in a browser on this machine may not. So the Host must be a loopback name
// (a page whose own name was rebound to 127.0.0.1 sends that name), and what a browser sends
// on behalf of another site is refused.
func (a *API) authorizeLocal(r *http.Request) error {
	if !loopbackHost(r.Host) {
		return refuse(usage.CodeForbidden, "",
			"without keys only loopback names are served, not "+quoted(r.Host)+"; use 127.0.0.1 or localhost")
	}
	if err := a.origin.Check(r); err != nil {
		return refuse(usage.CodeForbidden, "", "without keys requests from other sites are refused")
	}
	return nil
}

// loopbackHost reports whether host, with or without a port, names this machine's loopback.
func loopbackHost(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}
