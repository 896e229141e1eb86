package engine

import (
	"fmt"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// book is the quotas that hold for a tenant, compiled: those of its plan's version, or those with its overrides applied.
// Tenants on one version without overrides share one. Immutable.
type book struct {
	slots []slot // in the order of the plan
	// features is, by event type, the positions of the slots whose meter counts it; any those of meters that count every event.
	features map[string][]uint16
	any      []uint16
	users    bool // a slot is of user scope
}

// slot is one quota of a book.
type slot struct {
	policy    *quota.Policy
	meter     uint32
	kind      rollup.Kind
	eventType string
	// divisor turns units of the feature's finest limited meter into units of this one, for Allowed.
	divisor int64
}

// newBook compiles quotas against the meters of cfg. Pointers of errors are relative to the list: /2/limit.
func newBook(cfg *config, quotas []usage.Quota) (*book, error) {
	b := &book{features: make(map[string][]uint16)}
	for i := range quotas {
		s, err := newSlot(cfg, &quotas[i])
		if err != nil {
			e := *asError(err)
			e.Pointer = fmt.Sprintf("/%d%s", i, e.Pointer)
			return nil, &e
		}
		b.slots = append(b.slots, s)
		b.users = b.users || s.policy.UserScope
	}
	b.index()
	return b, nil
}

func newSlot(cfg *config, q *usage.Quota) (slot, error) {
	m := cfg.bySlug[q.Meter]
	if m == nil || m.archived {
		return slot{}, cfg.noMeter(usage.CodeInvalidValue, "/meter", q.Meter)
	}
	p, err := quota.Compile(*q, quota.Meter{Slug: m.def.Slug, Aggregation: m.def.Aggregation, Scale: m.scale})
	if err != nil {
		return slot{}, err
	}
	return slot{policy: p, meter: m.num, kind: m.kind, eventType: m.def.EventType, divisor: 1}, nil
}

// index builds the lookups.
func (b *book) index() {
	for i := range b.slots {
		s := &b.slots[i]
		if s.eventType == usage.AnyEventType {
			b.any = append(b.any, uint16(i))
		} else {
			b.features[s.eventType] = append(b.features[s.eventType], uint16(i))
		}
	}
	for feature, own := range b.features { // order-free: each entry is completed by itself
		finest := 0
		for _, i := range own {
			finest = max(finest, b.slots[i].policy.Scale)
		}
		for _, i := range own {
			for range finest - b.slots[i].policy.Scale {
				b.slots[i].divisor *= 10
			}
		}
		b.features[feature] = append(own, b.any...)
	}
}

// of returns the slots that judge a feature that some meter counts.
func (b *book) of(feature string) []uint16 {
	if own, ok := b.features[feature]; ok {
		return own
	}
	return b.any
}

var emptyBook = &book{}
