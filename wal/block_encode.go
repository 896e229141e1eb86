package wal

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
)

// BlockEncoder turns items into blocks. The zero value is ready; it keeps its memory from
// block to block and nothing of the items. Not safe for concurrent use.
type BlockEncoder struct {
	seed uint64

	// One slice per column. Those of optional fields hold only the items that have them.
	kind, op            []int64
	tenantNum, userNum  []int64
	tenant, user        dictionary // of the items whose number is 0
	feature, source     dictionary
	idForm, idSize      []int64 // per item: 1 a UUID, 0 text; per text: its bytes
	idHigh, idLow       []int64 // per UUID
	idVersion           []int64
	scale, coefficient  []int64 // per item: 0 or 1 + scale; per quantity
	hasTime, timeOffset []int64
	metadata            metadataEncoder
	bodySize            []int64 // per item: 0 or 1 + bytes

	text, raw []byte // the heaps
	packed    []byte // scratch: a compressed heap
	columns   []byte // scratch: the columns, until the heaps are complete
	lengths   []int64

	// report, when set, hears the size of the block after each part. For tests.
	report func(part string, size int)
}

// Encode appends the block of all the items to dst. Both may be empty: a block without
// items says that time has passed.
//
// The caller has checked each item with [EncodedSizeBound]. It panics when the items do not
// fit one block; they do when they are at most [BlockItemsMax], the bounds of all but the
// last sum to less than [BlockEncodedBytesClose], and their [DecodedSize] sums to at most
// [BlockDecodedBytesMax]. [BlockEncoder.EncodeFront] finds out by itself how many fit, and
// packs more into a block than these worst-case bounds allow.
//
// It does not allocate once its memory has grown to the size of the blocks, but for dst.
// O(items); about 150 ns for a request-log event (BenchmarkBlockEncode).
func (e *BlockEncoder) Encode(dst []byte, h BlockHeader, items []*Item) []byte {
	dst, n := e.EncodeFront(dst, h, items)
	if n < len(items) {
		panic(fmt.Sprintf("BUG: %d items given to one block, %d fit", len(items), n))
	}
	return dst
}

// EncodeFront is Encode for as many of the items as fit one block, and returns their
// number: it is 0 only when there are none. The block is closed once its size has reached
// [BlockEncodedBytesClose], every repetition taken into account, but not the compression of
// its heaps.
func (e *BlockEncoder) EncodeFront(dst []byte, h BlockHeader, items []*Item) (block []byte, n int) {
	e.reset()
	size, decoded := 0, 0
	for n < len(items) && n < BlockItemsMax && size < BlockEncodedBytesClose {
		it := items[n]
		checkItem(it)
		if decoded += DecodedSize(it); decoded > BlockDecodedBytesMax {
			break
		}
		size += e.add(items, n)
		n++
	}
	return e.finish(dst, h, items[:n]), n
}

// reset forgets the block before.
func (e *BlockEncoder) reset() {
	if e.seed == 0 {
		e.seed = rand.Uint64() | 1
	}
	e.kind, e.op, e.tenantNum, e.userNum = e.kind[:0], e.op[:0], e.tenantNum[:0], e.userNum[:0]
	e.tenant.reset(e.seed)
	e.user.reset(e.seed)
	e.feature.reset(e.seed)
	e.source.reset(e.seed)
	e.idForm, e.idSize = e.idForm[:0], e.idSize[:0]
	e.idHigh, e.idLow, e.idVersion = e.idHigh[:0], e.idLow[:0], e.idVersion[:0]
	e.scale, e.coefficient = e.scale[:0], e.coefficient[:0]
	e.hasTime, e.timeOffset = e.hasTime[:0], e.timeOffset[:0]
	e.bodySize = e.bodySize[:0]
	e.metadata.reset()
	e.text, e.raw, e.columns = e.text[:0], e.raw[:0], e.columns[:0]
}

// Bounds of what one value adds to its column. A column is never larger than its header and
// the varints of its values (bitpack.go), and the header is in BlockOverheadMax.
const (
	itemNumBound   = 5       // a varint of 32 bits
	itemUUIDBound  = 16      // 60 + 62 + 6 bits
	itemFixedBound = 1 + 1 + // kind, op
		2*itemNumBound + // tenant, user
		1 + // form of the id
		1 + 1 // scale, presence of the time
	itemBodyBound     = 3
	itemTimeBound     = binary.MaxVarintLen64
	itemQuantityBound = binary.MaxVarintLen64
)

// EncodedSizeBound returns an upper bound of what one item adds to an encoded block,
// whatever the others are: n items take at most the sum of their bounds and
// [BlockOverheadMax]. It assumes that nothing repeats; most items add a small part of it.
// An item whose bound is over [ItemEncodedBytesMax] must be refused.
func EncodedSizeBound(it *Item) int {
	const text = dictionaryLengthMax + dictionaryRefMax
	size := itemFixedBound + itemTimeBound + itemQuantityBound + itemBodyBound +
		4*text + len(it.Feature) + len(it.Source) + len(it.Body) +
		max(itemUUIDBound, dictionaryLengthMax+len(it.ID)) + dictionaryRefMax
	if it.TenantNum == 0 {
		size += len(it.Tenant)
	}
	if it.UserNum == 0 {
		size += len(it.User)
	}
	if it.Metadata != nil {
		// At worst its shape is stored for it and the next item only, its values beside.
		slots := min(len(it.Spans), metadataSlotsMax)
		size += metadataShapeBound + 2*len(it.Metadata) + slots*(metadataSlotBound+text)
	}
	return size
}

// add appends the values of items[index] to their columns and returns how many bytes it
// adds to the block, at most.
func (e *BlockEncoder) add(items []*Item, index int) (sizeBound int) {
	it := items[index]
	e.kind = append(e.kind, int64(it.Kind))
	e.op = append(e.op, storedOp(it))
	sizeBound = itemFixedBound

	e.tenantNum = append(e.tenantNum, int64(it.TenantNum))
	if it.TenantNum == 0 {
		sizeBound += e.tenant.add(it.Tenant)
	}
	e.userNum = append(e.userNum, int64(it.UserNum))
	if it.UserNum == 0 {
		sizeBound += e.user.add(it.User)
	}
	sizeBound += e.feature.add(it.Feature)
	sizeBound += e.source.add(it.Source)

	if u, ok := parseUUID(it.ID); ok {
		e.idForm = append(e.idForm, 1)
		e.idHigh = append(e.idHigh, u.high)
		e.idVersion = append(e.idVersion, u.version)
		e.idLow = append(e.idLow, u.low)
		sizeBound += itemUUIDBound
	} else {
		e.idForm = append(e.idForm, 0)
		e.idSize = append(e.idSize, int64(len(it.ID)))
		e.raw = append(e.raw, it.ID...)
		sizeBound += dictionaryLengthMax + len(it.ID)
	}

	if it.Quantity.IsSet() {
		coefficient, scale := it.Quantity.Parts()
		e.scale = append(e.scale, int64(scale)+1)
		e.coefficient = append(e.coefficient, coefficient)
		sizeBound += varintSize(coefficient)
	} else {
		e.scale = append(e.scale, 0)
	}
	if it.HasTime {
		e.hasTime = append(e.hasTime, 1)
		e.timeOffset = append(e.timeOffset, it.TimeNanos) // made an offset when all are known
		sizeBound += itemTimeBound
	} else {
		e.hasTime = append(e.hasTime, 0)
	}
	sizeBound += e.metadata.add(items, index)

	if it.Body == nil {
		e.bodySize = append(e.bodySize, 0)
		return sizeBound + 1
	}
	e.bodySize = append(e.bodySize, int64(len(it.Body))+1)
	e.raw = append(e.raw, it.Body...)
	return sizeBound + itemBodyBound + len(it.Body)
}

// storedOp is the operation of an item as it stands in a block.
func storedOp(it *Item) int64 {
	if it.Backfill {
		return int64(it.Op) + itemOpBackfill
	}
	return int64(it.Op)
}

// checkItem panics on an item that a reader would refuse: better no block than that.
func checkItem(it *Item) {
	if it.Kind < KindEvent || it.Kind > itemKindMax || it.Op > itemOpMax {
		panic(fmt.Sprintf("BUG: item of kind %d, op %d", it.Kind, it.Op))
	}
	if bound := EncodedSizeBound(it); bound > ItemEncodedBytesMax {
		panic(fmt.Sprintf("BUG: item of up to %d bytes, more than %d", bound, ItemEncodedBytesMax))
	}
}

// finish puts the block together.
func (e *BlockEncoder) finish(dst []byte, h BlockHeader, items []*Item) []byte {
	e.appendColumns(h, items)
	start := len(dst)
	dst = append(dst, blockMagicV1, 0, 0, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(h.LogTimeNanos))
	dst = binary.AppendUvarint(dst, uint64(len(items)))
	e.say("frame", len(dst)-start)
	mark := len(dst)
	dst = appendHeap(dst, e.text, &e.packed)
	e.say("text heap", len(dst)-mark)
	mark = len(dst)
	dst = appendHeap(dst, e.raw, &e.packed)
	e.say("raw heap", len(dst)-mark)
	dst = append(dst, e.columns...)
	blockSeal(dst[start:])
	return dst
}

// appendColumns writes the columns, in the order that readers expect, and the text heap.
func (e *BlockEncoder) appendColumns(h BlockHeader, items []*Item) {
	c, text := e.columns, e.text
	mark := 0
	say := func(part string) {
		e.say(part, len(c)-mark)
		mark = len(c)
	}
	c = appendInts(c, e.kind)
	c = appendInts(c, e.op)
	say("kind, op")
	c = appendInts(c, e.tenantNum)
	c, text = e.tenant.appendTo(c, text, &e.lengths)
	say("tenant")
	c = appendInts(c, e.userNum)
	c, text = e.user.appendTo(c, text, &e.lengths)
	say("user")
	c, text = e.feature.appendTo(c, text, &e.lengths)
	say("feature")
	c, text = e.source.appendTo(c, text, &e.lengths)
	say("source")
	c = appendInts(c, e.idForm)
	c = appendInts60(c, e.idHigh)
	c = appendInts(c, e.idVersion)
	c = appendInts60(c, e.idLow)
	c = appendInts(c, e.idSize)
	say("id")
	c = appendInts(c, e.scale)
	c = appendInts(c, e.coefficient)
	say("quantity")
	c = appendInts(c, e.hasTime)
	c = appendTimes(c, e.timeOffset, h.LogTimeNanos)
	say("time")
	c, text = e.metadata.appendTo(c, text, items, &e.lengths)
	say("metadata")
	c = appendInts(c, e.bodySize)
	say("body")
	e.columns, e.text = c, text
}

func (e *BlockEncoder) say(part string, size int) {
	if e.report != nil {
		e.report(part, size)
	}
}
