package wal

import (
	"encoding/binary"
	"fmt"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// BlockDecoder turns blocks back into items. The zero value is ready. It keeps its memory
// from block to block. Not safe for concurrent use.
type BlockDecoder struct {
	items []Item

	// Arenas of what the items point to. When one is full a larger one replaces it, and the
	// items before keep the old one alive; so views stay valid, and after a few blocks of a
	// kind one arena is enough.
	ints   []int64
	strs   []string
	text   []byte // metadata
	uuids  []byte // ids
	spans  []strictjson.Span
	heaps  [2][]byte // uncompressed heaps
	shapes []decodedShape
	slots  []decodedSlot
}

// Decode verifies a block and returns its items in order.
//
// The strings and slices of the items alias the decoder's memory and the block: they are
// valid until the next Decode, and only while the block's bytes do not change. Whoever keeps one
// longer copies it (strings.Clone).
//
// Errors: ErrCorrupt (a *CorruptError) for bytes that no encoder wrote, ErrUnknownVersion,
// ErrUnknownKind. It never panics on hostile bytes, and its memory is bounded by the limits
// of a block. It does not allocate once that memory has grown. O(items); about
// 100 ns for a request-log event (BenchmarkBlockDecode).
func (d *BlockDecoder) Decode(block []byte) (BlockHeader, []Item, error) {
	if err := blockOpen(block); err != nil {
		return BlockHeader{}, nil, err
	}
	h := BlockHeader{LogTimeNanos: int64(binary.LittleEndian.Uint64(block[5:]))}
	d.ints, d.strs, d.text, d.spans = d.ints[:0], d.strs[:0], d.text[:0], d.spans[:0]
	r := blockReader{buf: block, off: blockHeaderSize}
	n := r.count("item count", BlockItemsMax)
	if cap(d.items) < n {
		d.items = make([]Item, n)
	}
	d.items = d.items[:n]
	text, raw := r.heap("text heap", &d.heaps[0]), r.heap("raw heap", &d.heaps[1])

	var c blockColumns
	d.readColumns(&r, &c, &text, h)
	if r.err == nil && (r.off != len(block) || text.off != len(text.buf)) {
		r.fail("bytes left over")
	}
	if r.err != nil {
		return BlockHeader{}, nil, r.err
	}
	d.assemble(&r, &c, &raw)
	if r.err == nil && raw.off != len(raw.buf) {
		r.fail("raw heap: bytes left over")
	}
	if r.err != nil {
		return BlockHeader{}, nil, r.err
	}
	return h, d.items, nil
}

// blockColumns are the columns of a block, unpacked.
type blockColumns struct {
	kind, op                 []int64
	tenantNum, userNum       []int64
	tenant, user             blockStrings
	feature, source          blockStrings
	idForm, idSize           []int64
	idHigh, idVersion, idLow []int64
	scale, coefficient       []int64
	hasTime, times           []int64
	shapeRefs                []int64 // nil: no metadata at all
	bodySize                 []int64
}

// readColumns reads all columns, in the order of BlockEncoder.appendColumns.
func (d *BlockDecoder) readColumns(
	r *blockReader, c *blockColumns, text *blockHeap, h BlockHeader,
) {
	n := len(d.items)
	c.kind = d.takeInts(n)
	r.ints("kinds", c.kind)
	for _, kind := range c.kind {
		if r.err == nil && (kind < int64(KindEvent) || kind > int64(itemKindMax)) {
			r.err = fmt.Errorf("%w (%d)", ErrUnknownKind, kind)
		}
	}
	c.op = d.takeInts(n)
	r.intsBelow("ops", c.op, 2*itemOpBackfill)

	c.tenantNum = d.takeInts(n)
	r.intsBelow("tenant numbers", c.tenantNum, 1<<32)
	c.tenant = d.strings(r, text, "tenants", countOf(c.tenantNum, 0))
	c.userNum = d.takeInts(n)
	r.intsBelow("user numbers", c.userNum, 1<<32)
	c.user = d.strings(r, text, "users", countOf(c.userNum, 0))
	c.feature = d.strings(r, text, "features", n)
	c.source = d.strings(r, text, "sources", n)

	c.idForm = d.takeInts(n)
	r.intsBelow("id forms", c.idForm, 2)
	uuids := countOf(c.idForm, 1)
	c.idHigh, c.idVersion, c.idLow = d.takeInts(uuids), d.takeInts(uuids), d.takeInts(uuids)
	r.intsBelow("id high", c.idHigh, 1<<60)
	r.intsBelow("id version", c.idVersion, 1<<6)
	r.intsBelow("id low", c.idLow, 1<<62)
	c.idSize = d.takeInts(n - uuids)
	r.intsBelow("id lengths", c.idSize, ItemEncodedBytesMax)

	c.scale = d.takeInts(n)
	r.intsBelow("quantity scales", c.scale, usage.DecimalScaleMax+2)
	c.coefficient = d.takeInts(n - countOf(c.scale, 0))
	r.ints("quantities", c.coefficient)
	c.hasTime = d.takeInts(n)
	r.intsBelow("presence of times", c.hasTime, 2)
	c.times = d.takeInts(countOf(c.hasTime, 1))
	r.times(c.times, h.LogTimeNanos)

	c.shapeRefs = d.readMetadata(r, text, n)
	c.bodySize = d.takeInts(n)
	r.intsBelow("body lengths", c.bodySize, ItemEncodedBytesMax)
}

// assemble makes the items from the columns, row by row: an item is several cache lines,
// so each is written once.
func (d *BlockDecoder) assemble(r *blockReader, c *blockColumns, raw *blockHeap) {
	if need := len(c.idHigh) * uuidTextSize; cap(d.uuids) < need {
		d.uuids = make([]byte, need)
	}
	// The next value of each column that not every item has.
	var tenant, user, uuid, idText, quantity, time int
	decoded := 0
	for i := range d.items {
		it := &d.items[i]
		*it = Item{
			Kind:      ItemKind(c.kind[i]),
			Op:        uint8(c.op[i] % itemOpBackfill),
			Backfill:  c.op[i] >= itemOpBackfill,
			TenantNum: uint32(c.tenantNum[i]),
			UserNum:   uint32(c.userNum[i]),
			Feature:   c.feature.at(i),
			Source:    c.source.at(i),
		}
		if it.TenantNum == 0 {
			it.Tenant = c.tenant.at(tenant)
			tenant++
		}
		if it.UserNum == 0 {
			it.User = c.user.at(user)
			user++
		}
		if c.idForm[i] == 1 {
			dst := d.uuids[uuid*uuidTextSize : (uuid+1)*uuidTextSize]
			blockUUID{c.idHigh[uuid], c.idLow[uuid], c.idVersion[uuid]}.format(dst)
			it.ID = viewString(dst)
			uuid++
		} else {
			it.ID = viewString(raw.take(r, "ids", int(c.idSize[idText])))
			idText++
		}
		if c.scale[i] > 0 {
			it.Quantity = decimalOf(c.coefficient[quantity], c.scale[i])
			quantity++
		}
		if c.hasTime[i] == 1 {
			it.HasTime, it.TimeNanos = true, c.times[time]
			time++
		}
		if c.shapeRefs != nil && c.shapeRefs[i] > 0 {
			d.buildMetadata(r, it, &d.shapes[c.shapeRefs[i]-1])
		}
		if c.bodySize[i] > 0 {
			it.Body = notNil(raw.take(r, "bodies", int(c.bodySize[i])-1))
		}
		decoded += DecodedSize(it)
		if decoded > BlockDecodedBytesMax || r.err != nil {
			r.fail("items too large")
			return
		}
	}
}

// notNil makes an empty text of none: the two are not the same to an item.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// decimalOf is the inverse of taking a quantity apart; scale is as stored, 1 + decimals.
func decimalOf(coefficient, scale int64) usage.Decimal {
	if scale == 1 {
		return usage.Int(coefficient)
	}
	return usage.FromUnits(coefficient, int(scale)-1)
}

// countOf returns how many of vals are v.
func countOf(vals []int64, v int64) int {
	n := 0
	for _, x := range vals {
		if x == v {
			n++
		}
	}
	return n
}

// takeInts returns n integers of the arena, of any value.
func (d *BlockDecoder) takeInts(n int) []int64 {
	if cap(d.ints)-len(d.ints) < n {
		d.ints = make([]int64, 0, max(2*cap(d.ints), n, 1024))
	}
	end := len(d.ints) + n
	d.ints = d.ints[:end]
	return d.ints[end-n : end : end]
}

// takeStrings returns n strings of the arena, of any value.
func (d *BlockDecoder) takeStrings(n int) []string {
	if cap(d.strs)-len(d.strs) < n {
		d.strs = make([]string, 0, max(2*cap(d.strs), n, 256))
	}
	end := len(d.strs) + n
	d.strs = d.strs[:end]
	return d.strs[end-n : end : end]
}
