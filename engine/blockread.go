package engine

import (
	"errors"
	"fmt"
	"slices"

	"github.com/weirhq/weir/wal"
)

// Reading the log again: by whoever lists or explains events, and by apply itself, which looks up what it takes back.

// blockSource is a log that can be read again.
type blockSource interface {
	ReadBlock(index uint64) ([]byte, error)
}

// pastBlock is a block of the log that was applied before, decoded. It keeps the newest one read.
type pastBlock struct {
	index   uint64 // 0: none
	nanos   int64  // log time
	items   []wal.Item
	data    []byte // what items alias
	decoder wal.BlockDecoder
}

// read decodes a block. What the block before was decoded to is gone then.
func (p *pastBlock) read(log blockSource, index uint64) error {
	if p.index == index {
		return nil
	}
	p.index = 0
	data, err := log.ReadBlock(index)
	if err != nil {
		return err
	}
	header, items, err := p.decoder.Decode(data)
	if err != nil {
		return fmt.Errorf("block %d: %w", index, err)
	}
	p.index, p.nanos, p.items, p.data = index, header.LogTimeNanos, items, data
	return nil
}

// owns tells whether an item is of a tenant.
func (t *tenant) owns(it *wal.Item) bool {
	return it.TenantNum == t.num || it.TenantNum == 0 && it.Tenant == t.name && it.Kind != wal.KindConfig
}

// blockReader finds the blocks of a tenant as of when it was made: what no checkpoint holds yet, and the rows of the store. It
// takes what is in memory first, so that a checkpoint in between hides nothing; blocks that are in both are the same.
type blockReader struct {
	facts  factsTable
	notes  [2]noteTable
	newest uint64 // number of the tenant's newest note
	tenant uint32 // 0: all blocks
	marks  []*voidMark
	before uint64    // of a replay: voids from this block on are still to come; 0: none are
	view   *wal.View // nil: of a state without a store
	last   uint64    // the newest block that the view may know

	row      factsRow // the one read last
	rowLevel int      // -1: none
	rowChunk uint64
}

// readBlocks returns a reader of a tenant's blocks; nil: of all. The caller closes it, and does not hold shard.mu.
func (s *state) readBlocks(t *tenant) *blockReader {
	if t == nil {
		return s.readAnyBlocks()
	}
	t.shard.mu.Lock()
	defer t.shard.mu.Unlock()
	return t.shard.readBlocks(t)
}

// readBlocks is state.readBlocks for who holds shard.mu.
func (sh *shard) readBlocks(t *tenant) *blockReader {
	if lens := sh.state.lens; lens != nil {
		r := lens.live.readBlocks(lens.tenant)
		r.before = sh.index
		r.marks = slices.DeleteFunc(slices.Clone(r.marks), func(m *voidMark) bool { return m.index >= r.before })
		for _, m := range sh.voids {
			if m.index == r.before {
				r.marks = append(r.marks, m)
			}
		}
		return r
	}
	r := &blockReader{facts: sh.state.facts.snapshot(), tenant: t.num, rowLevel: -1}
	if int(t.slot) < len(sh.newest) {
		r.newest = sh.newest[t.slot].number
	}
	r.notes[0] = *sh.notes
	if sh.frozenNotes != nil {
		r.notes[1] = *sh.frozenNotes
	}
	r.marks = sh.voids[:len(sh.voids):len(sh.voids)]
	r.open(sh.state)
	return r
}

func (s *state) readAnyBlocks() *blockReader {
	r := &blockReader{facts: s.facts.snapshot(), rowLevel: -1}
	for _, sh := range s.shards {
		sh.mu.Lock()
		r.marks = append(r.marks, sh.voids...)
		sh.mu.Unlock()
	}
	r.open(s)
	return r
}

func (r *blockReader) open(s *state) {
	if s.store == nil {
		return
	}
	r.view = s.store.View()
	if meta, ok := r.view.Meta(); ok {
		r.last = meta.Index
	}
}

// Close lets the reader go.
func (r *blockReader) Close() {
	if r.view != nil {
		_ = r.view.Close()
	}
}

// end is the newest block that the reader knows.
func (r *blockReader) end() uint64 {
	return max(r.last, r.facts.first+uint64(len(r.facts.entries))-1)
}

// factsOf returns the facts of a block.
func (r *blockReader) factsOf(index uint64) (blockFacts, error) {
	if f, ok := r.facts.get(index); ok {
		return f, nil
	}
	row, err := r.factsRow(0, index/factsFan)
	if err != nil {
		return blockFacts{}, err
	}
	if i := int(index % factsFan); i < len(row.entries) {
		return row.entries[i], nil
	}
	return blockFacts{}, fmt.Errorf("%w: there are no facts of block %d", wal.ErrCorrupt, index)
}

// factsRow reads a row; one that is not there is empty. It is good until the next call.
func (r *blockReader) factsRow(level int, chunk uint64) (*factsRow, error) {
	if r.rowLevel == level && r.rowChunk == chunk {
		return &r.row, nil
	}
	r.rowLevel, r.row.entries = -1, r.row.entries[:0]
	if r.view == nil {
		return &r.row, nil
	}
	_, err := r.view.Get(wal.AppendFactsKey(nil, uint8(level), chunk), func(value []byte) error {
		return r.row.decode(value, uint8(level))
	})
	if err != nil {
		return nil, fmt.Errorf("facts of blocks, level %d, row %d: %w", level, chunk, err)
	}
	r.rowLevel, r.rowChunk = level, chunk
	return &r.row, nil
}

// set reads the set of the tenant's blocks of which one is index; one that is not there is empty.
func (r *blockReader) set(set *wal.BlockSet, chunk uint32) error {
	set.Reset()
	if r.view == nil {
		return nil
	}
	_, err := r.view.Get(wal.AppendBlocksKey(nil, r.tenant, chunk), set.Decode)
	if err != nil {
		return fmt.Errorf("blocks of tenant %d, row %d: %w", r.tenant, chunk, err)
	}
	return nil
}

// unsaved returns the tenant's blocks that are in memory, ascending.
func (r *blockReader) unsaved() (out []uint64) {
	walkNotes(&r.notes, r.newest, func(index uint64) bool {
		out = append(out, index)
		return true
	})
	slices.Reverse(out)
	return out
}

// descend calls fn for the tenant's blocks that are at most from, the newest first, until it returns an error; errStop ends
// the walk without one.
func (r *blockReader) descend(from uint64, fn func(index uint64) error) error {
	err := r.walkDown(from, fn)
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

func (r *blockReader) walkDown(from uint64, fn func(index uint64) error) (err error) {
	if r.tenant == 0 {
		for index := min(from, r.end()); index > 0 && err == nil; index-- {
			err = fn(index)
		}
		return err
	}
	below := from + 1
	visit := func(index uint64) bool {
		if index < below {
			below = index
			err = fn(index)
		}
		return err == nil
	}
	if !walkNotes(&r.notes, r.newest, visit) || r.last == 0 {
		return err
	}
	var set wal.BlockSet
	for chunk := int64(min(below-1, r.last) / wal.BlockSetSpan); chunk >= 0; chunk-- {
		if err := r.set(&set, uint32(chunk)); err != nil {
			return err
		}
		if !set.Descend(wal.BlockSetSpan-1, func(low uint16) bool { return visit(uint64(chunk)*wal.BlockSetSpan + uint64(low)) }) {
			return err
		}
	}
	return nil
}

// over calls fn for the tenant's blocks that are at most to and hold something in a span of minutes, ascending. Of the rest it
// reads no more than a few rows.
func (r *blockReader) over(span timeSpan, to uint64, fn func(index uint64, f blockFacts) error) error {
	if r.last > 0 {
		for top := range min(to, r.last)/topSpan + 1 {
			if err := r.overStored(factsLevels-1, top, span, min(to, r.facts.first-1), nil, fn); err != nil {
				return err
			}
		}
	}
	for _, index := range r.unsaved() {
		if index < r.facts.first || index > to {
			continue
		}
		if f, _ := r.facts.get(index); f.span.meets(span) {
			if err := fn(index, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// topSpan is how many blocks a row of the top level is about.
const topSpan = factsFan * factsFan * factsFan

// overStored goes through one row and down to those below that have something in the span. set is the tenant's blocks, from
// the level on where a row is about as many blocks as a set.
func (r *blockReader) overStored(level int, chunk uint64, span timeSpan, to uint64, set *wal.BlockSet, fn func(uint64, blockFacts) error) error {
	row, err := r.factsRow(level, chunk)
	if err != nil {
		return err
	}
	if level == setLevel {
		set = new(wal.BlockSet)
		if err := r.set(set, uint32(chunk)); err != nil || set.Len() == 0 {
			return err
		}
		if row, err = r.factsRow(level, chunk); err != nil {
			return err
		}
	}
	for i, f := range slices.Clone(row.entries) { // the row is read over by those below
		number := chunk*factsFan + uint64(i)
		switch {
		case !f.span.meets(span):
		case level > 0:
			if set != nil && !set.Meets(uint32(number%factsFan*factsFan), uint32(number%factsFan*factsFan+factsFan)) {
				continue
			}
			if err := r.overStored(level-1, number, span, to, set, fn); err != nil {
				return err
			}
		case number <= to && set.Has(uint16(number)):
			if err := fn(number, f); err != nil {
				return err
			}
		}
	}
	return nil
}

// setLevel is the level whose rows are about the blocks of one wal.BlockSet.
const setLevel = 1
