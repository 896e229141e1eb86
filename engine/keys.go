package engine

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirhq/weir/usage"
)

// Keys are configuration: every change is an entry of the log, so that all replicas let in the same callers, and a key that was
// revoked is revoked at the moment its entry is applied. Of a secret only its SHA-256 enters the log. A plain hash is enough:
// a secret is 256 random bits, so there is nothing to guess. What apply does with the entries is in keysapply.go.

// keyDummy is compared with when there is no such key, so that an unknown id takes as long as a wrong secret.
var keyDummy = key{hash: sha256.Sum256([]byte("no key has this hash"))}

// CreateKey makes a key and its secret, which nobody can read again. k.ID must be empty: the engine chooses it.
func (e *Engine) CreateKey(ctx context.Context, k usage.Key) (usage.KeyState, string, error) {
	if k.ID != "" {
		return usage.KeyState{}, "", &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/id", Detail: "the id of a key is made by the server; leave it out"}
	}
	k.ID = strings.ToLower(rand.Text()[:12]) // base32: 60 bits, so that 65,536 keys meet with 1 in 500 million
	secret := newSecret()
	st, err := e.ImportKey(ctx, k, secret)
	return st, secret, err
}

// ImportKey makes a key whose id and secret exist already, such as the one that a server writes into a file. An id that was
// ever used, by a revoked key too, is a conflict.
func (e *Engine) ImportKey(ctx context.Context, k usage.Key, secret string) (usage.KeyState, error) {
	k = k.Sorted()
	if errs := k.Validate(); len(errs) > 0 {
		return usage.KeyState{}, errs[0]
	}
	hash := sha256.Sum256([]byte(secret))
	_, err := e.submitConfig(ctx, &configEntry{Op: opKeyPut, Actor: actorOf(ctx), Key: &keyEntry{Key: &k, Hash: hash[:]}})
	if err != nil {
		return usage.KeyState{}, err
	}
	return e.Key(k.ID)
}

// RotateKey gives a key a new secret, which nobody can read again. The old one goes on working for overlap (0: not at all); the one
// before that ends now.
func (e *Engine) RotateKey(ctx context.Context, id string, overlap time.Duration) (usage.KeyState, string, error) {
	if overlap < 0 || overlap > usage.KeyOverlapMaxSeconds*time.Second {
		return usage.KeyState{}, "", &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/overlap_seconds",
			Detail: fmt.Sprintf("overlap_seconds is out of range; use 0 to %d", usage.KeyOverlapMaxSeconds)}
	}
	secret := newSecret()
	hash := sha256.Sum256([]byte(secret))
	_, err := e.submitConfig(ctx, &configEntry{Op: opKeyRotate, Actor: actorOf(ctx), Slug: id, Key: &keyEntry{Hash: hash[:], OverlapNanos: int64(overlap)}})
	if err != nil {
		return usage.KeyState{}, "", err
	}
	st, err := e.Key(id)
	return st, secret, err
}

// DeleteKey revokes a key: when it returns, nobody is let in with it, and portal sessions that it signed have ended. The last key
// that may do everything stays (in_use), so that nobody locks themselves out.
func (e *Engine) DeleteKey(ctx context.Context, id string) error {
	_, err := e.submitConfig(ctx, &configEntry{Op: opKeyDelete, Actor: actorOf(ctx), Slug: id})
	return err
}

// newSecret is 260 random bits, as 52 letters of base32.
func newSecret() string { return strings.ToLower(rand.Text() + rand.Text()) }

// Key returns a key that is not revoked; else usage.Code(err) is not_found.
func (e *Engine) Key(id string) (usage.KeyState, error) {
	if e.closed.Load() {
		return usage.KeyState{}, usage.ErrClosed
	}
	k := e.state.cfg.Load().keys[id]
	if k == nil || k.revoked {
		return usage.KeyState{}, noKey(id).err
	}
	return k.state(e.clock.now()), nil
}

// KeyRevoked reports whether there was a key of that id, and it was revoked.
func (e *Engine) KeyRevoked(id string) bool {
	k := e.state.cfg.Load().keys[id]
	return k != nil && k.revoked
}

// Keys returns at most limit keys that are not revoked, by id, from the first after an id.
func (e *Engine) Keys(after string, limit int) ([]usage.KeyState, error) {
	if e.closed.Load() {
		return nil, usage.ErrClosed
	}
	keys, now := e.state.cfg.Load().keys, e.clock.now()
	var out []usage.KeyState
	for _, id := range sortedKeys(keys) {
		if k := keys[id]; id > after && !k.revoked && len(out) < limit {
			out = append(out, k.state(now))
		}
	}
	return out, nil
}

// Authenticate returns what a key may do, when the secret is its own. The time it takes does not depend on how much of the
// secret is right, nor on whether the key exists. The result must not be changed. Lock-free; a microsecond.
func (e *Engine) Authenticate(id, secret string) (*usage.Key, bool) {
	k := e.state.cfg.Load().keys[id]
	known := k != nil && !k.revoked
	if !known {
		k = &keyDummy
	}
	got := sha256.Sum256([]byte(secret))
	right := subtle.ConstantTimeCompare(got[:], k.hash[:])
	previous := subtle.ConstantTimeCompare(got[:], k.previous[:])
	if e.clock.now() < k.previousUntil {
		right |= previous
	}
	return &k.def, right == 1 && known
}

// SignWithKey returns an HMAC-SHA256 of a message under the hash of a key's secret: of the secret of now and, while it still
// works, of the one before. None when the key is revoked or unknown. What is signed so ends with the key, on every replica,
// and needs no secret of its own in the log.
func (e *Engine) SignWithKey(id string, message []byte) [][]byte {
	k := e.state.cfg.Load().keys[id]
	if k == nil || k.revoked {
		return nil
	}
	sums := [][]byte{sign(k.hash[:], message)}
	if e.clock.now() < k.previousUntil {
		sums = append(sums, sign(k.previous[:], message))
	}
	return sums
}

func sign(secret, message []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(message)
	return mac.Sum(nil)
}

// state is the key as others may see it, at a log time.
func (k *key) state(now int64) usage.KeyState {
	st := usage.KeyState{Key: k.def, Version: k.version, Created: time.Unix(0, k.created).UTC()}
	st.Scopes, st.Tenants = slices.Clone(st.Scopes), slices.Clone(st.Tenants)
	if k.rotated != 0 {
		st.Rotated = time.Unix(0, k.rotated).UTC()
	}
	if now < k.previousUntil {
		st.PreviousUntil = time.Unix(0, k.previousUntil).UTC()
	}
	return st
}
