package engine

import (
	"encoding/binary"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
	"github.com/zeebo/xxh3"
)

// idHash names an event id in 128 bits. Fields are length-prefixed, so that no two of
// (tenant, source, id) share an input, and the hash is keyed by the store's secret: whoever does
// not know it cannot look for two ids that collide. By chance two of 10^12 ids collide with a
// probability of about 10^-15.
func idHash(secret uint64, buf []byte, tenant, source, id string) (wal.Hash, []byte) {
	buf = buf[:0]
	buf = binary.LittleEndian.AppendUint32(buf, uint32(len(tenant))|uint32(len(source))<<16)
	buf = append(buf, tenant...)
	buf = append(buf, source...)
	buf = append(buf, id...)
	h := xxh3.Hash128Seed(buf, secret)
	return wal.Hash{Hi: h.Hi, Lo: h.Lo}, buf
}

// payloadHash is 32 bits of what the client sent. A collision can only hide a conflict.
func payloadHash(secret uint64, buf []byte, ev *usage.Event, metaHash uint64) (uint32, []byte) {
	buf = ev.AppendPayload(buf[:0], metaHash)
	return uint32(xxh3.HashSeed(buf, secret)), buf
}

// sum128 adds up hashes of rows modulo 2^128. Adding is order-free and has an inverse, so the digest of a
// set of rows does not depend on the order of their changes (a multiset hash, as AdHash by
// Bellare and Micciancio 1997; against accidents, not against an adversary).
type sum128 struct{ hi, lo uint64 }

func (s *sum128) add(b sum128) {
	lo := s.lo + b.lo
	carry := uint64(0)
	if lo < s.lo {
		carry = 1
	}
	s.lo, s.hi = lo, s.hi+b.hi+carry
}

func (s *sum128) sub(b sum128) {
	borrow := uint64(0)
	if s.lo < b.lo {
		borrow = 1
	}
	s.lo, s.hi = s.lo-b.lo, s.hi-b.hi-borrow
}

func (s sum128) bytes() (out [16]byte) {
	binary.BigEndian.PutUint64(out[:8], s.hi)
	binary.BigEndian.PutUint64(out[8:], s.lo)
	return out
}

func sumOf(b [16]byte) sum128 {
	return sum128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// rowHash is what one row of state adds to the digest; nothing when it has no value.
func rowHash(key, value []byte) sum128 {
	if len(value) == 0 {
		return sum128{}
	}
	h := xxh3.Hash128Seed(value, xxh3.Hash(key))
	return sum128{h.Hi, h.Lo}
}

// idRowHash is what one counted id adds to the digest: a few multiplications, as it runs
// once for every event.
func idRowHash(id *wal.ID) sum128 {
	tail := uint64(id.Payload)<<32 | uint64(id.Outcome)
	a := (id.Hash.Hi ^ id.Block) * 0x9E3779B97F4A7C15
	b := (id.Hash.Lo ^ tail) * 0xC2B2AE3D27D4EB4F
	return sum128{a ^ b>>29, b ^ a>>31}
}
