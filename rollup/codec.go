package rollup

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"
)

// The bytes of a page. docs/FORMAT.md has the whole; latestcodec.go, members.go, percentilecodec.go
// and weightedcodec.go have the slots of the kinds that hold more than numbers.
//
//	0        1            2
//	+--------+------------+----------+---------------------+----------
//	| version| kind level | presence | slots, ascending    | to the end
//	|   1 B  | 4 b   4 b  | 0..14 B  | Count uvarint, rest |
//	+--------+------------+----------+---------------------+----------
//
// Canonical, because digests are taken over these bytes: a page without events is no bytes at all,
// varints are as short as they can be, presence has no zero byte that its mask could leave out.

// formatVersion is the first byte of a page. A reader refuses what it does not know.
const formatVersion = 1

// ErrCorrupt is returned when bytes are not a page of the kind and level that was asked for.
var ErrCorrupt = errors.New("rollup: corrupt page")

func corrupt(what string, at int) error {
	return fmt.Errorf("%w: %s at byte %d", ErrCorrupt, what, at)
}

// Append appends the encoding of the page to dst and returns it. A page without events appends
// nothing: do not store it. Equal content gives equal bytes, whatever was merged in which order. It
// allocates only to grow dst, and, for kind unique, for the library's bookkeeping.
func (p *Page) Append(dst []byte) []byte {
	if p.Empty() {
		return dst
	}
	dst = append(dst, formatVersion, byte(p.kind)<<4|byte(p.level))
	if p.kind == KindUnique {
		dst = binary.AppendUvarint(dst, uint64(p.slots[0].Count))
		return appendMembers(dst, p.slots[0].Members)
	}
	dst = p.appendPresence(dst)
	for w, word := range p.present {
		for ; word != 0; word &= word - 1 {
			dst = appendAgg(dst, p.kind, p.level, &p.slots[w<<6+bits.TrailingZeros64(word)])
		}
	}
	return dst
}

// appendAgg appends a bucket of any kind but unique, whose set has no end of its own.
func appendAgg(dst []byte, k Kind, l Level, a *Agg) []byte {
	dst = binary.AppendUvarint(dst, uint64(a.Count))
	switch k {
	case KindSum, KindAvg:
		return binary.AppendVarint(dst, a.Value)
	case KindMin:
		return binary.AppendVarint(dst, a.Value)
	case KindMax:
		return binary.AppendVarint(dst, a.Value)
	case KindLatest:
		return appendLatest(dst, a.Latest)
	case KindPercentile:
		return appendBins(dst, a.Extra.Bins)
	case KindWeighted:
		if l == Minute {
			return appendSteps(dst, a.Extra.Steps)
		}
		return appendArea(dst, &a.Extra.Area)
	}
	return dst
}

// Decode makes p the page that src holds; no bytes are the page without events. src is copied from,
// never kept. After an error, which wraps [ErrCorrupt], p is empty. Memory and time are bounded by
// the size of src.
func (p *Page) Decode(k Kind, l Level, src []byte) error {
	p.Reset(k, l)
	if len(src) == 0 {
		return nil
	}
	if err := p.decode(src); err != nil {
		p.Reset(k, l)
		return err
	}
	return nil
}

func (p *Page) decode(src []byte) error {
	if src[0] != formatVersion {
		return fmt.Errorf("%w: format version %d, this program reads %d",
			ErrCorrupt, src[0], formatVersion)
	}
	if len(src) < 2 || src[1] != byte(p.kind)<<4|byte(p.level) {
		return corrupt("other kind or level", 1)
	}
	i := 2
	present := [2]uint64{1}
	if p.kind != KindUnique {
		if present, i = decodePresence(src, i, p.level.Slots(p.kind)); i < 0 {
			return corrupt("presence", 2)
		}
	}
	for w, word := range present {
		for ; word != 0; word &= word - 1 {
			slot := w<<6 + bits.TrailingZeros64(word)
			next, err := p.decodeSlot(slot, src, i)
			if err != nil {
				return err
			}
			i = next
			p.set(slot) // only now: a slot that is present is whole
		}
	}
	if i != len(src) {
		return corrupt("trailing bytes", i)
	}
	return nil
}

// decodeSlot reads the slot at src[i:] and returns the index of the byte after it.
func (p *Page) decodeSlot(slot int, src []byte, i int) (int, error) {
	next, what := decodeAgg(&p.slots[slot], p.kind, p.level, src, i)
	if what != "" {
		return 0, corrupt(what, i)
	}
	return next, nil
}

// decodeAgg reads the bucket at src[i:] into a and returns the index of the byte after it, or what is wrong. The count is
// two's complement in 64 bits: corrections may leave less than nothing in a bucket that adds up. The set of kind unique ends
// with src.
func decodeAgg(a *Agg, k Kind, l Level, src []byte, i int) (next int, what string) {
	count, next := uvarint(src, i)
	if next < 0 || !k.Additive() && (count == 0 || count > math.MaxInt64) {
		return 0, "count"
	}
	*a = Agg{Count: int64(count)}
	i = next
	switch k {
	case KindSum, KindAvg:
		a.Value, next = varint(src, i)
	case KindMin:
		a.Value, next = varint(src, i)
	case KindMax:
		a.Value, next = varint(src, i)
	case KindLatest:
		a.Latest, next = decodeLatest(src, i, count)
	case KindUnique:
		a.Members, next = decodeMembers(src, i, count)
	case KindPercentile:
		a.Extra, next = decodeBins(src, i, count)
	case KindWeighted:
		if l == Minute {
			a.Extra, next = decodeSteps(src, i, count)
		} else {
			a.Extra, next = decodeArea(src, i)
		}
	}
	if next < 0 || a.Empty(k) {
		return 0, "slot"
	}
	return next, ""
}

// Presence is two bitmaps: which slots have events, eight to a byte, and a mask of those bytes that
// are not zero. Only these are written: a page with one busy slot spends 2 bytes, not 8.
//
//	mask (1 B, for 96 slots 2 B, little-endian) | non-zero bytes of the slot bitmap, ascending

func maskBytes(slots int) int { return (slots + 63) / 64 }

func (p *Page) appendPresence(dst []byte) []byte {
	at := len(dst)
	dst = append(dst, 0, 0)[:at+maskBytes(p.level.Slots(p.kind))]
	for w, word := range p.present {
		for b := 0; word != 0; b, word = b+1, word>>8 {
			if byte(word) != 0 {
				dst[at+w] |= 1 << b
				dst = append(dst, byte(word))
			}
		}
	}
	return dst
}

// decodePresence returns the bitmap and the index of the byte after it, negative when it is not
// canonical.
func decodePresence(src []byte, i, slots int) (present [2]uint64, next int) {
	n := maskBytes(slots)
	if len(src)-i < n {
		return present, -1
	}
	mask := src[i : i+n]
	i += n
	for w, m := range mask {
		for ; m != 0; m &= m - 1 {
			if i >= len(src) || src[i] == 0 {
				return present, -1
			}
			present[w] |= uint64(src[i]) << (8 * bits.TrailingZeros8(m))
			i++
		}
	}
	if present[0]|present[1] == 0 || bitLen(present) > slots {
		return present, -1
	}
	return present, i
}

func bitLen(b [2]uint64) int {
	if b[1] != 0 {
		return 64 + bits.Len64(b[1])
	}
	return bits.Len64(b[0])
}

// uvarint reads the varint at src[i:] and returns the index of the byte after it, negative when it
// is cut off, too great or longer than needed.
func uvarint(src []byte, i int) (uint64, int) {
	if i < len(src) && src[i] < 0x80 {
		return uint64(src[i]), i + 1
	}
	if i >= len(src) {
		return 0, -1
	}
	v, n := binary.Uvarint(src[i:])
	if n <= 0 || src[i+n-1] == 0 {
		return 0, -1
	}
	return v, i + n
}

// varint is uvarint for signed numbers (zigzag).
func varint(src []byte, i int) (int64, int) {
	u, next := uvarint(src, i)
	return int64(u>>1) ^ -int64(u&1), next
}
