package engine

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/weirhq/weir/wal"
)

// Objects are the parts of the state that a checkpoint writes as one row each, whole: accounts, ledgers, holds.
// (Series are not: a checkpoint merges what they folded into pages.)
//
// A checkpoint saves the state as of its cut while apply goes on. So the first change of an object after a cut that has
// not saved it yet encodes it as it was (its pre-image), as series.touch does for series.

// object is a row of state in memory. Its shard is the only writer.
type object interface {
	tag() *objectTag
	appendKey(dst []byte) []byte
	appendRow(dst []byte) []byte
}

// objectTag is what the checkpoint keeps with an object. Guarded by shard.mu.
type objectTag struct {
	gen       uint64 // checkpoint that the object's newest change will be part of; 0: unchanged since it was loaded
	frozenGen uint64 // checkpoint that frozen belongs to
	frozen    []byte // the row as of the cut of frozenGen
}

func (t *objectTag) tag() *objectTag { return t }

// touchObject must be called before every change of o. The caller holds shard.mu.
func (sh *shard) touchObject(o object) {
	t := o.tag()
	if t.gen == sh.gen {
		return
	}
	if t.gen != 0 && t.gen == sh.gen-1 && sh.saving {
		t.frozenGen, t.frozen = t.gen, o.appendRow(nil)
	}
	t.gen = sh.gen
	sh.objects = append(sh.objects, o)
}

// row is a key and its value, ready to be written.
type row struct{ key, value []byte }

// objectChunk is how many objects are encoded under one hold of a shard's lock: about 200 us, when they are accounts, which are JSON.
const objectChunk = 64

// objectRows returns the rows of objects as of the cut of gen, in the order of their keys.
func (sc *shardCut) objectRows(gen uint64) []row {
	rows := make([]row, 0, len(sc.objects))
	for part := range slices.Chunk(sc.objects, objectChunk) {
		sc.shard.mu.Lock()
		for _, o := range part {
			r := row{key: o.appendKey(nil)}
			if t := o.tag(); t.frozenGen == gen {
				r.value, t.frozen, t.frozenGen = t.frozen, nil, 0
			} else {
				r.value = o.appendRow(nil)
			}
			rows = append(rows, r)
		}
		sc.shard.mu.Unlock()
	}
	sc.shard.mu.Lock()
	sc.shard.saving = false
	sc.shard.mu.Unlock()
	return rows
}

func sortRows(rows []row) {
	slices.SortFunc(rows, func(a, b row) int { return bytes.Compare(a.key, b.key) })
}

// replaceRows writes rows, sorted by key, in place of what the view has under their keys.
func (w *rowWriter) replaceRows(view *wal.View, rows []row) error {
	for len(rows) > 0 {
		class := rows[0].key[0]
		n := 1
		for n < len(rows) && rows[n].key[0] == class {
			n++
		}
		if err := w.replaceClass(view.Seeker(wal.ClassBounds(class)), rows[:n]); err != nil {
			return err
		}
		rows = rows[n:]
	}
	return nil
}

func (w *rowWriter) replaceClass(old *wal.Seeker, rows []row) error {
	for _, r := range rows {
		_, err := old.Get(r.key, func(value []byte) error {
			w.sum.sub(rowHash(r.key, value))
			return nil
		})
		if err == nil {
			err = w.replace(r.key, r.value)
		}
		if err != nil {
			_ = old.Close()
			return fmt.Errorf("row %x: %w", r.key, err)
		}
	}
	return old.Close()
}
