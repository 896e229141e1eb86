package sim

import (
	"fmt"
	"math/rand/v2"
)

// faultKind is what may happen to the machine under an engine.
type faultKind int

const (
	powerCut     faultKind = iota // the machine is off: of what was not synced, a random part is on the disk
	cutInOpen                     // the same, before Open has returned
	killed                        // the process is gone: all that it wrote is there, what it held in memory is not
	writeError                    // writes fail, as on a dying disk
	readError                     // reads fail
	noSpace                       // writes find no space, without a warning: somebody else filled the disk
	diskFull                      // the disk says that it is almost full, for a while
	fullAtEnd                     // the disk says so and stays so until the engine is closed
	slowDisk                      // syncs take their time
	clockSkew                     // somebody sets the wall clock, within what is tolerated
	clockWrong                    // somebody sets the wall clock to what cannot be believed, for a while
	cleanRestart                  // nothing but Close and Open, with other shards and checkpoints
	faultsEnd
)

func (k faultKind) String() string {
	return [...]string{"power cut", "power cut in open", "kill", "write error", "read error", "no space", "disk almost full", "disk stays full",
		"slow disk", "clock skew", "clock wrong", "clean restart"}[k]
}

// fault is one entry of the schedule of an engine.
type fault struct {
	kind faultKind
	at   int64 // the operation of the disk, counted from 1, at or after which it strikes
	n    int   // errors: how many operations fail in a row

	struck bool
	note   string
}

func (f *fault) String() string {
	switch {
	case f.kind == cleanRestart:
		return f.kind.String()
	case !f.struck:
		return fmt.Sprintf("%s planned at operation %d, not reached", f.kind, f.at)
	default:
		return fmt.Sprintf("%s planned at operation %d, struck at %s", f.kind, f.at, f.note)
	}
}

// schedule draws the faults of one engine, which will do about ops operations on its disk, opening of them before it is open.
// One of them may end it; up to two others come before that.
func schedule(rng *rand.Rand, ops, opening int64) []*fault {
	var plan []*fault
	for range rng.IntN(3) {
		kind := []faultKind{writeError, readError, noSpace, diskFull, fullAtEnd, slowDisk, slowDisk, clockSkew, clockWrong}[rng.IntN(9)]
		plan = append(plan, &fault{kind: kind, at: opening + 1 + rng.Int64N(ops), n: 1 + rng.IntN(6)})
	}
	switch rng.IntN(8) {
	case 0, 1, 2:
		plan = append(plan, &fault{kind: powerCut, at: opening + 1 + rng.Int64N(ops)})
	case 3:
		plan = append(plan, &fault{kind: cutInOpen, at: 1 + rng.Int64N(max(1, opening))})
	case 4, 5:
		plan = append(plan, &fault{kind: killed, at: opening + 1 + rng.Int64N(ops)})
	default:
		if len(plan) == 0 {
			plan = append(plan, &fault{kind: cleanRestart, struck: true})
		}
	}
	return plan
}
