package sim

import (
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/usage"
)

// book is what the clients know: of every id, what was sent under it and what they were told. It is the model.
type book struct {
	mu      sync.Mutex
	byKey   map[string]*entry
	keys    []string         // in the order they were made
	limits  map[string]int64 // highest limit ever in force, by tenant
	attempt int64            // units asked for beyond the limit
}

// entry is one id.
type entry struct {
	tenant, user, id string
	feature          string
	op               opKind
	units            int64
	at               time.Time // timestamp sent; zero: log time
	ttl              int

	counts  bool // known to count
	unknown bool // a write of it ended without an answer
	voided  bool
	voiding bool // a void of it ended without an answer

	booked  int64 // of a hold that was committed or settled: as answered
	closing int64 // of a hold: the quantity of a commit or settlement that ended without an answer, plus 1
	over    bool  // of a hold: committed, released or settled
	late    int64 // units committed after the expiry: counted beyond any limit
}

type opKind int

const (
	opRecord opKind = iota
	opConsume
	opReserve
	opLease
	opAdjust
)

func (k opKind) String() string {
	return [...]string{"record", "consume", "reserve", "lease", "adjust"}[k]
}

func newBook() *book {
	return &book{byKey: make(map[string]*entry), limits: make(map[string]int64)}
}

func (b *book) add(e *entry) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.id = fmt.Sprintf("%s-%d", e.op, len(b.keys))
	b.byKey[e.key()] = e
	b.keys = append(b.keys, e.key())
	return e
}

func (e *entry) key() string { return e.tenant + "/" + e.id }

// pick returns an entry made before that fits, or nil.
func (b *book) pick(n int, fits func(*entry) bool) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range min(8, len(b.keys)) {
		if e := b.byKey[b.keys[(n+i*i)%len(b.keys)]]; fits(e) {
			return e
		}
	}
	return nil
}

// all returns the entries in the order they were made.
func (b *book) all() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := make([]*entry, 0, len(b.keys))
	for _, k := range b.keys {
		out = append(out, b.byKey[k])
	}
	return out
}

// with changes an entry under the lock.
func (b *book) with(e *entry, fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
}

// event is what is recorded for an entry.
func (e *entry) event() usage.Event {
	return usage.Event{ID: e.id, TenantID: e.tenant, UserID: e.user, FeatureType: e.feature,
		Quantity: usage.Int(e.units), Timestamp: e.at, Metadata: []byte(fmt.Sprintf(`{"model":"m%d"}`, e.units%3))}
}

// request is what is consumed for an entry.
func (e *entry) request() usage.Request {
	return usage.Request{ID: e.id, TenantID: e.tenant, UserID: e.user,
		Items: []usage.Item{{FeatureType: e.feature, Quantity: usage.Int(e.units)}}}
}

// total is what an entry adds to its feature's meter.
func (e *entry) total() int64 {
	switch {
	case !e.counts || e.voided:
		return 0
	case e.op == opReserve || e.op == opLease:
		return e.booked
	default:
		return e.units
	}
}
