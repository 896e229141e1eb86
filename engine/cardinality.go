package engine

import (
	"fmt"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// The bound on tuples: of a series, a UTC day and a family, the first tuplesPerDayMax that come are told apart; what comes later
// is counted under the tuple whose every word is otherMember. Once a day is full it stays so, as its row remembers
// what was taken back; so a tuple is always told apart on a day, or never, and a correction finds what it corrects.
//
// The naive rule needs the set of every day in memory. Nearly always a bound is enough: no day can have more tuples than
// the fullest stored one and all cells since. Only when that says it might, the set of the day is made,
// from the store and from what is pending. Both ways decide the same, so neither checkpoints nor restarts show.
//
// A value is numbered only when its tuple is told apart: a hostile dimension fills a day, not the dictionary.

// tupleKey is a tuple, the words it has not being 0.
type tupleKey [rollup.TupleMax]uint32

// tupleSet is the tuples of one day, without the one that stands for the rest.
type tupleSet map[tupleKey]struct{}

type tupleSetKey struct {
	family rollup.Family
	day    int64
}

// othersKey is the tuple of width words that stands for the rest.
func othersKey(width int) (k tupleKey) {
	for i := range width {
		k[i] = otherMember
	}
	return k
}

func (s tupleSet) add(tuple []uint32) {
	var k tupleKey
	copy(k[:], tuple)
	if k != othersKey(len(tuple)) {
		s[k] = struct{}{}
	}
}

// admits tells whether a tuple is, or may be, in the set. fresh says that a value of it was never seen.
func (s tupleSet) admits(tuple []uint32, fresh bool) bool {
	if len(s) < tuplesPerDayMax {
		return true
	}
	if fresh {
		return false
	}
	var k tupleKey
	copy(k[:], tuple)
	_, known := s[k]
	return known || k == othersKey(len(tuple))
}

// place makes sh.tuple the one that a contribution counts under, and numbers its new values. The caller holds shard.mu, and the
// series was touched.
func (sh *shard) place(t *tenant, c *contribution, it *item, minute int64) error {
	fresh := sh.tupleOf(t, c, it)
	s := c.series
	// The bound is asked last: it lies in memory that nothing else of the event reads.
	few := len(c.meter.dims) == 0 && t.users < tuplesPerDayMax-2 || s.tuplesBound() < tuplesPerDayMax
	if few && s.pending.sets == nil { // a set that was made must see every tuple
		sh.numberFresh(t, len(sh.tuple))
		return nil
	}
	return sh.placeExactly(t, s, fresh, floorDiv(minute, minutesPerDay))
}

const minutesPerDay = 24 * 60

// tuplesBound is the most tuples that a day of the series can have.
func (s *series) tuplesBound() int {
	n := s.tuples
	if s.frozen != nil && s.frozen.groups != nil {
		n += s.frozen.groups.Len()
	}
	if s.pending != nil && s.pending.groups != nil {
		n += s.pending.groups.Len()
	}
	return n
}

// numberFresh numbers those new values of sh.tuple that stand before a word.
func (sh *shard) numberFresh(t *tenant, before int) {
	for _, f := range sh.fresh {
		if f.word < before {
			sh.tuple[f.word] = sh.number(t, f.name)
		}
	}
}

// placeExactly decides by the sets of the day.
func (sh *shard) placeExactly(t *tenant, s *series, fresh int, day int64) error {
	user := len(sh.tuple) - 1
	var sets [2]tupleSet
	for _, f := range s.meter.families() {
		set, err := sh.tuplesOf(s, f, day)
		if err != nil {
			return err
		}
		sets[f] = set
	}
	userFresh := fresh > 0 && sh.fresh[len(sh.fresh)-1].word == user
	dimsFresh := fresh > 1 || fresh == 1 && !userFresh
	if set := sets[rollup.ByDimensions]; set != nil && !set.admits(sh.tuple[:user], dimsFresh) {
		sh.tally.otherTuples++
		for i := range sh.tuple {
			sh.tuple[i] = otherMember
		}
		sh.tuple[user] = rollup.OverUser
		return nil // with every user, too, a day has at least as many tuples
	}
	if set := sets[rollup.ByUser]; set != nil && !set.admits(sh.tuple, fresh > 0) {
		sh.tally.otherTuples++
		sh.numberFresh(t, user)
		sh.tuple[user] = rollup.OverUser
	} else {
		sh.numberFresh(t, len(sh.tuple))
		if set != nil {
			set.add(sh.tuple)
		}
	}
	if set := sets[rollup.ByDimensions]; set != nil {
		set.add(sh.tuple[:user])
	}
	return nil
}

// tuplesOf returns the tuples that a series has on a day. It reads the store under the lock, once a day and generation of
// a series that is near the bound. The caller holds shard.mu.
func (sh *shard) tuplesOf(s *series, f rollup.Family, day int64) (tupleSet, error) {
	key := tupleSetKey{f, day}
	if set, ok := s.pending.sets[key]; ok {
		return set, nil
	}
	set := make(tupleSet)
	if sh.state.store != nil { // a state that verifies has everything in memory
		if err := set.addStored(sh.state.store, s, f, day); err != nil {
			return nil, err
		}
	}
	for _, p := range [2]*pending{s.frozen, s.pending} {
		if p != nil && p.groups != nil {
			p.groups.EachTuple(f, day*minutesPerDay, (day+1)*minutesPerDay, set.add)
		}
	}
	if s.pending.sets == nil {
		s.pending.sets = make(map[tupleSetKey]tupleSet)
	}
	s.pending.sets[key] = set
	return set, nil
}

func (s tupleSet) addStored(store *wal.Store, of *series, f rollup.Family, day int64) error {
	view := store.View()
	defer view.Close()
	key := wal.AppendGroupKey(nil, of.tenant.num, of.meter.num, uint8(f), uint8(rollup.Day), day)
	_, err := view.Get(key, func(data []byte) error {
		var row rollup.GroupRow
		for row.Open(of.meter.kind, rollup.Day, f.Width(of.meter.width()), data); row.Next(); {
			s.add(row.Tuple())
		}
		return row.Err()
	})
	if err != nil {
		return fmt.Errorf("tuples of tenant %q, meter %s: %w", of.tenant.name, of.meter.def.Slug, err)
	}
	return nil
}
