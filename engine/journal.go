package engine

import (
	"errors"
	"sync"

	"github.com/weirhq/weir/wal"
)

// journal is numbered rows of state that are only ever added: the outbox of crossings, the audit. Numbers begin at 1 and
// have no gaps. Rows stay in memory until a checkpoint holds them.
type journal struct {
	class byte
	key   func(dst []byte, number uint64) []byte

	mu struct {
		sync.Mutex
		first uint64   // number of rows[0]
		rows  [][]byte // not known to be in the store
		cut   int      // rows before it are part of a checkpoint
	}
}

func newJournal(class byte, key func([]byte, uint64) []byte) *journal {
	j := &journal{class: class, key: key}
	j.mu.first = 1
	return j
}

// next is the number that the next row will get.
func (j *journal) next() uint64 {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.first + uint64(len(j.mu.rows))
}

// add appends a row. The caller is apply.
func (j *journal) add(value []byte) {
	j.mu.Lock()
	j.mu.rows = append(j.mu.rows, value)
	j.mu.Unlock()
}

// cutRows returns the rows that the checkpoint being cut has to write.
func (j *journal) cutRows() []row {
	j.mu.Lock()
	defer j.mu.Unlock()
	var rows []row
	for i := j.mu.cut; i < len(j.mu.rows); i++ {
		rows = append(rows, row{j.key(nil, j.mu.first+uint64(i)), j.mu.rows[i]})
	}
	j.mu.cut = len(j.mu.rows)
	return rows
}

// saved forgets the rows that were cut: the store has them.
func (j *journal) saved() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.rows = append([][]byte(nil), j.mu.rows[j.mu.cut:]...)
	j.mu.first += uint64(j.mu.cut)
	j.mu.cut = 0
}

// read calls fn for at most limit rows after a number, in order, until fn returns false. The rows in memory are taken before
// the view, so that a checkpoint in between hides none.
func (j *journal) read(store *wal.Store, after uint64, limit int, fn func(number uint64, value []byte) (bool, error)) error {
	j.mu.Lock()
	first, rows := j.mu.first, j.mu.rows[:len(j.mu.rows):len(j.mu.rows)]
	j.mu.Unlock()
	left, stopped := limit, false
	if after+1 < first {
		view := store.View()
		defer view.Close()
		err := view.Scan(j.key(nil, after+1), j.key(nil, first), func(key, value []byte) error {
			if left == 0 || stopped {
				return errStop
			}
			number, err := wal.ParseNumber(key, j.class)
			if err != nil {
				return err
			}
			more, err := fn(number, value)
			left, stopped = left-1, !more
			return err
		})
		if err != nil && !errors.Is(err, errStop) {
			return err
		}
		after = first - 1
	}
	for i := int(after + 1 - first); i < len(rows) && left > 0 && !stopped; i++ {
		more, err := fn(first+uint64(i), rows[i])
		if err != nil {
			return err
		}
		left, stopped = left-1, !more
	}
	return nil
}
