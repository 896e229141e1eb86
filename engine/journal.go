package engine

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/weirhq/weir/wal"
)

// journal is numbered rows of state that are only ever added: the outbox of crossings, the audit. Numbers begin at 1 and
// have no gaps. Rows stay in memory until a checkpoint holds them. Rows may be of a tenant; then rows of class crossed find
// them, so that a tenant's are read without those of all others.
type journal struct {
	class byte
	key   func(dst []byte, number uint64) []byte

	mu struct {
		sync.Mutex
		first uint64  // number of rows[0]
		rows  []entry // not known to be in the store
		cut   int     // rows before it are part of a checkpoint
	}
}

// entry is a row of a journal.
type entry struct {
	value  []byte
	tenant uint32 // 0: of none
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

// add appends a row, of a tenant or of none (0). The caller is apply.
func (j *journal) add(value []byte, tenant uint32) {
	j.mu.Lock()
	j.mu.rows = append(j.mu.rows, entry{value, tenant})
	j.mu.Unlock()
}

// cutRows returns the rows that the checkpoint being cut has to write.
func (j *journal) cutRows() []row {
	j.mu.Lock()
	defer j.mu.Unlock()
	var rows, crossed []row
	for i := j.mu.cut; i < len(j.mu.rows); i++ {
		number, x := j.mu.first+uint64(i), j.mu.rows[i]
		rows = append(rows, row{j.key(nil, number), x.value})
		if x.tenant != 0 {
			crossed = append(crossed, row{wal.AppendCrossedKey(nil, x.tenant, number), []byte{1}})
		}
	}
	j.mu.cut = len(j.mu.rows)
	slices.SortFunc(crossed, func(a, b row) int { return bytes.Compare(a.key, b.key) })
	return append(rows, crossed...)
}

// saved forgets the rows that were cut: the store has them.
func (j *journal) saved() {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.mu.rows = append([]entry(nil), j.mu.rows[j.mu.cut:]...)
	j.mu.first += uint64(j.mu.cut)
	j.mu.cut = 0
}

// recent returns the rows in memory and the number of the first. Who reads takes them before a view, so that a checkpoint in
// between hides none.
func (j *journal) recent() (first uint64, rows []entry) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.mu.first, j.mu.rows[:len(j.mu.rows):len(j.mu.rows)]
}

// read calls fn for at most limit rows after a number, in order, until fn returns false.
func (j *journal) read(store *wal.Store, after uint64, limit int, fn func(number uint64, value []byte) (bool, error)) error {
	first, rows := j.recent()
	if newest := first + uint64(len(rows)) - 1; after >= newest || limit <= 0 {
		return nil
	}
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
		more, err := fn(first+uint64(i), rows[i].value)
		if err != nil {
			return err
		}
		left, stopped = left-1, !more
	}
	return nil
}

// readOf calls fn for rows of one tenant until it has taken limit of them: those after number at, in order, or, with back, those
// before it, the newest first. A stored row costs a step of the index and a look-up.
func (j *journal) readOf(store *wal.Store, tenant uint32, at uint64, back bool, limit int, fn func(value []byte) (taken bool, err error)) error {
	first, rows := j.recent()
	var recent [][]byte
	for i, x := range rows {
		if number := first + uint64(i); x.tenant == tenant && (back && number < at || !back && number > at) {
			recent = append(recent, x.value)
		}
	}
	lower, upper := at+1, first
	if back {
		slices.Reverse(recent)
		lower, upper = 1, min(at, first)
	}
	left := limit
	give := func(value []byte) error {
		taken, err := fn(value)
		if taken {
			left--
		}
		return err
	}
	if !back {
		if err := j.storedOf(store, tenant, lower, upper, back, left, give); err != nil {
			return err
		}
	}
	for _, value := range recent {
		if left == 0 {
			return nil
		}
		if err := give(value); err != nil {
			return err
		}
	}
	if back {
		return j.storedOf(store, tenant, lower, upper, back, left, give)
	}
	return nil
}

// storedOf gives at most limit stored rows of one tenant, those of numbers [lower, upper).
func (j *journal) storedOf(store *wal.Store, tenant uint32, lower, upper uint64, back bool, limit int, give func(value []byte) error) error {
	if limit == 0 || lower >= upper {
		return nil
	}
	view := store.View()
	defer view.Close()
	scan := view.Scan
	if back {
		scan = view.ScanBack
	}
	var numbers []uint64
	err := scan(wal.AppendCrossedKey(nil, tenant, lower), wal.AppendCrossedKey(nil, tenant, upper), func(key, _ []byte) error {
		_, number, err := wal.ParseCrossedKey(key)
		if numbers = append(numbers, number); err == nil && len(numbers) == limit {
			err = errStop
		}
		return err
	})
	if err != nil && !errors.Is(err, errStop) {
		return err
	}
	for _, number := range numbers {
		found, err := view.Get(j.key(nil, number), give)
		if err == nil && !found {
			err = fmt.Errorf("%w: entry %d of class %q is missing", wal.ErrCorrupt, number, j.class)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
