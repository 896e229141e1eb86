package rollup

import (
	"bytes"
	"encoding/binary"
	"slices"

	"github.com/RoaringBitmap/roaring/v2"
)

// Members is the set of a bucket of kind unique. Most buckets have a few members, and a bitmap is six pieces of memory that lead from one to
// the next: when a million buckets take turns, each is a cache miss. So up to listMax are a sorted list, and the first ones of it
// need no piece of their own. The zero Members is empty. A copy of a Members is the same set: use Clone.
type Members struct {
	few  []uint32        // ascending, at most listMax; nil when there are more
	many *roaring.Bitmap // nil: few has them
	room [2]uint32       // where few begins
}

// Add puts a member in.
func (m *Members) Add(v uint32) {
	if m.many != nil {
		m.many.Add(v)
		return
	}
	if m.few == nil {
		m.few = m.room[:0]
	}
	i, found := slices.BinarySearch(m.few, v)
	switch {
	case found:
	case len(m.few) < listMax:
		m.few = slices.Insert(m.few, i, v)
	default:
		m.many = roaring.BitmapOf(m.few...)
		m.many.Add(v)
		m.few = nil
	}
}

// Remove takes a member out.
func (m *Members) Remove(v uint32) {
	if m.many == nil {
		if i, found := slices.BinarySearch(m.few, v); found {
			m.few = slices.Delete(m.few, i, i+1)
		}
		return
	}
	m.many.Remove(v)
	m.list()
}

// list makes a bitmap of few members a list.
func (m *Members) list() {
	if m.many.GetCardinality() <= listMax {
		m.few, m.many = m.many.ToArray(), nil
	}
}

// Or puts the members of o in, which stays as it is.
func (m *Members) Or(o *Members) {
	switch {
	case o.many == nil && m.many != nil:
		m.many.AddMany(o.few)
	case o.many == nil && len(o.few) <= len(m.room): // the rule where history is taken in
		for _, v := range o.few {
			m.Add(v)
		}
	case o.many == nil:
		m.merge(o.few)
	case m.many == nil:
		few := m.few
		m.few, m.many = nil, o.many.Clone()
		m.many.AddMany(few)
	default:
		m.many.Or(o.many)
	}
}

// merge puts an ascending list into a list.
func (m *Members) merge(list []uint32) {
	few := m.few
	both := make([]uint32, 0, len(few)+len(list))
	for len(few) > 0 && len(list) > 0 {
		v := min(few[0], list[0])
		both = append(both, v)
		if few[0] == v {
			few = few[1:]
		}
		if list[0] == v {
			list = list[1:]
		}
	}
	both = append(append(both, few...), list...)
	if len(both) > listMax {
		m.few, m.many = nil, roaring.BitmapOf(both...)
		return
	}
	m.few = both
}

// Clone returns a set that shares no memory with m.
func (m *Members) Clone() *Members {
	c := new(Members)
	if m.many != nil {
		c.many = m.many.Clone()
	} else {
		c.few = append(c.room[:0], m.few...)
	}
	return c
}

// Contains reports whether v is a member.
func (m *Members) Contains(v uint32) bool {
	if m.many != nil {
		return m.many.Contains(v)
	}
	_, found := slices.BinarySearch(m.few, v)
	return found
}

// Len returns the number of members.
func (m *Members) Len() int64 {
	if m.many != nil {
		return int64(m.many.GetCardinality())
	}
	return int64(len(m.few))
}

// Each calls fn for the members, ascending, until it returns an error, which is returned.
func (m *Members) Each(fn func(member uint32) error) error {
	for _, v := range m.few {
		if err := fn(v); err != nil {
			return err
		}
	}
	if m.many == nil {
		return nil
	}
	for it := m.many.Iterator(); it.HasNext(); {
		if err := fn(it.Next()); err != nil {
			return err
		}
	}
	return nil
}

// The slot of kind unique, after its count:
//
//	card uvarint | card <= smallMax: card uvarints, the first member, then each one's distance
//	             |   from the one before, less 1
//	             | else: a canonical bitmap in roaring's portable format (portable.go), to the
//	             |   end of the page

const (
	// smallMax members are stored one by one: a bitmap of one member already takes 18 bytes.
	smallMax = 16

	// listMax members are a list in memory. To insert into it moves 256 bytes on average, 10 ns.
	listMax = 128
)

func appendMembers(dst []byte, m *Members) []byte {
	dst = binary.AppendUvarint(dst, uint64(m.Len()))
	if m.Len() > smallMax {
		return m.appendBitmap(dst)
	}
	next := uint32(0)
	for _, v := range m.few {
		dst = binary.AppendUvarint(dst, uint64(v-next))
		next = v + 1
	}
	return dst
}

// appendBitmap appends the canonical bitmap of a set that is not empty.
func (m *Members) appendBitmap(dst []byte) []byte {
	if m.many == nil {
		return appendPortableList(dst, m.few)
	}
	return appendPortable(dst, m.many)
}

// decodeMembers reads the members of count events at src[i:]; next is negative when they are not
// canonical.
func decodeMembers(src []byte, i int, count uint64) (m *Members, next int) {
	card, i := uvarint(src, i)
	if i < 0 || card == 0 || card > count {
		return nil, -1
	}
	if card <= smallMax {
		return decodeSmall(src, i, int(card))
	}
	if m = decodeMany(src[i:], card); m == nil {
		return nil, -1
	}
	return m, len(src)
}

// decodeMany reads the canonical bitmap of card members, more than smallMax, that src is; nil when it is not.
func decodeMany(src []byte, card uint64) *Members {
	if got, ok := checkPortable(src); !ok || got != card {
		return nil
	}
	m := &Members{many: roaring.New()}
	if _, err := m.many.ReadFrom(bytes.NewReader(src)); err != nil { // copies
		return nil
	}
	m.list()
	return m
}

func decodeSmall(src []byte, i, card int) (*Members, int) {
	m := new(Members)
	m.few = m.room[:0]
	if card > len(m.room) {
		m.few = make([]uint32, 0, card)
	}
	next := uint64(0)
	for range card {
		d, j := uvarint(src, i)
		if j < 0 || d > 1<<32-1 || next+d > 1<<32-1 {
			return nil, -1
		}
		m.few = append(m.few, uint32(next+d))
		next, i = next+d+1, j
	}
	return m, i
}
