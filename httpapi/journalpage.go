package httpapi

import (
	"slices"
	"strconv"

	"github.com/weirhq/weir/usage"
)

// journalOf is a list whose entries have numbers from 1 without gaps, and are only ever added: crossings, the audit.
type journalOf[T any] struct {
	last   func() uint64 // number of the newest entry
	number func(T) uint64
	read   func(after uint64, limit int) ([]T, error) // the oldest first; empty at the end
	wanted func(T) bool                               // nil: all
	// of reads the entries that are wanted alone: those after a number, or the newest first before it. nil: they are looked for among all.
	of func(at uint64, newest bool, limit int) ([]T, error)
}

// answer writes a page, in the order that the request names.
func (j *journalOf[T]) answer(c *call, order string, names ...string) {
	list := j.oldest
	switch order {
	case "", "oldest":
	case "newest":
		list = j.newest
	default:
		c.writeError(refuse(usage.CodeInvalidValue, "/order", "order "+quoted(order)+" must be oldest or newest"))
		return
	}
	pageOf(c, func(x T) string { return strconv.FormatUint(j.number(x), 10) }, list, func(x T) any { return x }, names...)
}

func (j *journalOf[T]) oldest(after string, limit int) (out []T, err error) {
	at, err := cursorNumber(after)
	if err != nil {
		return nil, err
	}
	if j.of != nil {
		return j.of(at, false, limit)
	}
	for len(out) < limit {
		rows, err := j.read(at, listLimitMax)
		if err != nil || len(rows) == 0 {
			return out, err
		}
		for _, x := range rows {
			if (j.wanted == nil || j.wanted(x)) && len(out) < limit {
				out = append(out, x)
			}
		}
		at = j.number(rows[len(rows)-1])
	}
	return out, nil
}

// newest goes back span by span: numbers have no gaps, so an entry's place is its number. A read may go beyond its span, when the
// key sees few entries, or end within it, at what is not on the disk yet.
func (j *journalOf[T]) newest(before string, limit int) (out []T, err error) {
	end, err := cursorNumber(before)
	if err != nil {
		return nil, err
	}
	if end == 0 { // from the last
		end = j.last() + 1
	}
	if j.of != nil {
		return j.of(end, true, limit)
	}
	for end > 1 && len(out) < limit {
		begin := end - min(end-1, listLimitMax)
		rows, err := j.read(begin-1, int(end-begin))
		if err != nil {
			return out, err
		}
		for _, x := range slices.Backward(rows) {
			if j.number(x) < end && (j.wanted == nil || j.wanted(x)) && len(out) < limit {
				out = append(out, x)
			}
		}
		end = begin
	}
	return out, nil
}
