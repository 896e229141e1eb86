package engine

import "github.com/weirhq/weir/usage"

// What happened to the items of each meter since Open, beside what they counted. Figures of this process: no part of the state, so
// that a replay or another shard count changes nothing that is compared.

// meterTally counts what came late or did not count, of one meter. Written by the shard under mu.
type meterTally struct{ late, duplicates, conflicts, rejected, denied uint64 }

// tallyMeters notes what became of an item, in each meter that its features belong to. Most items count in time, and cost a
// comparison.
func (sh *shard) tallyMeters(b *block, it *item, res *Result) {
	isLate := it.HasTime && late(it.TimeNanos, b.nanos)
	switch res.verdict {
	case counted:
		if !isLate {
			return
		}
	case duplicate, conflict, rejected, denied:
	default:
		return
	}
	for _, sub := range it.parts() {
		m := b.cfg.matchOf(sub.Feature)
		if m == nil {
			continue
		}
		for _, mt := range m.meters {
			sh.meterTally(mt.num).add(res.verdict)
		}
	}
}

// meterTally is the tally of a meter's number.
func (sh *shard) meterTally(num uint32) *meterTally {
	for len(sh.meterTallies) < int(num) {
		sh.meterTallies = append(sh.meterTallies, meterTally{})
	}
	return &sh.meterTallies[num-1]
}

// add counts one item that did not count, or counted late.
func (t *meterTally) add(v verdict) {
	switch v {
	case counted:
		t.late++
	case duplicate:
		t.duplicates++
	case conflict:
		t.conflicts++
	case rejected:
		t.rejected++
	case denied:
		t.denied++
	}
}

// MeterStats returns the figures of every meter that is not archived, in the order of their slugs. It takes each shard's lock for as
// long as it takes to look at its series: milliseconds for ten thousand tenants.
func (e *Engine) MeterStats() []usage.MeterStats {
	var out []usage.MeterStats
	place := map[uint32]int{} // in out, by the meter's number
	for _, m := range e.state.cfg.Load().meters {
		if !m.archived {
			place[m.num] = len(out)
			out = append(out, usage.MeterStats{Meter: m.def.Slug, GroupsDayMax: tuplesPerDayMax})
		}
	}
	for _, sh := range e.state.shards {
		sh.mu.Lock()
		for i := range sh.meterTallies {
			if at, ok := place[uint32(i)+1]; ok {
				t, x := &sh.meterTallies[i], &out[at]
				x.Late, x.Duplicates, x.Conflicts = x.Late+t.late, x.Duplicates+t.duplicates, x.Conflicts+t.conflicts
				x.Rejected, x.Denied = x.Rejected+t.rejected, x.Denied+t.denied
			}
		}
		sh.mu.Unlock()
	}
	for _, t := range e.state.dir.all() {
		if !t.listed.Load() {
			continue
		}
		t.shard.mu.Lock()
		t.eachSeries(func(s *series) {
			if at, ok := place[s.meter.num]; ok {
				out[at].Tenants++
				out[at].GroupsDay = max(out[at].GroupsDay, min(s.tuplesBound(), tuplesPerDayMax))
			}
		})
		t.shard.mu.Unlock()
	}
	return out
}
