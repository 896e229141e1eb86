package sim

import (
	"fmt"
	"strings"
	"sync"
)

// promise is what a check looks after.
type promise int

const (
	lostAcked     promise = iota // P1: what was acknowledged is there
	doubleCounted                // P2: nothing counts that was not acknowledged, or twice
	overLimit                    // P3: units admitted beyond a hard cap
	staleRead                    // P4: a read after a write shows it
	halfCounted                  // P5: all items of a consume, or none
	wrongRollup                  // P6: usage by window, group and point of the log is what the events add up to
	wrongCounter                 // P6: quotas and holds are what was admitted
	wrongDigest                  // P6: state is the fold of the log, whatever shards and checkpoints
	goesOn                       // P7: an engine that has failed writes nothing more
	liedOutcome                  // P8: an error says what it is, and unknown is never "not done"
	panicked
	promisesEnd
)

func (p promise) String() string {
	return [...]string{"lost_acked", "double_counted", "over_limit_units", "stale_reads", "half_counted", "rollup_mismatches",
		"counter_mismatches", "digest_mismatches", "writes_after_failure", "wrong_outcomes", "panics"}[p]
}

// tally counts over all runs.
type tally struct {
	mu       sync.Mutex
	runs     int
	faults   [faultsEnd]int
	broken   [promisesEnd]int64
	ids      int // made up
	writes   int // answers of a write, errors too
	http     int // of these through the handler
	again    int // answered duplicate
	conflict int // answered conflict, as they must
	unknown  int // answered outcome_unknown
	denied   int // over_limit_attempts
	rows     int // of queries that were compared with the book
	engines  int
	verified int // times the log was folded again
	digests  int // compared over a restart
	archived int // times that an acknowledged event was found to be archived, and its numbers were not
}

var total tally

func (t *tally) add(fn func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fn()
}

// String is the report at the end.
func (t *tally) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out strings.Builder
	fmt.Fprintf(&out, "%d seeds, %d engines, %d ids, %d writes (%d by HTTP), %d duplicates, %d conflicts, %d unknown outcomes asked again\n",
		t.runs, t.engines, t.ids, t.writes, t.http, t.again, t.conflict, t.unknown)
	fmt.Fprintf(&out, "%d rows of queries compared, %d verifications, %d digests compared over a restart, %d looks at archived events\n", t.rows, t.verified, t.digests, t.archived)
	for p := range promisesEnd {
		fmt.Fprintf(&out, "%s=%d ", p, t.broken[p])
	}
	fmt.Fprintf(&out, "over_limit_attempts=%d\nfaults:", t.denied)
	sum := 0
	for k := range faultsEnd {
		fmt.Fprintf(&out, " %s %d,", k, t.faults[k])
		sum += t.faults[k]
	}
	fmt.Fprintf(&out, " %d in all", sum)
	return out.String()
}
