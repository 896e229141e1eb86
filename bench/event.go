package main

// Events are a pure function of their number, so a duplicate of any age is made by asking for the
// same number again: nothing has to be remembered, and a run can be counted exactly.

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"unsafe"

	"github.com/weirhq/weir/usage"
)

// features are event types of the preset meters. Each event also counts on active_users.
var features = [...]string{"api_calls", "data_transfer", "compute_time", "session_time"}

const (
	usersPerTenant = 100
	// metadataCount distinct metadata texts of about 90 bytes are 6 MiB: more than the caches that
	// would make them free, few enough to be ready in a moment.
	metadataCount = 1 << 16
)

// source makes the events of one store. Safe for concurrent use.
type source struct {
	tenants  []string
	users    []string
	metadata [][]byte
	seed     uint64
}

// newSource prepares tenants customers; another seed gives other ids.
func newSource(tenants int, seed uint64) *source {
	s := &source{seed: mix(seed + 1)}
	for i := range tenants {
		s.tenants = append(s.tenants, fmt.Sprintf("tenant-%06d", i))
	}
	for i := range usersPerTenant {
		s.users = append(s.users, fmt.Sprintf("user-%04d", i))
	}
	methods := [...]string{"GET", "POST", "PUT", "DELETE"}
	for i := range uint64(metadataCount) {
		h := mix(i)
		s.metadata = append(s.metadata, fmt.Appendf(nil,
			`{"endpoint":"/v1/resource-%d","method":%q,"response_size":%d,"duration_ms":%d}`,
			h%20, methods[h>>8%4], h>>16%16384, h>>32%256))
	}
	return s
}

// fill writes the events numbered number(0) to number(len(dst)-1) into dst. It allocates one arena
// for the ids of a call: strings that the engine may keep must not be overwritten.
func (s *source) fill(dst []usage.Event, number func(i int) uint64) {
	arena := make([]byte, 36*len(dst))
	for i := range dst {
		s.event(&dst[i], number(i), arena[36*i:36*(i+1)])
	}
}

// event makes event n; its id, a UUIDv4, lives in id (36 bytes) from then on.
func (s *source) event(ev *usage.Event, n uint64, id []byte) {
	a := mix(n ^ s.seed)
	b := mix(a + n)
	c := mix(b)
	putUUID(id, a, b)
	*ev = usage.Event{
		ID:          unsafe.String(&id[0], len(id)),
		TenantID:    s.tenants[c%uint64(len(s.tenants))],
		UserID:      s.users[c>>20%usersPerTenant],
		FeatureType: features[c>>32%uint64(len(features))],
		Quantity:    usage.Int(int64(c >> 40 % 10)),
		Metadata:    s.metadata[c>>44%metadataCount],
	}
}

// putUUID writes the text of a version 4 UUID with the bits of a and b.
func putUUID(dst []byte, a, b uint64) {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], a&^0xf000|0x4000)
	binary.BigEndian.PutUint64(raw[8:], b&^(0xc<<60)|0x8<<60)
	hex.Encode(dst[0:8], raw[0:4])
	hex.Encode(dst[9:13], raw[4:6])
	hex.Encode(dst[14:18], raw[6:8])
	hex.Encode(dst[19:23], raw[8:10])
	hex.Encode(dst[24:36], raw[10:16])
	dst[8], dst[13], dst[18], dst[23] = '-', '-', '-', '-'
}

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): a bijection, so that different
// numbers have different ids.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// numbering says which numbers one caller sends: fresh ones, step apart, and now and then one that
// it has sent before.
type numbering struct {
	next, first, step uint64
	duplicatesPer1000 uint64
	dice              uint64
	fresh             uint64 // how many different numbers were given out
}

func newNumbering(caller, callers int, duplicatesPer1000 int) *numbering {
	return &numbering{next: uint64(caller), first: uint64(caller), step: uint64(callers),
		duplicatesPer1000: uint64(duplicatesPer1000), dice: uint64(caller)}
}

// take returns the number of the caller's next event. A duplicate is uniform over everything that
// the caller has sent, so most are long closed generations away.
func (n *numbering) take(int) uint64 {
	if n.duplicatesPer1000 > 0 && n.fresh > 0 {
		n.dice = mix(n.dice)
		if n.dice%1000 < n.duplicatesPer1000 {
			return n.first + n.dice>>10%n.fresh*n.step
		}
	}
	v := n.next
	n.next += n.step
	n.fresh++
	return v
}

// appendJSON appends ev as the element of a request body.
func appendJSON(dst []byte, ev *usage.Event) []byte {
	dst = append(dst, `{"id":"`...)
	dst = append(dst, ev.ID...)
	dst = append(dst, `","tenant_id":"`...)
	dst = append(dst, ev.TenantID...)
	dst = append(dst, `","user_id":"`...)
	dst = append(dst, ev.UserID...)
	dst = append(dst, `","feature_type":"`...)
	dst = append(dst, ev.FeatureType...)
	dst = append(dst, `","quantity":`...)
	units, _ := ev.Quantity.Parts()
	dst = strconv.AppendInt(dst, units, 10)
	dst = append(dst, `,"metadata":`...)
	dst = append(dst, ev.Metadata...)
	return append(dst, '}')
}
