package httpapi

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/weirhq/weir/usage"
)

// Keys is a set of API keys of which only the SHA-256 of each secret is held. A plain hash is
// enough: a secret is 160 random bits, so there is nothing to guess. It is immutable.
type Keys struct {
	hashes map[string][sha256.Size]byte // by key id
}

// ErrKeyFormat is returned for a text that is no key.
var ErrKeyFormat = errors.New("a key looks like weir_<id>_<secret>")

// NewKeys makes a set of whole keys, `weir_<id>_<secret>`. Every one may do everything.
func NewKeys(keys ...string) (*Keys, error) {
	k := &Keys{hashes: make(map[string][sha256.Size]byte, len(keys))}
	for _, key := range keys {
		id, secret, ok := splitKey(key)
		if !ok {
			return nil, ErrKeyFormat
		}
		k.hashes[id] = sha256.Sum256([]byte(secret))
	}
	return k, nil
}

// NewKey makes a random key: 40 bits of id, which may be shown, and 160 of secret.
func NewKey() string {
	text := strings.ToLower(rand.Text() + rand.Text()) // base32: 5 bits a letter, 26 letters each
	return "weir_" + text[:8] + "_" + text[8:40]
}

func splitKey(key string) (id, secret string, ok bool) {
	rest, found := strings.CutPrefix(key, "weir_")
	if !found {
		return "", "", false
	}
	id, secret, found = strings.Cut(rest, "_")
	if !found || id == "" || len(secret) < 16 || len(key) > 256 {
		return "", "", false
	}
	return id, secret, true
}

// allow reports whether key is in the set. The time it takes does not depend on how much of
// the secret is right.
func (k *Keys) allow(key string) bool {
	id, secret, ok := splitKey(key)
	if !ok {
		return false
	}
	want, exists := k.hashes[id]
	got := sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && exists
}

// authorize lets a request in or says why not.
func (a *API) authorize(r *http.Request) error {
	if a.noAuth {
		return a.authorizeLocal(r)
	}
	header := r.Header.Get("Authorization")
	if key := r.Header.Get("X-Weir-Key"); key != "" && r.URL.Path == "/v1/forward-auth" {
		header = "Bearer " + key // a gateway passes the Authorization of its own client along
	}
	if header == "" {
		return refuse(usage.CodeUnauthorized, "", "send the header Authorization: Bearer weir_<id>_<secret>")
	}
	scheme, key, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return refuse(usage.CodeUnauthorized, "", "the scheme of Authorization must be Bearer")
	}
	if !a.keys.allow(strings.TrimSpace(key)) {
		return refuse(usage.CodeUnauthorized, "", "the key is not known here")
	}
	return nil
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
