package usage

import (
	"slices"
	"strings"
	"time"
)

// Scope is something that a key may do.
type Scope string

// The scopes.
const (
	ScopeIngest   Scope = "ingest"   // record events
	ScopeCheck    Scope = "check"    // check, consume, reserve, lease
	ScopeRead     Scope = "read"     // read everything but keys and the audit
	ScopePortal   Scope = "portal"   // read quotas, summary, usage and forecast of one tenant
	ScopeBackfill Scope = "backfill" // with ingest: record events of any age
	ScopeAdmin    Scope = "admin"    // everything but backfill
)

// Scopes lists every [Scope].
func Scopes() []Scope {
	return []Scope{ScopeIngest, ScopeCheck, ScopeRead, ScopePortal, ScopeBackfill, ScopeAdmin}
}

// Key is what a key may do, without its secret.
type Key struct {
	ID      string   `json:"id"`
	Name    string   `json:"name,omitempty"`
	Scopes  []Scope  `json:"scopes"`
	Tenants []string `json:"tenants,omitempty"` // the only tenants it is for; none: all
}

// KeyState is a key as the engine holds it.
type KeyState struct {
	Key
	Version       uint64    `json:"-"`                             // rises with every change
	Created       time.Time `json:"created_at"`                    // log time
	Rotated       time.Time `json:"rotated_at,omitzero"`           // of the secret; zero: never
	PreviousUntil time.Time `json:"previous_valid_until,omitzero"` // of the secret before; zero: it has ended
}

// Has reports whether the key has a scope by name; admin does not imply the others here.
func (k *Key) Has(s Scope) bool { return slices.Contains(k.Scopes, s) }

// MayAct reports whether the key is for a tenant.
func (k *Key) MayAct(tenant string) bool {
	return len(k.Tenants) == 0 || slices.Contains(k.Tenants, tenant)
}

// Sorted returns the key with its lists in order and without repetitions.
func (k Key) Sorted() Key {
	k.Scopes = sortedSet(k.Scopes)
	k.Tenants = sortedSet(k.Tenants)
	return k
}

func sortedSet[T ~string](list []T) []T {
	out := slices.Clone(list)
	slices.Sort(out)
	return slices.Compact(out)
}

// ValidKeyID reports whether s may name a key: [a-z0-9]{1,32}. It stands between underscores in the key.
func ValidKeyID(s string) bool {
	return s != "" && len(s) <= KeyIDBytesMax && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

// Validate reports everything that is wrong with the key by itself.
func (k *Key) Validate() []*Error {
	var errs problems
	if !ValidKeyID(k.ID) {
		errs.add(CodeInvalidValue, "/id", "id %s is not 1 to %d of a-z and 0-9", quoted(k.ID), KeyIDBytesMax)
	}
	errs.label("name", k.Name, NameBytesMax)
	if len(k.Scopes) == 0 {
		errs.add(CodeMissingField, "/scopes", "scopes is missing; give one or more of %s", strings.Join(names(Scopes()), ", "))
	}
	for _, s := range k.Scopes {
		if !slices.Contains(Scopes(), s) {
			errs.add(CodeInvalidValue, "/scopes", "scope %s is unknown; %s", quoted(string(s)), oneOf(string(s), names(Scopes())))
		}
	}
	if len(k.Tenants) > KeyTenantsMax {
		errs.add(CodeInvalidValue, "/tenants", "a key is for at most %d tenants; leave tenants out for all of them", KeyTenantsMax)
	}
	for _, t := range k.Tenants {
		if !ValidIdentifier(t) {
			errs = append(errs, identifierError("tenants", t))
		}
	}
	if k.Has(ScopePortal) && !k.Has(ScopeRead) && !k.Has(ScopeAdmin) && len(k.Tenants) == 0 {
		errs.add(CodeMissingField, "/tenants", "a key of scope portal is for its own tenant; name it in tenants")
	}
	return errs
}
