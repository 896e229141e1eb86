package wal

import (
	"cmp"
	"math/bits"
)

// Hash is the 128-bit name of an event id. The engine computes it with a secret key over the
// tenant, source and id, so that nobody outside can choose hashes and they are uniform: the
// dedup runs divide their chunks and filters by the top bits of Hi and count on that for
// speed, never for correctness.
type Hash struct{ Hi, Lo uint64 }

// Compare orders hashes as 128-bit numbers: negative, zero or positive as h is less than,
// equal to or greater than o.
func (h Hash) Compare(o Hash) int {
	if c := cmp.Compare(h.Hi, o.Hi); c != 0 {
		return c
	}
	return cmp.Compare(h.Lo, o.Lo)
}

// ID is what is remembered of a counted event id: enough to tell a duplicate from a conflict
// and to find the event again.
//
// The order of the fields makes it 32 bytes, two to a cache line; with Payload before Block
// padding would make it 40, and sorting moves every byte.
type ID struct {
	Hash    Hash
	Block   uint64 // log index of the block that holds the event
	Payload uint32 // hash of the payload; another value under the same Hash is a conflict
	Outcome uint32 // small code of the engine's, mostly 0
}

const (
	// sortInsertionMax is the size up to which insertion beats another radix pass. A pass has
	// to clear and sum 256 counters, which pays from a few dozen ids on. At 1 M ids, where two
	// passes leave 15 to a bucket, 24, 48 and 96 take 44 ms, and 8 and 12 take 57 ms.
	sortInsertionMax = 24

	// sortDigits is the number of 8-bit digits in a Hash.
	sortDigits = 16
)

// SortIDs sorts ids by Hash, ascending, in place. Ids with equal hashes end up side by side
// in no particular order. It allocates nothing, uses at most 80 KiB of stack, and takes
// O(n) for uniform hashes and never more than O(16 n).
//
// It is the American flag sort (McIlroy, Bostic and McIlroy, "Engineering Radix Sort", 1993):
// a most-significant-digit radix sort that permutes in place, cycle by cycle. 256 buckets a
// pass keep the write streams within the TLB; at 1 M ids the second pass already runs in L2.
func SortIDs(ids []ID) { sortIDsFrom(ids, 0) }

// sortIDsFrom sorts ids that agree on all digits before digit.
func sortIDsFrom(ids []ID, digit uint) {
	if len(ids) <= sortInsertionMax {
		insertionSortIDs(ids)
		return
	}
	if digit >= sortDigits {
		return
	}
	var end [256]int
	for i := range ids {
		end[hashDigit(&ids[i].Hash, digit)]++
	}
	// next[d] is where the next id of digit d goes; end[d] becomes the end of its bucket.
	var next [256]int
	sum := 0
	for d := range end {
		next[d] = sum
		sum += end[d]
		end[d] = sum
	}
	for d := range end {
		for at := next[d]; at < end[d]; at = next[d] {
			// Carry an id to its bucket, pick up what lies there, and so on until the
			// cycle comes back with an id that belongs here.
			carried := ids[at]
			to := hashDigit(&carried.Hash, digit)
			for int(to) != d {
				slot := next[to]
				next[to]++
				ids[slot], carried = carried, ids[slot]
				to = hashDigit(&carried.Hash, digit)
			}
			ids[at] = carried
			next[d]++
		}
	}
	start := 0
	for d := range end {
		if end[d]-start > 1 {
			sortIDsFrom(ids[start:end[d]], digit+1)
		}
		start = end[d]
	}
}

// insertionSortIDs sorts a few ids. It reads Hi first, which decides almost always.
func insertionSortIDs(ids []ID) {
	for i := 1; i < len(ids); i++ {
		id := ids[i]
		j := i
		for j > 0 && hashLess(&id.Hash, &ids[j-1].Hash) {
			ids[j] = ids[j-1]
			j--
		}
		ids[j] = id
	}
}

// hashDigit returns the digit'th byte of h, the most significant being digit 0.
func hashDigit(h *Hash, digit uint) byte {
	if digit < 8 {
		return byte(h.Hi >> (56 - 8*digit))
	}
	return byte(h.Lo >> (120 - 8*digit))
}

// hashLess is Compare(a, b) < 0 without branches: the borrow of a 128-bit subtraction.
func hashLess(a, b *Hash) bool {
	_, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	_, borrow = bits.Sub64(a.Hi, b.Hi, borrow)
	return borrow != 0
}
