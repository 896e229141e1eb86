package httpapi

// Reading events by hand, straight into usage.Event: generic decoders reach 0.2 to 0.4 million
// events a second and core, and the API shares its cores with the engine.

import (
	"cmp"
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"github.com/weirhq/weir/httpapi/compat"
	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// eventFields are the members of an event, for "did you mean".
var eventFields = []string{"id", "tenant_id", "user_id", "feature_type", "quantity", "timestamp", "source", "metadata", "op"}

// batch is the events of one body, or of one chunk of a stream, and those that could not be
// read. It is pooled, because it is large; its events alias doc, which is not.
type batch struct {
	parser  strictjson.Parser
	doc     []byte // what the parser reads; never written to again
	events  []usage.Event
	indexes []int64 // of the events, in the body or stream
	refused rejections
	prefix  string // of pointers: "/events" for a wrapped batch
	cloud   bool   // CloudEvents in the JSON format
	next    int64  // index of the event to come
}

var batchPool = sync.Pool{New: func() any { return new(batch) }}

func getBatch() *batch { return batchPool.Get().(*batch) }

// putBatch recycles a batch that nobody reads any more.
func putBatch(b *batch) {
	if cap(b.events) > pooledEventsMax {
		return
	}
	clear(b.events)
	b.parser.Reset(nil)
	b.doc, b.events, b.indexes = nil, b.events[:0], b.indexes[:0]
	b.refused, b.prefix, b.cloud, b.next = rejections{}, "", false, 0
	batchPool.Put(b)
}

// parseBody reads a JSON body: an array of events, {"events": [...]}, or one event, and says
// whether it was one. Its error refuses the whole body. Strings and metadata of the events are
// parts of doc.
func (b *batch) parseBody(doc []byte) (single bool, err error) {
	b.doc = doc
	p := &b.parser
	p.Reset(doc)
	if p.Peek() == strictjson.TypeArray {
		err = b.parseArray()
	} else {
		single, err = b.parseObject()
	}
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return single, b.refusal(err)
	}
	return single, nil
}

// refusal says why the body is refused. Text that is not JSON is called so, whatever else was
// wrong with it further up.
func (b *batch) refusal(err error) error {
	e := jsonError(err)
	if e.Code == usage.CodeTooLarge || e.Code == usage.CodeMalformedJSON {
		return e
	}
	p := &b.parser
	p.Reset(b.doc)
	broken := p.Skip()
	if broken == nil {
		broken = p.End()
	}
	if broken != nil {
		return jsonError(broken)
	}
	return e
}

// parseObject reads a wrapped batch or one event. The first member tells which it is: no
// event has a member "events", and a batch has no other.
func (b *batch) parseObject() (single bool, err error) {
	p := &b.parser
	mark := p.Mark()
	if err := p.BeginObject(); err != nil {
		return false, err
	}
	key, more, err := p.NextKey()
	if err != nil {
		return false, err
	}
	if !more || string(key) != "events" {
		p.Rewind(mark)
		b.events = append(b.events, usage.Event{})
		return true, b.parseEvent(&b.events[0])
	}
	b.prefix = "/events"
	if err := b.parseArray(); err != nil {
		return false, err
	}
	key, more, err = p.NextKey()
	if err != nil {
		return false, err
	}
	if more {
		return false, p.Fail(strictjson.UnknownField, "a batch has no member "+quoted(string(key))+" beside events; remove it")
	}
	return false, nil
}

// parseArray reads an array of events. An element that is well-formed but wrong is refused for
// itself; text that is not JSON is an error.
func (b *batch) parseArray() error {
	p := &b.parser
	if err := p.BeginArray(); err != nil {
		return err
	}
	for {
		more, err := p.NextElem()
		if err != nil || !more {
			return err
		}
		if b.next == batchEventsMax {
			return refuse(usage.CodeTooLarge, b.prefix, fmt.Sprintf(
				"the batch has more than %d events; send several, or application/x-ndjson", batchEventsMax))
		}
		start, mark := p.Offset(), p.Mark()
		ev := b.grow()
		if err := b.parseOne(ev); err != nil {
			b.shrink()
			p.Rewind(mark)
			if broken := p.Skip(); broken != nil {
				return broken
			}
			b.refused.add(b.next, idOf(b.doc[start:p.Offset()]), jsonError(err))
		}
		b.next++
	}
}

// parseLine reads one line of a stream. Whatever is wrong with it refuses that line.
func (b *batch) parseLine(line []byte) {
	p := &b.parser
	b.doc = line
	p.Reset(line)
	mark := p.Mark()
	err := b.parseEvent(b.grow())
	if err == nil {
		err = p.End()
	}
	if err != nil {
		b.shrink()
		p.Rewind(mark)
		broken := p.Skip()
		if broken == nil {
			broken = p.End()
		}
		id := ""
		if broken != nil {
			err = broken
		} else {
			id = idOf(line)
		}
		e := jsonError(err)
		b.refused.add(b.next, id, refuse(e.Code, b.pointer(b.next)+e.Pointer, e.Detail))
	}
	b.next++
}

// grow appends an event and its index.
func (b *batch) grow() *usage.Event {
	b.events = append(b.events, usage.Event{})
	b.indexes = append(b.indexes, b.next)
	return &b.events[len(b.events)-1]
}

// shrink takes the last event back.
func (b *batch) shrink() {
	last := len(b.events) - 1
	b.events[last] = usage.Event{}
	b.events, b.indexes = b.events[:last], b.indexes[:last]
}

// parseOne reads an event in the form of the body.
func (b *batch) parseOne(ev *usage.Event) error {
	if b.cloud {
		place := b.parser.Pointer()
		err := compat.ReadCloudEvent(&b.parser, ev)
		var e *usage.Error
		if errors.As(err, &e) {
			return refuse(e.Code, place+e.Pointer, e.Detail)
		}
		return err
	}
	return b.parseEvent(ev)
}

// parseEvent reads an event. It checks types and names; what values mean is the engine's.
func (b *batch) parseEvent(ev *usage.Event) error {
	p := &b.parser
	if err := p.BeginObject(); err != nil {
		return err
	}
	for {
		key, more, err := p.NextKey()
		if err != nil || !more {
			return err
		}
		switch string(key) { // does not allocate
		case "id":
			if ev.ID, err = b.text(); err == nil && ev.ID == "" {
				err = refuse(usage.CodeMissingField, p.Pointer(), "id is empty; use 1 to 128 bytes of UTF-8")
			}
		case "tenant_id":
			ev.TenantID, err = b.text()
		case "user_id":
			ev.UserID, err = b.optional("user_id")
		case "feature_type":
			ev.FeatureType, err = b.text()
		case "quantity":
			err = b.quantity(ev)
		case "timestamp":
			err = b.timestamp(ev)
		case "source":
			ev.Source, err = b.text()
		case "metadata":
			if p.Peek() != strictjson.TypeObject {
				err = b.wrongType("an object")
				break
			}
			ev.Metadata, err = p.Raw()
		case "op":
			ev.Op, err = b.optional("op")
		default:
			return b.unknown(string(key), eventFields)
		}
		if err != nil {
			return err
		}
	}
}

// text reads a string without copying it when it has no escapes.
func (b *batch) text() (string, error) {
	p := &b.parser
	if p.Peek() != strictjson.TypeString {
		return "", b.wrongType("a string")
	}
	start := p.Offset() + 1 // behind the quote, as Peek went over white space
	s, err := p.StrBytes()
	if err != nil || len(s) == 0 {
		return "", err
	}
	if len(s) < p.Offset()-1-start { // every escape is longer than what it means
		return string(s), nil
	}
	// s is a part of doc, which nobody writes to for as long as it lives.
	return unsafe.String(&s[0], len(s)), nil
}

// optional reads a string that may be left out but not be empty.
func (b *batch) optional(name string) (string, error) {
	s, err := b.text()
	if err == nil && s == "" {
		return "", refuse(usage.CodeInvalidValue, b.parser.Pointer(), name+" is empty; leave it out instead")
	}
	return s, err
}

// quantity reads a number, or a string that holds one, exactly.
func (b *batch) quantity(ev *usage.Event) error {
	p := &b.parser
	var text []byte
	var err error
	switch p.Peek() {
	case strictjson.TypeNumber:
		text, err = p.NumberBytes()
	case strictjson.TypeString:
		text, err = p.StrBytes()
	default:
		return b.wrongType("a number or a decimal string")
	}
	if err != nil {
		return err
	}
	if ev.Quantity, err = usage.ParseDecimalBytes(text); err != nil {
		return at(p.Pointer(), err)
	}
	return nil
}

func (b *batch) timestamp(ev *usage.Event) error {
	p := &b.parser
	if p.Peek() != strictjson.TypeString {
		return b.wrongType("a string with an RFC 3339 time")
	}
	text, err := p.StrBytes()
	if err != nil {
		return err
	}
	t, ok := usage.ParseTime(text)
	if !ok {
		return usage.TimestampError(p.Pointer(), "timestamp", string(text))
	}
	ev.Timestamp = t
	return nil
}

// wrongType says that the value that comes next is not what was wanted, unless it is not even
// JSON.
func (b *batch) wrongType(want string) error {
	p := &b.parser
	got := p.Peek()
	if got == strictjson.TypeInvalid {
		return p.Skip() // which finds the words for it
	}
	detail := "this must be " + want + ", not " + got.String()
	if got == strictjson.TypeNull {
		detail += "; leave the member out when there is no value"
	}
	return p.Fail(strictjson.WrongType, detail)
}

func (b *batch) unknown(key string, fields []string) error {
	detail := "there is no member " + quoted(key) + " in an event"
	if key == "events" {
		detail += `; a batch is {"events": [...]} and nothing else`
	} else {
		detail += cmp.Or(usage.DidYouMean(key, fields), "; what is your own belongs into metadata")
	}
	return b.parser.Fail(strictjson.UnknownField, detail)
}

// idOf finds the id of a refused event, for the answer. element is well-formed.
func idOf(element []byte) string {
	raw, ok := strictjson.Lookup(element, []string{"id"})
	if !ok || len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	id, err := strictjson.Unquote(raw)
	if err != nil || !usage.ValidIdentifier(id) {
		return ""
	}
	return id
}
