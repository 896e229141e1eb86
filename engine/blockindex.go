package engine

import (
	"fmt"
	"math"
	"slices"

	"github.com/weirhq/weir/wal"
)

// The rows of the index of blocks: which blocks hold items of a tenant (wal.BlockSet, by 65,536 blocks), and the facts of
// blocks (factsRow). A checkpoint brings both up to its cut; verify makes them from nothing.

// indexWriter makes the rows of the index in the order of their keys. read gives the row that is there, write takes what it
// becomes.
type indexWriter struct {
	read  func(key []byte, fn func(old []byte) error) error
	write func(key, value []byte) error
	key   []byte
	buf   []byte
}

// facts writes the rows of all levels that the facts of new blocks belong to.
func (w *indexWriter) facts(c *factsCut) error {
	type entry struct {
		number uint64 // of the entry, over all rows of the level
		facts  blockFacts
	}
	entries := make([]entry, 0, len(c.entries)-c.from)
	for i := c.from; i < len(c.entries); i++ {
		entries = append(entries, entry{c.first + uint64(i), c.at(i)})
	}
	var row factsRow
	for level := range uint8(factsLevels) {
		var above []entry
		for len(entries) > 0 {
			chunk := entries[0].number / factsFan
			w.key = wal.AppendFactsKey(w.key[:0], level, chunk)
			row.entries = row.entries[:0]
			if err := w.read(w.key, func(old []byte) error { return row.decode(old, level) }); err != nil {
				return fmt.Errorf("facts of blocks, level %d, row %d: %w", level, chunk, err)
			}
			for len(entries) > 0 && entries[0].number/factsFan == chunk {
				row.set(int(entries[0].number%factsFan), entries[0].facts)
				entries = entries[1:]
			}
			w.buf = row.append(w.buf[:0], level)
			if err := w.write(w.key, w.buf); err != nil {
				return err
			}
			above = append(above, entry{chunk, blockFacts{span: row.span()}})
		}
		entries = above
	}
	return nil
}

// blocks writes the sets that notes of new blocks belong to: those of the blocks of configuration first, as tenant 0.
func (w *indexWriter) blocks(config []uint64, tables []*noteTable) error {
	base := uint64(math.MaxUint64) // of the notes' offsets, which have 32 bits
	if len(config) > 0 {
		base = config[0]
	}
	for _, t := range tables {
		base = min(base, t.base)
	}
	var all []uint64 // tenant and offset in one word: half a million of them are sorted, in every checkpoint
	for _, index := range config {
		all = append(all, index-base)
	}
	for _, t := range tables {
		for _, n := range t.notes {
			all = append(all, uint64(n.tenant)<<32|(t.base-base+uint64(n.offset)))
		}
	}
	slices.Sort(all)
	var set wal.BlockSet
	for len(all) > 0 {
		tenant, chunk := uint32(all[0]>>32), (base+uint64(uint32(all[0])))/wal.BlockSetSpan
		w.key = wal.AppendBlocksKey(w.key[:0], tenant, uint32(chunk))
		set.Reset()
		if err := w.read(w.key, set.Decode); err != nil {
			return fmt.Errorf("blocks of tenant %d, row %d: %w", tenant, chunk, err)
		}
		for len(all) > 0 && uint32(all[0]>>32) == tenant {
			index := base + uint64(uint32(all[0]))
			if index/wal.BlockSetSpan != chunk {
				break
			}
			set.Add(uint16(index))
			all = all[1:]
		}
		w.buf = set.Append(w.buf[:0])
		if err := w.write(w.key, w.buf); err != nil {
			return err
		}
	}
	return nil
}

// index writes the index of the cut's blocks.
func (w *rowWriter) index(view *wal.View, k *cut) error {
	var rows *wal.Seeker
	in := indexWriter{
		read: func(key []byte, fn func([]byte) error) error {
			_, err := rows.Get(key, func(old []byte) error {
				w.sum.sub(rowHash(key, old))
				return fn(old)
			})
			return err
		},
		write: w.replace,
	}
	rows = view.Seeker(wal.ClassBounds(wal.ClassFacts))
	err := in.facts(&k.facts)
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	var tables []*noteTable
	for i := range k.shards {
		tables = append(tables, k.shards[i].notes)
	}
	rows = view.Seeker(wal.ClassBounds(wal.ClassBlocks))
	err = in.blocks(k.facts.config, tables)
	if cerr := rows.Close(); err == nil {
		err = cerr
	}
	return err
}
