package engine

import "github.com/weirhq/weir/wal"

// idTable is one generation of counted ids in memory. One shard owns it.
//
// Nearly every look-up is of a new id and must find nothing, at random places of a table much larger than
// the caches. So the table is in three parts: a byte of tag for each slot, which alone answers 99 % of
// these look-ups and fits into the second-level cache; a reference for each slot; and the ids themselves, in the
// order they came, so that adding one is a sequential write and a checkpoint reads them in one sweep. No pointers: the
// garbage collector does not look inside. (After the tags of Abseil's Swiss tables; linear probing is enough here.)
//
// Slots of whole ids were tried first: at two thirds full a look-up crossed two to three cache lines.
type idTable struct {
	tags []uint8  // 0: empty; else from the id's hash
	refs []uint32 // index into ids, where tags says so
	ids  []idEntry
	// outcomes is beside ids, as far as the last one that is not 0: events, which are most, have none.
	outcomes []uint32
	mask     uint64
	base     uint64 // log index that block offsets count from
}

type idEntry struct {
	hash    wal.Hash
	payload uint32
	offset  uint32 // log index of the block - base
}

// newIDTable makes a table with room for n ids. base is the first log index it can hold.
func newIDTable(n int, base uint64) *idTable {
	slots := 1024
	for !fits(n, slots) {
		slots *= 2
	}
	t := &idTable{ids: make([]idEntry, 0, n), base: base}
	t.size(slots)
	return t
}

// fits tells whether n ids may stand in a table of slots: five eighths full, which half a million ids, a shard's
// part of a generation on two cores, are of 2^20.
func fits(n, slots int) bool { return n <= slots/8*5 }

func (t *idTable) size(slots int) {
	t.tags, t.refs, t.mask = make([]uint8, slots), make([]uint32, slots), uint64(slots-1)
}

// reset empties the table and keeps its memory.
func (t *idTable) reset(base uint64) {
	clear(t.tags)
	t.ids, t.outcomes, t.base = t.ids[:0], t.outcomes[:0], base
}

// tagOf is the tag of a hash; its slot comes from Lo, so Hi is independent of it.
func tagOf(h wal.Hash) uint8 { return uint8(h.Hi) | 1 }

// find returns the entry of h, or nil.
func (t *idTable) find(h wal.Hash) *idEntry {
	tag := tagOf(h)
	for i := h.Lo & t.mask; ; i = (i + 1) & t.mask {
		switch t.tags[i] {
		case 0:
			return nil
		case tag:
			if e := &t.ids[t.refs[i]]; e.hash == h {
				return e
			}
		}
	}
}

// insert adds an id that find did not find.
func (t *idTable) insert(h wal.Hash, payload uint32, block uint64) {
	if !fits(len(t.ids)+1, len(t.tags)) {
		t.size(2 * len(t.tags))
		for i := range t.ids {
			t.place(uint32(i))
		}
	}
	t.ids = append(t.ids, idEntry{hash: h, payload: payload, offset: uint32(block - t.base)})
	t.place(uint32(len(t.ids) - 1))
}

func (t *idTable) place(ref uint32) {
	h := t.ids[ref].hash
	i := h.Lo & t.mask
	for t.tags[i] != 0 {
		i = (i + 1) & t.mask
	}
	t.tags[i], t.refs[i] = tagOf(h), ref
}

// setOutcome keeps an outcome with the newest id.
func (t *idTable) setOutcome(outcome uint32) {
	if outcome == 0 {
		return
	}
	n := len(t.ids)
	t.outcomes = append(t.outcomes, make([]uint32, n-len(t.outcomes))...)
	t.outcomes[n-1] = outcome
}

// outcome returns what setOutcome kept with the id that h is of.
func (t *idTable) outcome(h wal.Hash) uint32 {
	tag := tagOf(h)
	for i := h.Lo & t.mask; t.tags[i] != 0; i = (i + 1) & t.mask {
		if ref := t.refs[i]; t.tags[i] == tag && t.ids[ref].hash == h && int(ref) < len(t.outcomes) {
			return t.outcomes[ref]
		}
	}
	return 0
}

// warm touches the tags of the hashes, so that the cache misses of a batch overlap instead of
// waiting for one another. The caller must keep the result, or the compiler drops the loads.
func (t *idTable) warm(hashes []wal.Hash) (sum uint64) {
	for i := range hashes {
		sum += uint64(t.tags[hashes[i].Lo&t.mask])
	}
	return sum
}

// appendIDs appends every id, in the order they came, to dst.
func (t *idTable) appendIDs(dst []wal.ID) []wal.ID {
	for i := range t.ids {
		e := &t.ids[i]
		id := wal.ID{Hash: e.hash, Payload: e.payload, Block: t.base + uint64(e.offset)}
		if i < len(t.outcomes) {
			id.Outcome = t.outcomes[i]
		}
		dst = append(dst, id)
	}
	return dst
}

func (t *idTable) count() int { return len(t.ids) }

func (t *idTable) bytes() int64 { return int64(cap(t.ids))*24 + int64(len(t.tags))*5 }
