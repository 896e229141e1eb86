package engine

import (
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// hashTable finds tenants, and the users of a tenant, by name. One goroutine adds, anyone looks up without
// a lock; every event does both look-ups, so each is one hash and, nearly always, one slot.
//
// A name is known by 96 bits of its hash, keyed by the store's secret: the names themselves would cost another cache
// miss for each look-up, and 128 bits a half more memory for users. Of a million names two collide with a
// probability of 10^-17.
//
// Open addressing with linear probing. A slot becomes visible by hi, which is stored last, and never
// changes afterwards. Growing copies into a new table and publishes that; a reader in the old one misses the newest
// names at worst, which callers must expect anyway: apply looks again.
//
// A concurrent map keyed by strings was tried first: twice the memory, and three times the time with 10,000 tenants
// of 100 users.
type hashTable[V any] struct{ p atomic.Pointer[hashSlots[V]] }

type hashSlots[V any] struct {
	slots []hashSlot[V]
	count int // the writer's
}

type hashSlot[V any] struct {
	hi    atomic.Uint64 // 0: empty
	lo    uint32        // the low half of Lo, which also says where the name is looked for
	value V
}

// nameHash is the hash of a name in the form of a slot.
func nameHash(secret uint64, name string) xxh3.Uint128 {
	h := xxh3.HashString128Seed(name, secret)
	if h.Hi == 0 {
		h.Hi = 1 // 0 marks an empty slot
	}
	return h
}

// get returns the value of a name, or the zero value.
func (t *hashTable[V]) get(h xxh3.Uint128) (v V) {
	if s := t.p.Load(); s != nil {
		return s.get(h)
	}
	return v
}

func (s *hashSlots[V]) get(h xxh3.Uint128) (v V) {
	mask := uint64(len(s.slots) - 1)
	for i := uint64(uint32(h.Lo)) & mask; ; i = (i + 1) & mask {
		slot := &s.slots[i]
		switch slot.hi.Load() {
		case 0:
			return v
		case h.Hi:
			if slot.lo == uint32(h.Lo) {
				return slot.value
			}
		}
	}
}

// put adds a name that get does not find. One writer at a time.
func (t *hashTable[V]) put(h xxh3.Uint128, v V) {
	s := t.p.Load()
	if s == nil || (s.count+1)*4 > len(s.slots)*3 {
		s = s.grown()
		s.place(h, v)
		t.p.Store(s)
		return
	}
	s.place(h, v)
}

func (s *hashSlots[V]) grown() *hashSlots[V] {
	if s == nil {
		return &hashSlots[V]{slots: make([]hashSlot[V], 4)}
	}
	next := &hashSlots[V]{slots: make([]hashSlot[V], 2*len(s.slots))}
	for i := range s.slots {
		if slot := &s.slots[i]; slot.hi.Load() != 0 {
			next.place(xxh3.Uint128{Hi: slot.hi.Load(), Lo: uint64(slot.lo)}, slot.value)
		}
	}
	return next
}

func (s *hashSlots[V]) place(h xxh3.Uint128, v V) {
	mask := uint64(len(s.slots) - 1)
	i := uint64(uint32(h.Lo)) & mask
	for s.slots[i].hi.Load() != 0 {
		i = (i + 1) & mask
	}
	s.slots[i].lo, s.slots[i].value = uint32(h.Lo), v
	s.slots[i].hi.Store(h.Hi)
	s.count++
}
