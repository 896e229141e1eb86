package engine

import (
	"crypto/sha256"
	"fmt"
	"maps"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Apply of the entries about keys.

// key is an API key as of one log entry. Immutable.
type key struct {
	def           usage.Key
	version       uint64 // log index of its last change
	created       int64  // log time
	rotated       int64  // log time of the last new secret; 0: never
	hash          [sha256.Size]byte
	previous      [sha256.Size]byte // of the secret before
	previousUntil int64             // log time at which it ends; 0: there is none
	revoked       bool
}

// keyEntry is what an entry of the log says of a key. The id of a rotation stands in the entry's slug.
type keyEntry struct {
	Key          *usage.Key `json:"key,omitempty"`
	Hash         []byte     `json:"hash"` // SHA-256 of the secret
	OverlapNanos int64      `json:"overlap_nanos,omitempty"`
}

// hashOf is the hash of an entry; one that is no hash halts.
func (e *keyEntry) hashOf() (hash [sha256.Size]byte, err error) {
	if e == nil || copy(hash[:], e.Hash) != sha256.Size || len(e.Hash) != sha256.Size {
		return hash, fmt.Errorf("%w: entry of a key without a hash", wal.ErrCorrupt)
	}
	return hash, nil
}

func (s *state) applyKeyPut(b *block, cfg *config, e *configEntry) (Result, error) {
	hash, err := e.Key.hashOf()
	if err != nil {
		return Result{}, err
	}
	def := *e.Key.Key
	switch {
	case cfg.keys[def.ID] != nil:
		return refused(usage.CodeConflict, fmt.Sprintf("there is, or was, a key %q; an id is used once", def.ID)), nil
	case len(cfg.keys) >= keysMax:
		return refused(usage.CodeInvalidValue, fmt.Sprintf("a store has at most %d keys, revoked ones included", keysMax)), nil
	}
	k := &key{def: def, version: b.index, created: b.nanos, hash: hash}
	s.publishKey(b, cfg, k)
	s.audit(b, e, "key", def.ID, nil, k.def)
	return Result{verdict: configCreated}, nil
}

func (s *state) applyKeyRotate(b *block, cfg *config, e *configEntry) (Result, error) {
	hash, err := e.Key.hashOf()
	if err != nil {
		return Result{}, err
	}
	old := cfg.keys[e.Slug]
	if old == nil || old.revoked {
		return noKey(e.Slug), nil
	}
	k := *old
	k.version, k.rotated, k.hash = b.index, b.nanos, hash
	k.previous, k.previousUntil = old.hash, b.nanos+e.Key.OverlapNanos
	if e.Key.OverlapNanos == 0 {
		k.previous, k.previousUntil = [sha256.Size]byte{}, 0
	}
	s.publishKey(b, cfg, &k)
	s.audit(b, e, "key", k.def.ID, old.state(b.nanos), k.state(b.nanos))
	return Result{verdict: configChanged}, nil
}

func (s *state) applyKeyDelete(b *block, cfg *config, e *configEntry) (Result, error) {
	old := cfg.keys[e.Slug]
	if old == nil || old.revoked {
		return noKey(e.Slug), nil
	}
	if mayEverything(old) {
		others := 0
		for _, k := range cfg.keys { // order-free: a count
			if k != old && !k.revoked && mayEverything(k) {
				others++
			}
		}
		if others == 0 {
			return refused(usage.CodeInUse, fmt.Sprintf("key %q is the last one that may do everything; make another first", e.Slug)), nil
		}
	}
	k := &key{def: old.def, version: b.index, created: old.created, rotated: old.rotated, revoked: true} // its hashes are forgotten
	s.publishKey(b, cfg, k)
	s.audit(b, e, "key", k.def.ID, old.def, nil)
	return Result{verdict: configChanged}, nil
}

func mayEverything(k *key) bool { return k.def.Has(usage.ScopeAdmin) && len(k.def.Tenants) == 0 }

func noKey(id string) Result {
	return refused(usage.CodeNotFound, fmt.Sprintf("there is no key %s", shorten(id)))
}

// publishKey makes k part of the configuration, and keeps the digest in step.
func (s *state) publishKey(b *block, cfg *config, k *key) {
	row := []byte("key/" + k.def.ID)
	if old := cfg.keys[k.def.ID]; old != nil {
		s.cfgSum.sub(rowHash(row, mustJSON(old.json())))
	}
	s.cfgSum.add(rowHash(row, mustJSON(k.json())))
	n := cfg.next(b.index)
	n.keys = maps.Clone(cfg.keys)
	if n.keys == nil {
		n.keys = make(map[string]*key)
	}
	n.keys[k.def.ID] = k
	s.cfg.Store(n)
}

// keyJSON is the stored form of a key. Times are unix nanoseconds, hashes base64.
type keyJSON struct {
	Key           usage.Key `json:"key"`
	Version       uint64    `json:"version"`
	Created       int64     `json:"created"`
	Rotated       int64     `json:"rotated,omitempty"`
	Hash          []byte    `json:"hash,omitempty"`
	Previous      []byte    `json:"previous,omitempty"`
	PreviousUntil int64     `json:"previous_until,omitempty"`
	Revoked       bool      `json:"revoked,omitempty"`
}

func (k *key) json() keyJSON {
	j := keyJSON{Key: k.def, Version: k.version, Created: k.created, Rotated: k.rotated, Revoked: k.revoked}
	if !k.revoked {
		j.Hash = k.hash[:]
	}
	if k.previousUntil != 0 {
		j.Previous, j.PreviousUntil = k.previous[:], k.previousUntil
	}
	return j
}

// key is the inverse of json.
func (j *keyJSON) key() (*key, error) {
	k := &key{def: j.Key, version: j.Version, created: j.Created, rotated: j.Rotated, previousUntil: j.PreviousUntil, revoked: j.Revoked}
	copy(k.hash[:], j.Hash)
	copy(k.previous[:], j.Previous)
	if !usage.ValidKeyID(j.Key.ID) || len(j.Hash) != sha256.Size && !j.Revoked || len(j.Previous) != sha256.Size && j.PreviousUntil != 0 {
		return nil, fmt.Errorf("%w: stored key %q", wal.ErrCorrupt, j.Key.ID)
	}
	return k, nil
}
