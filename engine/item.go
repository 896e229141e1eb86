package engine

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// item is one entry of a block, with what is computed from it once: by the caller that sends it,
// in parallel with others, or by apply when it reads the block from the log. Both ways run the
// same function (prepare), so they cannot differ.
//
// What apply reads stands together, before the strings and texts: a block of 4,096 items comes from another
// core's cache, and each line of it is a miss.
type item struct {
	hash    wal.Hash // of (tenant, source, id)
	cfg     *config  // the configuration that match was found with
	match   *match   // the meters that count the item; nil: none
	payload uint32   // hash of what was sent
	wal.Item
	more   *itemMore  // what is in Body; nil for events
	values []dimValue // of match.dims; as of cfg
}

// itemMore is the body of a consume of several items, or of an operation, read.
type itemMore struct {
	subs []*item // of a consume
	op   *operation
}

// Operations as stored in a block.
const (
	opAbsent uint8 = iota
	opSet
	opAdd
)

func opCode(op string) uint8 {
	switch op {
	case usage.OpSet:
		return opSet
	case usage.OpAdd:
		return opAdd
	default:
		return opAbsent
	}
}

func opName(op uint8) string {
	return [...]string{opAbsent: "", opSet: usage.OpSet, opAdd: usage.OpAdd}[op]
}

// field returns a top-level property of the event.
func (it *item) field(name string) string {
	switch name {
	case "user_id":
		return it.User
	case "source":
		return it.Source
	case "feature_type":
		return it.Feature
	default:
		return ""
	}
}

// propertyDecimal reads the value property of m: a JSON number or a decimal string.
func propertyDecimal(m *meter, it *item) (usage.Decimal, *usage.Error) {
	raw, ok := strictjson.Lookup(it.Metadata, m.valuePath[1:])
	if !ok {
		return usage.Decimal{}, m.atValue(&usage.Error{Code: usage.CodeInvalidValue,
			Detail: "meter " + m.def.Slug + " counts " + m.def.ValueProperty + ", which the event does not have; send it as a number"})
	}
	text := string(raw)
	if len(text) > 1 && text[0] == '"' {
		text = text[1 : len(text)-1] // a decimal has no escapes; anything else fails below
	}
	q, err := usage.ParseDecimal(text)
	switch usage.Code(err) {
	case "":
		return q, nil
	case usage.CodeOverflow, usage.CodeTooManyDecimals: // a number, which nothing can hold
		return usage.Decimal{}, m.atValue(meterError(m, err))
	}
	return usage.Decimal{}, m.atValue(&usage.Error{Code: usage.CodeInvalidValue,
		Detail: fmt.Sprintf("meter %s counts %s, but %s is no decimal number", m.def.Slug, m.def.ValueProperty, shorten(text))})
}

// memberName names a unique value that is not a user: a string by itself, any other scalar by its JSON.
func memberName(raw []byte) string {
	if len(raw) > 0 && raw[0] == '"' {
		if s, err := strictjson.Unquote(raw); err == nil {
			return s
		}
	}
	return string(raw)
}

func conflictError(id string) *usage.Error {
	return &usage.Error{Code: usage.CodeConflict, Pointer: "/id",
		Detail: fmt.Sprintf("id %s was used before with another payload; send a new id for a new event", shorten(id))}
}

func negativeQuantity(q usage.Decimal) *usage.Error {
	return &usage.Error{Code: usage.CodeNegativeQuantity, Pointer: "/quantity",
		Detail: "quantity " + q.String() + " is negative; send what was used, and correct it with POST /v1/adjustments"}
}

// meterError names the meter in an error of its value.
func meterError(m *meter, err error) *usage.Error {
	code := usage.Code(err)
	if code == "" {
		code = usage.CodeInvalidValue
	}
	detail := err.Error()
	if e, ok := err.(*usage.Error); ok {
		detail = e.Detail
	}
	return &usage.Error{Code: code, Pointer: "/quantity", Detail: "meter " + m.def.Slug + ": " + detail}
}

// outOfTime refuses a time that unix nanoseconds, or the numbers of minutes, cannot say; with the scope backfill, too.
func outOfTime(at time.Time) *usage.Error {
	code, year := usage.CodeEventTooOld, at.Year()
	if year > 2200 {
		code = usage.CodeEventInFuture
	} else if year >= 1700 {
		return nil
	}
	return &usage.Error{Code: code, Pointer: "/timestamp", Detail: fmt.Sprintf("timestamp is in the year %d; send the time of what happened", year)}
}

func tooOld(at, now, maxAge int64) *usage.Error {
	return &usage.Error{Code: usage.CodeEventTooOld, Pointer: "/timestamp",
		Detail: fmt.Sprintf("timestamp %s is older than the %s that are accepted (now is %s); history needs a key with scope backfill",
			stamp(at), time.Duration(maxAge), stamp(now))}
}

func inFuture(at, now, maxAhead int64) *usage.Error {
	return &usage.Error{Code: usage.CodeEventInFuture, Pointer: "/timestamp",
		Detail: fmt.Sprintf("timestamp %s is more than %s ahead (now is %s); check the sender's clock", stamp(at), time.Duration(maxAhead), stamp(now))}
}

func stamp(nanos int64) string { return time.Unix(0, nanos).UTC().Format(time.RFC3339) }

// shorten quotes a value for an error, cut where it gets long.
func shorten(s string) string {
	if len(s) > 48 {
		return fmt.Sprintf("%q...", s[:45])
	}
	return fmt.Sprintf("%q", s)
}

// cloneString copies s when it may be part of something larger that must not be kept alive.
func cloneString(s string) string { return strings.Clone(s) }
