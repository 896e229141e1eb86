package quota

import (
	"encoding/binary"
	"errors"
	"slices"
)

// Sliding is the usage of the last Length nanoseconds at any moment: exact for the newest admissions, older ones in
// sub-windows that leave as a whole, when the last admission in them leaves. So no window of that length ever holds more
// than what Used said, and at most a sixtieth of the window is held back longer than it must.
//
// A log of all admissions is exact and unbounded; a pair of fixed windows with interpolation (as many rate limiters do)
// is an estimate that over- and under-counts bursts.
type Sliding struct {
	old    []slidingPart // ascending by last, at most slidingParts + 1
	newest []slidingPart // single admissions, ascending, at most slidingExact
}

// slidingPart is admissions that leave together, Length after the last of them.
type slidingPart struct {
	sum  int64
	last int64 // unix nanoseconds
}

const (
	slidingExact = 64 // admissions that are kept one by one
	slidingParts = 60 // sub-windows of the older ones
)

// Used returns the units of the window that ends at now.
func (s *Sliding) Used(length, now int64) (sum int64) {
	if s == nil {
		return 0
	}
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		for i := len(parts) - 1; i >= 0 && parts[i].last+length > now; i-- {
			sum += parts[i].sum
		}
	}
	return sum
}

// Add counts units at now, which is not before the time of an earlier call.
func (s *Sliding) Add(length, units, now int64) {
	if units == 0 {
		return
	}
	s.old, s.newest = trim(s.old, length, now), trim(s.newest, length, now)
	s.newest = append(s.newest, slidingPart{units, now})
	if len(s.newest) <= slidingExact {
		return
	}
	oldest := s.newest[0]
	s.newest = slices.Delete(s.newest, 0, 1)
	width := max(length/slidingParts, 1)
	if n := len(s.old); n > 0 && s.old[n-1].last/width == oldest.last/width {
		s.old[n-1].sum += oldest.sum
		s.old[n-1].last = oldest.last
		return
	}
	s.old = append(s.old, oldest)
}

// Remove takes back units that were added, from the newest admissions on: they were not used after all.
func (s *Sliding) Remove(units int64) {
	for _, parts := range [2]*[]slidingPart{&s.newest, &s.old} {
		for i := len(*parts) - 1; i >= 0 && units > 0; i-- {
			n := min(units, (*parts)[i].sum)
			(*parts)[i].sum -= n
			units -= n
		}
	}
}

// trim drops what has left the window.
func trim(parts []slidingPart, length, now int64) []slidingPart {
	n := 0
	for n < len(parts) && parts[n].last+length <= now {
		n++
	}
	return slices.Delete(parts, 0, n)
}

// FreeAt returns when the window will have let go of at least units, unix nanoseconds; now when nothing must leave.
func (s *Sliding) FreeAt(length, units, now int64) int64 {
	if s == nil {
		return now
	}
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		for _, p := range parts {
			if units <= 0 {
				return now
			}
			if p.last+length > now {
				if units -= p.sum; units <= 0 {
					return p.last + length
				}
			}
		}
	}
	return now
}

// ErrSliding is returned for bytes that are no sliding window.
var ErrSliding = errors.New("quota: malformed sliding window")

// AppendTo appends the window's bytes: the number of parts of each sort, and their sums and times, each time since the last.
func (s *Sliding) AppendTo(dst []byte) []byte {
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		dst = binary.AppendUvarint(dst, uint64(len(parts)))
		last := int64(0)
		for _, p := range parts {
			dst = binary.AppendVarint(dst, p.sum)
			dst = binary.AppendVarint(dst, p.last-last)
			last = p.last
		}
	}
	return dst
}

// DecodeSliding reads what [Sliding.AppendTo] wrote.
func DecodeSliding(src []byte) (*Sliding, error) {
	s := new(Sliding)
	for i, parts := range [2]*[]slidingPart{&s.old, &s.newest} {
		count, n := binary.Uvarint(src)
		if n <= 0 || count > [2]uint64{slidingParts + 2, slidingExact}[i] {
			return nil, ErrSliding
		}
		src = src[n:]
		last := int64(0)
		for range count {
			sum, a := binary.Varint(src)
			if a <= 0 {
				return nil, ErrSliding
			}
			step, b := binary.Varint(src[a:])
			if b <= 0 || last > 0 && step < 0 {
				return nil, ErrSliding
			}
			src = src[a+b:]
			last += step
			*parts = append(*parts, slidingPart{sum, last})
		}
	}
	if len(src) > 0 {
		return nil, ErrSliding
	}
	return s, nil
}
