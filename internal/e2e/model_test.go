package e2e

// The events of the exactly-once run and the plain maps that say what they must add up to.

import (
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"
	"time"
)

const (
	modelTenants = 50
	modelUsers   = 200
	// modelAgeMax keeps timestamps inside the 35 days that weir accepts, however long a run takes.
	modelAgeMax = 30 * 24 * time.Hour
)

// modelFeatures are the events' types. Each has a meter of its own name; orders is a count, the
// others are sums.
var modelFeatures = []string{"api_calls", "data_transfer", "compute_time", "orders"}

// ordersMeter is not a preset, so the run also shows that a meter made over the API survives.
const ordersMeter = `{"slug":"orders","aggregation":"count"}`

// modelEvent is one event as it is sent. Its zero quantity and zero time are not sent.
type modelEvent struct {
	id       string
	tenant   int
	user     int // 0: none
	feature  int
	quantity int64 // in thousandths
	time     time.Time
	metadata int // 0: none
}

// makeEvents draws events; those with a time are at most modelAgeMax older than now.
func makeEvents(rng *rand.Rand, n int, now time.Time) []modelEvent {
	events := make([]modelEvent, n)
	for i := range events {
		e := &events[i]
		e.id = fmt.Sprintf("event-%d", i)
		if i%2 == 0 { // the log stores UUIDs in a way of their own
			e.id = fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", uint32(i), rng.Uint32N(1<<16), rng.Uint32N(1<<12),
				rng.Uint32N(1<<12), rng.Uint64N(1<<48))
		}
		e.tenant, e.feature = rng.IntN(modelTenants), rng.IntN(len(modelFeatures))
		if rng.IntN(20) > 0 {
			e.user = 1 + rng.IntN(modelUsers)
		}
		switch {
		case rng.IntN(10) == 0: // the default, 1
		case e.feature == 1:
			e.quantity = rng.Int64N(1e9) * 1000
		case e.feature == 2:
			e.quantity = rng.Int64N(1e6)
		default:
			e.quantity = rng.Int64N(100) * 1000
		}
		if rng.IntN(2) == 0 {
			e.time = now.Add(-time.Duration(rng.Int64N(int64(modelAgeMax)))).UTC()
			if rng.IntN(2) == 0 {
				e.time = e.time.Truncate(time.Second)
			}
		}
		if rng.IntN(4) == 0 {
			e.metadata = 1 + rng.IntN(1000)
		}
	}
	return events
}

// appendJSON writes the event. The same event is written in several ways (variant): they are the
// same payload, so whichever comes second is a duplicate, never a conflict.
func (e *modelEvent) appendJSON(b []byte, variant uint64) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, e.id...)
	b = append(b, `","tenant_id":"tenant-`...)
	b = strconv.AppendInt(b, int64(e.tenant), 10)
	b = append(b, `","feature_type":"`...)
	b = append(b, modelFeatures[e.feature]...)
	b = append(b, '"')
	if e.user != 0 {
		b = append(b, `,"user_id":"user-`...)
		b = strconv.AppendInt(b, int64(e.user), 10)
		b = append(b, '"')
	}
	if e.quantity != 0 {
		text := fmt.Sprintf("%d.%03d", e.quantity/1000, e.quantity%1000)
		if variant&1 != 0 {
			text = new(big.Rat).SetFrac64(e.quantity, 1000).FloatString(decimals(e.quantity))
		}
		if variant&2 != 0 {
			text = `"` + text + `"`
		}
		b = append(b, `,"quantity":`...)
		b = append(b, text...)
	}
	if !e.time.IsZero() {
		t := e.time
		if variant&4 != 0 {
			t = t.In(time.FixedZone("", 5*3600+30*60))
		}
		b = append(b, `,"timestamp":"`...)
		b = t.AppendFormat(b, time.RFC3339Nano)
		b = append(b, '"')
	}
	if e.metadata != 0 {
		format := `,"metadata":{"endpoint":"/v1/items/%d","status":200}`
		if variant&8 != 0 {
			format = `,"metadata": {"status" : 200, "endpoint":"\/v1\/items\/%d"}`
		}
		b = fmt.Appendf(b, format, e.metadata)
	}
	return append(b, '}')
}

// decimals is how many decimals thousandths need.
func decimals(thousandths int64) int {
	for n, unit := 0, int64(1000); ; n, unit = n+1, unit/10 {
		if thousandths%unit == 0 {
			return n
		}
	}
}

// cell is one number of the model: a tenant's meter on a day.
type cell struct {
	tenant  int
	feature int
	day     string // in UTC; dayOfRun for the days of the run
}

// dayOfRun stands for the day on which the run began and all later ones. An event without a
// timestamp belongs to the day on which weir took it, and a run may pass midnight.
const dayOfRun = "run"

// model is what weir must answer when every event counted once.
type model struct {
	began  time.Time // the first midnight, UTC, whose day is dayOfRun
	totals map[cell]int64
	users  [modelTenants]map[int]bool
}

func newModel(events []modelEvent, began time.Time) *model {
	m := &model{began: began.UTC().Truncate(24 * time.Hour), totals: make(map[cell]int64)}
	for i := range m.users {
		m.users[i] = make(map[int]bool)
	}
	for i := range events {
		e := &events[i]
		value := e.quantity
		if value == 0 || modelFeatures[e.feature] == "orders" {
			value = 1000
		}
		day := dayOfRun
		if !e.time.IsZero() {
			day = m.day(e.time)
		}
		m.totals[cell{e.tenant, e.feature, day}] += value
		if e.user != 0 {
			m.users[e.tenant][e.user] = true
		}
	}
	return m
}

func (m *model) day(t time.Time) string {
	if !t.Before(m.began) {
		return dayOfRun
	}
	return t.UTC().Format(time.DateOnly)
}
