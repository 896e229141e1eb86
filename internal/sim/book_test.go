package sim

import (
	"fmt"
	"sync"
	"time"

	"github.com/weirhq/weir/usage"
)

// book is what the clients know: of every id, what was sent under it and what they were told. It is the model.
type book struct {
	mu     sync.Mutex
	byKey  map[string]*entry
	list   []*entry         // in the order they were made
	limits map[string]int64 // highest limit of api_calls ever in force, by tenant
	points []point
}

// point is what a tenant had used at a point of the log, for questions about the past.
type point struct {
	tenant string
	index  uint64
	total  int64 // of data_transfer
}

// entry is one id.
type entry struct {
	tenant, user, id string
	op               opKind
	parts            []part    // what it uses; of holds one part
	at               time.Time // timestamp sent; zero: log time
	ttl              int
	charge           bool // of a hold: on_expiry

	counts  bool // known to count
	unknown bool // a write of it ended without an answer
	voided  bool
	voiding int  // voids of it that are under way
	unsure  bool // a void of it ended without an answer

	end     endKind   // of a hold: what its client was told
	ending  *ending   // of a hold: what a client is doing, or ended without an answer
	booked  int64     // of a hold: as answered, or what its expiry charged
	size    int64     // of a hold: units that it holds by what its client was told
	maybe   int64     // of a hold: units that an extension without an answer may have made of it
	free    int64     // units that no quota was asked for: committed beyond the hold, or after its expiry
	counted time.Time // when it counted, learned from the engine after the fact; zero: not yet
	reset   int64     // of a reset: what it took off, learned from the audit
}

// part is units of one feature.
type part struct {
	feature string
	units   int64
}

type opKind int

const (
	opRecord opKind = iota
	opConsume
	opReserve
	opLease
	opAdjust
	opReset
)

func (k opKind) String() string {
	return [...]string{"record", "consume", "reserve", "lease", "adjust", "reset"}[k]
}

// endKind is what became of a hold.
type endKind int

const (
	open endKind = iota // or expired by itself
	committed
	released
	charged // its client was told that it expired and was charged
)

// ending is a commit, settlement, release or extension of a hold.
type ending struct {
	kind  endKind // open: an extension
	units int64
}

func newBook() *book {
	return &book{byKey: make(map[string]*entry), limits: make(map[string]int64)}
}

func (b *book) add(e *entry) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	e.id = fmt.Sprintf("%s-%d", e.op, len(b.list))
	b.byKey[e.key()] = e
	b.list = append(b.list, e)
	return e
}

func (e *entry) key() string { return e.tenant + "/" + e.id }

func (e *entry) hold() bool { return e.op == opReserve || e.op == opLease }

// pick returns an entry made before that fits, or nil; rather one of the newest.
func (b *book) pick(n int, fits func(*entry) bool) *entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.list) == 0 {
		return nil
	}
	from := b.list
	if n%2 == 0 && len(from) > 60 {
		from = from[len(from)-60:]
	}
	for i := range 10 {
		if e := from[(n/2+i*i)%len(from)]; fits(e) {
			return e
		}
	}
	return nil
}

// all returns the entries in the order they were made.
func (b *book) all() []*entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*entry(nil), b.list...)
}

// with changes an entry under the lock.
func (b *book) with(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	fn()
}

// raise notes that a limit of a tenant may be in force from now on.
func (b *book) raise(tenant string, limit int64) {
	b.with(func() { b.limits[tenant] = max(b.limits[tenant], limit) })
}

// units is what an entry adds to the meter of a feature.
func (e *entry) units(feature string) (n int64) {
	switch {
	case !e.counts || e.voided:
		return 0
	case e.op == opReset:
		if feature == "api_calls" {
			return e.reset
		}
		return 0
	case e.hold():
		if e.parts[0].feature == feature {
			return e.booked
		}
		return 0
	}
	for _, p := range e.parts {
		if p.feature == feature {
			n += p.units
		}
	}
	return n
}

// model is the metadata.model of an entry's event.
func (e *entry) model() string { return fmt.Sprint("m", e.parts[0].units%3) }

// event is what is recorded for an entry.
func (e *entry) event() usage.Event {
	return usage.Event{ID: e.id, TenantID: e.tenant, UserID: e.user, FeatureType: e.parts[0].feature,
		Quantity: usage.Int(e.parts[0].units), Timestamp: e.at, Metadata: []byte(`{"model":"` + e.model() + `"}`)}
}

// request is what is consumed for an entry.
func (e *entry) request() usage.Request {
	r := usage.Request{ID: e.id, TenantID: e.tenant, UserID: e.user}
	for _, p := range e.parts {
		r.Items = append(r.Items, usage.Item{FeatureType: p.feature, Quantity: usage.Int(p.units)})
	}
	return r
}

// known are the events of a tenant and feature that are known to count now.
func (b *book) known(tenant, feature string) (out []*entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.list {
		if e.counts && e.tenant == tenant && e.op == opRecord && e.parts[0].feature == feature {
			out = append(out, e)
		}
	}
	return out
}

// bounds are the least and the most that a meter may have shown to a question that was asked when known counted, and has been answered
// by now: what counted then, but for what was taken back meanwhile, and all that was ever sent.
func (b *book) bounds(known []*entry, tenant, feature string) (least, most int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range known {
		if !e.voided && !e.unsure && e.voiding == 0 {
			least += e.parts[0].units
		}
	}
	for _, e := range b.list {
		if e.tenant == tenant && e.op == opRecord && e.parts[0].feature == feature {
			most += e.parts[0].units
		}
	}
	return least, most
}
