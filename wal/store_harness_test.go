package wal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
)

// storeModel drives a store and knows what must be found in it afterwards. Everything that is
// written is a function of block indices, so any prefix of it can be checked without having
// watched it being written:
//
//	block i                          bytes drawn from seed i
//	row c"at" of a checkpoint at n   n
//	row t(k), k in 0..7              n, if bit k of n is set; else it was deleted
//	dedup run                        two ids per block of (previous checkpoint, n]
type storeModel struct {
	s *Store

	submitted  uint64 // last block given to Append
	acked      uint64 // last block whose Wait returned nil
	checkpoint uint64 // index of the last checkpoint whose Commit returned nil
	committing uint64 // index of the checkpoint under way, or of the last one

	pending []*Sync
}

const storeModelTenants = 8

func storeModelBlock(index uint64) []byte {
	r := rand.New(rand.NewPCG(index, 7))
	size := 1 + r.IntN(24<<10)
	b := make([]byte, 0, size+8)
	for len(b) < size {
		b = binary.LittleEndian.AppendUint64(b, r.Uint64())
	}
	return b[:size]
}

func storeModelIDs(block uint64) [2]ID {
	r := rand.New(rand.NewPCG(block, 13))
	var ids [2]ID
	for i := range ids {
		ids[i] = ID{Hash: Hash{r.Uint64(), r.Uint64()}, Block: block, Payload: r.Uint32(), Outcome: uint32(i)}
	}
	return ids
}

// append adds a block; wait says whether to wait for everything pending.
func (m *storeModel) append(wait bool) error {
	m.submitted++
	y, err := m.s.Append(m.submitted, storeModelBlock(m.submitted))
	if err != nil {
		m.submitted--
		return err
	}
	m.pending = append(m.pending, y)
	if wait {
		return m.wait()
	}
	return nil
}

func (m *storeModel) wait() error {
	pending := m.pending
	m.pending = nil
	for _, y := range pending {
		if err := y.Wait(); err != nil {
			return err
		}
		m.acked = y.index
	}
	return nil
}

// commit writes a checkpoint of everything submitted, which need not be durable yet.
func (m *storeModel) commit() error {
	n := m.submitted
	old, _ := m.s.Meta()
	c := m.s.NewCheckpoint()
	defer c.Abort()
	value := binary.BigEndian.AppendUint64(nil, n)
	if err := c.Set(AppendConfigKey(nil, "at"), value); err != nil {
		return err
	}
	if err := c.DeleteRange(ClassBounds(ClassTenant)); err != nil {
		return err
	}
	for k := range uint32(storeModelTenants) {
		if n&(1<<k) != 0 {
			if err := c.Set(AppendTenantKey(nil, k), value); err != nil {
				return err
			}
		}
	}
	var ids []ID
	for b := old.Index + 1; b <= n; b++ {
		two := storeModelIDs(b)
		ids = append(ids, two[:]...)
	}
	SortIDs(ids)
	if err := c.AddRun(ids); err != nil {
		return err
	}
	m.committing = n
	if err := c.Commit(Meta{Index: n, LogTimeNanos: int64(n), Digest: [16]byte{byte(n)}, Extra: value}); err != nil {
		return err
	}
	m.checkpoint = n
	return nil
}

// checkStore verifies that s holds a state the model allows: at least what was acknowledged, at
// most what was submitted, each thing whole.
func checkStore(s *Store, ackedMin, submittedMax, checkpointMin, checkpointMax uint64) error {
	last := s.LastIndex()
	if last < ackedMin || last > submittedMax {
		return fmt.Errorf("log ends at %d, must be %d to %d", last, ackedMin, submittedMax)
	}
	next := uint64(1)
	err := s.Blocks(0, func(index uint64, block []byte) error {
		if index != next || !bytes.Equal(block, storeModelBlock(index)) {
			return fmt.Errorf("block %d (want %d) has other bytes", index, next)
		}
		next++
		return nil
	})
	if err != nil || next != last+1 {
		return fmt.Errorf("read log up to %d of %d: %w", next-1, last, err)
	}
	meta, _ := s.Meta()
	if meta.Index < checkpointMin || meta.Index > checkpointMax || meta.Index > last {
		return fmt.Errorf("checkpoint at %d, must be %d to %d, log ends at %d",
			meta.Index, checkpointMin, checkpointMax, last)
	}
	return errors.Join(checkState(s, meta), checkRuns(s, meta))
}

func checkState(s *Store, meta Meta) error {
	v := s.View()
	defer v.Close()
	if seen, _ := v.Meta(); seen.Index != meta.Index || seen.Digest != meta.Digest ||
		!bytes.Equal(seen.Extra, meta.Extra) || seen.LogTimeNanos != int64(meta.Index) {
		return fmt.Errorf("view is of %+v, store of %+v", seen, meta)
	}
	want := binary.BigEndian.AppendUint64(nil, meta.Index)
	same := func(value []byte) error {
		if !bytes.Equal(value, want) {
			return fmt.Errorf("row is of checkpoint %x, meta of %d", value, meta.Index)
		}
		return nil
	}
	found, err := v.Get(AppendConfigKey(nil, "at"), same)
	if err != nil || found != (meta.Index > 0) {
		return fmt.Errorf("config row of checkpoint %d: found %v: %w", meta.Index, found, err)
	}
	k := v.Seeker(ClassBounds(ClassTenant))
	defer k.Close()
	for t := range uint32(storeModelTenants) {
		found, err := k.Get(AppendTenantKey(nil, t), same)
		if err != nil || found != (meta.Index&(1<<t) != 0) {
			return fmt.Errorf("tenant %d of checkpoint %d: found %v: %w", t, meta.Index, found, err)
		}
	}
	return nil
}

func checkRuns(s *Store, meta Meta) error {
	for b := uint64(1); b <= s.LastIndex(); b++ {
		for _, id := range storeModelIDs(b) {
			got, found, err := s.Runs().Lookup(id.Hash)
			if err != nil {
				return err
			}
			if found != (b <= meta.Index) || found && got != id {
				return fmt.Errorf("id %+v at checkpoint %d: found %v: %+v", id, meta.Index, found, got)
			}
		}
	}
	return nil
}

// storeTestOptions are small, so that little data makes many flushes.
func storeTestOptions(fs vfs.FS) *Options {
	return &Options{FS: fs, MemTableBytes: memTableBytesMin, CacheBytes: 1 << 20}
}

func openTestStore(t testing.TB, fs vfs.FS) *Store {
	t.Helper()
	s, err := Open("/data", storeTestOptions(fs))
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}
