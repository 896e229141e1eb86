package engine

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/weirhq/weir/internal/civil"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// shard owns the tenants whose number it is: their ids, series and users. Only the goroutine
// that applies a block's items of this shard writes; queries take mu to read pending parts.
type shard struct {
	state *state

	mu     sync.Mutex // guards the block below, and pending/frozen of the shard's series
	failed error      // why apply stopped halfway: nothing is answered from what it left
	// gen is the checkpoint that everything folded now will be part of.
	gen       uint64
	ids       *idTable // ids counted since the last cut
	frozenIDs *idTable // ids of the cut being saved; nil otherwise
	dirty     []*series
	buckets   int       // of minutes that wait for a checkpoint, since the last cut; read by Apply between blocks
	newUsers  []newUser // users numbered since the last cut
	objects   []object  // changed since the last cut
	totals    *totals   // of the hours, since the last cut
	oldTotals *totals   // of the cut being saved; nil otherwise
	notes     *noteTable
	// frozenNotes is those of the cut being saved; nil otherwise.
	frozenNotes *noteTable
	newest      []tenantNote // by tenant.slot; the owner's
	voids       []*voidMark  // that no checkpoint may hold yet
	saving      bool         // the objects of the last cut are not encoded yet
	settled     []*hold      // over since the last cut
	deadlines   deadlineHeap
	idSum       sum128 // digest part of all ids ever counted
	userSum     sum128 // digest part of all users

	// The open calendar month in UTC, unix seconds; moved by log time, by the owner.
	monthStart, monthEnd, nextMonthEnd int64

	due atomic.Int64 // of the earliest deadline; written by the owner, read by anyone

	tally        tally        // figures since Open
	meterTallies []meterTally // by number of the meter, less 1

	// Scratch of apply.
	positions []int
	item      int // position in the block of the one at hand; -1: a deadline
	hashes    []wal.Hash
	hits      []uint32
	maybe     []bool
	contribs  []contribution
	touching  []*series
	changed   []*series // counters not yet published
	ledgers   []*ledger // not yet shown
	touched   []touched // counters of the call at hand
	extending *hold     // the reservation that is being extended; nil: none is
	crossed   []crossing
	noted     []note
	charged   []uint32 // tenants whose holds were charged when they expired
	sighted   timeSpan // what the items of the block that counted cover, unix nanoseconds
	skipped   []uint16 // positions of those that did not
	recalling bool     // what is evaluated was counted before
	index     uint64   // log index of the block at hand
	recall    pastBlock
	rescan    pastBlock
	prep      preparer
	witness   witness       // of a replay; nil: nobody watches
	before    []judgedQuota // the call at hand, for a witness
	costs     []int64
	voided    *recalled
	pendings  []*pending
	stranger  *account // of the tenant that is in no directory and was asked about last; nil: none was
	tuple     []uint32 // of the contribution at hand
	fresh     []freshWord
	warmed    uint64 // only keeps the compiler from dropping the loads of warm
}

// newUser is a row of the user dictionary that no checkpoint has yet.
type newUser struct {
	tenant, num uint32
	name        string
}

// tally counts outcomes. Written by the shard under mu.
type tally struct{ counted, duplicates, conflicts, rejected, denied, otherUsers, otherTuples uint64 }

// contribution is what one event adds to one meter.
type contribution struct {
	meter  *meter
	series *series
	value  int64
	add    bool       // of a meter that follows a level: value is added to the one before
	member uint32     // numbered already, or 0
	name   string     // the unique value still to be numbered; "" when member is set
	values []dimValue // of the event's dimensions
	place  []uint8    // which of them are those of the meter
	abs    uint64

	excluded bool // by the meter's filters: quotas on it are asked, nothing is counted
}

// block is what apply knows of the block at hand.
type block struct {
	index   uint64
	nanos   int64 // log time
	seconds int64
	cfg     *config
	items   []*item
	tenants []*tenant // of each item
	results []Result
}

// setTime moves the shard's month to the block's log time.
func (sh *shard) setTime(seconds int64) {
	if seconds < sh.monthStart || seconds >= sh.monthEnd {
		sh.monthStart, sh.monthEnd = civil.MonthUTC(seconds)
		_, sh.nextMonthEnd = civil.MonthUTC(sh.monthEnd)
	}
}

// begin forgets what was noted of the block before.
func (sh *shard) begin(index uint64) {
	sh.sighted, sh.skipped = noTime, sh.skipped[:0]
	sh.index, sh.item = index, 0
}

// apply judges and folds the items of b at sh.positions, in order. It fails only when the store
// cannot be read.
//
// The order for each item is dedup, then judge, then fold: a known id answers for itself before its
// age, meter or values are looked at (SEMANTICS 1).
func (sh *shard) apply(b *block) (err error) {
	sh.mu.Lock()
	defer sh.leave(&err)
	sh.setTime(b.seconds)
	sh.hashes = sh.hashes[:0]
	for _, p := range sh.positions {
		sh.hashes = append(sh.hashes, b.items[p].hash)
		sh.warmed += uint64(b.items[p].TimeNanos) // the second line of the item
	}
	sh.warmed += sh.ids.warm(sh.hashes)
	if sh.frozenIDs != nil {
		sh.warmed += sh.frozenIDs.warm(sh.hashes)
	}
	sh.warm(b)
	sh.hits = sh.hits[:0]
	if runs := sh.state.past.runs; runs != nil {
		sh.hits = runs.Candidates(sh.hashes, sh.hits)
	}
	sh.maybe = append(sh.maybe[:0], make([]bool, len(sh.positions))...)
	for _, h := range sh.hits {
		sh.maybe[h] = true
	}
	before := sh.tally
	for i, p := range sh.positions {
		sh.note(b.tenants[p], b.index)
		if err := sh.applyItem(b, p, sh.maybe[i]); err != nil {
			return err
		}
		sh.tallyMeters(b, b.items[p], &b.results[p])
		if b.results[p].verdict != counted {
			sh.skipped = append(sh.skipped, uint16(p))
		}
		if sh.witness != nil {
			if err := sh.witness.item(b, b.items[p], place{b.index, p}, &b.results[p], sh); err != nil {
				return err
			}
		}
	}
	sh.totals.since(&before, &sh.tally, b.seconds)
	sh.publish()
	return nil
}

// leave gives back the lock of whoever has changed the shard, and remembers that he failed: who waits for the lock has asked already
// whether the engine is well.
func (sh *shard) leave(err *error) {
	if *err != nil {
		sh.failed = &usage.Error{Code: usage.CodeFailed, Detail: "the engine has failed and must be opened again (" + (*err).Error() + ")"}
	}
	sh.mu.Unlock()
}

// publish shows the counters of the block to readers. An atomic store is a fence that waits for every load under
// way, so it is done once a series and block, after the loop that lives from overlapping them.
func (sh *shard) publish() {
	for _, s := range sh.changed {
		s.publish()
	}
	sh.changed = sh.changed[:0]
	for _, l := range sh.ledgers {
		l.changed = false
		l.show()
	}
	sh.ledgers = sh.ledgers[:0]
}

// warm reads what the items will touch, one step of the pointer chain at a time. Done item by item, each step is a
// cache miss that the next waits for; in short loops, the misses of many items overlap.
func (sh *shard) warm(b *block) {
	sh.touching, sh.pendings = sh.touching[:0], sh.pendings[:0]
	for _, p := range sh.positions {
		it := b.items[p]
		if it.match == nil {
			continue
		}
		for _, m := range it.match.meters {
			if s := b.tenants[p].seriesOf(m); s != nil {
				sh.touching = append(sh.touching, s)
			}
		}
	}
	for _, s := range sh.touching {
		sh.warmed += s.absolute
		if s.pending != nil {
			sh.pendings = append(sh.pendings, s.pending)
		}
	}
	for _, p := range sh.pendings {
		sh.warmed += p.absolute
	}
	for _, p := range sh.pendings {
		sh.warmed += uint64(p.delta.Warm()) + uint64(p.groups.Warm())
	}
}

func (sh *shard) applyItem(b *block, p int, maybe bool) error {
	it, t, res := b.items[p], b.tenants[p], &b.results[p]
	sh.item = p
	if it.Kind == wal.KindOperation && !it.more.op.makes() {
		return sh.applyOperation(b, it, t, res) // it names a hold that is there, and has no id of its own
	}
	payload, outcome, found, err := sh.known(it, maybe, b.index)
	switch {
	case err != nil:
		return err
	case found && payload != it.payload:
		sh.tally.conflicts++
		*res = Result{verdict: conflict, err: conflictError(it.ID)}
		return nil
	case found:
		return sh.applyRepeat(b, it, t, outcome, res)
	}
	switch it.Kind {
	case wal.KindConsume:
		return sh.applyConsume(b, it, t, res)
	case wal.KindOperation:
		return sh.applyOperation(b, it, t, res)
	}
	at := b.nanos
	if it.HasTime {
		at = it.TimeNanos
	}
	if err := sh.judge(b, it, t, at); err != nil {
		sh.tally.rejected++
		*res = Result{verdict: rejected, err: err}
		return nil
	}
	if err := sh.count(b, it, t, at); err != nil {
		return err
	}
	sh.tally.counted++
	*res = Result{verdict: counted, timeNanos: at}
	return nil
}

// known looks for the id of an item of the block at index in the open generation, the one being saved, and the runs.
func (sh *shard) known(it *item, maybe bool, index uint64) (payload, outcome uint32, found bool, err error) {
	for _, table := range [2]*idTable{sh.ids, sh.frozenIDs} {
		if table == nil {
			continue
		}
		if e := table.find(it.hash); e != nil {
			if it.Kind != wal.KindEvent {
				outcome = table.outcome(it.hash)
			}
			return e.payload, outcome, true, nil
		}
	}
	if !maybe {
		return 0, 0, false, nil
	}
	id, found, err := sh.state.past.runs.Lookup(it.hash)
	return id.Payload, id.Outcome, found && sh.state.past.has(&id, index), err
}

// judge evaluates every meter of the event into sh.contribs and changes nothing.
func (sh *shard) judge(b *block, it *item, t *tenant, at int64) *usage.Error {
	ages := b.cfg.ages
	if it.HasTime && !it.Backfill && at < b.nanos-ages.MaxAge {
		return tooOld(at, b.nanos, ages.MaxAge)
	}
	if it.HasTime && at > b.nanos+ages.MaxAhead {
		return inFuture(at, b.nanos, ages.MaxAhead)
	}
	if refusal := sh.unknownTenant(b, t); refusal != nil {
		return refusal
	}
	sh.contribs = sh.contribs[:0]
	if refusal := sh.judgePart(b, it, t); refusal != nil {
		return refusal
	}
	for i := range sh.contribs {
		if refusal := b.cfg.kept.refuses(sh.contribs[i].meter, at); refusal != nil {
			return refusal
		}
	}
	return nil
}

// judgePart evaluates every meter of the event, or of one item of a consume, and adds to sh.contribs what they count.
func (sh *shard) judgePart(b *block, it *item, t *tenant) *usage.Error {
	m := it.match
	if it.cfg != b.cfg { // matched with another configuration than that of its place in the log
		m = b.cfg.matchOf(it.Feature)
	}
	if m == nil {
		return b.cfg.unknownFeature(it.Feature)
	}
	if it.Quantity.IsSet() && it.Quantity.Sign() < 0 && !m.levels {
		return negativeQuantity(it.Quantity)
	}
	values := it.values
	if len(m.dims) > 0 && (it.cfg != b.cfg || len(values) == 0) { // prepared for another configuration, or, as what a hold books, not at all
		values = m.appendValues(nil, it)
	}
	for i, mt := range m.meters {
		// Filled in place: a copy of what was written a moment ago, in other widths, stalls the core for 30 ns.
		n := len(sh.contribs)
		if n == cap(sh.contribs) {
			sh.contribs = slices.Grow(sh.contribs, 8)
		}
		sh.contribs = sh.contribs[:n+1]
		c := &sh.contribs[n]
		c.meter, c.series = mt, t.seriesOf(mt)
		c.value, c.add, c.member, c.name, c.abs = 0, false, 0, "", 0
		c.values, c.place = values, m.places[i]
		if sh.recalling {
			c.series = nil // it was counted once: there was room
		}
		if c.excluded = !mt.filter.admits(it); c.excluded {
			continue
		}
		if err := c.evaluate(it); err != nil {
			return err
		}
		if mt.kind != rollup.KindUnique || c.member != 0 {
			continue
		}
		if c.name == "" {
			sh.contribs = sh.contribs[:n] // no user, no unique value: not this meter's event
		} else if c.member = t.numbers.get(nameHash(sh.state.secret, c.name)); c.member != 0 {
			c.name = "" // it got its number since the item was prepared, or the item is a part of one
		}
	}
	return nil
}

// count folds the contributions that judge left, shows them to the quotas, and remembers the id.
func (sh *shard) count(b *block, it *item, t *tenant, at int64) error {
	if !t.listed.Load() && b.cfg.settings.def.DefaultPlan != nil {
		if _, err := sh.ensureAccount(t, b.nanos); err != nil {
			return err
		}
	}
	if err := sh.foldContribs(b, it, t, at); err != nil {
		return err
	}
	if a := t.account.Load(); a != nil && len(a.book.slots) > 0 {
		if err := sh.record(b, it, a, at); err != nil {
			return err
		}
	}
	sh.remember(b, it, 0)
	return nil
}

// foldContribs folds sh.contribs into the rollups, at a time. It fails only when the store cannot be read.
func (sh *shard) foldContribs(b *block, it *item, t *tenant, at int64) error {
	if !t.listed.Load() {
		sh.list(t, true)
	}
	p := rollup.Point{TimeNanos: at}
	if it.match == nil || it.match.levels || it.cfg != b.cfg { // only levels order events by identity
		p.Source, p.ID = it.Source, it.ID
	}
	for i := range sh.contribs {
		c := &sh.contribs[i]
		if c.excluded {
			continue
		}
		if c.series == nil {
			if c.series = t.seriesOf(c.meter); c.series == nil { // an item before this one may have made it
				c.series = t.addSeries(c.meter)
			}
		}
		if c.name != "" {
			c.member = sh.number(t, c.name)
		}
		p.Value, p.Add, p.Member, p.Times = c.value, c.add, c.member, c.times()
		c.series.fold(sh, &p, c.abs, b.seconds)
		if c.meter.grouped {
			if err := sh.foldGroups(t, c, it, &p); err != nil {
				return err
			}
		}
	}
	return nil
}

// times is how many events the contribution to a count meter stands for; a lease settles many at once.
func (c *contribution) times() int64 {
	if c.meter.kind == rollup.KindCount && c.value != 1 {
		return c.value
	}
	return 0
}

// number returns the dense number of a user or unique value, giving it one if it is new.
func (sh *shard) number(t *tenant, name string) uint32 {
	if n := t.numbers.get(nameHash(sh.state.secret, name)); n != 0 {
		return n
	}
	if t.users >= usersPerTenantMax {
		sh.tally.otherUsers++
		return otherMember
	}
	name = cloneString(name) // it may alias a block or a request
	u := newUser{tenant: t.num, num: sh.state.dir.addUser(t, name), name: name}
	sh.newUsers = append(sh.newUsers, u)
	sh.userSum.add(u.hash())
	return u.num
}
