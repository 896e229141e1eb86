package rollup

import (
	"encoding/binary"
	"fmt"
	"slices"
)

// A row of groups is one bucket of one family: its tuples in ascending order, each with what was
// counted of it. Quarter hours keep their minutes inside, so that no level finer than that is
// stored; rows of hours and days have no minutes.
//
//	0        1            2       3
//	+--------+------------+-------+---------------------------------------------+
//	| version| kind level | width | entries, ascending by tuple, then minute    |
//	|   1 B  | 4 b   4 b  |  1 B  | to the end                                  |
//	+--------+------------+-------+---------------------------------------------+
//
//	entry:  +---------------+----------------------+------------------------+--------+
//	        | shared minute | growth uvarint       | rest of the tuple      | bucket |
//	        |  4 b    4 b   | if shared < width    | uvarints               |        |
//	        +---------------+----------------------+------------------------+--------+
//
// shared is how many leading words of the tuple are those of the entry before; the next word is
// growth more than there (than 0, in the first entry). The bucket is that of a page; a set of kind
// unique that is a bitmap has its size before it. minute is 0 in rows of hours and days, and 15 in a
// row of a day says that nothing is left of the tuple, and that no bucket follows: a day remembers
// the tuples it has seen.
//
// One row a bucket, not many in a page: a checkpoint rewrites the buckets of the present, and
// nothing beside them. The bytes are canonical, as those of pages are.

const (
	rowHeader = 3

	// minuteGone marks a tuple of which nothing is left; the minutes of a quarter hour are 0 to 14.
	minuteGone = 15
)

// groupLevels returns the levels whose rows are stored, finest first. Kind weighted keeps every event
// in its hours, as an integral over several tuples needs them, and what an hour needs of the days
// before it: the level at their end, as kind latest does.
func groupLevels(k Kind) []Level {
	if k == KindWeighted {
		return []Level{Hour, Day}
	}
	return []Level{QuarterHour, Hour, Day}
}

// rowKind is the kind and level by which the buckets of a row are coded.
func rowKind(k Kind, l Level) (Kind, Level) {
	switch {
	case k != KindWeighted:
		return k, l
	case l == Day:
		return KindLatest, Day
	}
	return KindWeighted, Minute // steps
}

// GroupRow reads a row entry by entry.
//
//	for r.Open(k, l, width, data); r.Next(); {
//		use(r.Tuple(), r.Minute, &r.Agg)
//	}
//	return r.Err()
type GroupRow struct {
	Minute int  // of the entry at hand, in its quarter hour; 0 in coarser rows
	Gone   bool // nothing is left of the tuple, and Agg is empty
	Agg    Agg  // may be moved out of

	kind   Kind // as coded
	level  Level
	day    bool
	fine   bool
	width  int
	tuple  [TupleMax]uint32
	src    []byte
	at     int
	err    error
	behind bool // the first entry was read
}

// Open begins with the row in data, of no entries when data has no bytes. What is wrong with it is seen by Next.
func (r *GroupRow) Open(k Kind, l Level, width int, data []byte) {
	*r = GroupRow{width: width, src: data, at: rowHeader, day: l == Day, fine: l == QuarterHour}
	r.kind, r.level = rowKind(k, l)
	switch {
	case len(data) == 0:
		r.at = 0
	case data[0] != formatVersion:
		r.err = fmt.Errorf("%w: format version %d, this program reads %d", ErrCorrupt, data[0], formatVersion)
	case len(data) <= rowHeader || data[1] != byte(k)<<4|byte(l) || int(data[2]) != width:
		r.err = corrupt("a row of another kind, level or width", 1)
	}
}

// Err returns what ended the row early.
func (r *GroupRow) Err() error { return r.err }

// Tuple returns that of the entry at hand. It is good until Next.
func (r *GroupRow) Tuple() []uint32 { return r.tuple[:r.width] }

// Next moves to the next entry.
func (r *GroupRow) Next() bool {
	if r.err != nil || r.at >= len(r.src) {
		return false
	}
	at := r.at
	if what := r.next(); what != "" {
		r.err = corrupt(what, at)
		return false
	}
	r.behind = true
	return true
}

func (r *GroupRow) next() (wrong string) {
	head := r.src[r.at]
	shared, minute := int(head>>4), int(head&15)
	i := r.at + 1
	switch {
	case shared > r.width || !r.behind && shared > 0:
		return "words shared"
	case shared == r.width && r.behind && (!r.fine || minute <= r.Minute):
		return "minutes out of order"
	case minute > 0 && !r.fine && !(r.day && minute == minuteGone), r.fine && minute > 14:
		return "minute"
	}
	for w := shared; w < r.width; w++ {
		v, next := uvarint(r.src, i)
		if next < 0 || v > 1<<32-1 {
			return "tuple"
		}
		i = next
		if w == shared {
			if v == 0 && r.behind {
				return "tuples out of order"
			}
			if v += uint64(r.tuple[w]); v > 1<<32-1 {
				return "tuple"
			}
		}
		r.tuple[w] = uint32(v)
	}
	r.Minute, r.Gone = minute, !r.fine && minute == minuteGone
	if r.Gone {
		r.Minute, r.Agg, r.at = 0, Agg{}, i
		return ""
	}
	if r.kind == KindUnique {
		r.at, wrong = r.members(i)
		return wrong
	}
	r.at, wrong = decodeAgg(&r.Agg, r.kind, r.level, r.src, i)
	return wrong
}

// members reads a bucket of kind unique at i, whose bitmap has its size before it.
func (r *GroupRow) members(i int) (next int, wrong string) {
	count, next := uvarint(r.src, i)
	if next < 0 {
		return 0, "count"
	}
	i = next
	card, next := uvarint(r.src, i)
	if next < 0 || card == 0 || card > count || count > 1<<63-1 {
		return 0, "count"
	}
	r.Agg = Agg{Count: int64(count)}
	if card <= smallMax {
		if r.Agg.Members, next = decodeSmall(r.src, next, int(card)); next < 0 {
			return 0, "members"
		}
		return next, ""
	}
	size, from := uvarint(r.src, next)
	if from < 0 || size > uint64(len(r.src)-from) {
		return 0, "size of a bitmap"
	}
	to := from + int(size)
	if r.Agg.Members = decodeMany(r.src[from:to], card); r.Agg.Members == nil {
		return 0, "bitmap"
	}
	return to, ""
}

// rowWriter writes the entries of a row, which ascend.
type rowWriter struct {
	dst     []byte
	kind    Kind // as coded
	level   Level
	day     bool
	width   int
	entries int // written
	tuple   [TupleMax]uint32
	scratch []byte
}

func (w *rowWriter) reset(k Kind, l Level, width int) {
	w.dst = append(w.dst[:0], formatVersion, byte(k)<<4|byte(l), byte(width))
	w.kind, w.level = rowKind(k, l)
	w.day, w.width, w.entries = l == Day, width, 0
	clear(w.tuple[:])
}

// bytes returns the row: none when it has no entries.
func (w *rowWriter) bytes() []byte {
	if w.entries == 0 {
		return nil
	}
	return w.dst
}

// add writes an entry. One of which nothing is left is written in days only.
func (w *rowWriter) add(tuple []uint32, minute int, a *Agg) {
	if a.Empty(w.kind) {
		if !w.day {
			return
		}
		minute = minuteGone
	}
	shared := 0
	for w.entries > 0 && shared < w.width && tuple[shared] == w.tuple[shared] {
		shared++
	}
	w.dst = append(w.dst, byte(shared)<<4|byte(minute))
	for i := shared; i < w.width; i++ {
		v := tuple[i]
		if i == shared {
			v -= w.tuple[i]
		}
		w.dst = binary.AppendUvarint(w.dst, uint64(v))
	}
	copy(w.tuple[:], tuple)
	w.entries++
	if minute != minuteGone {
		w.appendAgg(a)
	}
}

func (w *rowWriter) appendAgg(a *Agg) {
	if w.kind != KindUnique {
		w.dst = appendAgg(w.dst, w.kind, w.level, a)
		return
	}
	w.dst = binary.AppendUvarint(w.dst, uint64(a.Count))
	if a.Members.Len() > smallMax {
		w.dst = binary.AppendUvarint(w.dst, uint64(a.Members.Len()))
		w.scratch = a.Members.appendBitmap(w.scratch[:0])
		w.dst = binary.AppendUvarint(w.dst, uint64(len(w.scratch)))
		w.dst = append(w.dst, w.scratch...)
		return
	}
	w.dst = appendMembers(w.dst, a.Members)
}

// compareEntry orders entries by tuple, then minute.
func compareEntry(tuple []uint32, minute int, other []uint32, otherMinute int) int {
	if c := slices.Compare(tuple, other); c != 0 {
		return c
	}
	return minute - otherMinute
}
