package engine

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
	"github.com/zeebo/xxh3"
)

// operation is the body of a KindOperation item: something other than usage that a client does to a tenant's numbers. Tenant,
// user, feature, quantity and id stand in the item's columns.
type operation struct {
	Op       string `json:"op"`
	TTL      int    `json:"ttl,omitempty"`       // seconds
	OnExpiry string `json:"on_expiry,omitempty"` // of a reservation or lease
	Release  bool   `json:"release,omitempty"`   // of settle: give back the rest

	Meter    string          `json:"meter,omitempty"`    // of adjust
	Quota    string          `json:"quota,omitempty"`    // of reset
	Reason   string          `json:"reason,omitempty"`   // of both
	Metadata json.RawMessage `json:"metadata,omitempty"` // of adjust
	Actor    string          `json:"actor,omitempty"`    // of both, for the audit

	RequestID string `json:"request_id,omitempty"` // of both, for the audit
	Trace     string `json:"trace,omitempty"`      // likewise
}

// The operations. Commit to settle name a hold that is there; the others have an id of their own.
const (
	opReserve = "reserve"
	opLease   = "lease"
	opCommit  = "commit"
	opExtend  = "extend"
	opRelease = "release"
	opSettle  = "settle"

	opAdjust = "adjust"
	opReset  = "reset"
	opVoid   = "void"
)

// makes tells whether the operation makes something under its own id.
func (o *operation) makes() bool {
	return o.Op == opReserve || o.Op == opLease || o.Op == opAdjust || o.Op == opReset
}

// payloadKind is the first byte of what is hashed to tell a retry from a conflict: an id that another kind of write used is one.
func payloadKind(it *item) byte {
	switch {
	case it.Kind == wal.KindConsume:
		return 'c'
	case it.Kind == wal.KindOperation && it.more.op.Op == opLease:
		return 'l'
	case it.Kind == wal.KindOperation:
		return 'r'
	default:
		return 0
	}
}

// consumeBody is the body of a consume of several items.
type consumeBody struct {
	Items []usage.Item `json:"items"`
}

// readBody reads Body into it.more: the parts of a consume of several items, or the operation.
func (p *preparer) readBody(it *item) error {
	if it.Body == nil {
		return nil
	}
	it.more = new(itemMore)
	if it.Kind == wal.KindOperation {
		it.more.op = new(operation)
		if err := json.Unmarshal(it.Body, it.more.op); err != nil {
			return fmt.Errorf("body of an operation: %w", err)
		}
		return nil
	}
	var body consumeBody
	if err := json.Unmarshal(it.Body, &body); err != nil {
		return fmt.Errorf("body of a consume: %w", err)
	}
	for i := range body.Items {
		in := &body.Items[i]
		it.more.subs = append(it.more.subs, &item{Item: wal.Item{
			Kind: wal.KindConsume, Op: opCode(in.Op), Quantity: in.Quantity, Tenant: it.Tenant, TenantNum: it.TenantNum,
			User: it.User, UserNum: it.UserNum, Feature: in.FeatureType, ID: it.ID, Metadata: in.Metadata,
		}})
	}
	return nil
}

// payload hashes what the client sent, of a consume or an operation.
func (p *preparer) payload(it *item) (uint32, error) {
	if it.Kind == wal.KindOperation && (it.more.op.Op == opAdjust || it.more.op.Op == opReset) {
		return p.correctionPayload(it)
	}
	kind := payloadKind(it)
	sum := uint32(0)
	for i, sub := range it.parts() {
		ev := usage.Event{TenantID: it.Tenant, UserID: it.User, FeatureType: sub.Feature, Quantity: sub.Quantity, Op: opName(sub.Op), Metadata: sub.Metadata}
		metaHash := uint64(0)
		if sub.Metadata != nil {
			hash, _, err := p.scanner.Object(sub.Metadata, metadataLimits, p.state.secret)
			if err != nil {
				return 0, err
			}
			metaHash = hash
		}
		var part uint32
		part, p.buf = payloadHash(p.state.secret^uint64(kind)<<56^uint64(i)<<40, p.buf, &ev, metaHash)
		sum = sum*0x9E3779B1 + part
	}
	if it.Kind == wal.KindOperation {
		op := it.more.op
		sum = sum*0x9E3779B1 + uint32(op.TTL)
		for _, c := range []byte(op.OnExpiry) {
			sum = sum*31 + uint32(c)
		}
	}
	return sum, nil
}

// correctionPayload hashes an adjustment or a reset.
func (p *preparer) correctionPayload(it *item) (uint32, error) {
	op := it.more.op
	if op.Op == opReset {
		r := usage.Reset{ID: it.ID, TenantID: it.Tenant, UserID: it.User, Quota: op.Quota, Reason: op.Reason}
		p.buf = r.AppendPayload(p.buf[:0])
		return uint32(xxh3.HashSeed(p.buf, p.state.secret)), nil
	}
	a := usage.Adjustment{ID: it.ID, TenantID: it.Tenant, UserID: it.User, Meter: op.Meter, Quantity: it.Quantity, Reason: op.Reason, Metadata: op.Metadata}
	if it.HasTime {
		a.Timestamp = time.Unix(0, it.TimeNanos)
	}
	metaHash := uint64(0)
	if op.Metadata != nil {
		hash, _, err := p.scanner.Object(op.Metadata, metadataLimits, p.state.secret)
		if err != nil {
			return 0, err
		}
		metaHash = hash
	}
	p.buf = a.AppendPayload(p.buf[:0], metaHash)
	return uint32(xxh3.HashSeed(p.buf, p.state.secret)), nil
}

// request fills it from a consume or a check.
func (p *preparer) request(r *usage.Request, it *item, check bool) *usage.Error {
	if err := r.Validate(check); err != nil {
		return asError(err)
	}
	for i := range r.Items {
		if m := r.Items[i].Metadata; m != nil {
			if _, _, err := p.scanner.Object(m, metadataLimits, p.state.secret); err != nil {
				e := metadataError(err)
				if len(r.Items) > 1 {
					e.Pointer = fmt.Sprintf("/items/%d%s", i, e.Pointer)
				}
				return e
			}
		}
	}
	*it = item{Item: wal.Item{Kind: wal.KindConsume, Tenant: r.TenantID, User: r.UserID, ID: r.ID}}
	if len(r.Items) == 1 {
		in := &r.Items[0]
		it.Op, it.Quantity, it.Feature, it.Metadata = opCode(in.Op), in.Quantity, in.FeatureType, in.Metadata
	} else {
		it.Body = mustJSON(consumeBody{r.Items})
		if err := p.readBody(it); err != nil {
			return asError(err)
		}
	}
	if check { // which has no id, and nothing that it could repeat
		return sizeError(it)
	}
	return p.finish(it)
}

// operation fills it for an operation on a tenant.
func (p *preparer) operation(it *item, base wal.Item, op *operation) *usage.Error {
	if op.Metadata != nil { // before it is written: what is no JSON cannot be
		if _, _, err := p.scanner.Object(op.Metadata, metadataLimits, p.state.secret); err != nil {
			return metadataError(err)
		}
	}
	*it = item{Item: base, more: &itemMore{op: op}}
	it.Kind, it.Body = wal.KindOperation, mustJSON(op)
	return p.finish(it)
}

// sizeError refuses what is too large for the log.
func sizeError(it *item) *usage.Error {
	if wal.EncodedSizeBound(&it.Item) > wal.ItemEncodedBytesMax {
		return &usage.Error{Code: usage.CodeTooLarge, Detail: "the request is larger than 64 KiB; send fewer items or less metadata"}
	}
	return nil
}

// finish hashes a consume or an operation.
func (p *preparer) finish(it *item) *usage.Error {
	if err := sizeError(it); err != nil {
		return err
	}
	it.hash, p.buf = idHash(p.state.secret, p.buf, it.Tenant, it.Source, it.ID) // only voids have a source: that of the event
	sum, err := p.payload(it)
	if err != nil {
		return metadataError(err)
	}
	it.payload = sum
	return nil
}

// matchParts finds the meters of the parts of a consume of several items.
func (it *item) matchParts(cfg *config) {
	if it.more == nil {
		return
	}
	for _, sub := range it.more.subs {
		sub.cfg, sub.match, sub.TenantNum, sub.UserNum = cfg, cfg.matchOf(sub.Feature), it.TenantNum, it.UserNum
	}
}
