// Package sim is the simulator: whole engines under random work and random faults, thousands of times.
//
// One run is one seed. In a bubble of testing/synctest (so that time is virtual and weeks pass in milliseconds) a few callers work
// on an engine over a disk in memory, in process and as HTTP through the real client and handler: they record, consume, reserve,
// lease, void and adjust, change limits and plans, reset quotas, ask, lose patience, send things twice, late, with another payload, and
// again after an unknown outcome. Meanwhile the schedule of the engine strikes: the power is cut or the process killed at a random operation of the
// disk, also in the middle of Open; reads and writes fail, space runs out with and without a warning, syncs are slow, the wall clock is set.
// Then the engine is opened again over what a real disk might hold, with other shards and checkpoints, and everything is compared with
// a book of what was sent and answered:
//
//	lost_acked             every id that was acknowledged is asked once more, looked up and listed: it must be there
//	double_counted         nothing is listed, and no total contains, what nobody was told that counts
//	over_limit_units       after every admission, and in the end, no quota has more than its cap; sliding hours and rates by the times of events
//	stale_reads            a read after a write shows it
//	half_counted           both items of a consume, or none
//	rollup_mismatches      totals, uniques, levels, rows by window, zone and group, and numbers as of earlier, are what the events add up to
//	counter_mismatches     quotas, users' quotas, holds and crossings are what was admitted
//	digest_mismatches      the log is folded again (engine.Verify); other shards and checkpoints load the same digest
//	writes_after_failure   an engine that has said failed writes nothing more, and its health says so
//	wrong_outcomes         errors have a code, and unknown is never "not done"
//	panics                 none, and nothing hangs: a run that takes longer than five minutes prints every goroutine
//
// A failure prints the seed and its schedule. The same seed draws the same work and the same faults; goroutines may still interleave otherwise,
// so a seed that found something is run again a few times. The checker is itself tested: package mutants plants bugs, and
// this must find them. docs/RELIABILITY.md has figures.
//
//	make sim SEEDS=1000
//	go test ./internal/sim -run '^TestSim$' -v -sim.seed=42 -sim.seeds=1      one seed
package sim
