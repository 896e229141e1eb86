package quota

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"
)

// Sliding is the usage of the last Length nanoseconds at any moment: exact for the newest admissions, older ones in
// sub-windows that leave as a whole, when the last admission in them leaves. So no window of that length ever holds more
// than what Used said, and at most a sixtieth of the window is held back longer than it must.
//
// A log of all admissions is exact and unbounded; a pair of fixed windows with interpolation (as many rate limiters do)
// is an estimate that over- and under-counts bursts.
type Sliding struct {
	old    []slidingPart // ascending by last, at most oldMax
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

	// oldMax is how many sub-windows a window can touch: sixty, and the one that it begins in the middle of.
	oldMax = slidingParts + 1
)

// Used returns the units of the window that ends at now.
func (s *Sliding) Used(length, now int64) (sum int64) {
	if s == nil {
		return 0
	}
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		for i := len(parts) - 1; i >= 0 && parts[i].last+length > now; i-- {
			sum = addUnits(sum, parts[i].sum)
		}
	}
	return sum
}

// Add counts units at now, which is not before the time of an earlier call; a negative number takes back.
func (s *Sliding) Add(length, units, now int64) {
	if units <= 0 {
		s.Remove(length, -units, now)
		return
	}
	s.old, s.newest = trim(s.old, length, now), trim(s.newest, length, now)
	if n := len(s.newest); n > 0 && s.newest[n-1].last == now { // those of one moment leave together anyway
		s.newest[n-1].sum = addUnits(s.newest[n-1].sum, units)
		return
	}
	s.newest = append(s.newest, slidingPart{units, now})
	if len(s.newest) <= slidingExact {
		return
	}
	oldest := s.newest[0]
	s.newest = slices.Delete(s.newest, 0, 1)
	width := (length + slidingParts - 1) / slidingParts
	if n := len(s.old); n > 0 && s.old[n-1].last/width == oldest.last/width {
		s.old[n-1].sum = addUnits(s.old[n-1].sum, oldest.sum)
		s.old[n-1].last = oldest.last
		return
	}
	s.old = append(s.old, oldest)
}

// Remove takes back units that were added at or before now: they were not used after all. It takes them from the oldest
// admissions of the window, so that what is left leaves no earlier than it would have: never over. Units whose admission
// has left the window must not be taken back again; the caller knows when they were added.
func (s *Sliding) Remove(length, units, now int64) {
	s.old, s.newest = trim(s.old, length, now), trim(s.newest, length, now)
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		for i := range parts {
			n := min(units, parts[i].sum)
			parts[i].sum -= n
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

// AppendTo appends the window's bytes; equal windows have equal bytes. Everything is a uvarint:
//
//	┌───────┬───────────────────────────────┬───────┬────────────────────────────────────────────┐
//	│ n old │ n x (sum, nanoseconds since   │ m new │ m x (sum, nanoseconds since the one before │
//	│       │ the one before, or 1970)      │       │ among these, or 1970)                      │
//	└───────┴───────────────────────────────┴───────┴────────────────────────────────────────────┘
func (s *Sliding) AppendTo(dst []byte) []byte {
	for _, parts := range [2][]slidingPart{s.old, s.newest} {
		dst = binary.AppendUvarint(dst, uint64(len(parts)))
		last := int64(0)
		for _, p := range parts {
			dst = binary.AppendUvarint(dst, uint64(p.sum))
			dst = binary.AppendUvarint(dst, uint64(p.last-last))
			last = p.last
		}
	}
	return dst
}

// DecodeSliding reads what [Sliding.AppendTo] wrote, and nothing else: a number in more bytes than it needs is malformed.
// Errors: [ErrSliding].
func DecodeSliding(src []byte) (*Sliding, error) {
	s, all := new(Sliding), src
	for i, parts := range [2]*[]slidingPart{&s.old, &s.newest} {
		count, n := binary.Uvarint(src)
		if n <= 0 || count > [2]uint64{oldMax, slidingExact}[i] {
			return nil, ErrSliding
		}
		src = src[n:]
		last := int64(0)
		for range count {
			sum, a := binary.Uvarint(src)
			if a <= 0 || sum > math.MaxInt64 {
				return nil, ErrSliding
			}
			step, b := binary.Uvarint(src[a:])
			if b <= 0 || step > uint64(math.MaxInt64-last) {
				return nil, ErrSliding
			}
			src = src[a+b:]
			last += int64(step)
			*parts = append(*parts, slidingPart{int64(sum), last})
		}
	}
	if len(src) > 0 || !bytes.Equal(s.AppendTo(nil), all) {
		return nil, ErrSliding
	}
	return s, nil
}
