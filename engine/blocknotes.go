package engine

// Which blocks hold items of which tenant, since the last checkpoint. A checkpoint adds them to the sets of the store
// (blockindex.go); until then they are notes in the order of the log, each with the tenant's note before it, so that a
// reader who wants the newest events of a tenant walks back along its own notes and nobody else's.

// blockNote says that a block holds items of a tenant.
type blockNote struct {
	before uint64 // number of the tenant's note before; 0: none
	tenant uint32
	offset uint32 // log index of the block - noteTable.base
}

// noteTable is the notes of one shard between two cuts. Notes are numbered from 1 over the life of the shard. It only grows, so
// a copy of the header, taken under shard.mu, may be read without it.
type noteTable struct {
	first uint64 // number of notes[0]
	base  uint64 // log index that offsets count from
	notes []blockNote
}

// tenantNote is a tenant's newest note. These stand apart from the tenants, which the callers of other cores read all the time.
type tenantNote struct {
	block  uint64 // log index; 0: none yet
	number uint64
}

func newNoteTable(first, base uint64) *noteTable { return &noteTable{first: first, base: base} }

// at returns a note by its number, or nil when it is not in the table.
func (t *noteTable) at(number uint64) *blockNote {
	if t == nil || number < t.first || number-t.first >= uint64(len(t.notes)) {
		return nil
	}
	return &t.notes[number-t.first]
}

// note enters the block at hand for a tenant, once. The caller is apply and holds shard.mu.
func (sh *shard) note(t *tenant, index uint64) {
	if int(t.slot) < len(sh.newest) && sh.newest[t.slot].block == index {
		return
	}
	for int(t.slot) >= len(sh.newest) {
		sh.newest = append(sh.newest, make([]tenantNote, max(64, len(sh.newest)))...)
	}
	n := &sh.newest[t.slot]
	before := n.number
	*n = tenantNote{block: index, number: sh.notes.first + uint64(len(sh.notes.notes))}
	sh.notes.notes = append(sh.notes.notes, blockNote{before: before, tenant: t.num, offset: uint32(index - sh.notes.base)})
}

func walkNotes(tables *[2]noteTable, number uint64, fn func(index uint64) bool) bool {
	for i := range tables {
		for n := tables[i].at(number); n != nil; n = tables[i].at(number) {
			if !fn(tables[i].base + uint64(n.offset)) {
				return false
			}
			number = n.before
		}
	}
	return true
}
