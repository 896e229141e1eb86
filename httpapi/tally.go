package httpapi

import (
	"errors"
	"strconv"
	"strings"

	"github.com/weirhq/weir/usage"
)

// rejection is one event of a batch that was refused.
type rejection struct {
	index int64  // 0-based position in the batch or stream
	id    string // "" when it could not be read
	err   *usage.Error
}

// rejections keeps the first rejectedListMax refusals, and counts all.
type rejections struct {
	list  []rejection
	total int64
}

// add notes a refusal. Indices must ascend. id is cloned: it is part of a whole body, which a
// list over a long stream must not keep in memory.
func (r *rejections) add(index int64, id string, err *usage.Error) {
	r.total++
	if len(r.list) < rejectedListMax {
		r.list = append(r.list, rejection{index, strings.Clone(id), err})
	}
}

// tally is what became of a batch or a stream.
type tally struct {
	total      int64 // events seen
	accepted   int64
	duplicates int64
	refused    rejections
}

// add adds a batch: those that could not be read, and the outcomes of the others, merged so
// that refusals stay in the order of the events.
func (t *tally) add(b *batch, outcomes []usage.Outcome) {
	t.total += int64(len(b.events)) + b.refused.total
	unread, unlisted := b.refused.list, b.refused.total-int64(len(b.refused.list))
	for i := range outcomes {
		index := b.indexes[i]
		for len(unread) > 0 && unread[0].index < index {
			t.refused.add(unread[0].index, unread[0].id, unread[0].err)
			unread = unread[1:]
		}
		o := &outcomes[i]
		switch o.Status {
		case usage.StatusCounted:
			t.accepted++
		case usage.StatusDuplicate:
			t.duplicates++
		default:
			t.refused.add(index, b.events[i].ID, b.located(index, o.Err))
		}
	}
	for _, u := range unread {
		t.refused.add(u.index, u.id, u.err)
	}
	// Beyond the first thousand they are only counted, so their place does not matter.
	t.refused.total += unlisted
}

// located answers an outcome's error with its pointer led by the place of the event. An
// outcome without a usable error is a fault of the engine, and is called so.
func (b *batch) located(index int64, err error) *usage.Error {
	var e *usage.Error
	if !errors.As(err, &e) {
		return refuse("internal", b.pointer(index), "internal error")
	}
	return refuse(e.Code, b.pointer(index)+e.Pointer, e.Detail)
}

// pointer is the JSON pointer of an event: /events/3 in an object, /3 in an array or a stream.
func (b *batch) pointer(index int64) string {
	return b.prefix + "/" + strconv.FormatInt(index, 10)
}

// appendJSON writes the answer of a batch.
func (t *tally) appendJSON(a []byte) []byte {
	a = append(a, `{"accepted":`...)
	a = appendInt(a, t.accepted)
	a = append(a, `,"duplicates":`...)
	a = appendInt(a, t.duplicates)
	a = append(a, `,"rejected":[`...)
	for i := range t.refused.list {
		r := &t.refused.list[i]
		if i > 0 {
			a = append(a, ',')
		}
		a = append(a, `{"index":`...)
		a = appendInt(a, r.index)
		a = append(a, `,"id":`...)
		if r.id == "" {
			a = append(a, "null"...)
		} else {
			a = appendString(a, r.id)
		}
		a = append(a, `,"code":"`...)
		a = append(a, r.err.Code...)
		a = append(a, `","pointer":`...)
		a = appendString(a, r.err.Pointer)
		a = append(a, `,"detail":`...)
		a = appendString(a, r.err.Detail)
		a = append(a, '}')
	}
	a = append(a, `],"rejected_total":`...)
	a = appendInt(a, t.refused.total)
	return append(a, ",\"over_limit\":[]}\n"...)
}
