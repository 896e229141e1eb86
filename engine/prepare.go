package engine

import (
	"errors"
	"fmt"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// preparer computes what an item needs before it is judged: hashes, numbers of its tenant and
// user, its meters. It runs in the caller's goroutine, without locks, on any number of cores. Not concurrent
// itself: callers take one from a pool.
type preparer struct {
	state   *state
	scanner strictjson.Scanner
	buf     []byte
	tenants []*tenant
	users   []*hashSlots[uint32]
}

var metadataLimits = strictjson.Limits{
	Bytes: usage.MetadataBytesMax, Keys: usage.MetadataKeysMax, Depth: usage.MetadataDepthMax,
}

// event fills it from ev. spans is where the item's spans are kept; the grown slice is returned. The
// item aliases ev's strings and metadata until its block is applied.
func (p *preparer) event(ev *usage.Event, it *item, spans []strictjson.Span) ([]strictjson.Span, *usage.Error) {
	if err := ev.Validate(); err != nil {
		return spans, asError(err)
	}
	*it = item{} // then field by field: a composite of this size is built aside and copied
	it.Kind, it.Op, it.Quantity = wal.KindEvent, opCode(ev.Op), ev.Quantity
	it.Tenant, it.User, it.Feature, it.Source, it.ID = ev.TenantID, ev.UserID, ev.FeatureType, ev.Source, ev.ID
	if !ev.Timestamp.IsZero() {
		if err := outOfTime(ev.Timestamp); err != nil {
			return spans, err
		}
		it.HasTime, it.TimeNanos = true, ev.Timestamp.UnixNano()
	}
	var metaHash uint64
	if ev.Metadata != nil {
		hash, found, err := p.scanner.Object(ev.Metadata, metadataLimits, p.state.secret)
		if err != nil {
			return spans, metadataError(err)
		}
		metaHash = hash
		it.Metadata = ev.Metadata
		from := len(spans)
		spans = append(spans, found...)
		it.Spans = spans[from:len(spans):len(spans)]
	}
	it.hash, p.buf = idHash(p.state.secret, p.buf, ev.TenantID, ev.Source, ev.ID)
	it.payload, p.buf = payloadHash(p.state.secret, p.buf, ev, metaHash)
	return spans, nil
}

// find looks up the numbers and meters of items that are known now. Each look-up is a chain of cache
// misses, so they are done in short loops, where those of neighbouring items overlap.
func (p *preparer) find(items []item) {
	s := p.state
	cfg := s.cfg.Load()
	p.tenants = p.tenants[:0]
	for i := range items {
		p.tenants = append(p.tenants, s.dir.tenant(items[i].Tenant))
	}
	for i := range items {
		it := &items[i]
		it.cfg, it.match = cfg, cfg.matchOf(it.Feature)
		if t := p.tenants[i]; t != nil {
			it.TenantNum = t.num
		}
		it.matchParts(cfg)
	}
	p.users = p.users[:0]
	for i := range items {
		var table *hashSlots[uint32]
		if t := p.tenants[i]; t != nil && items[i].User != "" {
			table = t.numbers.p.Load()
		}
		p.users = append(p.users, table)
	}
	for i, table := range p.users {
		if table != nil {
			items[i].UserNum = table.get(nameHash(s.secret, items[i].User))
		}
	}
	p.findValues(items)
	clear(p.tenants)
	clear(p.users)
}

// findValues extracts the values of the dimensions of items, and looks up their numbers.
func (p *preparer) findValues(items []item) {
	count := 0
	for i := range items {
		for _, part := range items[i].parts() {
			if part.match != nil {
				count += len(part.match.dims)
			}
		}
	}
	if count == 0 {
		return
	}
	values := make([]dimValue, 0, count)
	for i := range items {
		for _, part := range items[i].parts() {
			if part.match == nil || len(part.match.dims) == 0 {
				continue
			}
			from := len(values)
			values = part.match.appendValues(values, part)
			part.values = values[from:len(values):len(values)]
			if t := p.tenants[i]; t != nil {
				p.number(t, part.values)
			}
		}
	}
}

// number fills in the numbers that values have by now.
func (p *preparer) number(t *tenant, values []dimValue) {
	table := t.numbers.p.Load()
	if table == nil {
		return
	}
	for i := range values {
		if v := &values[i]; v.num == 0 && v.name != "" {
			v.num = table.get(nameHash(p.state.secret, v.name))
		}
	}
}

// matchOf returns the meters that count a feature type, or nil.
func (c *config) matchOf(feature string) *match { return c.byEvent[feature] }

// complete does for an item that was read from a block what event does for one that was sent.
func (p *preparer) complete(it *item) error {
	if it.Kind == wal.KindConfig {
		return nil
	}
	s := p.state
	if it.TenantNum != 0 {
		t := s.dir.number(it.TenantNum)
		if t == nil {
			return fmt.Errorf("item names tenant number %d, which no entry made", it.TenantNum)
		}
		it.Tenant = t.name
	}
	if it.UserNum != 0 && it.User == "" {
		name, ok := s.dir.number(it.TenantNum).userName(it.UserNum)
		if !ok {
			return fmt.Errorf("item names user number %d of tenant %d, which no entry made", it.UserNum, it.TenantNum)
		}
		it.User = name
	}
	if it.Kind != wal.KindEvent {
		if err := p.readBody(it); err != nil {
			return err
		}
		var err error
		it.hash, p.buf = idHash(s.secret, p.buf, it.Tenant, it.Source, it.ID)
		it.payload, err = p.payload(it)
		return err
	}
	ev := usage.Event{
		ID: it.ID, TenantID: it.Tenant, UserID: it.User, FeatureType: it.Feature,
		Quantity: it.Quantity, Source: it.Source, Op: opName(it.Op), Metadata: it.Metadata,
	}
	if it.HasTime {
		ev.Timestamp = time.Unix(0, it.TimeNanos)
	}
	var metaHash uint64
	if it.Metadata != nil {
		hash, _, err := p.scanner.Object(it.Metadata, metadataLimits, s.secret)
		if err != nil {
			return fmt.Errorf("metadata of a stored event: %w", err)
		}
		metaHash = hash
	}
	it.hash, p.buf = idHash(s.secret, p.buf, it.Tenant, it.Source, it.ID)
	it.payload, p.buf = payloadHash(s.secret, p.buf, &ev, metaHash)
	return nil // its meters are matched in judge, with the configuration of its place
}

// asError returns err as the *usage.Error that it is.
func asError(err error) *usage.Error {
	var e *usage.Error
	if errors.As(err, &e) {
		return e
	}
	return &usage.Error{Code: usage.CodeInvalidValue, Detail: err.Error()}
}

// metadataError says what is wrong with metadata in the words of the API.
func metadataError(err error) *usage.Error {
	e, ok := err.(*strictjson.Error)
	if !ok {
		return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/metadata", Detail: err.Error()}
	}
	code := usage.CodeInvalidValue
	switch e.Kind {
	case strictjson.Malformed:
		code = usage.CodeMalformedJSON
	case strictjson.DuplicateKey:
		code = usage.CodeDuplicateKey
	case strictjson.InvalidUTF8:
		code = usage.CodeInvalidUTF8
	case strictjson.WrongType:
		code = usage.CodeWrongType
	}
	return &usage.Error{Code: code, Pointer: "/metadata" + e.Pointer, Detail: e.Detail}
}
