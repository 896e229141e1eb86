package main

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"time"
)

// pace is how fast the machine was at the start: of a virtual machine, caches and memory are shared with neighbours, and their
// pace moves by a factor of two within an hour. What walks through memory, as Allowed does, moves with it.
type pace struct {
	// Nearby and Far are nanoseconds for one dependent read of a random cache line out of 8 and out of 64 MiB.
	Nearby float64 `json:"read_8mib_ns"`
	Far    float64 `json:"read_64mib_ns"`
	Clock  float64 `json:"clock_ns"` // one reading of the clock
	// Pause is the longest, in nanoseconds, that a goroutine which does nothing but read the clock for a second stood still: what the
	// host took away. No p99 of a server can be shorter than what happens to it a hundred times in ten thousand.
	Pause float64 `json:"longest_pause_ns"`
}

func (p pace) String() string {
	text := fmt.Sprintf("a read from 8 MiB %.0f ns, from 64 MiB %.0f ns, the clock %.0f ns", p.Nearby, p.Far, p.Clock)
	if p.Pause > 0 {
		text += fmt.Sprintf(", the longest pause of an idle second %s", human(p.Pause, "ns"))
	}
	return text
}

// thisPace measures for about a second and a half.
func thisPace() pace {
	const reads = 1_000_000
	p := pace{Nearby: perRead(8<<20, reads), Far: perRead(64<<20, reads)}
	start := time.Now()
	for range reads {
		time.Since(start)
	}
	p.Clock = float64(time.Since(start).Nanoseconds()) / reads
	start = time.Now()
	for last := start; last.Sub(start) < time.Second; {
		now := time.Now()
		p.Pause = max(p.Pause, float64(now.Sub(last).Nanoseconds()))
		last = now
	}
	return p
}

// perRead follows a random cycle through all cache lines of a piece of memory.
func perRead(bytes, reads int) float64 {
	lines := make([][16]int32, bytes/64)
	order := rand.New(rand.NewPCG(1, 2)).Perm(len(lines))
	for i, line := range order {
		lines[line][0] = int32(order[(i+1)%len(order)])
	}
	start, at := time.Now(), int32(0)
	for range reads {
		at = lines[at][0]
	}
	took := time.Since(start)
	runtime.KeepAlive(at) // or the compiler may leave the reads out
	return float64(took.Nanoseconds()) / float64(reads)
}
