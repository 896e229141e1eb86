package usage

import (
	"encoding/binary"
	"time"
)

// The payloads of everything but events: the canonical bytes of what the client sent, by which a retry is told from a
// conflict, as [Event.AppendPayload] explains. One id space holds all operations, so each payload begins with the operation;
// that of an event begins with its flags, which are below the first operation.
const (
	operationConsume = 0x80 + iota
	operationReserve
	operationLease
	operationAdjust
	operationReset
	operationVoid
)

// Bits of the second byte: which optional fields were sent. They are hashed, so they never change.
const (
	sentUser = 1 << iota
	sentQuantity
	sentTimestamp
	sentOp
	sentMetadata
	sentTTL
	sentOnExpiry
)

// payload builds one: the operation, the flags, then the fields in a fixed order, each prefixed by its length or of fixed
// size, those that are optional only when their flag is set.
//
//	 1 B          1 B
//	+-----------+-------+----------------- - - -
//	| operation | flags | fields
//	+-----------+-------+----------------- - - -
type payload struct {
	dst   []byte
	flags int // position of the byte
}

func newPayload(dst []byte, operation byte) payload {
	return payload{append(dst, operation, 0), len(dst) + 1}
}

func (p *payload) text(s string) { p.dst = appendPrefixed(p.dst, s) }

// optional appends a text unless it is absent.
func (p *payload) optional(flag byte, s string) {
	if s != "" {
		p.dst[p.flags] |= flag
		p.text(s)
	}
}

func (p *payload) decimal(d Decimal) {
	if d.set {
		p.dst[p.flags] |= sentQuantity
		p.dst = append(binary.LittleEndian.AppendUint64(p.dst, uint64(d.coef)), d.scale)
	}
}

func (p *payload) time(t time.Time) {
	if !t.IsZero() {
		p.dst[p.flags] |= sentTimestamp
		p.dst = binary.LittleEndian.AppendUint64(p.dst, uint64(t.Unix()))
		p.dst = binary.LittleEndian.AppendUint32(p.dst, uint32(t.Nanosecond()))
	}
}

func (p *payload) metadata(text []byte, hash uint64) {
	if len(text) > 0 {
		p.dst[p.flags] |= sentMetadata
		p.dst = binary.LittleEndian.AppendUint64(p.dst, hash)
	}
}

func (p *payload) ttl(seconds int) {
	if seconds != 0 {
		p.dst[p.flags] |= sentTTL
		p.dst = binary.LittleEndian.AppendUint32(p.dst, uint32(seconds))
	}
}

// AppendPayload appends the canonical bytes of the request to dst. metaHashes has the hash of every item's metadata, in order;
// that of an item without metadata is ignored. The order of items counts. Each item has flags of its own:
//
//	operation, flags, tenant, [user], number of items u., n x (flags, feature, [op], [quantity], [metaHash])
func (r *Request) AppendPayload(dst []byte, metaHashes []uint64) []byte {
	p := newPayload(dst, operationConsume)
	p.text(r.TenantID)
	p.optional(sentUser, r.UserID)
	p.dst = binary.AppendUvarint(p.dst, uint64(len(r.Items)))
	for i := range r.Items {
		it := &r.Items[i]
		p.flags = len(p.dst)
		p.dst = append(p.dst, 0)
		p.text(it.FeatureType)
		p.optional(sentOp, it.Op)
		p.decimal(it.Quantity)
		if len(it.Metadata) > 0 {
			p.metadata(it.Metadata, metaHashes[i])
		}
	}
	return p.dst
}

// AppendPayload appends the canonical bytes of the reservation to dst:
//
//	operation, flags, tenant, [user], feature, [quantity], [ttl], [on_expiry]
func (r *Reservation) AppendPayload(dst []byte) []byte {
	p := newPayload(dst, operationReserve)
	p.text(r.TenantID)
	p.optional(sentUser, r.UserID)
	p.text(r.FeatureType)
	p.decimal(r.Quantity)
	p.ttl(r.TTLSeconds)
	p.optional(sentOnExpiry, r.OnExpiry)
	return p.dst
}

// AppendPayload appends the canonical bytes of the lease to dst, those of a reservation with another operation.
func (r *LeaseRequest) AppendPayload(dst []byte) []byte {
	p := newPayload(dst, operationLease)
	p.text(r.TenantID)
	p.text(r.FeatureType)
	p.decimal(r.Quantity)
	p.ttl(r.TTLSeconds)
	p.optional(sentOnExpiry, r.OnExpiry)
	return p.dst
}

// AppendPayload appends the canonical bytes of the adjustment to dst; metaHash is that of its metadata, ignored when it has
// none:
//
//	operation, flags, tenant, meter, [user], [quantity], [time], [metaHash], reason
func (a *Adjustment) AppendPayload(dst []byte, metaHash uint64) []byte {
	p := newPayload(dst, operationAdjust)
	p.text(a.TenantID)
	p.text(a.Meter)
	p.optional(sentUser, a.UserID)
	p.decimal(a.Quantity)
	p.time(a.Timestamp)
	p.metadata(a.Metadata, metaHash)
	p.text(a.Reason)
	return p.dst
}

// AppendPayload appends the canonical bytes of the reset to dst:
//
//	operation, flags, tenant, quota, [user], reason
func (r *Reset) AppendPayload(dst []byte) []byte {
	p := newPayload(dst, operationReset)
	p.text(r.TenantID)
	p.text(r.Quota)
	p.optional(sentUser, r.UserID)
	p.text(r.Reason)
	return p.dst
}

// AppendPayload appends the canonical bytes of the void to dst: tenant, source and id of what it takes back. The reason is not
// among them: taking back again is a duplicate whatever is said about it.
func (v *Void) AppendPayload(dst []byte) []byte {
	p := newPayload(dst, operationVoid)
	p.text(v.TenantID)
	p.text(v.Source)
	p.text(v.ID)
	return p.dst
}
