package rollup

import (
	"cmp"
	"slices"
)

// replacement says that a delta of a query, by its number, is the newest that replaces a minute.
type replacement struct {
	minute int64
	delta  int
}

// replacements ascend by minute, each once. There are none in nearly every query.
type replacements []replacement

func replacedIn(deltas []*Delta) replacements {
	var all replacements
	for i, d := range deltas {
		if d == nil {
			continue
		}
		for _, minute := range d.replacements() {
			all = append(all, replacement{minute, i})
		}
	}
	slices.SortFunc(all, func(a, b replacement) int { // the newest first
		return cmp.Or(cmp.Compare(a.minute, b.minute), cmp.Compare(b.delta, a.delta))
	})
	return slices.CompactFunc(all, func(a, b replacement) bool { return a.minute == b.minute })
}

func (r replacements) find(minute int64) (int, bool) {
	return slices.BinarySearchFunc(r, minute, func(e replacement, m int64) int { return cmp.Compare(e.minute, m) })
}

// has reports whether a minute is replaced, so that its stored bucket does not count.
func (r replacements) has(minute int64) bool {
	_, found := r.find(minute)
	return found
}

// counts reports whether what a delta has of a minute counts: no later delta replaces it.
func (r replacements) counts(minute int64, delta int) bool {
	if len(r) == 0 {
		return true
	}
	i, found := r.find(minute)
	return !found || r[i].delta <= delta
}

func (r replacements) minutes() []int64 {
	out := make([]int64, len(r))
	for i := range r {
		out[i] = r[i].minute
	}
	return out
}
