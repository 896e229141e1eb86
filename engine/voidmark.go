package engine

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// voidMark remembers that an item of the log was taken back. It never changes. Its shard keeps it until a checkpoint has
// written it; after that it is in the store only.
type voidMark struct {
	objectTag
	tenant   uint32
	block    uint64 // log index of the item's block
	position uint16 // of the item in it
	index    uint64 // log index of the void
	nanos    int64  // its log time
	reason   string
}

// appendKey implements object.
func (m *voidMark) appendKey(dst []byte) []byte {
	return wal.AppendVoidKey(dst, m.tenant, m.block, m.position)
}

const voidRowVersion = 1

// appendRow implements object.
//
//	┌────────┬───────────────────────┬─────────────────┬─────────────┐
//	│ 1 (u8) │ index - block uvarint │ log time varint │ reason text │
//	└────────┴───────────────────────┴─────────────────┴─────────────┘
func (m *voidMark) appendRow(dst []byte) []byte {
	dst = binary.AppendUvarint(append(dst, voidRowVersion), m.index-m.block)
	return appendText(binary.AppendVarint(dst, m.nanos), m.reason)
}

// decode reads a row; the key is m's already.
func (m *voidMark) decode(src []byte) error {
	r := rowReader{src: src}
	if r.byte() != voidRowVersion {
		return fmt.Errorf("%w: void of unknown version", wal.ErrCorrupt)
	}
	m.index, m.nanos, m.reason = m.block+r.uvarint(), r.varint(), r.text()
	return r.end("void")
}

// view is the mark as the API shows it.
func (m *voidMark) view() *usage.Voided {
	return &usage.Voided{Index: m.index, Time: time.Unix(0, m.nanos).UTC(), Reason: m.reason}
}

// voidsIn returns the marks of a tenant's items in a block, ascending by position.
func (r *blockReader) voidsIn(tenant uint32, block uint64) (marks []*voidMark, err error) {
	for _, m := range r.marks {
		if m.tenant == tenant && m.block == block {
			marks = append(marks, m)
		}
	}
	if r.view != nil {
		err = r.view.Scan(wal.AppendVoidKey(nil, tenant, block, 0), wal.AppendVoidKey(nil, tenant, block+1, 0), func(key, value []byte) error {
			_, _, position, err := wal.ParseVoidKey(key)
			if err != nil {
				return err
			}
			m := &voidMark{tenant: tenant, block: block, position: position}
			if err := m.decode(value); err != nil {
				return err
			}
			if r.before == 0 || m.index < r.before {
				marks = append(marks, m)
			}
			return nil
		})
	}
	slices.SortFunc(marks, func(a, b *voidMark) int { return int(a.position) - int(b.position) })
	return marks, err
}

// markAt finds the mark of a position in what voidsIn returned; nil: none.
func markAt(marks []*voidMark, position int) *voidMark {
	i, found := slices.BinarySearchFunc(marks, position, func(m *voidMark, p int) int { return int(m.position) - p })
	if !found {
		return nil
	}
	return marks[i]
}
