package httpapi

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/weirhq/weir/httpapi/compat"
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

	over map[overLimit]struct{} // at most overLimitMax
}

// overLimit is a quota that a counted event of the batch belongs to, and that is exceeded.
type overLimit struct{ tenant, quota, user string }

// overLimitMax bounds the list of an answer.
const overLimitMax = 1000

// limits notes which quotas of the batch's tenants are over their limit now.
func (t *tally) limits(eng Engine, b *batch, outcomes []usage.Outcome) {
	type who struct{ tenant, user string }
	var last who
	seen := make(map[who]struct{}, 8)
	for i := range outcomes {
		ev := &b.events[i]
		w := who{ev.TenantID, ev.UserID}
		if w == last || outcomes[i].Status != usage.StatusCounted || len(t.over) >= overLimitMax {
			continue
		}
		last = w
		if _, ok := seen[w]; ok {
			continue
		}
		seen[w] = struct{}{}
		for _, q := range eng.OverLimit(w.tenant, w.user) {
			o := overLimit{strings.Clone(w.tenant), q.Quota, ""}
			if q.UserID != nil {
				o.user = strings.Clone(w.user)
			}
			if t.over == nil {
				t.over = make(map[overLimit]struct{})
			}
			t.over[o] = struct{}{}
		}
	}
}

// appendOver writes the list, in order.
func (t *tally) appendOver(a []byte) []byte {
	list := make([]overLimit, 0, len(t.over))
	for o := range t.over { // order-free: sorted below
		list = append(list, o)
	}
	slices.SortFunc(list, func(x, y overLimit) int {
		return cmp.Or(strings.Compare(x.tenant, y.tenant), strings.Compare(x.quota, y.quota), strings.Compare(x.user, y.user))
	})
	a = append(a, '[')
	for i, o := range list {
		if i > 0 {
			a = append(a, ',')
		}
		a = appendString(append(a, `{"tenant_id":`...), o.tenant)
		a = appendString(append(a, `,"quota":`...), o.quota)
		if o.user != "" {
			a = appendString(append(a, `,"user_id":`...), o.user)
		}
		a = append(a, '}')
	}
	return append(a, ']')
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
		return refuse(codeInternal, b.pointer(index), "internal error")
	}
	return refuse(e.Code, b.pointer(index)+b.member(e.Pointer), e.Detail)
}

// member is the pointer of an event's member in the form of the body.
func (b *batch) member(pointer string) string {
	if b.cloud {
		return compat.CloudPointer(pointer)
	}
	return pointer
}

// renamed is the refusal of a single event, with the pointer of the member that its sender knows.
func (b *batch) renamed(err error) error {
	var e *usage.Error
	if !b.cloud || !errors.As(err, &e) {
		return err
	}
	return refuse(e.Code, b.member(e.Pointer), e.Detail)
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
	a = t.appendOver(append(a, `,"over_limit":`...))
	return append(a, "}\n"...)
}
