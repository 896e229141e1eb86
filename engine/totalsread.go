package engine

import (
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// hourTotals reads the totals of numbers (of meters, or one of totalCounted and its like) over the hours [from, to) since 1970, each
// hour by itself. The parts in memory are taken before the view of the store, as rangeOf does.
func (e *Engine) hourTotals(numbers []uint32, from, to int64) (map[uint32][]rollup.Int128, error) {
	wanted := make(map[uint32][]rollup.Int128, len(numbers))
	for _, n := range numbers {
		wanted[n] = make([]rollup.Int128, to-from)
	}
	type part struct {
		gen  uint64
		days []totalsDay
	}
	firstDay, lastDay := floorDiv(from, hoursPerDay), floorDiv(to-1, hoursPerDay)
	var parts []part
	for _, sh := range e.state.shards {
		sh.mu.Lock()
		for _, t := range [2]*totals{sh.oldTotals, sh.totals} {
			if t == nil {
				continue
			}
			p := part{gen: t.gen}
			for _, n := range numbers {
				for day := firstDay; day <= lastDay; day++ {
					if d := t.days[totalsKey{n, day}]; d != nil {
						p.days = append(p.days, *d)
					}
				}
			}
			parts = append(parts, p)
		}
		sh.mu.Unlock()
	}
	view := e.store.View()
	defer view.Close()
	gen := viewGen(view)
	for i := range parts {
		if parts[i].gen <= gen {
			continue
		}
		for j := range parts[i].days {
			parts[i].days[j].addTo(wanted, from, to)
		}
	}
	for _, n := range numbers {
		lower, upper := wal.AppendTotalsKey(nil, n, firstDay), wal.AppendTotalsKey(nil, n, lastDay+1)
		err := view.Scan(lower, upper, func(key, value []byte) error {
			meter, day, err := wal.ParseTotalsKey(key)
			if err != nil {
				return err
			}
			d := totalsDay{key: totalsKey{meter, day}}
			if err := d.decode(value); err != nil {
				return err
			}
			d.addTo(wanted, from, to)
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return wanted, nil
}

// addTo adds the hours of the day that lie in [from, to).
func (d *totalsDay) addTo(out map[uint32][]rollup.Int128, from, to int64) {
	hours := out[d.key.meter]
	for h := range d.hours {
		if at := d.key.day*hoursPerDay + int64(h); at >= from && at < to {
			hours[at-from] = hours[at-from].Plus(d.hours[h])
		}
	}
}

// sumOfHours adds up hours.
func sumOfHours(hours []rollup.Int128) (sum rollup.Int128) {
	for _, h := range hours {
		sum = sum.Plus(h)
	}
	return sum
}

// inUnits is a total in the meter's unit, null when it does not fit.
func inUnits(total rollup.Int128, scale int) usage.Decimal {
	v, ok := total.Int64()
	if !ok {
		return usage.Decimal{}
	}
	return usage.FromUnits(v, scale)
}
