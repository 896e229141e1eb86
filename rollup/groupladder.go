package rollup

import (
	"fmt"
	"slices"
)

// ReadRow calls fn with a stored row, or not at all when there is none. data is valid until fn returns. It returns the error
// of fn or its own.
type ReadRow func(l Level, bucket int64, fn func(data []byte) error) error

// WriteRow takes what a row becomes. old is what was read, without bytes when there was nothing; both are valid until it
// returns. A row without bytes is one of which nothing is left.
type WriteRow func(l Level, bucket int64, old, row []byte) error

// GroupLadder brings stored rows up to Groups. It is scratch: reuse one per goroutine.
type GroupLadder struct {
	order cellOrder
	row   GroupRow
	out   rowWriter
	old   []byte
	rewriteGroups
}

// rewriteGroups is the part of one call.
type rewriteGroups struct {
	kind   Kind
	width  int
	keep   *Kept
	read   ReadRow
	write  WriteRow
	level  Level
	finer  Level               // the level below, or the same at the finest
	redone map[int64]redoneRow // of the finer level, where a minute was replaced
	above  map[int64]redoneRow // of the level at hand, for the one above
	most   int
	afresh bool // nothing of the stored row at hand counts
}

// redoneRow is a row of the finer level that lies in a bucket which is made anew.
type redoneRow struct{ old, row []byte }

// Rows brings the rows of a family up to g and calls write for every row that g touches, in ascending order of (level,
// bucket); it reads in that order, too, but for the finer rows of a bucket that is made anew. The store may go on showing
// read the old rows meanwhile. It returns the greatest number of tuples in a row of a day that it wrote, and stops at the
// first error. keep says what of the stored rows is there.
//
// What g has is merged into the stored rows; where it replaces a minute ([Groups.Replace]), the quarter hour takes what g
// has of it, and the hour and the day are made anew from their parts, or, when these have expired and all of
// the bucket is replaced ([Kept.Whole]), from g alone. Like [Ladder.Rewrite] it refuses that when the parts
// count fewer events than the whole ([ErrExpired]). The tuples of a day stay in its row when nothing is left of them.
func (s *GroupLadder) Rows(k Kind, f Family, g *Groups, keep *Kept, read ReadRow, write WriteRow) (most int, err error) {
	if g.Empty() {
		return 0, nil
	}
	s.order.load(g, f)
	s.rewriteGroups = rewriteGroups{kind: k, width: f.Width(g.width), keep: keep, read: read, write: write}
	for i, l := range groupLevels(k) {
		s.level = l
		if err := s.rewriteLevel(i > 0); err != nil {
			return 0, err
		}
		s.finer = l
	}
	return s.most, nil
}

func (s *GroupLadder) rewriteLevel(coarse bool) error {
	o, width := &s.order, levelWidth[s.level]
	o.sort(s.level)
	replaced := o.groups.replaced
	for at := 0; at < len(o.order) || len(replaced) > 0; {
		bucket := int64(0)
		switch {
		case len(replaced) == 0:
			bucket = floorDiv(o.minute(at), width)
		case at == len(o.order):
			bucket = floorDiv(replaced[0], width)
		default:
			bucket = floorDiv(min(o.minute(at), replaced[0]), width)
		}
		// Within a bucket the cells are in the order of tuples.
		end := at
		for end < len(o.order) && floorDiv(o.minute(end), width) == bucket {
			end++
		}
		n := 0
		for n < len(replaced) && floorDiv(replaced[n], width) == bucket {
			n++
		}
		if s.keep.HasBucket(s.level, bucket) {
			if err := s.rewriteRow(coarse, bucket, at, end, replaced[:n]); err != nil {
				return fmt.Errorf("groups of %s %d: %w", s.level, bucket, err)
			}
		}
		at, replaced = end, replaced[n:]
	}
	s.redone, s.above = s.above, nil
	return nil
}

func (s *GroupLadder) rewriteRow(coarse bool, bucket int64, at, end int, replaced []int64) error {
	s.old = s.old[:0]
	if err := s.read(s.level, bucket, func(data []byte) error {
		s.old = append(s.old, data...)
		return nil
	}); err != nil {
		return err
	}
	s.out.reset(s.kind, s.level, s.width)
	s.row.Open(s.kind, s.level, s.width, s.old)
	var err error
	width := levelWidth[s.level]
	s.afresh = coarse && int64(len(replaced)) == width && !s.keep.HasBucket(s.finer, bucket*width/levelWidth[s.finer])
	if coarse && len(replaced) > 0 && !s.afresh {
		err = s.rebuild(bucket, at, end)
	} else {
		err = s.mergeRow(bucket, at, end, replaced)
	}
	if err != nil {
		return err
	}
	row := s.out.bytes()
	if s.level == Day {
		s.most = max(s.most, s.out.entries)
	}
	if len(replaced) > 0 || s.parentReplaced(bucket) {
		if s.above == nil {
			s.above = make(map[int64]redoneRow)
		}
		s.above[bucket] = redoneRow{slices.Clone(s.old), slices.Clone(row)}
	}
	return s.write(s.level, bucket, s.old, row)
}

// parentReplaced reports whether the coarser bucket around one holds a minute that is replaced.
func (s *GroupLadder) parentReplaced(bucket int64) bool {
	replaced := s.order.groups.replaced
	if len(replaced) == 0 || s.level == Day {
		return false
	}
	width, up := levelWidth[s.level], levelWidth[s.level+1]
	from := floorDiv(bucket*width, up) * up
	i, _ := slices.BinarySearch(replaced, from)
	return i < len(replaced) && replaced[i] < from+up
}

// mergeRow merges the cells [at, end) into the open row. Of minutes that are replaced the row's own entries are dropped.
func (s *GroupLadder) mergeRow(bucket int64, at, end int, replaced []int64) error {
	o, fine := &s.order, s.level == QuarterHour
	stored := s.nextStored(bucket, replaced)
	for at < end || stored {
		order, minute := 1, 0
		if at < end {
			if fine {
				minute = minuteIn(o.minute(at))
			}
			order = -1
			if stored {
				order = compareEntry(o.tuple(o.order[at].cell), minute, s.row.Tuple(), s.row.Minute)
			}
		}
		if order > 0 { // only the row has it
			s.out.add(s.row.Tuple(), s.row.Minute, &s.row.Agg)
			stored = s.nextStored(bucket, replaced)
			continue
		}
		var a Agg
		first := at
		for ; at < end && o.equal(s.level, first, at); at++ {
			a.addCell(s.out.kind, o.groups, int(o.order[at].cell))
		}
		if order == 0 {
			s.row.Agg.Merge(s.out.kind, &a)
			s.out.add(s.row.Tuple(), s.row.Minute, &s.row.Agg)
			stored = s.nextStored(bucket, replaced)
			continue
		}
		s.out.add(o.tuple(o.order[first].cell), minute, &a)
	}
	return s.row.Err()
}

// nextStored moves to the next entry of the open row that is not replaced.
func (s *GroupLadder) nextStored(bucket int64, replaced []int64) bool {
	for s.row.Next() {
		switch {
		case s.afresh && s.level == Day: // its tuples stay
			s.row.Agg = Agg{}
			return true
		case s.afresh:
		case len(replaced) == 0 || s.level == Day || !s.replacedIn(bucket, replaced):
			return true
		}
	}
	return false
}

// replacedIn drops what the entry at hand has of replaced minutes and reports whether nothing is left. Rows of quarter hours
// have an entry for each minute, those of kind weighted steps with their times.
func (s *GroupLadder) replacedIn(bucket int64, replaced []int64) bool {
	if s.level == QuarterHour {
		_, found := slices.BinarySearch(replaced, bucket*15+int64(s.row.Minute))
		return found
	}
	steps := slices.DeleteFunc(s.row.Agg.Extra.Steps, func(e Step) bool {
		_, found := slices.BinarySearch(replaced, MinuteOf(e.TimeNanos))
		return found
	})
	s.row.Agg.Count, s.row.Agg.Extra.Steps = int64(len(steps)), steps
	return len(steps) == 0
}

// groupPart is one entry of a finer row.
type groupPart struct {
	tuple []uint32
	agg   Agg
}

// rebuild makes the open row anew from the rows one level down, as they are now. Of a day, its tuples and those of the cells
// [at, end) stay.
func (s *GroupLadder) rebuild(bucket int64, at, end int) error {
	var parts []groupPart
	if s.level == Day {
		for ; at < end; at++ {
			parts = append(parts, groupPart{tuple: s.order.tuple(s.order.order[at].cell)})
		}
	}
	whole := int64(0)
	for s.row.Next() {
		whole += s.row.Agg.Count
		if s.level == Day {
			parts = append(parts, groupPart{tuple: slices.Clone(s.row.Tuple())})
		}
	}
	if err := s.row.Err(); err != nil {
		return err
	}
	ratio := levelWidth[s.level] / levelWidth[s.finer]
	for b := bucket * ratio; b < (bucket+1)*ratio; b++ {
		again, ok := s.redone[b]
		if !ok {
			if err := s.read(s.finer, b, func(data []byte) error {
				again.row = slices.Clone(data)
				return nil
			}); err != nil {
				return err
			}
			again.old = again.row
		}
		counted, err := s.countRow(again.old)
		if err != nil {
			return err
		}
		whole -= counted
		if parts, err = s.partsOf(parts, again.row); err != nil {
			return err
		}
	}
	if whole != 0 {
		return fmt.Errorf("%w: the %s counts %d events that its parts have not", ErrExpired, s.level, whole)
	}
	slices.SortStableFunc(parts, func(a, b groupPart) int { return slices.Compare(a.tuple, b.tuple) })
	for len(parts) > 0 {
		n := 1
		for ; n < len(parts) && slices.Equal(parts[n].tuple, parts[0].tuple); n++ {
			parts[0].agg.Merge(s.out.kind, &parts[n].agg)
		}
		s.out.add(parts[0].tuple, 0, &parts[0].agg)
		parts = parts[n:]
	}
	return nil
}

// countRow adds up the events of a row of the finer level.
func (s *GroupLadder) countRow(data []byte) (count int64, err error) {
	for s.row.Open(s.kind, s.finer, s.width, data); s.row.Next(); {
		count += s.row.Agg.Count
	}
	return count, s.row.Err()
}

// partsOf appends the entries of a row of the finer level as buckets of the one at hand.
func (s *GroupLadder) partsOf(parts []groupPart, data []byte) ([]groupPart, error) {
	for s.row.Open(s.kind, s.finer, s.width, data); s.row.Next(); {
		p := groupPart{slices.Clone(s.row.Tuple()), s.row.Agg}
		if s.kind == KindWeighted {
			p.agg = latestOf(s.row.Agg.Extra.Steps)
		}
		parts = append(parts, p)
		s.row.Agg = Agg{}
	}
	return parts, s.row.Err()
}

// latestOf is what steps leave behind, as a bucket of kind latest.
func latestOf(steps []Step) Agg {
	var a Agg
	for i := range steps {
		e := &steps[i]
		a.Fold(KindLatest, &Point{TimeNanos: e.TimeNanos, Value: e.Value, Add: e.Add, Source: e.Source, ID: e.ID})
	}
	return a
}
