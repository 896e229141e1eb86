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
		a.Sum -= p.Value
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
		a.Sum += units
	case KindCount:
		a.Count += units
	default:
		panic("BUG: rollup: " + k.String() + " cannot be adjusted")
	}
}

// Refold returns the bucket of a minute made anew from all the events in it that count.
func Refold(k Kind, points []Point) Agg {
	var a Agg
	for i := range points {
		a.Fold(k, &points[i])
	}
	return a
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
