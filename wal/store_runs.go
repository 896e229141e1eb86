package wal

import (
	"errors"
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirhq/weir/usage"
)

// The store and the dedup index: the store opens the set of runs, lends it the state to read and
// the one ingest to write through, and runs its merger. What a run is, is in run.go.

// Runs returns the closed part of the dedup index.
func (s *Store) Runs() *RunSet { return s.runs }

// openRuns loads the runs that the state names.
func (s *Store) openRuns() (err error) {
	var ingest runIngest
	if !s.opts.ReadOnly {
		ingest = func(build func(w runRows) error, committed func()) error {
			return s.ingest(func(w *tableBuilder) error { return build(w) }, committed)
		}
	}
	s.runs, err = openRunSet(healthyReader{s.state, s.poison}, ingest)
	return err
}

// healthyReader is the state as long as the store has not failed: then a lookup that has to read
// is refused as every other call is.
type healthyReader struct {
	pebble.Reader
	poison *poison
}

// Get implements pebble.Reader.
func (r healthyReader) Get(key []byte) ([]byte, io.Closer, error) {
	if err := r.poison.err(); err != nil {
		return nil, nil, err
	}
	return r.Reader.Get(key)
}

// NewIter implements pebble.Reader.
func (r healthyReader) NewIter(o *pebble.IterOptions) (*pebble.Iterator, error) {
	if err := r.poison.err(); err != nil {
		return nil, err
	}
	return r.Reader.NewIter(o)
}

// startRuns starts the merger.
func (s *Store) startRuns() {
	if s.opts.ReadOnly {
		return
	}
	s.done.Add(1)
	go func() {
		defer s.done.Done()
		s.runs.runMerger(s.stop, s.reportMerge)
	}()
}

// reportMerge decides what an error of the merger means. It changed nothing, so most are only
// worth a line; but a run that cannot be read is a dedup index that cannot be trusted.
func (s *Store) reportMerge(err error) {
	switch {
	case errors.Is(err, usage.ErrClosed), s.Failed() != nil:
	case errors.Is(err, ErrCorrupt):
		s.Poison(err)
	default:
		s.opts.Logger.Warn("merge of dedup runs failed; it will be tried again", "error", err)
	}
}

// closeRuns ends lookups. The merger has returned.
func (s *Store) closeRuns() error {
	s.runs.close()
	return nil
}
