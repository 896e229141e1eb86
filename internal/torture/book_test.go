package torture

// The books: what clients sent, and what they were told.

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirhq/weir/internal/weirtest"
)

const (
	recordTenants = 20 // record only
	strictTenants = 6  // nothing passes their limit: no commit after the expiry, no commit beyond the hold, no adjustment upwards
	looseTenants  = 4  // all of that happens
)

type opKind uint8

const (
	opConsume opKind = iota
	opReserve
	opLease
	opAdjust
)

func (k opKind) String() string { return [...]string{"consume", "reserve", "lease", "adjust"}[k] }

// What is known of an entry.
const (
	counts  = 1 << iota // acknowledged
	maybe               // denied, but an earlier attempt had no answer: it is looked up in the end
	voided              // a void was acknowledged
	settled             // of a hold: commit, release or settlement was acknowledged
	expired             // of a hold: it was told that it has expired
)

// entry is one id of a decision. Its upper half never changes.
type entry struct {
	kind   opKind
	strict bool
	tenant uint8
	client uint8
	number uint32
	units  int32
	more   int32 // of a consume: units of a second item
	ttl    int32 // seconds

	// Written by its client only.
	state   uint8
	closing int32 // of a hold: what was committed or settled; -1: released
	booked  int32 // of a hold, in the end: what the server says that it counted
	holds   int32 // and what it still holds
}

func (e *entry) id() string { return fmt.Sprintf("%s-%d-%d", e.kind, e.client, e.number) }

func (e *entry) tenantName() string {
	if e.strict {
		return fmt.Sprint("strict-", e.tenant)
	}
	return fmt.Sprint("loose-", e.tenant)
}

func (e *entry) is(flag uint8) bool { return e.state&flag != 0 }

// book is what all clients know together.
type book struct {
	seed   uint64
	events events
	recent recent

	limits   [strictTenants]atomic.Int64 // the highest ever sent
	attempts atomic.Int64                // calls that were denied

	ghost atomic.Pointer[weirtest.Server] // a server whose machine has no power any more

	diskFails atomic.Bool // since a fault that may fail any operation of the disk, until the server is well again

	requests, retried, unknown, haunted atomic.Int64
	lost, doubled, over                 atomic.Int64
	unready                             [3]atomic.Int64 // refusals: clock, disk_full, other

	mu    sync.Mutex
	wrong []string // guarded by mu
}

// violation notes what must not be; the run ends.
func (b *book) violation(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.wrong) < 50 {
		b.wrong = append(b.wrong, fmt.Sprintf(format, args...))
	}
}

func (b *book) failed() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.wrong) > 0
}

// look checks a quota of a strict tenant in an answer: used and reserved may never pass the highest limit.
func (b *book) look(tenant uint8, used, reserved int64) {
	if beyond := used + reserved - b.limits[tenant].Load(); beyond > 0 {
		b.over.Add(beyond)
		b.violation("strict-%d: used %d and reserved %d with a limit of %d at most", tenant, used, reserved, b.limits[tenant].Load())
	}
}

// raise notes a limit before it is sent.
func (b *book) raise(tenant uint8, limit int64) {
	for {
		now := b.limits[tenant].Load()
		if limit <= now || b.limits[tenant].CompareAndSwap(now, limit) {
			return
		}
	}
}

// recent is what was acknowledged last: a server that answers before the disk does would lose it.
type recent struct {
	mu   sync.Mutex
	list []acked // a ring
	next int
}

// acked is an acknowledged request.
type acked struct {
	first, last uint64 // of a batch of events
	entry       *entry
	closing     bool // the commit, release or settlement of entry; else its opening
	units       int32
	at          time.Time // of the answer
}

// recentMax is several times what all clients have under way.
const recentMax = 128

func (r *recent) add(a acked) {
	a.at = time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.list) < recentMax {
		r.list = append(r.list, a)
		return
	}
	r.list[r.next] = a
	r.next = (r.next + 1) % recentMax
}

func (r *recent) all() []acked {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]acked(nil), r.list...)
}

// draw makes up an entry.
func draw(rng *rand.Rand, kind opKind) entry {
	e := entry{kind: kind, strict: rng.IntN(2) == 0, units: 1 + rng.Int32N(7)}
	e.tenant = uint8(rng.IntN(looseTenants))
	if e.strict {
		e.tenant = uint8(rng.IntN(strictTenants))
	}
	switch kind {
	case opConsume:
		if rng.IntN(3) == 0 {
			e.more = 1 + rng.Int32N(50)
		}
	case opReserve, opLease:
		e.ttl = 86400
		if !e.strict {
			e.ttl = 1 + rng.Int32N(5)
		}
	case opAdjust:
		e.units -= 8 // always downwards
		if !e.strict {
			e.units += rng.Int32N(16)
		}
	}
	return e
}
