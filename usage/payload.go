package usage

import "encoding/binary"

// Bits of the first byte of a payload: which optional fields were sent.
const (
	payloadUser = 1 << iota
	payloadQuantity
	payloadTimestamp
	payloadOp
	payloadMetadata
)

// AppendPayload appends to dst the canonical bytes of what the client sent, by which a retry is
// told from a conflict. Two events give equal bytes exactly when they have the same tenant,
// user, feature, quantity (as a number: 1 = 1.0), timestamp (as an instant), op and metadata
// hash; a field that is absent differs from every value of it. The identity (source, id) is not
// part of the payload.
//
// metaHash is the hash of the metadata, the same for equal JSON values (see internal/strictjson);
// it is ignored when the event has none. The bytes are hashed and stored, so they never change:
//
//	 1 B     uvarint      bytes    uvarint      bytes      uvarint  bytes
//	+-------+------------+--------+------------+----------+--------+------+
//	| flags | len tenant | tenant | len feature| feature  | len op | op   |  ...
//	+-------+------------+--------+------------+----------+--------+------+
//	 uvarint  bytes   8 B LE  1 B     8 B LE         4 B LE  8 B LE
//	+--------+------+--------+-------+--------------+-------+----------+
//	| len u. | user | coef   | scale | unix seconds | nanos | metaHash |
//	+--------+------+--------+-------+--------------+-------+----------+
//
// op, user, quantity, time and metaHash are there only when their flag is set. No allocation
// when dst has room for 38 bytes and the strings.
func (e *Event) AppendPayload(dst []byte, metaHash uint64) []byte {
	at := len(dst)
	flags := byte(0)
	dst = append(dst, 0)
	dst = appendPrefixed(dst, e.TenantID)
	dst = appendPrefixed(dst, e.FeatureType)
	if e.Op != "" {
		flags |= payloadOp
		dst = appendPrefixed(dst, e.Op)
	}
	if e.UserID != "" {
		flags |= payloadUser
		dst = appendPrefixed(dst, e.UserID)
	}
	if e.Quantity.set {
		flags |= payloadQuantity
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Quantity.coef))
		dst = append(dst, e.Quantity.scale)
	}
	if !e.Timestamp.IsZero() {
		flags |= payloadTimestamp
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Timestamp.Unix()))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(e.Timestamp.Nanosecond()))
	}
	if len(e.Metadata) > 0 {
		flags |= payloadMetadata
		dst = binary.LittleEndian.AppendUint64(dst, metaHash)
	}
	dst[at] = flags
	return dst
}

// appendPrefixed appends the length of s and s, so that neighbours cannot trade bytes.
func appendPrefixed(dst []byte, s string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}
