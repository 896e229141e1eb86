package engine

import (
	"cmp"
	"errors"
	"slices"

	"github.com/weirhq/weir/wal"
)

// blocksOfVoids returns the blocks up to an index that are needed beyond it, ascending: whoever folds the log again from there
// meets the voids of later blocks, and these read again what they take back, and perhaps the minute around it.
func (e *Engine) blocksOfVoids(to uint64) ([]uint64, error) {
	var late []*voidMark
	for _, sh := range e.state.shards { // first what is in memory: a checkpoint in between hides nothing then
		sh.mu.Lock()
		for _, m := range sh.voids {
			if m.block <= to && m.index > to {
				late = append(late, m)
			}
		}
		sh.mu.Unlock()
	}
	view := e.store.View()
	defer view.Close()
	lower, upper := wal.ClassBounds(wal.ClassVoid)
	err := view.Scan(lower, upper, func(key, value []byte) error {
		tenant, block, position, err := wal.ParseVoidKey(key)
		if err != nil || block > to {
			return err
		}
		m := &voidMark{tenant: tenant, block: block, position: position}
		if err := m.decode(value); err != nil {
			return err
		}
		if m.index > to {
			late = append(late, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(late, func(a, b *voidMark) int { return cmp.Compare(a.block, b.block) }) // some twice
	var keep []uint64
	var past pastBlock
	for _, m := range late {
		if err := past.read(e.state.log, m.block); err != nil {
			return nil, err
		}
		at := past.nanos
		if it := &past.items[m.position]; it.HasTime {
			at = it.TimeNanos
		}
		keep = append(keep, m.block)
		r := e.state.readBlocks(e.state.dir.number(m.tenant))
		err := r.over(timeSpan{floorMinute(at), floorMinute(at)}, to, func(index uint64, _ blockFacts) error {
			keep = append(keep, index)
			return nil
		})
		r.Close()
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(keep)
	first := e.store.FirstIndex()
	return slices.DeleteFunc(slices.Compact(keep), func(index uint64) bool {
		if index >= first {
			return false
		}
		_, err := e.store.ReadBlock(index) // of an earlier cut: there, unless nobody needed it then, nor does now
		return errors.Is(err, wal.ErrNoBlock)
	}), nil
}
