package engine

import "slices"

// ranking keeps the first n, in the order of compare, of all that it is offered. It holds at most 2n of them: a list of twenty among a
// million costs the memory of forty. O(log n) comparisons an offer that is kept, one for each that is not.
type ranking[T any] struct {
	n       int
	compare func(a, b T) int
	kept    []T  // the first n are sorted when full
	full    bool // kept[n-1] is the bar that others have to pass
}

func newRanking[T any](n int, compare func(a, b T) int) *ranking[T] {
	return &ranking[T]{n: n, compare: compare}
}

// admits tells whether x may be among the first. Of x only what compare looks at has to be there.
func (r *ranking[T]) admits(x T) bool {
	return r.n > 0 && (!r.full || r.compare(x, r.kept[r.n-1]) < 0)
}

// offer takes x, if it may be among the first.
func (r *ranking[T]) offer(x T) {
	if !r.admits(x) {
		return
	}
	if r.kept = append(r.kept, x); len(r.kept) >= 2*r.n {
		r.cut()
	}
}

func (r *ranking[T]) cut() {
	slices.SortStableFunc(r.kept, r.compare)
	if r.full = len(r.kept) >= r.n; r.full {
		clear(r.kept[r.n:])
		r.kept = r.kept[:r.n]
	}
}

// first returns the first n, sorted.
func (r *ranking[T]) first() []T {
	r.cut()
	return r.kept
}
