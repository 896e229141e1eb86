package engine

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"

	"github.com/weirhq/weir/wal"
)

// Facts of blocks: when the events in a block happened, and which of its items did not count. With them a scan for one minute
// skips the blocks that have nothing in it, and nobody has to ask the dedup index of every item whether it is the copy
// that counted.
//
// A row holds the facts of 256 neighbours. Rows of level 0 are about blocks; an entry of a row above is about a whole row below,
// and says only the time. So a search through a billion blocks reads a few rows where nothing matches.

const (
	factsFan    = 256 // entries of a row
	factsLevels = 3   // rows of the top level are about 16.7 M blocks each
)

// timeSpan is the minutes that something covers, both ends included. It is empty when min > max.
type timeSpan struct{ min, max int64 }

var noTime = timeSpan{math.MaxInt64, math.MinInt64}

func (s timeSpan) empty() bool { return s.min > s.max }
func (s timeSpan) meets(o timeSpan) bool {
	return s.min <= o.max && o.min <= s.max && !s.empty() && !o.empty()
}
func (s timeSpan) with(o timeSpan) timeSpan { return timeSpan{min(s.min, o.min), max(s.max, o.max)} }

// blockFacts is what is known of one block.
type blockFacts struct {
	span    timeSpan
	skipped []uint16 // positions of the items that did not count, ascending
}

// counts tells whether the item at a position counted.
func (f *blockFacts) counts(position int) bool {
	_, found := slices.BinarySearch(f.skipped, uint16(position))
	return !found
}

// sight widens what the block at hand covers to a time in unix nanoseconds. The caller is the shard.
func (sh *shard) sight(nanos int64) {
	sh.sighted.min = min(sh.sighted.min, nanos)
	sh.sighted.max = max(sh.sighted.max, nanos)
}

// factsLog is the facts of the blocks since the last checkpoint. Apply adds to it between blocks; anyone reads.
type factsLog struct {
	mu sync.Mutex // guards the block below
	factsTable
	cut int // entries before it are part of a checkpoint
}

// factsTable is the facts of neighbouring blocks. Slices only grow, so a copy of the struct may be read without the lock.
type factsTable struct {
	first   uint64 // log index of entries[0]
	entries []factsEntry
	skipped []uint16 // of all entries, one after another
	config  []uint64 // log indices of the blocks of configuration, ascending
}

// factsEntry is 12 bytes: there may be half a million blocks of one event between two checkpoints.
type factsEntry struct {
	min, max   int32 // minutes; min > max: none
	skippedEnd uint32
}

func newFactsLog() *factsLog { return &factsLog{factsTable: factsTable{first: 1}} }

// add enters the next block. span is in minutes.
func (l *factsLog) add(index uint64, span timeSpan, skipped []uint16, config bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.entries) == 0 {
		l.first = index
	}
	e := factsEntry{min: 0, max: -1}
	if !span.empty() { // the years 1700 to 2200 in minutes fit 32 bits
		e.min, e.max = int32(span.min), int32(span.max)
	}
	l.skipped = append(l.skipped, skipped...)
	e.skippedEnd = uint32(len(l.skipped))
	l.entries = append(l.entries, e)
	if config {
		l.config = append(l.config, index)
	}
}

// snapshot returns the facts as they are now.
func (l *factsLog) snapshot() factsTable {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.factsTable
}

// get returns the facts of a block, and false when they are not in the table.
func (t *factsTable) get(index uint64) (f blockFacts, ok bool) {
	if index < t.first || index-t.first >= uint64(len(t.entries)) {
		return f, false
	}
	return t.at(int(index - t.first)), true
}

// at returns the facts of entry i.
func (t *factsTable) at(i int) blockFacts {
	e, from := t.entries[i], uint32(0)
	if i > 0 {
		from = t.entries[i-1].skippedEnd
	}
	f := blockFacts{span: noTime, skipped: t.skipped[from:e.skippedEnd:e.skippedEnd]}
	if e.min <= e.max {
		f.span = timeSpan{int64(e.min), int64(e.max)}
	}
	return f
}

// factsCut is what one checkpoint has to write: the facts of the table from an entry on. The writer takes them out, since everybody waits
// for the cut, and blocks of one event are a million.
type factsCut struct {
	factsTable
	from int
}

func (l *factsLog) cutFacts() factsCut {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := factsCut{l.factsTable, l.cut}
	l.cut = len(l.entries)
	return c
}

// saved forgets what was cut: the store has it.
func (l *factsLog) saved() {
	l.mu.Lock()
	defer l.mu.Unlock()
	rest := l.entries[l.cut:]
	l.first += uint64(l.cut)
	gone := uint32(0)
	if l.cut > 0 {
		gone = l.entries[l.cut-1].skippedEnd
	}
	l.skipped = slices.Clone(l.skipped[gone:])
	l.entries = make([]factsEntry, len(rest))
	for i, e := range rest {
		e.skippedEnd -= gone
		l.entries[i] = e
	}
	l.config = slices.Clone(l.config[len(l.config)-countFrom(l.config, l.first):])
	l.cut = 0
}

// countFrom is how many of ascending numbers are at least from.
func countFrom(numbers []uint64, from uint64) int {
	i, _ := slices.BinarySearch(numbers, from)
	return len(numbers) - i
}

// factsRow is the stored form of 256 neighbours, as far as they are there.
//
//	┌────────┬───────────┬───────────────────────────────────────────────────────────────────────────┐
//	│ 1 (u8) │ n uvarint │ n x: 0, or 1 + max - min (uvarint) and min - the last min (varint); then, │
//	│        │           │ in rows of level 0: runs uvarint, runs x (gap uvarint, length - 1 uvarint) │
//	└────────┴───────────┴───────────────────────────────────────────────────────────────────────────┘
//
// Runs are stretches of skipped positions; the gap is from the end of the run before.
type factsRow struct{ entries []blockFacts }

const factsRowVersion = 1

// span is what all entries cover together.
func (r *factsRow) span() timeSpan {
	all := noTime
	for i := range r.entries {
		all = all.with(r.entries[i].span)
	}
	return all
}

// set makes entry i, which is one of the row or the next one.
func (r *factsRow) set(i int, f blockFacts) {
	for len(r.entries) <= i {
		r.entries = append(r.entries, blockFacts{span: noTime})
	}
	r.entries[i] = f
}

func (r *factsRow) append(dst []byte, level uint8) []byte {
	dst = binary.AppendUvarint(append(dst, factsRowVersion), uint64(len(r.entries)))
	last := int64(0)
	for i := range r.entries {
		f := &r.entries[i]
		if f.span.empty() {
			dst = append(dst, 0)
		} else {
			dst = binary.AppendUvarint(dst, 1+uint64(f.span.max-f.span.min))
			dst = binary.AppendVarint(dst, f.span.min-last)
			last = f.span.min
		}
		if level == 0 {
			dst = appendRuns(dst, f.skipped)
		}
	}
	return dst
}

// appendRuns writes ascending positions as stretches.
func appendRuns(dst []byte, positions []uint16) []byte {
	runs := 0
	for i := range positions {
		if i == 0 || positions[i] != positions[i-1]+1 {
			runs++
		}
	}
	dst = binary.AppendUvarint(dst, uint64(runs))
	end := 0
	for i := 0; i < len(positions); {
		n := 1
		for i+n < len(positions) && positions[i+n] == positions[i]+uint16(n) {
			n++
		}
		dst = binary.AppendUvarint(dst, uint64(int(positions[i])-end))
		dst = binary.AppendUvarint(dst, uint64(n-1))
		end = int(positions[i]) + n
		i += n
	}
	return dst
}

func (r *factsRow) decode(src []byte, level uint8) error {
	in := rowReader{src: src}
	if in.byte() != factsRowVersion {
		return fmt.Errorf("%w: facts of blocks of unknown version", wal.ErrCorrupt)
	}
	r.entries = r.entries[:0]
	last := int64(0)
	n := in.count(1)
	if n > factsFan {
		in.fail("more entries than a row has")
		n = 0
	}
	for range n {
		f := blockFacts{span: noTime}
		if width := in.uvarint(); width > 0 {
			last += in.varint()
			f.span = timeSpan{last, last + int64(width-1)}
		}
		if level == 0 {
			f.skipped = readRuns(&in)
		}
		r.entries = append(r.entries, f)
	}
	return in.end("facts of blocks")
}

func readRuns(in *rowReader) (positions []uint16) {
	end := uint64(0)
	for range in.count(2) {
		first, length := in.uvarint(), in.uvarint()
		if first >= wal.BlockItemsMax || length >= wal.BlockItemsMax || end+first+length >= wal.BlockItemsMax {
			in.fail("position beyond a block")
			return nil
		}
		first += end
		for p := first; p <= first+length; p++ {
			positions = append(positions, uint16(p))
		}
		end = first + length + 1
	}
	return positions
}
