package usage

// Nearest returns the candidate that word most likely means, for "did you mean": the one at the
// smallest edit distance (insert, delete, replace, swap of neighbours; letter case is free), if
// that is at most a third of the word and at most 3. Of several at the same distance it takes
// the bytewise smallest, so the order of candidates does not matter.
//
// Words beyond 128 bytes are never near anything. Cost: length of word x length of candidate for
// each candidate of about the same length, at most 16 Ki steps; no allocation.
// The distance is that of optimal string alignment (Damerau 1964; Boytsov 2011).
func Nearest(word string, candidates []string) (string, bool) {
	best, bestDistance := "", min(3, max(1, len(word)/3))+1
	found := false
	for _, c := range candidates {
		d := editDistance(word, c, bestDistance)
		if d < bestDistance || found && d == bestDistance && c < best {
			best, bestDistance, found = c, d, true
		}
	}
	return best, found
}

// DidYouMean returns "; did you mean X?" for the end of an error's detail, where X is the candidate that word most likely means; "" when
// nothing is near.
func DidYouMean(word string, candidates []string) string {
	near, ok := Nearest(word, candidates)
	if !ok {
		return ""
	}
	return "; did you mean " + near + "?"
}

// NoMeter is the error of a slug that no meter has; known are the slugs there are.
func NoMeter(code ErrorCode, pointer, slug string, known []string) *Error {
	return &Error{Code: code, Pointer: pointer, Detail: "there is no meter " + quoted(slug) + DidYouMean(slug, known)}
}

// NoPlan is the error of a slug that no plan has; known are the slugs there are.
func NoPlan(code ErrorCode, pointer, slug string, known []string) *Error {
	return &Error{Code: code, Pointer: pointer, Detail: "there is no plan " + quoted(slug) + DidYouMean(slug, known)}
}

// editDistance returns the distance of a and b, or limit+1 when it is greater than limit. It
// keeps three rows of the table: this one, the one before, and that before it for swaps.
func editDistance(a, b string, limit int) int {
	if len(a) == 0 || len(a) > suggestBytesMax || len(b) > suggestBytesMax ||
		len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	var rows [3][suggestBytesMax + 1]uint8
	before, previous, current := &rows[0], &rows[1], &rows[2]
	for j := 0; j <= len(b); j++ {
		previous[j] = uint8(j)
	}
	for i := 1; i <= len(a); i++ {
		current[0] = uint8(i)
		least := current[0]
		ca := lower(a[i-1])
		for j := 1; j <= len(b); j++ {
			cb := lower(b[j-1])
			d := previous[j-1]
			if ca != cb {
				d++
			}
			d = min(d, previous[j]+1, current[j-1]+1)
			if i > 1 && j > 1 && ca == lower(b[j-2]) && cb == lower(a[i-2]) {
				d = min(d, before[j-2]+1)
			}
			current[j] = d
			least = min(least, d)
		}
		if int(least) > limit+1 { // a swap looks back two rows, so stop one later than without it
			return limit + 1
		}
		before, previous, current = previous, current, before
	}
	return min(int(previous[len(b)]), limit+1)
}

// lower folds the case of an ASCII letter.
func lower(c byte) byte {
	if c-'A' < 26 {
		return c + 'a' - 'A'
	}
	return c
}
