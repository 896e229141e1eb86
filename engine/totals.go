package engine

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math/bits"
	"slices"

	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/wal"
)

// Totals are what all tenants together counted of a meter in each UTC hour. An overview over 10,000 tenants reads them instead
// of the pages of every tenant. They are state like any other: folded in apply, merged into rows by a checkpoint, under the
// digest and in verify.
//
// Only meters that add up over tenants have them: sum and count. What became of the items of the log is kept the same
// way, by the hour of log time, under numbers that no meter has.

// Numbers of totals that are of no meter. Meters end at metersMax.
const (
	totalCounted uint32 = 1<<16 + iota
	totalDuplicates
	totalConflicts
	totalRejected
	totalDenied
)

const (
	hourSeconds  = 3600
	hoursPerDay  = 24
	secondsADay  = hoursPerDay * hourSeconds
	totalsRowVer = 1
)

// totals are those that a shard folded between two cuts. Guarded by shard.mu.
type totals struct {
	gen  uint64 // the checkpoint that makes them obsolete
	days map[totalsKey]*totalsDay

	// A cache of days, direct-mapped by day and meter: the events of a month hit it nearly always, at the cost of one
	// comparison, where the map costs ten times that. 512 entries are 32 days of 16 meters.
	recent [512]*totalsDay
}

type totalsKey struct {
	meter uint32 // number of a meter, or one of those above
	day   int64  // since 1970, UTC
}

// totalsDay is one row of totals. An hour that adds up to zero is as one that counted nothing, so that the row does not
// depend on how checkpoints cut what was taken back.
type totalsDay struct {
	key   totalsKey
	hours [hoursPerDay]rollup.Int128
}

func newTotals(gen uint64) *totals {
	return &totals{gen: gen, days: make(map[totalsKey]*totalsDay)}
}

// addsUp tells whether a total over all tenants of a kind is the sum of theirs.
func addsUp(k rollup.Kind) bool { return k == rollup.KindSum || k == rollup.KindCount }

// add counts units of a meter at a unix second.
func (t *totals) add(meter uint32, sec, units int64) {
	key := totalsKey{meter, floorDiv(sec, secondsADay)}
	slot := &t.recent[(uint64(key.day)%32*16+uint64(meter)%16)%uint64(len(t.recent))]
	if *slot == nil || (*slot).key != key {
		*slot = t.day(key)
	}
	hour := &(*slot).hours[(sec-key.day*secondsADay)/hourSeconds]
	*hour = hour.Plus(rollup.Wide(units))
}

func (t *totals) day(key totalsKey) *totalsDay {
	d := t.days[key]
	if d == nil {
		d = &totalsDay{key: key}
		t.days[key] = d
	}
	return d
}

// merge adds other to t.
func (t *totals) merge(other *totals) {
	for key, d := range other.days { // order-free: sums
		t.day(key).merge(d)
	}
}

func (d *totalsDay) merge(other *totalsDay) {
	for h := range d.hours {
		d.hours[h] = d.hours[h].Plus(other.hours[h])
	}
}

// sorted returns the days in the order of their keys.
func (t *totals) sorted() []*totalsDay {
	return slices.SortedFunc(maps.Values(t.days), func(a, b *totalsDay) int {
		return cmp.Or(cmp.Compare(a.key.meter, b.key.meter), cmp.Compare(a.key.day, b.key.day))
	})
}

// mergeTotals adds up what the shards folded.
func mergeTotals(parts []*totals) *totals {
	all := newTotals(0)
	for _, t := range parts {
		all.merge(t)
	}
	return all
}

// since adds the outcomes that were tallied since before to the totals of log time sec.
func (t *totals) since(before, now *tally, sec int64) {
	for _, c := range [...]struct {
		number   uint32
		old, new uint64
	}{
		{totalCounted, before.counted, now.counted}, {totalDuplicates, before.duplicates, now.duplicates},
		{totalConflicts, before.conflicts, now.conflicts}, {totalRejected, before.rejected, now.rejected},
		{totalDenied, before.denied, now.denied},
	} {
		if c.new != c.old {
			t.add(c.number, sec, int64(c.new-c.old))
		}
	}
}

// append encodes the row; nothing when all hours are zero.
//
//	┌────────┬───────────────────────┬─────────────────────────────────┐
//	│ 1 (u8) │ hours present uvarint │ per hour: high varint, low uvarint │
//	└────────┴───────────────────────┴─────────────────────────────────┘
func (d *totalsDay) append(dst []byte) []byte {
	present := uint64(0)
	for h, sum := range d.hours {
		if sum != (rollup.Int128{}) {
			present |= 1 << h
		}
	}
	if present == 0 {
		return dst
	}
	dst = binary.AppendUvarint(append(dst, totalsRowVer), present)
	for ; present != 0; present &= present - 1 {
		sum := d.hours[bits.TrailingZeros64(present)]
		dst = binary.AppendUvarint(binary.AppendVarint(dst, sum.Hi), sum.Lo)
	}
	return dst
}

// decode adds a row to d.
func (d *totalsDay) decode(src []byte) error {
	if len(src) == 0 {
		return nil
	}
	r := rowReader{src: src}
	if r.byte() != totalsRowVer {
		return fmt.Errorf("%w: totals of unknown version", wal.ErrCorrupt)
	}
	present := r.uvarint()
	if present == 0 || present >= 1<<hoursPerDay {
		r.fail("hours of totals")
		present = 0
	}
	for ; present != 0; present &= present - 1 {
		h := bits.TrailingZeros64(present)
		d.hours[h] = d.hours[h].Plus(rollup.Int128{Hi: r.varint(), Lo: r.uvarint()})
	}
	return r.end("totals")
}

// totals merges what the shards folded into the rows of the store.
func (w *rowWriter) totals(view *wal.View, parts []*totals) error {
	rows := view.Seeker(wal.ClassBounds(wal.ClassTotals))
	for _, d := range mergeTotals(parts).sorted() {
		w.key = wal.AppendTotalsKey(w.key[:0], d.key.meter, d.key.day)
		_, err := rows.Get(w.key, func(old []byte) error {
			w.sum.sub(rowHash(w.key, old))
			return d.decode(old)
		})
		if err == nil {
			w.buf = d.append(w.buf[:0])
			err = w.replace(w.key, w.buf)
		}
		if err != nil {
			_ = rows.Close()
			return fmt.Errorf("totals of meter %d, day %d: %w", d.key.meter, d.key.day, err)
		}
	}
	return rows.Close()
}
