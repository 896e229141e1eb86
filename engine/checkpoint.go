package engine

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// A checkpoint saves the state as of one block, the cut, while apply goes on:
//
//	cut    (between two blocks, microseconds) every shard starts a new generation: a fresh
//	       id table, an empty list of dirty series. What was pending stays where it is.
//	freeze a series that is touched again moves its pending part aside first (series.touch);
//	       the others are moved by the checkpoint (series.freeze).
//	write  pages and rows of groups: old row + delta of every one that was touched, all levels; the counters' rows; new tenants and
//	       users; the ids as a sorted run. ONE atomic ingest, once the log is durable up to the cut.
//	drop   what was frozen is forgotten: the store has it.
//
// A crash at any moment leaves the old checkpoint or the new one; Open folds the log from there.

// checkpointer decides when to cut, and writes in its own goroutine (docs/LOCKS.md has the order of locks). state.mu guards all of it but what the writer owns while running is open.
type checkpointer struct {
	state *state
	every int // items between cuts
	heavy int // buckets between cuts

	items   int        // folded since the last cut
	bytes   int        // of log since the last cut
	gen     uint64     // of the next cut
	index   uint64     // block of the newest cut
	running *writing   // of the newest cut; nil: none yet
	saved   saved      // what the newest checkpoint holds beside rows
	kept    *kept      // as of it
	spare   []*idTable // tables of a past generation, to be used again
	events  uint64     // counted up to the newest cut, in the life of the store
	verify  bool       // the state only verifies: never cut

	cancel   chan struct{} // closed by close: stop retrying
	canceled sync.Once
}

// writing is the write of one cut. On a full disk it goes on trying, while those who wait for it are told that it is short of space:
// nobody may hang until somebody makes room, least of all with the state's lock in his hand.
type writing struct {
	done chan struct{} // closed when it has ended
	err  error         // set before done is closed
	full chan struct{} // closed when it has met a full disk
	why  error         // set before full is closed
}

// wait returns when the write has ended, or is short of space, or ctx ends.
func (w *writing) wait(ctx context.Context) error {
	select {
	case <-w.done:
		return w.err
	case <-w.full:
	case <-ctx.Done():
		return ctx.Err()
	}
	if w.over() {
		return w.err
	}
	return w.why
}

func (w *writing) over() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

// saved is the part of a checkpoint that is no row. It travels in wal.Meta.Extra.
type saved struct {
	Gen     uint64   `json:"gen"`
	Secret  uint64   `json:"secret,string"`
	Rows    [16]byte `json:"rows"`  // digest part of pages and counters
	IDs     [16]byte `json:"ids"`   // digest part of ids
	Users   [16]byte `json:"users"` // digest part of users
	Config  [16]byte `json:"config"`
	Tenants int      `json:"tenants"`
	Events  uint64   `json:"events"`  // counted in the life of the store
	Version uint64   `json:"version"` // of the configuration

	Audits    uint64 `json:"audits"`    // entries of the audit
	Crossings uint64 `json:"crossings"` // entries of the outbox
}

// encode puts the generation first, in 8 bytes, where queries read it without parsing the rest.
func (sv *saved) encode() []byte {
	b, err := json.Marshal(sv)
	if err != nil {
		panic("BUG: checkpoint does not marshal: " + err.Error())
	}
	return append(binary.BigEndian.AppendUint64(nil, sv.Gen), b...)
}

func (sv *saved) decode(extra []byte) error {
	if len(extra) < 8 {
		return fmt.Errorf("%w: checkpoint", wal.ErrCorrupt)
	}
	if err := json.Unmarshal(extra[8:], sv); err != nil {
		return fmt.Errorf("%w: checkpoint: %w", wal.ErrCorrupt, err)
	}
	return nil
}

// viewGen is the number of the checkpoint that a view shows; 0: none yet.
func viewGen(view *wal.View) uint64 {
	meta, ok := view.Meta()
	if !ok || len(meta.Extra) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(meta.Extra)
}

// cut is what one checkpoint has to write.
type cut struct {
	gen     uint64
	index   uint64
	nanos   int64
	cfg     *config
	shards  []shardCut
	tenants []*tenant // new since the last cut
	facts   factsCut
	rows    []row // of objects and of what is only ever added, sorted by key
	next    saved // Rows is filled by the write
}

type shardCut struct {
	shard   *shard
	ids     *idTable
	dirty   []*series
	users   []newUser
	objects []object
	settled []*hold
	totals  *totals
	notes   *noteTable
	voids   int // how many of shard.voids
}

func newCheckpointer(s *state, every int) *checkpointer {
	return &checkpointer{state: s, every: every, heavy: checkpointBuckets, gen: 1, cancel: make(chan struct{})}
}

// after is told of every applied block. It cuts when a checkpoint is due. It returns the write before when that is so slow that memory would
// grow past two generations: then nothing more is applied until it has ended (ready), and after that cut is called.
func (c *checkpointer) after(index uint64, nanos int64, items, bytes int) (before *writing, err error) {
	c.items += items
	c.bytes += bytes
	return c.cut(index, nanos)
}

// cut is after without another block.
func (c *checkpointer) cut(index uint64, nanos int64) (before *writing, err error) {
	if c.verify || !c.due(1) || c.items == 0 {
		return nil, nil
	}
	// Two generations bound the memory of ids and buckets. Until then a checkpoint waits for the one before, and for the end of
	// Open's fold: there is nothing yet that it would shorten, and the fold wants all cores. (Folds for a base have ids elsewhere.)
	folding := !c.state.live && !c.state.borrowed
	if (c.busy() || folding) && !c.due(2) {
		return nil, nil
	}
	if c.busy() {
		return c.running, nil
	}
	if err := c.wait(); err != nil {
		return nil, err
	}
	c.start(index, nanos)
	return nil, nil
}

// ready waits for the write, and tells whether the next one may begin.
func (w *writing) ready() (bool, error) {
	err := w.wait(context.Background())
	switch {
	case errors.Is(err, usage.ErrDiskFull):
		// The log takes nothing more for the same reason, but for what is on its way. It is never how a write has ended: if that found
		// space since, the next block will see it.
		return false, nil
	case err != nil:
		return false, err
	}
	return true, nil
}

// due tells whether n checkpoints' worth was folded since the last cut.
func (c *checkpointer) due(n int) bool {
	if c.items >= n*c.every || c.bytes >= n*checkpointLogBytes {
		return true
	}
	buckets := 0
	for _, sh := range c.state.shards {
		buckets += sh.buckets
	}
	return buckets >= n*c.heavy
}

// wait returns when no write is in progress, with the error of the last one; or with disk_full when it is short of space.
func (c *checkpointer) wait() error {
	if c.running == nil {
		return nil
	}
	return c.running.wait(context.Background())
}

// busy tells whether a write is in progress.
func (c *checkpointer) busy() bool { return c.running != nil && !c.running.over() }

// start cuts at the applied block and begins to write. The caller holds state.mu, and no write runs.
func (c *checkpointer) start(index uint64, nanos int64) {
	k := c.cutNow(index, nanos)
	w := &writing{done: make(chan struct{}), full: make(chan struct{})}
	c.running = w
	go func() {
		defer close(w.done)
		w.err = c.write(k, w)
	}()
}

func (c *checkpointer) cutNow(index uint64, nanos int64) *cut {
	s := c.state
	k := &cut{gen: c.gen, index: index, nanos: nanos, cfg: s.cfg.Load(), next: c.saved}
	k.next.Gen, k.next.Secret, k.next.Version = c.gen, s.secret, k.cfg.version
	k.next.Config = s.cfgSum.bytes()
	var ids, users sum128
	for i, sh := range s.shards {
		sh.mu.Lock()
		k.shards = append(k.shards, shardCut{sh, sh.ids, sh.dirty, sh.newUsers, sh.objects, sh.settled, sh.totals, sh.notes, len(sh.voids)})
		k.next.Events += uint64(sh.ids.count())
		ids.add(sh.idSum)
		users.add(sh.userSum)
		sh.frozenIDs = sh.ids
		sh.ids = c.table(i, index+1)
		sh.frozenNotes = sh.notes
		sh.notes = newNoteTable(sh.notes.first+uint64(len(sh.notes.notes)), index+1)
		sh.dirty, sh.buckets = make([]*series, 0, len(sh.dirty)), 0
		sh.newUsers, sh.objects, sh.settled = nil, nil, nil
		sh.gen, sh.saving = c.gen+1, true
		sh.oldTotals, sh.totals = sh.totals, newTotals(sh.gen)
		sh.mu.Unlock()
	}
	k.facts = s.facts.cutFacts()
	k.rows = append(s.audits.cutRows(), s.outbox.cutRows()...)
	k.next.Audits, k.next.Crossings = s.audits.next()-1, s.outbox.next()-1
	c.events = k.next.Events
	k.next.IDs, k.next.Users = ids.bytes(), users.bytes()
	all := s.dir.all()
	k.tenants = all[c.saved.Tenants:]
	k.next.Tenants = len(all)
	c.gen++
	c.index = index
	c.items, c.bytes = 0, 0
	return k
}

// table returns an empty id table for shard i, as large as the last one.
func (c *checkpointer) table(i int, base uint64) *idTable {
	if i < len(c.spare) && c.spare[i] != nil {
		t := c.spare[i]
		c.spare[i] = nil
		t.reset(base)
		return t
	}
	return newIDTable(c.state.shards[i].ids.count(), base)
}

// write saves the cut, trying again while the disk is full: the frozen parts stay readable, writes
// are refused by the log meanwhile, and nothing is lost.
func (c *checkpointer) write(k *cut, w *writing) error {
	k.settle()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := c.tryWrite(k)
		if err == nil {
			c.drop(k)
			return nil
		}
		if errors.Is(err, usage.ErrClosed) { // the store was closed under it: the next Open folds the log
			return err
		}
		if !errors.Is(err, usage.ErrDiskFull) {
			err = fmt.Errorf("checkpoint at block %d: %w", k.index, err)
			c.state.store.Poison(err)
			return err
		}
		c.state.logger.Warn("checkpoint waits for disk space", "index", k.index, "err", err)
		if w.why == nil {
			w.why = err
			close(w.full)
		}
		select {
		case <-time.After(wait):
		case <-c.cancel:
			return nil // the log has everything; the next Open folds it
		}
	}
}

// settle fixes what the cut has to write, so that apply may go on.
func (k *cut) settle() {
	for i := range k.shards {
		k.shards[i].freeze(k.gen)
		k.rows = append(k.rows, k.shards[i].objectRows(k.gen)...)
	}
	sortRows(k.rows)
}

// freezeChunk is how many series are frozen under one hold of a shard's lock: about 20 us.
const freezeChunk = 512

func (sc *shardCut) freeze(gen uint64) {
	for part := range slices.Chunk(sc.dirty, freezeChunk) {
		sc.shard.mu.Lock()
		for _, s := range part {
			s.freeze(gen)
		}
		sc.shard.mu.Unlock()
	}
}

// tryWrite writes everything into one checkpoint of the store. It may be called again for the same cut.
func (c *checkpointer) tryWrite(k *cut) error {
	w := c.state.store.NewCheckpoint()
	w2 := &rowWriter{w: w, sum: sumOf(c.saved.Rows), was: c.kept, kept: k.cfg.kept}
	if err := c.writeRows(k, w2); err != nil {
		w.Abort()
		return err
	}
	total := 0
	for i := range k.shards {
		total += k.shards[i].ids.count()
	}
	ids := make([]wal.ID, 0, total)
	for i := range k.shards {
		ids = k.shards[i].ids.appendIDs(ids)
	}
	if len(ids) > 0 && !c.state.borrowed {
		wal.SortIDs(ids)
		if err := w.AddRun(ids); err != nil {
			w.Abort()
			return err
		}
	}
	next := k.next
	next.Rows = w2.sum.bytes()
	digest := w2.sum
	for _, part := range [][16]byte{next.IDs, next.Users, next.Config} {
		digest.add(sumOf(part))
	}
	if err := w.Commit(wal.Meta{Index: k.index, LogTimeNanos: k.nanos, Digest: digest.bytes(), Extra: next.encode()}); err != nil {
		return err
	}
	c.saved, c.kept = next, k.cfg.kept
	return nil
}

// writeRows writes every class in the order of keys.
func (c *checkpointer) writeRows(k *cut, w *rowWriter) error {
	if k.cfg.version != c.saved.Version {
		if err := w.set(wal.AppendConfigKey(nil, configRow), k.cfg.encode()); err != nil {
			return err
		}
	}
	view := c.state.store.View()
	defer view.Close()
	var dirty []*series
	for i := range k.shards {
		dirty = append(dirty, k.shards[i].dirty...)
	}
	slices.SortFunc(dirty, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.meter.num, b.meter.num), cmp.Compare(a.tenant.num, b.tenant.num))
	})
	if err := w.allPages(view, dirty); err != nil {
		return err
	}
	if err := w.expirePages(view, c.state.dir.all(), k.cfg.meters); err != nil {
		return err
	}
	if err := w.allGroups(view, dirty); err != nil {
		return err
	}
	if err := w.expireGroups(view, c.state.dir.all(), k.cfg.meters); err != nil {
		return err
	}
	w.rows = view.Seeker(wal.ClassBounds(wal.ClassSeries))
	defer func() { _ = w.rows.Close() }()
	for _, s := range dirty {
		if err := w.counter(s, s.frozen); err != nil {
			return err
		}
	}
	for _, t := range k.tenants {
		if err := w.set(wal.AppendTenantKey(nil, t.num), []byte(t.name)); err != nil {
			return err
		}
	}
	var users []newUser
	for i := range k.shards {
		users = append(users, k.shards[i].users...)
	}
	if err := w.users(users); err != nil {
		return err
	}
	parts := make([]*totals, len(k.shards))
	for i := range k.shards {
		parts[i] = k.shards[i].totals
	}
	if err := w.totals(view, parts); err != nil {
		return err
	}
	if err := w.index(view, k); err != nil {
		return err
	}
	return w.replaceRows(view, k.rows)
}

// drop forgets what the store holds now.
func (c *checkpointer) drop(k *cut) {
	tables := make([]*idTable, len(k.shards))
	c.state.facts.saved() // before the notes: blockReader looks for blocks without facts in the store
	for i := range k.shards {
		sc := &k.shards[i]
		sc.shard.mu.Lock()
		tables[i] = sc.ids
		sc.shard.frozenIDs, sc.shard.frozenNotes, sc.shard.oldTotals = nil, nil, nil
		sc.shard.mu.Unlock()
		for part := range slices.Chunk(sc.dirty, freezeChunk) {
			sc.shard.mu.Lock()
			for _, s := range part {
				if s.frozen != nil && s.frozen.gen == k.gen {
					s.tuples = max(s.tuples, s.frozen.most)
					s.frozen = nil
				}
			}
			sc.shard.mu.Unlock()
		}
		sc.shard.mu.Lock()
		sc.shard.voids = slices.Clone(sc.shard.voids[sc.voids:])
		sc.shard.mu.Unlock()
		for part := range slices.Chunk(sc.settled, freezeChunk) {
			sc.shard.mu.Lock()
			for _, h := range part {
				if h.gen <= k.gen && h.acct.closed[h.hash] == h { // not changed since: the store has it
					delete(h.acct.closed, h.hash)
				}
			}
			sc.shard.mu.Unlock()
		}
	}
	c.state.audits.saved()
	c.state.outbox.saved()
	c.spare = tables
}

// close stops retries and waits for a write in progress. The caller holds state.mu.
func (c *checkpointer) close() {
	c.canceled.Do(func() { close(c.cancel) })
	if c.running != nil {
		<-c.running.done
	}
}
