package rollup

import (
	"cmp"
	"slices"
)

// Step is one event of a minute bucket of kind weighted: from its time on, the level is Value, or
// by Value more than before.
//
// A bucket keeps all of its steps. An older one may still arrive between any two, and then the
// first of them ends sooner. The order is that of kind latest: (time, source, id); at one identity
// a set comes before an add, and then the smaller value first.
type Step struct {
	Entry
	Add bool
}

func (s *Step) compare(o *Step) int {
	if c := s.compareKey(&o.Entry); c != 0 {
		return c
	}
	if s.Add != o.Add {
		if s.Add {
			return 1
		}
		return -1
	}
	return cmp.Compare(s.Value, o.Value)
}

func (e *Extra) addStep(p *Point) {
	s := Step{Entry{TimeNanos: p.TimeNanos, Value: p.Value, Source: p.Source, ID: p.ID}, p.Add}
	i := len(e.Steps)
	if i > 0 && s.compare(&e.Steps[i-1]) < 0 { // late
		i, _ = slices.BinarySearchFunc(e.Steps, s, func(x, y Step) int { return x.compare(&y) })
	}
	s.Entry = s.clone()
	e.Steps = slices.Insert(e.Steps, i, s)
}

// mergeSteps adds b to a and returns it; b stays as it is.
func mergeSteps(a, b []Step) []Step {
	if n := len(a); n == 0 || a[n-1].compare(&b[0]) <= 0 {
		return append(a, b...)
	}
	return mergeSorted(a, b, (*Step).compare)
}
