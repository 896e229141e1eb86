package rollup

import "slices"

// Corrections. What adds up can be taken back: Unfold and Adjust are events with the other sign,
// and merge like them. The smallest, the greatest, the newest and the members of a set cannot:
// nobody knows what was second. There the bucket of a minute is folded anew from the events that
// still count (Refold) and put in the place of the old one (Delta.Replace).

// Unfold takes back one event that was folded, into this bucket or into an older part of it, with
// the same point. Only sum, count, avg and percentile can; it panics for others.
func (a *Agg) Unfold(k Kind, p *Point) {
	switch k {
	case KindSum, KindAvg:
		a.Value -= p.Value
	case KindCount:
	case KindPercentile:
		a.extra().addBin(p.Value, -1)
	default:
		panic("BUG: rollup: " + k.String() + " cannot take an event back: refold its minute")
	}
	a.Count--
}

// Adjust adds signed units of 10^-scale to a sum, or a signed number of events to a count, and is
// itself no event. It panics for other kinds. The precondition of [Agg.Fold] holds for it too.
func (a *Agg) Adjust(k Kind, units int64) {
	switch k {
	case KindSum:
		a.Value += units
	case KindCount:
		a.Count += units
	default:
		panic("BUG: rollup: " + k.String() + " cannot be adjusted")
	}
}

// Unfold takes back an event in the bucket of its minute (see [Agg.Unfold]).
func (d *Delta) Unfold(k Kind, minute int64, p *Point) { d.bucket(minute).Unfold(k, p) }

// Adjust adjusts the bucket of a minute (see [Agg.Adjust]).
func (d *Delta) Adjust(k Kind, minute, units int64) { d.bucket(minute).Adjust(k, units) }

// Replace makes a the whole bucket of a minute, whatever was folded before: in this delta, in older
// ones, and in stored pages. An empty Agg says that no event of the minute counts. Later folds add
// to it. d takes a's memory.
//
// A delta that replaces is written by [Ladder.Rewrite]; [Range] takes deltas from old to new.
func (d *Delta) Replace(minute int64, a Agg) {
	*d.bucket(minute) = a
	if d.b.replaced == nil {
		d.b.replaced = new([]int64)
	}
	if i, found := slices.BinarySearch(*d.b.replaced, minute); !found {
		*d.b.replaced = slices.Insert(*d.b.replaced, i, minute)
	}
}

// Replaces reports whether the bucket of a minute replaces what is older.
func (d *Delta) Replaces(minute int64) bool {
	_, found := slices.BinarySearch(d.replacements(), minute)
	return found
}

// replacements returns the minutes that were replaced, ascending.
func (d *Delta) replacements() []int64 {
	if d.b == nil || d.b.replaced == nil {
		return nil
	}
	return *d.b.replaced
}

// Without returns the bucket of a minute without one event that was folded into it, with the same point. It is false where the bucket
// cannot tell what is left: then the minute must be folded anew ([Agg.Fold]). The result shares nothing with a.
func (a *Agg) Without(k Kind, p *Point) (rest Agg, ok bool) {
	if a.Count == 1 && !k.Additive() {
		return Agg{}, true
	}
	rest = a.clone()
	switch k {
	case KindSum, KindCount, KindAvg, KindPercentile:
		rest.Unfold(k, p)
		return rest, true
	case KindMin:
		ok = p.Value > a.Value
	case KindMax:
		ok = p.Value < a.Value
	case KindUnique:
		if ok = a.Count == CardinalityOf(a); ok { // one event each
			rest.Members.Remove(p.Member)
		}
	case KindLatest:
		ok = rest.Latest.remove(p)
	case KindWeighted:
		ok = rest.Extra.removeStep(p)
	default:
		panic("BUG: rollup: unknown kind")
	}
	rest.Count--
	return rest, ok
}

// remove takes an event out, and is false when it is the set: what was set before is not known any more.
func (l *Latest) remove(p *Point) bool {
	e := Entry{TimeNanos: p.TimeNanos, Value: p.Value, Source: p.Source, ID: p.ID}
	if p.Add {
		if i, found := slices.BinarySearchFunc(l.Adds, e, func(x, y Entry) int { return x.compare(&y) }); found {
			l.Adds = slices.Delete(l.Adds, i, i+1)
		} // else it was dropped: a set came after it
		return true
	}
	return l.HasSet && e.compare(&l.Set) != 0
}

func (e *Extra) removeStep(p *Point) bool {
	s := Step{Entry{TimeNanos: p.TimeNanos, Value: p.Value, Source: p.Source, ID: p.ID}, p.Add}
	i, found := slices.BinarySearchFunc(e.Steps, s, func(x, y Step) int { return x.compare(&y) })
	if found {
		e.Steps = slices.Delete(e.Steps, i, i+1)
	}
	return found
}

// Bucket returns the bucket of one minute: stored, and in the pending deltas, old before new.
func Bucket(k Kind, src Source, deltas []*Delta, minute int64) (Agg, error) {
	var a Agg
	newest := -1 // delta that replaces what is older
	for i, d := range deltas {
		if d.Replaces(minute) {
			newest = i
		}
	}
	if newest < 0 {
		var p Page
		page, slot := PageOf(k, Minute, minute)
		err := src.Pages(Minute, page, page+1, func(_ int64, data []byte) error {
			if err := p.Decode(k, Minute, data); err != nil {
				return err
			}
			if stored := p.Slot(slot); stored != nil {
				a.Merge(k, stored)
			}
			return nil
		})
		if err != nil {
			return a, err
		}
	}
	for _, d := range deltas[max(newest, 0):] {
		if own := d.at(minute); own != nil {
			a.Merge(k, own)
		}
	}
	return a, nil
}

// at returns the bucket of a minute, or nil.
func (d *Delta) at(minute int64) *Agg {
	if d.b == nil {
		return nil
	}
	chunk := d.b.chunks[d.b.chunkOf(minute)]
	if i := slotOf(chunk, minute); i < len(chunk) && chunk[i].minute == minute {
		return &chunk[i].agg
	}
	return nil
}

// HasReplaced reports whether any bucket of the delta replaces what is older.
func (d *Delta) HasReplaced() bool { return len(d.replacements()) > 0 }

// Copy returns a bucket that shares no mutable memory with a.
func (a *Agg) Copy() Agg { return a.clone() }
