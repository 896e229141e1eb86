// Package sim is the simulator: whole engines under random work and random faults, thousands of times.
//
// One run is one seed. In a bubble of testing/synctest (so that time is virtual and days pass in milliseconds) a few clients work
// on an engine over a disk in memory: they record, consume, reserve, lease, void and adjust, change limits, send things twice, late, and
// again after an unknown outcome. Meanwhile the power is cut at a random operation of the disk, a write fails, the disk is slow
// or full, the wall clock is set. Then the engine is opened again over what a real disk might hold, with other shards and checkpoints,
// and the checks run:
//
//	nothing acknowledged is lost         every id that was answered is asked once more: it must be a duplicate
//	nothing counts twice                 totals, uniques and levels equal a model that knows which ids count, and only that
//	nothing passes a limit               units admitted under a quota never pass the highest limit that was ever in force
//	state is the fold of the log         engine.Verify
//	it never hangs, panics or lies       a write ends as done, not done or unknown, and says so
//
// A run prints its faults. The same seed draws the same work and the same faults; goroutines may still interleave otherwise, so a seed
// that found something is run again a few times. The checker is itself tested: package mutants plants bugs, and this must find them.
//
//	go test ./internal/sim -run TestSim -sim.seeds=1000        or: make sim SEEDS=1000
//	go test ./internal/sim -run TestSim -sim.seed=42 -v        one seed, with its schedule
package sim
