package wal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirhq/weir/usage"
)

// Poison: how a store stops for good.
//
// Pebble has two ways to meet a failed write of its WAL or manifest: Logger.Fatalf, which by
// default ends the process, or a panic while it holds its locks. A library must not end the
// process of whoever embeds it. But a Fatalf that returns is worse: Pebble then reports
// success to the writer (tried: Apply with Sync gave nil on an injected WAL error). So our
// Fatalf first sets the poison, and everything that reports success looks at the poison
// last. poison_fs.go goes further and keeps Pebble from meeting such errors at all.

// poison holds the first cause of failure. It is set once and never cleared.
type poison struct {
	// cause is written once by whoever fails first, and read by everyone. A reader that
	// sees an operation's effect also sees a poison set before that effect, because the
	// setter stores before it lets the operation continue.
	cause atomic.Pointer[codedError]
	log   *slog.Logger
}

// set poisons, unless it is poisoned already: the first cause wins.
func (p *poison) set(cause error) {
	e := &codedError{
		usage.Error{Code: usage.CodeFailed, Detail: "the store has failed and must be opened again"},
		cause,
	}
	if p.cause.CompareAndSwap(nil, e) {
		p.log.Error("store failed; nothing more is written until it is opened again", "cause", cause)
	}
}

// err returns nil, or the error with which every call fails from now on.
func (p *poison) err() error {
	if e := p.cause.Load(); e != nil {
		return e
	}
	return nil
}

// codedError is what a caller may act on (a code and a sentence) with the cause behind it,
// which is for logs: errors.Is and errors.As see both.
type codedError struct {
	coded usage.Error
	cause error
}

// Error returns the sentence and the cause.
func (e *codedError) Error() string {
	if e.cause == nil {
		return e.coded.Error()
	}
	return e.coded.Error() + ": " + e.cause.Error()
}

// Unwrap returns the coded error and the cause.
func (e *codedError) Unwrap() []error {
	if e.cause == nil {
		return []error{&e.coded}
	}
	return []error{&e.coded, e.cause}
}

// pebbleLogger is the Logger of both Pebbles. What Pebble tells goes to slog: its chatter at
// level debug, its complaints as warnings, both rate limited, because a full disk repeats
// the same line thousands of times a second.
type pebbleLogger struct {
	poison *poison
	log    *slog.Logger
	limit  *logLimit
}

var _ pebble.Logger = (*pebbleLogger)(nil)

// Infof logs what Pebble does.
func (l *pebbleLogger) Infof(format string, args ...any) {
	l.write(slog.LevelDebug, format, args)
}

// Errorf logs what Pebble retries by itself.
func (l *pebbleLogger) Errorf(format string, args ...any) {
	l.write(slog.LevelWarn, format, args)
}

// Fatalf poisons the store, and returns: see above.
func (l *pebbleLogger) Fatalf(format string, args ...any) {
	l.poison.set(errors.New("pebble: " + fmt.Sprintf(format, args...)))
}

func (l *pebbleLogger) write(level slog.Level, format string, args []any) {
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	ok, dropped := l.limit.take(time.Now())
	if !ok {
		return
	}
	text := fmt.Sprintf(format, args...)
	if dropped > 0 {
		l.log.Log(context.Background(), level, text, "suppressed", dropped)
		return
	}
	l.log.Log(context.Background(), level, text)
}

// logLimit lets through logLinesMax lines per logLinesWindow.
type logLimit struct {
	mu      sync.Mutex // guards the block below
	until   time.Time
	lines   int
	dropped int
}

const (
	logLinesWindow = 10 * time.Second
	logLinesMax    = 50 // a screenful: enough to see a pattern
)

// take reports whether a line may be written now, and how many were not since the last one.
func (l *logLimit) take(now time.Time) (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.After(l.until) {
		l.until, l.lines = now.Add(logLinesWindow), 0
	}
	if l.lines >= logLinesMax {
		l.dropped++
		return false, 0
	}
	l.lines++
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}
