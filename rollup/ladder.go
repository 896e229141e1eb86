package rollup

// Slot is a bucket and where it belongs in its page.
type Slot struct {
	Index int
	Agg   *Agg
}

// Ladder lifts deltas to the pages of all levels. It is scratch: reuse one per goroutine; after the
// first delta, those of kinds without members or entries cost no allocation.
type Ladder struct {
	// Kept says, for Rewrite, which of the buckets that it may read have expired.
	Kept *Kept

	slots  []Slot
	merged *[slotsMax]Agg // the slots of the page at hand that took more than one minute

	page Page   // of Rewrite
	old  []byte // of Rewrite
}

// Pages calls fn for every page, of all four levels, that a delta touches, in ascending order of
// (level, page), with the buckets to merge into it in ascending order of slot. The slots and what
// they point to live until fn returns and must not be changed; for a slot that took one minute
// only, nothing is copied. It stops at the first error of fn and returns it.
//
// It panics for kind weighted and for a delta that replaces buckets: what a coarse page holds does
// not follow from such a delta alone. [Ladder.Rewrite] serves them.
func (s *Ladder) Pages(k Kind, d *Delta, fn func(l Level, page int64, slots []Slot) error) error {
	if k == KindWeighted || len(d.replacements()) > 0 {
		panic("BUG: rollup: a delta that cannot be merged: use Rewrite")
	}
	if d.Empty() {
		return nil
	}
	for l := Minute; l < levelCount; l++ {
		if err := s.level(k, l, d, fn); err != nil {
			return err
		}
	}
	return nil
}

func (s *Ladder) level(
	k Kind, l Level, d *Delta, fn func(l Level, page int64, slots []Slot) error,
) error {
	s.slots = s.slots[:0]
	page := int64(0)
	for _, chunk := range d.b.chunks {
		for i := range chunk {
			pg, slot := PageOf(k, l, chunk[i].minute)
			if pg != page && len(s.slots) > 0 {
				if err := fn(l, page, s.slots); err != nil {
					return err
				}
				s.slots = s.slots[:0]
			}
			page = pg
			s.add(k, slot, &chunk[i].agg)
		}
	}
	return fn(l, page, s.slots)
}

// add puts a bucket into the page at hand. Slots come in ascending order.
func (s *Ladder) add(k Kind, slot int, a *Agg) {
	n := len(s.slots)
	if n == 0 || s.slots[n-1].Index != slot {
		s.slots = append(s.slots, Slot{Index: slot, Agg: a})
		return
	}
	if s.merged == nil {
		s.merged = new([slotsMax]Agg)
	}
	m := &s.merged[slot]
	if s.slots[n-1].Agg != m { // the second minute of this slot
		*m = Agg{}
		m.Merge(k, s.slots[n-1].Agg)
		s.slots[n-1].Agg = m
	}
	m.Merge(k, a)
}
