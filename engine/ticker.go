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
	// tickerPauseMin is the least pause between two ticks. When the log refuses them it doubles, up to tickerPauseMax: a failed
	// engine stays up for days until somebody looks.
	tickerPauseMin = 5 * time.Millisecond
)

// runTicker ends when stop is closed.
func (e *Engine) runTicker(stop <-chan struct{}) {
	timer := time.NewTimer(tickerPauseMax)
	defer timer.Stop()
	least := tickerPauseMin
	for {
		select {
		case <-stop:
			return
		case <-timer.C:
		}
		pause := time.Duration(e.earliestDue() - e.clock.now())
		if pause <= 0 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			err := e.tick(ctx) // refused while the disk is full or the clock wrong: tried again
			cancel()
			if least = min(2*least, tickerPauseMax); err == nil {
				least = tickerPauseMin
			}
		}
		timer.Reset(min(max(pause, least), tickerPauseMax))
	}
}

func (e *Engine) earliestDue() int64 {
	due := int64(noDeadline)
	for _, sh := range e.state.shards {
		due = min(due, sh.due.Load())
	}
	return due
}
