package engine

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/wal"
)

// state is the state machine: a pure fold over the log. It has no clock, no randomness and no
// configuration but the log's, so equal logs give equal states on any machine and any number of shards.
type state struct {
	store  *wal.Store
	logger *slog.Logger
	dir    *directory
	shards []*shard
	hand   *handoff
	ckpt   *checkpointer
	outbox *journal // threshold crossings
	audits *journal // changes of configuration
	facts  *factsLog
	log    blockSource // to be read again
	lens   *lens       // of a replay of one tenant: where blocks are found

	charged func(tenant uint32) // told of usage that no item of a block has counted; nil: nobody asks

	auditHead string // hash of the newest entry of the audit

	past     pastIDs // the ids that no table in memory holds
	borrowed bool    // those of the tables are in past.runs, too: a checkpoint writes none

	secret uint64                 // keys the id hashes; from the genesis entry
	cfg    atomic.Pointer[config] // written by apply only
	cfgSum sum128                 // digest part of the configuration rows

	mu          sync.Mutex               // held by Apply, and by whoever cuts between two blocks
	applied     atomic.Uint64            // index of the newest applied block
	appliedTime atomic.Int64             // its log time, unix nanoseconds
	newest      atomic.Pointer[standing] // both, for who needs them together
	replayed    atomic.Uint64            // items folded before the engine was open
	live        bool                     // replay is over
	blocks      uint64                   // applied since then
	logBytes    int64                    // of these
	months      monthCache               // for readers

	// Scratch of Apply, which calls one after another.
	decoder  wal.BlockDecoder
	decoded  []item
	items    []*item
	tenants  []*tenant
	preps    []preparer
	workers  []chan *block
	working  sync.WaitGroup
	workErrs []error
	skipped  []uint16
}

// pastIDs is where ids are found that are in no table in memory any more. A state that folds the log again takes those of the
// store whose log it is, which has ids of later blocks, too: these are not known yet.
type pastIDs struct {
	runs *wal.RunSet // nil: none
	to   uint64      // no ids of later blocks
}

// has tells whether an id that was found is known to an item of the block at index.
func (p *pastIDs) has(id *wal.ID, index uint64) bool { return id.Block < index && id.Block <= p.to }

var _ Applier = (*state)(nil)

// newState makes an empty state over a store. Close stops its workers.
func newState(store *wal.Store, o *Options) *state {
	s := &state{
		store: store, logger: o.Logger, dir: newDirectory(), hand: newHandoff(),
		outbox: newJournal(wal.ClassOutbox, wal.AppendOutboxKey), audits: newJournal(wal.ClassAudit, wal.AppendAuditKey),
		auditHead: auditStart, facts: newFactsLog(),
	}
	if store != nil {
		s.log, s.past = store, pastIDs{store.Runs(), math.MaxUint64}
	}
	s.cfg.Store(&config{ages: agesDefault})
	s.cfg.Load().index()
	s.shards, s.preps = make([]*shard, o.Shards), make([]preparer, o.Shards)
	s.workErrs = make([]error, o.Shards)
	for i := range s.shards {
		s.preps[i].state = s
		s.shards[i] = &shard{state: s, gen: 1, ids: newIDTable(0, 1), totals: newTotals(1), notes: newNoteTable(1, 1)}
		s.shards[i].due.Store(noDeadline)
	}
	s.ckpt = newCheckpointer(s, o.CheckpointItems)
	for i := 1; i < len(s.shards); i++ { // shard 0 is done by Apply itself
		work := make(chan *block)
		s.workers = append(s.workers, work)
		go s.work(s.shards[i], i, work)
	}
	return s
}

// close ends the workers. Nothing may be applied afterwards.
func (s *state) close() {
	for _, w := range s.workers {
		close(w)
	}
}

func (s *state) work(sh *shard, i int, blocks <-chan *block) {
	for b := range blocks {
		s.workErrs[i] = sh.apply(b)
		s.working.Done()
	}
}

// AppliedIndex implements Applier.
func (s *state) AppliedIndex() uint64 { return s.applied.Load() }

// Apply implements Applier: it decodes the block, or takes what the committer prepared, and folds it. It waits for a checkpoint that is a
// whole generation behind, without the lock: who only looks at the state need not wait with it.
func (s *state) Apply(index uint64, data []byte) ([]Result, error) {
	b, before, err := s.fold(index, data)
	for err == nil && before != nil {
		ready := false
		if ready, err = before.ready(); err != nil || !ready {
			break
		}
		s.mu.Lock()
		before, err = s.ckpt.cut(index, b.nanos) // unless somebody else has cut meanwhile
		s.mu.Unlock()
	}
	if b == nil {
		return nil, err
	}
	return b.results, err
}

// fold applies a block. before is what checkpointer.after says.
func (s *state) fold(index uint64, data []byte) (b *block, before *writing, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if want := s.applied.Load() + 1; index != want {
		return nil, nil, fmt.Errorf("apply block %d: the state stands at %d", index, want-1)
	}
	if b, err = s.open(index, data); err != nil {
		return nil, nil, fmt.Errorf("block %d: %w", index, err)
	}
	for _, sh := range s.shards { // first what was due before the block, each as of its own moment
		sh.begin(index)
		if err := sh.expire(b); err != nil {
			return nil, nil, fmt.Errorf("apply block %d: %w", index, err)
		}
	}
	if len(b.items) > 0 && b.items[0].Kind == wal.KindConfig {
		err = s.applyConfig(b)
	} else {
		err = s.applyEvents(b)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("apply block %d: %w", index, err)
	}
	s.collect()
	s.learnFacts(b)
	s.stand(index, b.nanos)
	if s.live {
		s.blocks++
		s.logBytes += int64(len(data))
	} else {
		s.replayed.Add(uint64(len(b.items)))
	}
	before, err = s.ckpt.after(index, b.nanos, len(b.items), len(data))
	return b, before, err
}

// learnFacts enters when the events of the block happened, and which of its items did not count.
func (s *state) learnFacts(b *block) {
	span, skipped := noTime, s.skipped[:0]
	for _, sh := range s.shards {
		span = span.with(sh.sighted)
		skipped = append(skipped, sh.skipped...)
	}
	config := len(b.items) > 0 && b.items[0].Kind == wal.KindConfig
	if config && b.results[0].verdict == rejected {
		skipped = append(skipped, 0)
	}
	slices.Sort(skipped)
	s.skipped = skipped
	if !span.empty() {
		span = timeSpan{floorMinute(span.min), floorMinute(span.max)}
	}
	s.facts.add(b.index, span, skipped, config)
}

// open makes the block's items: those of the committer when this process encoded the
// block, else from its bytes.
func (s *state) open(index uint64, data []byte) (*block, error) {
	b := &block{index: index, cfg: s.cfg.Load()}
	if p := s.hand.take(data); p != nil {
		b.nanos, b.items = p.nanos, p.items
	} else {
		header, decoded, err := s.decoder.Decode(data)
		if err != nil {
			return nil, err
		}
		b.nanos = header.LogTimeNanos
		if err := s.completeAll(decoded); err != nil {
			return nil, err
		}
		b.items = s.items
	}
	b.seconds = floorDiv(b.nanos, 1e9)
	b.results = make([]Result, len(b.items))
	return b, nil
}

// completeAll makes items of what was read from a block, in s.items. Large blocks are shared out: nothing is applied meanwhile, so
// the directory stands still.
func (s *state) completeAll(decoded []wal.Item) error {
	if cap(s.decoded) < len(decoded) {
		s.decoded = make([]item, len(decoded))
	}
	s.decoded = s.decoded[:len(decoded)]
	s.items = s.items[:0]
	for i := range s.decoded {
		s.items = append(s.items, &s.decoded[i])
	}
	complete := func(p *preparer, from, to int) error {
		for i := from; i < to; i++ {
			s.decoded[i] = item{Item: decoded[i]}
			if err := p.complete(&s.decoded[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if len(decoded) < parallelItemsMin {
		return complete(&s.preps[0], 0, len(decoded))
	}
	errs := make([]error, len(s.preps))
	var parts sync.WaitGroup
	for i := range s.preps {
		parts.Go(func() {
			errs[i] = complete(&s.preps[i], len(decoded)*i/len(s.preps), len(decoded)*(i+1)/len(s.preps))
		})
	}
	parts.Wait()
	return cmp.Or(errs...)
}

// applyEvents resolves tenants in the order of the items, then lets the shards work side by side.
func (s *state) applyEvents(b *block) error {
	for _, sh := range s.shards {
		sh.positions = sh.positions[:0]
	}
	s.tenants = s.tenants[:0]
	for i, it := range b.items {
		t, err := s.resolve(it)
		if err != nil {
			return err
		}
		s.tenants = append(s.tenants, t)
		t.shard.positions = append(t.shard.positions, i)
	}
	b.tenants = s.tenants
	if len(b.items) < parallelItemsMin || len(s.shards) == 1 {
		for _, sh := range s.shards {
			if len(sh.positions) > 0 {
				if err := sh.apply(b); err != nil {
					return err
				}
			}
		}
		return nil
	}
	s.working.Add(len(s.workers))
	for _, w := range s.workers {
		w <- b
	}
	s.workErrs[0] = s.shards[0].apply(b)
	s.working.Wait()
	for _, err := range s.workErrs {
		if err != nil {
			return err
		}
	}
	return nil
}

// resolve finds the item's tenant, numbering it if it is new.
func (s *state) resolve(it *item) (*tenant, error) {
	if it.TenantNum != 0 {
		if t := s.dir.number(it.TenantNum); t != nil {
			return t, nil
		}
		return nil, fmt.Errorf("item names tenant number %d, which no entry made", it.TenantNum)
	}
	if t := s.dir.tenant(it.Tenant); t != nil {
		return t, nil
	}
	return s.dir.addTenant(it.Tenant, s.shards), nil
}

// applyConfig applies the one configuration item of a block.
func (s *state) applyConfig(b *block) error {
	if len(b.items) != 1 {
		return fmt.Errorf("a configuration entry travels with %d others; it must be alone", len(b.items)-1)
	}
	var entry configEntry
	if err := json.Unmarshal(b.items[0].Body, &entry); err != nil {
		return fmt.Errorf("configuration entry: %w", err)
	}
	res, err := s.applyEntry(b, &entry)
	if err != nil {
		return err
	}
	b.results[0] = res
	return nil
}

// hash is what a user adds to the digest.
func (u *newUser) hash() sum128 {
	var key [9]byte
	key[0] = 'u'
	binary.BigEndian.PutUint32(key[1:], u.tenant)
	binary.BigEndian.PutUint32(key[5:], u.num)
	return rowHash(key[:], []byte(u.name))
}

// standing is where a state stands in the log: a block, and its log time in unix nanoseconds.
type standing struct {
	index uint64
	nanos int64
}

// stand moves the state to a block.
func (s *state) stand(index uint64, nanos int64) {
	s.newest.Store(&standing{index, nanos})
	s.applied.Store(index)
	s.appliedTime.Store(nanos)
}

// asOf is the point of the log that the state stands at, or is about to when a block has just been applied.
func (s *state) asOf() (uint64, time.Time) {
	at := s.newest.Load()
	if at == nil {
		at = new(standing)
	}
	return at.index, time.Unix(0, at.nanos).UTC()
}
