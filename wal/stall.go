package wal

import (
	"log/slog"
	"sync"
	"time"
)

// stallWatch notices a disk that neither works nor fails: an append or fsync that does not
// come back. It judges nothing, it only says since when there was no progress.
type stallWatch struct {
	max time.Duration
	log *slog.Logger

	mu          sync.Mutex // guards the block below; taken twice per block, never over I/O
	outstanding int        // appends begun and not yet durable
	progressAt  time.Time  // when the first of them began, or something last became durable
	loggedAt    time.Time
}

// stallLogEvery is how often a stall is logged while it lasts.
const stallLogEvery = time.Minute

// begin counts one more append.
func (w *stallWatch) begin() {
	w.mu.Lock()
	if w.outstanding == 0 {
		w.progressAt = time.Now()
	}
	w.outstanding++
	w.mu.Unlock()
}

// end counts an append that is durable, or has failed.
func (w *stallWatch) end() {
	w.mu.Lock()
	w.outstanding--
	w.progressAt = time.Now()
	w.mu.Unlock()
}

// stalled returns for how long there has been no progress, or 0 when nothing is outstanding or
// it has not been for longer than max.
func (w *stallWatch) stalled() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalledLocked(time.Now())
}

func (w *stallWatch) stalledLocked(now time.Time) time.Duration {
	if w.outstanding == 0 {
		return 0
	}
	if since := now.Sub(w.progressAt); since > w.max {
		return since
	}
	return 0
}

// tick logs a stall, at most once every stallLogEvery.
func (w *stallWatch) tick() {
	w.mu.Lock()
	now := time.Now()
	since, outstanding := w.stalledLocked(now), w.outstanding
	due := since > 0 && now.Sub(w.loggedAt) >= stallLogEvery
	if due {
		w.loggedAt = now
	}
	w.mu.Unlock()
	if due {
		w.log.Error("the disk does not answer: writes wait", "since", since, "blocks", outstanding)
	}
}
