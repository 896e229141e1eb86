// Package escrow has the units of a lease, which many goroutines spend and one settles: what Take gave out and what End gives back
// are together what was there, whoever comes first.
//
// An escrow in the sense of O'Neil, "The Escrow Transactional Method" (1986).
package escrow

import "sync/atomic"

// Units may be spent until they end. The zero Units have none. Safe for concurrent use.
type Units struct {
	left atomic.Int64 // when it is over, what was left is -1 - left
}

// Fill begins with n units. It comes before everything else.
func (u *Units) Fill(n int64) { u.left.Store(n) }

// Take spends n units, and reports whether they were there. Lock-free, no allocation; one atomic operation.
func (u *Units) Take(n int64) bool {
	if n < 0 {
		return false
	}
	// Compared and swapped, not subtracted and given back: a settlement must never see units missing that nobody got.
	for {
		left := u.left.Load()
		if left < n {
			return false
		}
		if u.left.CompareAndSwap(left, left-n) {
			return true
		}
	}
}

// Left is how many units there are to be spent: none when it is over.
func (u *Units) Left() int64 { return max(0, u.left.Load()) }

// Rest is how many units nobody took, and whether it is over: then it stays so.
func (u *Units) Rest() (units int64, over bool) {
	left := u.left.Load()
	if left < 0 {
		return -1 - left, true
	}
	return left, false
}

// End makes Take refuse from now on, and returns what nobody took; again when it is called again. The rest moves below zero in one
// step, so that no Take comes between.
func (u *Units) End() int64 {
	for {
		left := u.left.Load()
		if left < 0 {
			return -1 - left
		}
		if u.left.CompareAndSwap(left, -1-left) {
			return left
		}
	}
}
