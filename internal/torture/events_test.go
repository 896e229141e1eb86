package torture

// The events. Event n is the same whenever it is made: seed and number say everything, so books of millions are a bit for each.

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// features are the types of recorded events.
var features = []string{"data_transfer", "orders", "storage", "llm_tokens"}

const (
	featureTransfer = iota // a sum
	featureOrders          // a count, made over the API
	featureStorage         // a level: the newest event's
	featureTokens          // a sum with a dimension
)

const (
	users  = 300
	models = 5
	// ageMax is how late an event may be. weir takes 35 days; the clock runs ahead by a day at most.
	ageMax = 30 * 24 * time.Hour
)

// event is what is recorded.
type event struct {
	number   uint64
	tenant   int
	user     int
	feature  int
	quantity int64
	at       time.Time // whole seconds
	model    int
}

func makeEvent(seed, number uint64, began time.Time) event {
	rng := rand.New(rand.NewPCG(seed, number))
	e := event{number: number, tenant: rng.IntN(recordTenants), user: rng.IntN(users), feature: rng.IntN(len(features)),
		quantity: rng.Int64N(1000), at: began.Add(-time.Duration(rng.Int64N(int64(ageMax/time.Second))) * time.Second), model: rng.IntN(models)}
	return e
}

func (e *event) id() string { return "event-" + strconv.FormatUint(e.number, 10) }

// appendJSON writes the event in one of two ways: they are the same payload.
func (e *event) appendJSON(b []byte, otherwise bool) []byte {
	at, format := e.at, `{"id":"%s","tenant_id":"record-%d","user_id":"u%d","feature_type":"%s","quantity":%d,"timestamp":"%s","metadata":{"model":"m%d","k":1}}`
	if otherwise {
		at = at.In(time.FixedZone("", 5*3600+45*60))
		format = `{"id":"%s","tenant_id":"record-%d","user_id":"u%d","feature_type":"%s", "quantity":"%d.0","timestamp":"%s","metadata":{ "model":"m%d", "k":1.0}}`
	}
	return fmt.Appendf(b, format, e.id(), e.tenant, e.user, features[e.feature], e.quantity, at.Format(time.RFC3339), e.model)
}

// events are all that were sent: numbers from 0 on.
type events struct {
	mu     sync.Mutex
	next   uint64
	acked  []uint64 // a bit for each
	voids  map[uint64]bool
	voided map[uint64]bool // acknowledged
	orders [recordTenants]bounds
}

// bounds is what is known of how many orders count.
type bounds struct{ sent, acked, voidSent, voidAcked int64 }

// take gives out n new numbers.
func (ev *events) take(n int) (first uint64) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	first = ev.next
	ev.next += uint64(n)
	for uint64(len(ev.acked))*64 < ev.next {
		ev.acked = append(ev.acked, 0)
	}
	return first
}

// open is how many of a range are not acknowledged.
func (ev *events) open(first, last uint64) (n int) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	for i := first; i < last; i++ {
		if ev.acked[i/64]&(1<<(i%64)) == 0 {
			n++
		}
	}
	return n
}

// sending notes orders before they are sent for the first time.
func (ev *events) sending(list []event) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	for i := range list {
		if list[i].feature == featureOrders {
			ev.orders[list[i].tenant].sent++
		}
	}
}

// acknowledge notes that a range counts.
func (ev *events) acknowledge(list []event) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	for i := range list {
		n := list[i].number
		if ev.acked[n/64]&(1<<(n%64)) == 0 {
			ev.acked[n/64] |= 1 << (n % 64)
			if list[i].feature == featureOrders {
				ev.orders[list[i].tenant].acked++
			}
		}
	}
}

// chooseVoid picks an acknowledged event that nobody takes back yet; ok is false when there is none at hand.
func (ev *events) chooseVoid(rng *rand.Rand, make func(uint64) event) (e event, ok bool) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	if ev.next == 0 {
		return e, false
	}
	n := rng.Uint64N(ev.next)
	if ev.acked[n/64]&(1<<(n%64)) == 0 || ev.voids[n] {
		return e, false
	}
	ev.voids[n] = true
	if e = make(n); e.feature == featureOrders {
		ev.orders[e.tenant].voidSent++
	}
	return e, true
}

func (ev *events) hasVoided(e event) {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	ev.voided[e.number] = true
	if e.feature == featureOrders {
		ev.orders[e.tenant].voidAcked++
	}
}

func (ev *events) ordersOf(tenant int) bounds {
	ev.mu.Lock()
	defer ev.mu.Unlock()
	return ev.orders[tenant]
}
