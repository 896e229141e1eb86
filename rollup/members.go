package rollup

import (
	"bytes"
	"encoding/binary"

	"github.com/RoaringBitmap/roaring/v2"
)

// The slot of kind unique, after its count:
//
//	card uvarint | card <= smallMax: card uvarints, the first member, then each one's distance
//	             |   from the one before, less 1
//	             | else: a canonical bitmap in roaring's portable format (portable.go), to the
//	             |   end of the page

// smallMax members are listed one by one: a bitmap of one member already takes 18 bytes.
const smallMax = 16

func appendMembers(dst []byte, m *roaring.Bitmap) []byte {
	card := m.GetCardinality()
	dst = binary.AppendUvarint(dst, card)
	if card > smallMax {
		return appendPortable(dst, m)
	}
	next := uint32(0)
	for it := m.Iterator(); it.HasNext(); {
		v := it.Next()
		dst = binary.AppendUvarint(dst, uint64(v-next))
		next = v + 1
	}
	return dst
}

// decodeMembers reads the members of count events at src[i:]; next is negative when they are not
// canonical.
func decodeMembers(src []byte, i int, count uint64) (m *roaring.Bitmap, next int) {
	card, i := uvarint(src, i)
	if i < 0 || card == 0 || card > count {
		return nil, -1
	}
	if card <= smallMax {
		return decodeSmall(src, i, int(card))
	}
	if got, ok := checkPortable(src[i:]); !ok || got != card {
		return nil, -1
	}
	m = roaring.New()
	if _, err := m.ReadFrom(bytes.NewReader(src[i:])); err != nil { // copies
		return nil, -1
	}
	return m, len(src)
}

func decodeSmall(src []byte, i, card int) (*roaring.Bitmap, int) {
	var members [smallMax]uint32
	next := uint64(0)
	for n := range members[:card] {
		d, j := uvarint(src, i)
		if j < 0 || d > 1<<32-1 || next+d > 1<<32-1 {
			return nil, -1
		}
		members[n] = uint32(next + d)
		next, i = next+d+1, j
	}
	return roaring.BitmapOf(members[:card]...), i
}
