package engine

import (
	"context"
	"time"
)

// ticker wakes an idle engine when something is due: a reservation expires, a plan changes. A busy one needs no waking, as
// every block brings the time along.

const (
	// tickerPauseMax is how long the ticker sleeps when nothing is known to be due: new deadlines, and a clock that is not the
	// machine's, are noticed so soon.
	tickerPauseMax = 250 * time.Millisecond
	// tickerPauseMin bounds the ticks when the log refuses them.
	tickerPauseMin = 5 * time.Millisecond
)

// runTicker ends when stop is closed.
func (e *Engine) runTicker(stop <-chan struct{}) {
	timer := time.NewTimer(tickerPauseMax)
	defer timer.Stop()
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		pause := time.Duration(e.earliestDue() - e.clock.now())
		if pause <= 0 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = e.tick(ctx) // refused while the disk is full or the clock wrong: tried again
			cancel()
			pause = tickerPauseMin
		}
		timer.Reset(min(max(pause, tickerPauseMin), tickerPauseMax))
	}
}

func (e *Engine) earliestDue() int64 {
	due := int64(noDeadline)
	for _, sh := range e.state.shards {
		due = min(due, sh.due.Load())
	}
	return due
}
