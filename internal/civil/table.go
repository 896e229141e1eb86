package civil

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sort"
)

// Table is a time zone as integers: its offset from UTC, and when it changes, from 1970 to 2100. Outside these years the first
// and the last offset hold. Two machines with the same table compute the same periods, whatever zone database
// they have. Immutable.
type Table struct {
	first   int32        // seconds east of UTC before the first change
	changes []zoneChange // ascending
}

type zoneChange struct {
	at     int64 // unix second from which offset holds
	offset int32
}

// The years that a table covers.
const (
	tableFrom = 0             // 1970-01-01
	tableTo   = 4_133_980_800 // 2101-01-01
)

// offsetMax bounds offsets: the zone database knows none beyond 16 hours.
const offsetMax = 26 * 3600

// ErrTable is returned for bytes that are no table.
var ErrTable = errors.New("malformed zone table")

// UTC is the table of UTC.
func UTC() *Table { return &Table{} }

// NewTable reads the zone with an IANA name from the zone database. Errors: [ErrZone].
func NewTable(name string) (*Table, error) {
	loc, err := LoadZone(name)
	if err != nil {
		return nil, err
	}
	offset, _, end := offsetSpan(tableFrom, loc)
	t := &Table{first: int32(offset)}
	for end < tableTo {
		at := end
		offset, _, end = offsetSpan(at, loc)
		t.changes = append(t.changes, zoneChange{at, int32(offset)})
	}
	return t, nil
}

// span returns the number of changes at or before a unix second.
func (t *Table) span(unixSec int64) int {
	return sort.Search(len(t.changes), func(i int) bool { return t.changes[i].at > unixSec })
}

// bounds returns the offset and the ends of the span after n changes.
func (t *Table) bounds(n int) (offset, start, end int64) {
	const never = 1 << 62
	offset, start, end = int64(t.first), -never, never
	if n > 0 {
		offset, start = int64(t.changes[n-1].offset), t.changes[n-1].at
	}
	if n < len(t.changes) {
		end = t.changes[n].at
	}
	return offset, start, end
}

// Offset returns the seconds east of UTC at a unix second.
func (t *Table) Offset(unixSec int64) int64 {
	offset, _, _ := t.bounds(t.span(unixSec))
	return offset
}

// instant returns the first unix second at which the clock reads wall or later. wall is a reading of the clock, counted in
// seconds as if it were UTC.
func (t *Table) instant(wall int64) int64 {
	for n := t.span(wall - offsetMax); ; n++ {
		offset, start, end := t.bounds(n)
		if at := max(wall-offset, start); at < end {
			return at
		}
	}
}

// Bounds returns the period of a kind that contains a unix second, as [Windows] defines it: [start, end). Integer
// arithmetic only; no allocation; a binary search or three. It panics on an unknown kind.
func (t *Table) Bounds(kind Kind, unixSec int64) (start, end int64) {
	offset, lo, hi := t.bounds(t.span(unixSec))
	if kind <= Hour {
		width := [...]int64{60, 900, 3600}[kind]
		at := floorDiv(unixSec+offset, width)*width - offset
		return max(at, lo), min(at+width, hi)
	}
	n := kind.number(floorDiv(unixSec+offset, secondsPerDay))
	start, end = t.firstOf(kind, n), t.firstOf(kind, n+1)
	for unixSec >= end { // the clock was set back over the start of the next period, which has begun all the same
		n++
		start, end = end, t.firstOf(kind, n+1)
	}
	return start, end
}

// firstOf returns the first unix second of the n-th period of a kind.
func (t *Table) firstOf(kind Kind, n int64) int64 { return t.instant(kind.firstDay(n) * secondsPerDay) }

// Anchored returns the period of the monthly grid through anchor that contains a unix second: [start, end). The grid runs both
// ways in local civil time: a day that a month does not have is its last day, and comes back afterwards; a time that
// the clock skips is the first instant after it, one that comes twice the first. No allocation.
func (t *Table) Anchored(anchor, unixSec int64) (start, end int64) {
	return t.AnchoredMonths(anchor, 1, unixSec)
}

// AnchoredMonths is [Table.Anchored] of a grid with a point every so many months: 3 for quarters, 12 for years. months is
// positive.
func (t *Table) AnchoredMonths(anchor int64, months int, unixSec int64) (start, end int64) {
	wall := anchor + t.Offset(anchor)
	day := floorDiv(wall, secondsPerDay)
	g := monthGrid{table: t, step: int64(months), clock: wall - day*secondsPerDay}
	year, month, dom := CivilFromDays(day)
	g.month, g.day = year*12+int64(month-1), int64(dom)

	y, m, _ := CivilFromDays(floorDiv(unixSec+t.Offset(unixSec), secondsPerDay))
	n := floorDiv(y*12+int64(m-1)-g.month, g.step)
	for g.instant(n) > unixSec {
		n--
	}
	for g.instant(n+1) <= unixSec {
		n++
	}
	return g.instant(n), g.instant(n + 1)
}

// monthGrid is the civil reading of an anchor.
type monthGrid struct {
	table *Table
	month int64 // counted from January of the year 0
	step  int64 // months from point to point
	day   int64 // of the month, from 1
	clock int64 // seconds of the day
}

// instant returns the n-th point of the grid.
func (g *monthGrid) instant(n int64) int64 {
	month := g.month + n*g.step
	first, last := monthDays(month), monthDays(month+1)-1
	return g.table.instant(min(first+g.day-1, last)*secondsPerDay + g.clock)
}

const tableVersion = 1

// AppendTo appends the table's bytes; equal tables have equal bytes.
//
//	┌────────┬──────────────┬──────────────┬──────────────────────────────────────────┐
//	│ 1 (u8) │ first varint │ n uvarint    │ n x (seconds since the last change       │
//	│        │              │              │ uvarint, offset varint)                  │
//	└────────┴──────────────┴──────────────┴──────────────────────────────────────────┘
func (t *Table) AppendTo(dst []byte) []byte {
	dst = binary.AppendVarint(append(dst, tableVersion), int64(t.first))
	dst = binary.AppendUvarint(dst, uint64(len(t.changes)))
	last := int64(tableFrom)
	for _, c := range t.changes {
		dst = binary.AppendUvarint(dst, uint64(c.at-last))
		dst = binary.AppendVarint(dst, int64(c.offset))
		last = c.at
	}
	return dst
}

// DecodeTable reads what [Table.AppendTo] wrote, and nothing else: a number in more bytes than it needs is malformed.
// Errors: [ErrTable].
func DecodeTable(src []byte) (*Table, error) {
	all := src
	if len(src) == 0 || src[0] != tableVersion {
		return nil, fmt.Errorf("%w: unknown version", ErrTable)
	}
	src = src[1:]
	next := func(signed bool) (v int64) {
		n := 0
		if signed {
			v, n = binary.Varint(src)
		} else {
			var u uint64
			u, n = binary.Uvarint(src)
			v = int64(u & (1<<62 - 1))
		}
		if n <= 0 {
			src = nil
			return -1 << 62
		}
		src = src[n:]
		return v
	}
	t := &Table{first: int32(next(true))}
	count, last, offset := next(false), int64(tableFrom), int64(t.first)
	if count < 0 || count > int64(len(src)/2) {
		return nil, fmt.Errorf("%w: cut off", ErrTable)
	}
	for i := range count {
		step, o := next(false), next(true)
		at := last + step
		if step < 0 || step == 0 && i > 0 || at >= tableTo || o < -offsetMax || o > offsetMax || o == offset {
			return nil, fmt.Errorf("%w: change %d", ErrTable, i)
		}
		t.changes = append(t.changes, zoneChange{at, int32(o)})
		last, offset = at, o
	}
	if len(src) > 0 || int64(t.first) < -offsetMax || int64(t.first) > offsetMax {
		return nil, fmt.Errorf("%w: %d bytes too many", ErrTable, len(src))
	}
	if !bytes.Equal(t.AppendTo(nil), all) {
		return nil, fmt.Errorf("%w: not in its shortest form", ErrTable)
	}
	return t, nil
}

// WholeFrom reports whether every offset from a unix second on is a multiple of step seconds: then so is every midnight.
func (t *Table) WholeFrom(unixSec, step int64) bool {
	for n := t.span(unixSec); n <= len(t.changes); n++ {
		if offset, _, _ := t.bounds(n); offset%step != 0 {
			return false
		}
	}
	return true
}
