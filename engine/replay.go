package engine

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Replay of one tenant. Tenants are independent: what becomes of one follows from its own items and from the configuration. So a
// state in which only these are folded holds of the tenant exactly what the whole state held, at a fraction of the cost.
//
// It begins where the log begins (before the first block, or at the base), is in memory, and is thrown away. Blocks are found by the
// index of the living state, as the voids in them are; the facts of blocks do not depend on who asks.

// witness is told what a replay does. It must keep nothing of an item.
type witness interface {
	// item is called for every item of the tenant, when it was applied: res is its verdict. sh holds what was judged.
	item(b *block, it *item, p place, res *Result, sh *shard) error
}

// replay folds the log of a tenant up to a block. The caller closes the result.
func (e *Engine) replay(ctx context.Context, tenantID string, to uint64, w witness) (*refold, error) {
	f, err := e.newRefold(ctx)
	if err != nil {
		return nil, err
	}
	s := f.state
	if err := e.replayInto(ctx, s, tenantID, to, w); err != nil {
		f.close()
		return nil, err
	}
	return f, nil
}

func (e *Engine) replayInto(ctx context.Context, s *state, tenantID string, to uint64, w witness) error {
	live := e.state.dir.tenant(tenantID)
	if live == nil {
		return e.finishReplay(s, nil, to)
	}
	from := s.applied.Load()
	config := e.state.readAnyBlocks()
	own := e.state.readBlocks(live)
	defer own.Close()
	blocks, err := config.configBlocks(from, to)
	config.Close()
	if err != nil {
		return err
	}
	err = own.descend(to, func(index uint64) error {
		if index <= from {
			return errStop
		}
		blocks = append(blocks, index)
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(blocks)
	r := &replayer{state: s, live: e.state, id: tenantID, num: live.num, witness: w}
	if s.secret = e.state.secret; from == 0 {
		s.dir.secret = s.secret // before the genesis says so: the tenant is there before its first block
	}
	r.find()
	for _, index := range slices.Compact(blocks) {
		if err := e.goesOn(ctx); err != nil {
			return err
		}
		facts, err := own.factsOf(index)
		if err != nil {
			return err
		}
		if err := r.block(e.store, index, &facts); err != nil {
			return fmt.Errorf("replay block %d: %w", index, err)
		}
	}
	return e.finishReplay(s, r, to)
}

// finishReplay brings the state to the log time of the last block: what was due until then has happened.
func (e *Engine) finishReplay(s *state, r *replayer, to uint64) error {
	if to <= s.applied.Load() {
		return nil
	}
	nanos, err := e.blockTime(to)
	if err != nil {
		return err
	}
	if r != nil {
		b := &block{index: to, nanos: nanos, seconds: floorDiv(nanos, 1e9), cfg: s.cfg.Load()}
		sh := r.tenant.shard
		sh.begin(to)
		if err := sh.expire(b); err != nil {
			return err
		}
		s.collect()
	}
	s.stand(to, nanos)
	return nil
}

// configBlocks returns the blocks of configuration in (from, to].
func (r *blockReader) configBlocks(from, to uint64) ([]uint64, error) {
	var out []uint64
	for _, index := range r.facts.config {
		if index > from && index <= to {
			out = append(out, index)
		}
	}
	if r.view == nil {
		return out, nil
	}
	var set wal.BlockSet
	for chunk := from / wal.BlockSetSpan; chunk <= min(to, r.last)/wal.BlockSetSpan; chunk++ {
		if err := r.set(&set, uint32(chunk)); err != nil { // r is of no tenant: of the configuration
			return nil, err
		}
		set.Descend(wal.BlockSetSpan-1, func(low uint16) bool {
			if index := chunk*wal.BlockSetSpan + uint64(low); index > from && index <= to {
				out = append(out, index)
			}
			return true
		})
	}
	slices.SortFunc(out, cmp.Compare[uint64])
	return slices.Compact(out), nil
}

// replayer applies blocks to a state of one tenant.
type replayer struct {
	state   *state
	live    *state
	id      string
	num     uint32
	tenant  *tenant
	witness witness
	decoder wal.BlockDecoder
}

// find makes the tenant the only one: as it is in a state that was loaded from a base, else under the number that it has in the log.
func (r *replayer) find() {
	dir := r.state.dir
	if r.tenant = dir.number(r.num); r.tenant != nil {
		dir.only = r.tenant
	} else {
		r.tenant = dir.addOnly(r.id, r.num, r.state.shards)
	}
	r.state.lens = &lens{live: r.live, tenant: r.live.dir.number(r.num)}
}

// lens leads a state of one tenant to the index of blocks, which it does not make itself.
type lens struct {
	live   *state
	tenant *tenant
}

func (r *replayer) block(log blockSource, index uint64, facts *blockFacts) error {
	data, err := log.ReadBlock(index)
	if err != nil {
		return err
	}
	header, items, err := r.decoder.Decode(data)
	if err != nil {
		return err
	}
	s := r.state
	s.mu.Lock()
	defer s.mu.Unlock()
	b := &block{index: index, nanos: header.LogTimeNanos, seconds: floorDiv(header.LogTimeNanos, 1e9), cfg: s.cfg.Load(),
		items: make([]*item, len(items)), tenants: make([]*tenant, len(items)), results: make([]Result, len(items))}
	sh := r.tenant.shard
	sh.begin(index)
	if err := sh.expire(b); err != nil {
		return err
	}
	if len(items) > 0 && items[0].Kind == wal.KindConfig {
		err = r.config(b, &items[0], facts)
	} else {
		err = r.items(b, sh, items)
	}
	if err != nil {
		return err
	}
	s.collect()
	s.stand(index, b.nanos)
	return nil
}

// config applies an entry that was taken and that is not about another tenant; of others only the time zone is learnt: the log brings
// each once, be it along with an entry that was refused.
func (r *replayer) config(b *block, it *wal.Item, facts *blockFacts) error {
	var entry configEntry
	if err := json.Unmarshal(it.Body, &entry); err != nil {
		return fmt.Errorf("configuration entry: %w", err)
	}
	if name := entry.tenant(); !facts.counts(0) || name != "" && name != r.id {
		return r.state.learnZone(b, entry.Zone)
	}
	b.items[0] = &item{Item: *it}
	_, err := r.state.applyEntry(b, &entry)
	return err
}

// tenant is the tenant that an entry is about; "": none, or all.
func (e *configEntry) tenant() string {
	switch e.Op {
	case opTenantPut:
		return e.Tenant.ID
	case opTenantDelete:
		return e.Slug
	case opTenantPlan:
		return e.Change.TenantID
	case opOverridePut, opOverrideDelete:
		return e.Override.TenantID
	default:
		return ""
	}
}

// items applies those of the tenant.
func (r *replayer) items(b *block, sh *shard, items []wal.Item) error {
	sh.positions = sh.positions[:0]
	for i := range items {
		if !r.tenant.owns(&items[i]) {
			continue
		}
		it := &item{Item: items[i]}
		if err := r.state.preps[0].complete(it); err != nil {
			return err
		}
		b.items[i], b.tenants[i] = it, r.tenant
		sh.positions = append(sh.positions, i)
	}
	sh.witness = r.witness
	defer func() { sh.witness = nil }()
	return sh.apply(b)
}

// noTenant refuses a question about a tenant that never was.
func noTenant(id string) *usage.Error {
	return &usage.Error{Code: usage.CodeNotFound, Detail: fmt.Sprintf("there is no tenant %s", shorten(id))}
}
