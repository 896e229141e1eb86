package wal

import (
	"cmp"
	"slices"
)

// runMerge streams sorted runs into one. Its memory is the new filter and a few chunks.
type runMerge struct {
	w       *runWriter
	sources []mergeSource
	chunk   []ID // ids of the output chunk that is being gathered
}

// mergeSource is an input of a merge: what is left of the chunk it is in, and the rest.
type mergeSource struct {
	ids    []ID // not empty
	cursor *runCursor
}

// open starts a merge of inputs into a new run of s.
func (m *runMerge) open(s *RunSet, inputs []*idRun) error {
	count := uint64(0)
	for _, r := range inputs {
		cursor, err := newRunCursor(s.db, r.info)
		if err != nil {
			return err
		}
		m.sources = append(m.sources, mergeSource{cursor: cursor})
		count += r.info.count
	}
	for i := len(m.sources) - 1; i >= 0; i-- {
		if err := m.refill(i); err != nil {
			return err
		}
	}
	m.w = newRunWriter(s.takeNumber(), count)
	return nil
}

// writeSome writes chunks until they have count ids, or all of them and then the filter: done. It
// returns errMergeStopped when stop is closed.
func (m *runMerge) writeSome(count uint64, stop <-chan struct{}) (done bool, err error) {
	enough := m.w.info.count + count
	for m.w.chunk < m.w.info.chunks() && m.w.info.count < enough {
		select {
		case <-stop:
			return false, errMergeStopped
		default:
		}
		if err := m.gatherChunk(); err != nil {
			return false, err
		}
		if err := m.w.writeChunk(m.chunk); err != nil {
			return false, err
		}
	}
	if m.w.chunk < m.w.info.chunks() {
		return false, nil
	}
	return true, m.w.finish()
}

// gatherChunk moves the ids of the next output chunk from the sources to m.chunk. An id that is in
// several runs, which the engine never lets happen, keeps its first position in the log: that is
// the one that was counted.
func (m *runMerge) gatherChunk() error {
	m.chunk = m.chunk[:0]
	for len(m.sources) > 0 {
		least := 0
		for i := 1; i < len(m.sources); i++ {
			if hashLess(&m.sources[i].ids[0].Hash, &m.sources[least].ids[0].Hash) {
				least = i
			}
		}
		src := &m.sources[least]
		id := src.ids[0]
		if uint64(runChunkOf(id.Hash, m.w.info.chunkBits)) != m.w.chunk {
			return nil
		}
		if n := len(m.chunk); n > 0 && m.chunk[n-1].Hash == id.Hash {
			if id.Block < m.chunk[n-1].Block {
				m.chunk[n-1] = id
			}
		} else {
			m.chunk = append(m.chunk, id)
		}
		if src.ids = src.ids[1:]; len(src.ids) == 0 {
			if err := m.refill(least); err != nil {
				return err
			}
		}
	}
	return nil
}

// refill reads the next chunk of source i, or removes it when there is none.
func (m *runMerge) refill(i int) (err error) {
	if m.sources[i].ids, err = m.sources[i].cursor.nextChunk(); err != nil || m.sources[i].ids != nil {
		return err
	}
	err = m.sources[i].cursor.close()
	m.sources = slices.Delete(m.sources, i, i+1)
	return err
}

// close releases what a merge that failed still holds.
func (m *runMerge) close() (err error) {
	for _, src := range m.sources {
		err = cmp.Or(err, src.cursor.close())
	}
	m.sources = nil
	return err
}
