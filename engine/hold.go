package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// hold is a reservation or a lease: units taken out of quotas until it is settled. Everything about it belongs to the
// period in which it was made. While it is open it stands in its account; when it is over, in the
// store only, once a checkpoint has written it.
type hold struct {
	objectTag
	acct     *account
	hash     wal.Hash // of its id
	id       string
	feature  string
	user     string
	lease    bool
	charge   bool // on expiry what was not used is booked; else it is given back
	state    holdState
	late     bool          // committed after it expired
	at       int64         // log time of its making, unix nanoseconds
	place    uint64        // of its making in the log (place.number)
	expires  int64         // unix nanoseconds
	quantity usage.Decimal // held in all
	booked   usage.Decimal // committed, or used so far
	parts    []holdPart    // ascending by meter
}

// holdPart is the units of one meter that are still held.
type holdPart struct {
	meter uint32
	units int64
}

type holdState uint8

const (
	holdOpen holdState = iota + 1
	holdCommitted
	holdReleased
	holdExpired
)

func (s holdState) String() string {
	return [...]string{"", usage.HoldHeld, usage.HoldCommitted, usage.HoldReleased, usage.HoldExpired}[s]
}

// appendKey implements object.
func (h *hold) appendKey(dst []byte) []byte { return wal.AppendHoldKey(dst, h.acct.tenant.num, h.hash) }

// Rows of version 1 have no place.
const holdRowVersion = 2

// appendRow implements object.
//
//	┌────────┬───────┬───────┬───────────┬────────────┬─────────────────┬──────────────────┬────────────────┬─────────────────┬───────┐
//	│ 2 (u8) │ state │ flags │ at varint │ place uvar │ expires-at uvar │ quantity decimal │ booked decimal │ id feature user │ parts │
//	└────────┴───────┴───────┴───────────┴────────────┴─────────────────┴──────────────────┴────────────────┴─────────────────┴───────┘
func (h *hold) appendRow(dst []byte) []byte {
	flags := byte(0)
	for i, set := range []bool{h.lease, h.charge, h.late} {
		if set {
			flags |= 1 << i
		}
	}
	dst = append(dst, holdRowVersion, byte(h.state), flags)
	dst = binary.AppendVarint(dst, h.at)
	dst = binary.AppendUvarint(dst, h.place)
	dst = binary.AppendUvarint(dst, uint64(h.expires-h.at))
	dst = appendDecimal(dst, h.quantity)
	dst = appendDecimal(dst, h.booked)
	for _, s := range []string{h.id, h.feature, h.user} {
		dst = appendText(dst, s)
	}
	dst = binary.AppendUvarint(dst, uint64(len(h.parts)))
	for _, p := range h.parts {
		dst = binary.AppendUvarint(dst, uint64(p.meter))
		dst = binary.AppendUvarint(dst, uint64(p.units))
	}
	return dst
}

// heldIn is the units that are still held of a counter's meter, if the hold belongs to its open period.
func (h *hold) heldIn(c *counter) (units int64) {
	if h.state != holdOpen || h.at < c.start || c.end != 0 && h.at >= c.end {
		return 0
	}
	for _, p := range h.parts {
		if p.meter == c.meter {
			units += p.units
		}
	}
	return units
}

// within tells whether the hold took its units out of a counter: one that begins empty, as those of users do, knows nothing of
// what was held before it was there.
func (h *hold) within(s *slot, c *counter) bool { return s.policy.FromBuckets() || h.place >= c.since }

// view is the hold as the API shows it.
func (h *hold) view() usage.ReservationState {
	booked := h.booked
	if !booked.IsSet() {
		booked = usage.Int(0)
	}
	return usage.ReservationState{ID: h.id, State: h.state.String(), Quantity: h.quantity, Committed: booked,
		ExpiresAt: time.Unix(0, h.expires).UTC(), Late: h.late, Lease: h.lease}
}

// decode reads a row.
func (h *hold) decode(src []byte) error {
	r := rowReader{src: src}
	version := r.byte()
	if version < 1 || version > holdRowVersion {
		return fmt.Errorf("%w: hold of unknown version", wal.ErrCorrupt)
	}
	h.state = holdState(r.byte())
	flags := r.byte()
	h.lease, h.charge, h.late = flags&1 != 0, flags&2 != 0, flags&4 != 0
	h.at = r.varint()
	h.place = math.MaxUint64 // as if it were in every counter
	if version > 1 {
		h.place = r.uvarint()
	}
	h.expires = h.at + int64(r.uvarint())
	h.quantity, h.booked = r.decimal(), r.decimal()
	h.id, h.feature, h.user = r.text(), r.text(), r.text()
	h.parts = nil
	for range r.count(2) {
		h.parts = append(h.parts, holdPart{meter: uint32(r.uvarint()), units: int64(r.uvarint())})
	}
	if h.state < holdOpen || h.state > holdExpired {
		r.fail("state")
	}
	return r.end("hold")
}
