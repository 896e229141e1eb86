package wal

import (
	"bytes"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"github.com/weirhq/weir/usage"
)

// View is the state as of one checkpoint: later ones do not change it. It is cheap to make and
// must be closed, since rows that it may still read cannot be compacted away. Safe for
// concurrent use.
type View struct {
	store *Store
	snap  *pebble.Snapshot // nil for a view that failed to open
	meta  *Meta
	err   error // with which every call fails

	// seekers are those that are open; guarded by store.views.mu. The store closes them when it
	// closes: Pebble would call an open iterator a leak.
	seekers map[*Seeker]struct{}
}

// viewSet is the views that are open.
type viewSet struct {
	mu    sync.Mutex // guards the block below, and View.seekers
	views map[*View]struct{}
}

// View returns a view of the newest checkpoint. It never fails: the calls on a view of a closed or
// failed store do.
func (s *Store) View() *View {
	v := &View{store: s}
	if v.err = s.enterHealthy(); v.err != nil {
		return v
	}
	defer s.gate.leave()
	v.snap = s.state.NewSnapshot()
	// From the snapshot and not from the store, which may be one checkpoint behind or ahead.
	v.meta, v.err = readMeta(v.snap)
	s.views.mu.Lock()
	defer s.views.mu.Unlock()
	if s.views.views == nil {
		s.views.views = make(map[*View]struct{})
	}
	s.views.views[v] = struct{}{}
	return v
}

// Meta returns what the view is of; false when there is no checkpoint yet.
func (v *View) Meta() (Meta, bool) {
	if v.meta == nil {
		return Meta{}, false
	}
	return *v.meta, true
}

// Err returns the error with which every call fails, or nil.
func (v *View) Err() error { return v.err }

// enter is the gate of every call.
func (v *View) enter() error {
	if v.err != nil {
		return v.err
	}
	if v.store.closing() {
		return usage.ErrClosed
	}
	return v.store.enterHealthy()
}

// Get calls fn with the value of key and reports whether there is one. The value is valid during
// the call only; fn's error is returned.
func (v *View) Get(key []byte, fn func(value []byte) error) (found bool, err error) {
	if err := v.enter(); err != nil {
		return false, err
	}
	defer v.store.gate.leave()
	value, closer, err := v.snap.Get(key)
	switch {
	case errors.Is(err, pebble.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("get %x: %w", key, corruption(err))
	}
	return true, errors.Join(fn(value), closer.Close())
}

// Scan calls fn for every row of [lower, upper) in ascending order of keys, until fn returns an
// error, which is returned. Key and value are valid during the call only.
func (v *View) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	return v.scan(lower, upper, (*pebble.Iterator).First, (*pebble.Iterator).Next, fn)
}

// ScanBack is Scan in descending order.
func (v *View) ScanBack(lower, upper []byte, fn func(key, value []byte) error) error {
	return v.scan(lower, upper, (*pebble.Iterator).Last, (*pebble.Iterator).Prev, fn)
}

func (v *View) scan(lower, upper []byte, first, next func(*pebble.Iterator) bool, fn func(key, value []byte) error) (err error) {
	if err := v.enter(); err != nil {
		return err
	}
	defer v.store.gate.leave()
	it, err := v.snap.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if err != nil {
		return fmt.Errorf("scan %x: %w", lower, corruption(err))
	}
	defer func() { err = errors.Join(err, corruption(it.Close())) }()
	for ok := first(it); ok; ok = next(it) {
		if v.store.closing() { // a scan may be of all that is stored
			return usage.ErrClosed
		}
		value, err := it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("scan %x: %w", it.Key(), corruption(err))
		}
		if err := fn(it.Key(), value); err != nil {
			return err
		}
	}
	return nil // the iterator's own error comes with its Close
}

// Close lets the view go. Idempotent; seekers of the view are closed with it.
func (v *View) Close() error {
	if v.snap == nil {
		return nil
	}
	s := v.store
	if err := s.gate.enter(); err != nil {
		return nil // the store closes its views itself
	}
	defer s.gate.leave()
	s.views.mu.Lock()
	_, open := s.views.views[v]
	delete(s.views.views, v)
	s.views.mu.Unlock()
	if !open {
		return nil
	}
	return v.release()
}

// release closes the seekers and the snapshot. Nobody else has v any more.
func (v *View) release() error {
	v.store.views.mu.Lock()
	seekers := v.seekers
	v.seekers = nil
	v.store.views.mu.Unlock()
	var errs []error
	for k := range seekers {
		errs = append(errs, k.it.Close())
	}
	return errors.Join(append(errs, v.snap.Close())...)
}

// closeAll closes the views that the store's user left open. The gate is shut.
func (vs *viewSet) closeAll() {
	vs.mu.Lock()
	views := vs.views
	vs.views = nil
	vs.mu.Unlock()
	for v := range views {
		_ = v.release() // the state is closed next, and says what matters
	}
}

// Seeker looks up many keys in ascending order. It goes forward from where it is instead of down
// from the root, which for neighbours is several times cheaper than Get. It belongs to one
// goroutine.
type Seeker struct {
	view   *View
	it     *pebble.Iterator
	stands bool // at the first row that is not before last, or behind all
	last   []byte
	err    error
}

// seekSteps is how many rows a seeker tries one by one before it seeks: a step costs a tenth of a seek.
const seekSteps = 3

// seek stands at the first row that is not before key, if there is one. Keys must not descend.
func (k *Seeker) seek(key []byte) bool {
	for range seekSteps {
		if !k.stands || !k.it.Valid() {
			break
		}
		if bytes.Compare(k.it.Key(), key) >= 0 {
			return true
		}
		k.it.Next()
	}
	if k.stands && !k.it.Valid() {
		return false // all rows are before what was asked for earlier
	}
	k.stands = true
	return k.it.SeekGE(key)
}

// Seeker returns a seeker over [lower, upper). It must be closed before the view is.
func (v *View) Seeker(lower, upper []byte) *Seeker {
	k := &Seeker{view: v}
	if k.err = v.enter(); k.err != nil {
		return k
	}
	defer v.store.gate.leave()
	k.it, k.err = v.snap.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
	if k.err != nil {
		return k
	}
	mu := &v.store.views.mu
	mu.Lock()
	defer mu.Unlock()
	if v.seekers == nil {
		v.seekers = make(map[*Seeker]struct{})
	}
	v.seekers[k] = struct{}{}
	return k
}

// Get calls fn with the value of key and reports whether there is one. Keys must not descend from
// call to call, and lie within the seeker's range. The value is valid during the call only.
func (k *Seeker) Get(key []byte, fn func(value []byte) error) (found bool, err error) {
	if k.err != nil {
		return false, k.err
	}
	if err := k.view.enter(); err != nil {
		return false, err
	}
	defer k.view.store.gate.leave()
	if bytes.Compare(key, k.last) < 0 {
		return false, fmt.Errorf("BUG: seek %x after %x: keys must ascend", key, k.last)
	}
	k.last = append(k.last[:0], key...)
	if !k.seek(key) {
		if err := k.it.Error(); err != nil {
			return false, fmt.Errorf("seek %x: %w", key, corruption(err))
		}
		return false, nil
	}
	if !bytes.Equal(k.it.Key(), key) {
		return false, nil
	}
	value, err := k.it.ValueAndErr()
	if err != nil {
		return false, fmt.Errorf("seek %x: %w", key, corruption(err))
	}
	return true, fn(value)
}

// Scan calls fn for every row of [lower, upper), which lies behind what was looked up before, in ascending order, until fn returns
// an error, which is returned. Key and value are valid during the call only.
func (k *Seeker) Scan(lower, upper []byte, fn func(key, value []byte) error) error {
	if k.err != nil {
		return k.err
	}
	if err := k.view.enter(); err != nil {
		return err
	}
	defer k.view.store.gate.leave()
	if bytes.Compare(lower, k.last) < 0 {
		return fmt.Errorf("BUG: scan from %x after %x: keys must ascend", lower, k.last)
	}
	k.last = append(k.last[:0], upper...)
	ok := k.seek(lower)
	for ; ok && bytes.Compare(k.it.Key(), upper) < 0; ok = k.it.Next() {
		value, err := k.it.ValueAndErr()
		if err != nil {
			return fmt.Errorf("scan %x: %w", k.it.Key(), corruption(err))
		}
		if err := fn(k.it.Key(), value); err != nil {
			return err
		}
	}
	if err := k.it.Error(); err != nil {
		return fmt.Errorf("scan %x: %w", lower, corruption(err))
	}
	return nil
}

// Close lets the seeker go. Idempotent.
func (k *Seeker) Close() error {
	if k.it == nil {
		return nil
	}
	s := k.view.store
	if err := s.gate.enter(); err != nil {
		return nil // the store has closed it, or is about to
	}
	defer s.gate.leave()
	s.views.mu.Lock()
	_, open := k.view.seekers[k]
	delete(k.view.seekers, k)
	s.views.mu.Unlock()
	k.err = usage.ErrClosed
	if !open {
		return nil
	}
	return corruption(k.it.Close())
}
