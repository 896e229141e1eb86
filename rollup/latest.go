package rollup

import (
	"cmp"
	"slices"
	"strings"
)

// Latest is the state of a bucket of kind latest.
//
// The naive state, the newest event and its value, is not enough: an add may arrive before the
// older set that it adds to. What decides is the order of events by (time, source, id), not of
// arrival, so the bucket keeps its last set and every add after it:
//
//	value = Set.Value (0 without a set) + values of Adds
//
// An add before the last set can never matter again, whatever arrives later, and is dropped. An
// add after it cannot be folded into the set: a set between them may still come.
//
// Identities are unique in a series, so two events never tie in practice. The order is total all
// the same: at one (time, source, id) a set comes before an add, and then the smaller value first.
type Latest struct {
	HasSet bool
	Set    Entry   // zero without a set
	Adds   []Entry // after Set, ascending
}

// Entry is one event of a [Latest].
type Entry struct {
	TimeNanos  int64
	Value      int64
	Source, ID string
}

// Value returns the value after the last event, taking it as 0 before the first when there is no
// set.
func (l *Latest) Value() int64 {
	v := l.Set.Value
	for i := range l.Adds {
		v += l.Adds[i].Value
	}
	return v
}

// last returns the newest event, and false when there is none.
func (l *Latest) last() (*Entry, bool) {
	if n := len(l.Adds); n > 0 {
		return &l.Adds[n-1], true
	}
	return &l.Set, l.HasSet
}

// compareKey orders events by (time, source, id), strings bytewise.
func (e *Entry) compareKey(o *Entry) int {
	if c := cmp.Compare(e.TimeNanos, o.TimeNanos); c != 0 {
		return c
	}
	if c := strings.Compare(e.Source, o.Source); c != 0 {
		return c
	}
	return strings.Compare(e.ID, o.ID)
}

// compare orders entries of one sort (two sets, or two adds).
func (e *Entry) compare(o *Entry) int {
	if c := e.compareKey(o); c != 0 {
		return c
	}
	return cmp.Compare(e.Value, o.Value)
}

func (l *Latest) fold(p *Point) {
	e := Entry{TimeNanos: p.TimeNanos, Value: p.Value, Source: p.Source, ID: p.ID}
	if p.Add {
		if l.HasSet && e.compareKey(&l.Set) < 0 {
			return
		}
		i, _ := slices.BinarySearchFunc(l.Adds, e, func(x, y Entry) int { return x.compare(&y) })
		l.Adds = slices.Insert(l.Adds, i, e.clone())
		return
	}
	if l.HasSet && e.compare(&l.Set) <= 0 {
		return
	}
	l.HasSet, l.Set = true, e.clone()
	l.dropOldAdds()
}

// merge adds the events of o, which stays as it is.
func (l *Latest) merge(o *Latest) {
	if o.HasSet && (!l.HasSet || o.Set.compare(&l.Set) > 0) {
		l.HasSet, l.Set = true, o.Set
		l.dropOldAdds()
	}
	adds := o.Adds[o.firstAfter(l):]
	switch n := len(l.Adds); {
	case len(adds) == 0:
	case n == 0 || l.Adds[n-1].compare(&adds[0]) <= 0: // the usual case: o is newer
		l.Adds = append(l.Adds, adds...)
	default:
		l.Adds = mergeSorted(l.Adds, adds, (*Entry).compare)
	}
}

// firstAfter returns the index of the first add of l that is not before the set of o.
func (l *Latest) firstAfter(o *Latest) int {
	if !o.HasSet {
		return 0
	}
	i, _ := slices.BinarySearchFunc(l.Adds, o.Set,
		func(x, set Entry) int { return x.compareKey(&set) })
	return i
}

// dropOldAdds restores the invariant after Set moved.
func (l *Latest) dropOldAdds() { l.Adds = slices.Delete(l.Adds, 0, l.firstAfter(l)) }

func mergeSorted[E any](a, b []E, compare func(x, y *E) int) []E {
	out := make([]E, 0, len(a)+len(b))
	for len(a) > 0 && len(b) > 0 {
		if compare(&a[0], &b[0]) <= 0 {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return append(append(out, a...), b...)
}

// clone copies the strings, which may alias a buffer of the caller.
func (e Entry) clone() Entry {
	e.Source, e.ID = strings.Clone(e.Source), strings.Clone(e.ID)
	return e
}
