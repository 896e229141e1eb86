package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"github.com/weirhq/weir/usage"
	"pgregory.net/rapid"
)

// TestQuotaModel runs random operations of every sort on one tenant, and after each compares every quota with a naive model: a list
// of what was counted and held, summed from scratch, and the decision table written down once more. Two quotas of calendar
// periods, one of them with overage and grace, a rate, and a soft one; limits change in between.
func TestQuotaModel(t *testing.T) {
	skipRace(t)
	rapid.Check(t, func(t *rapid.T) {
		clock := newTestClock()
		o := memOptions(vfs.NewMem(), clock, func(o *Options) { o.CheckpointItems = 50 })
		e, err := Open("store", o)
		require.NoError(t, err)
		defer e.Close()
		m := &quotaModel{t: t, clock: clock, e: e, hour: rapid.Int64Range(0, 30).Draw(t, "hour"), day: 40, overage: 20, grace: 2 * time.Hour}
		m.put()
		putTenant(t, e, "acme", "p")
		for i := range rapid.IntRange(5, 60).Draw(t, "steps") {
			m.step(fmt.Sprint(i))
			m.compare()
		}
		require.NoError(t, e.Verify(context.Background()))
	})
}

type quotaModel struct {
	t     *rapid.T
	clock *testClock
	e     *Engine

	hour, day, overage int64 // limits of the hour, and of the day with its overage
	grace              time.Duration
	uses               []modelUse
	holds              []*modelHold
	overSince          time.Time // of the day
	overDay            time.Time // the day that overSince is of
}

type modelUse struct {
	at time.Time
	n  int64
}

type modelHold struct {
	id      string
	at, end time.Time
	n       int64
	charge  bool
	state   string
}

func (m *quotaModel) put() {
	plan := fmt.Sprintf(`[{"slug":"hour","meter":"api_calls","period":"hour","limit":%d},
		{"slug":"day","meter":"api_calls","period":"day","limit":%d,"overage":%d,"grace_period":"2h"},{"slug":"soft","meter":"api_calls","period":"day","limit":5,"mode":"soft"}]`,
		m.hour, m.day, m.overage)
	p := usage.Plan{Slug: "p"}
	require.NoError(m.t, json.Unmarshal([]byte(plan), &p.Quotas))
	_, _, err := m.e.PutPlanIf(context.Background(), p, "now", usage.Condition{})
	require.NoError(m.t, err)
}

// standing sums what lies in the period of width that contains now.
func (m *quotaModel) standing(width time.Duration) (used, reserved int64) {
	start := m.clock.Now().Truncate(width)
	for _, u := range m.uses {
		if !u.at.Before(start) && u.at.Before(start.Add(width)) {
			used += u.n
		}
	}
	for _, h := range m.holds {
		if h.state == "held" && !h.at.Before(start) {
			reserved += h.n
		}
	}
	return max(0, used), reserved
}

// expire ends the holds whose time has come, each as of its own moment.
func (m *quotaModel) expire() {
	now := m.clock.Now()
	for _, h := range m.holds {
		if h.state == "held" && !h.end.After(now) {
			h.state = "expired"
			if h.charge {
				m.uses = append(m.uses, modelUse{h.at, h.n})
			}
		}
	}
}

// mark keeps since when the day is over its limit, as of now.
func (m *quotaModel) mark() {
	day := m.clock.Now().Truncate(24 * time.Hour)
	if !day.Equal(m.overDay) {
		m.overSince, m.overDay = time.Time{}, day
	}
	used, reserved := m.standing(24 * time.Hour)
	switch over := used+reserved > m.day; {
	case !over:
		m.overSince = time.Time{}
	case m.overSince.IsZero():
		m.overSince = m.clock.Now()
	}
}

// allows is the decision table for an hour without, and a day with overage and grace.
func (m *quotaModel) allows(cost int64) bool {
	used, reserved := m.standing(time.Hour)
	if used+reserved+cost > m.hour {
		return false
	}
	used, reserved = m.standing(24 * time.Hour)
	u := used + reserved + cost
	if u > m.day+m.overage {
		return false
	}
	return !(u > m.day && !m.overSince.IsZero() && m.clock.Now().Sub(m.overSince) >= m.grace)
}

func (m *quotaModel) step(id string) {
	t, ctx, n := m.t, context.Background(), rapid.Int64Range(0, 15).Draw(m.t, "n")
	m.expire()
	m.mark()
	switch rapid.IntRange(0, 9).Draw(t, "op") {
	case 0, 1, 2:
		want := m.allows(n)
		check, err := m.e.Check(usage.Request{TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(n)}}})
		require.NoError(t, err)
		require.Equal(t, want, check.Allowed, "check of %d", n)
		require.Equal(t, want, m.e.Allowed("acme", "api_calls", n).Allowed, "allowed %d", n)
		a := consume(t, m.e, usage.Request{ID: id, TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls", Quantity: usage.Int(n)}}})
		require.Equal(t, want, a.Allowed, "consume of %d", n)
		if want {
			m.uses = append(m.uses, modelUse{m.clock.Now(), n})
		}
	case 3:
		at := m.clock.Now().Add(time.Duration(rapid.IntRange(-7200, 299).Draw(t, "offset")) * time.Second)
		_, err := m.e.Record(ctx, usage.Event{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n), Timestamp: at})
		require.NoError(t, err)
		m.uses = append(m.uses, modelUse{at, n})
	case 4, 5:
		want := m.allows(n)
		ttl, charge := rapid.IntRange(1, 7200).Draw(t, "ttl"), rapid.Bool().Draw(t, "charge")
		r := usage.Reservation{ID: id, TenantID: "acme", FeatureType: "api_calls", Quantity: usage.Int(n), TTLSeconds: ttl}
		if charge {
			r.OnExpiry = usage.ExpiryCharge
		}
		a, err := m.e.Reserve(ctx, r)
		require.NoError(t, err)
		require.Equal(t, want, a.Allowed, "reserve %d", n)
		if want {
			now := m.clock.Now()
			m.holds = append(m.holds, &modelHold{id, now, now.Add(time.Duration(ttl) * time.Second), n, charge, "held"})
		}
	case 6:
		m.settle(n)
	case 7:
		_, err := m.e.Adjust(ctx, usage.Adjustment{ID: id, TenantID: "acme", Meter: "api_calls", Quantity: usage.Int(-n), Reason: "r"})
		require.NoError(t, err)
		m.uses = append(m.uses, modelUse{m.clock.Now(), -n})
	case 8:
		m.hour, m.day = rapid.Int64Range(0, 40).Draw(t, "hour"), rapid.Int64Range(0, 80).Draw(t, "day")
		m.put()
	default:
		m.clock.advance(time.Duration(rapid.IntRange(1, 10_000).Draw(t, "seconds")) * time.Second)
		_, err := m.e.Quotas("acme", "")
		require.NoError(t, err)
	}
}

// settle commits or releases a hold, whatever its state.
func (m *quotaModel) settle(n int64) {
	if len(m.holds) == 0 {
		return
	}
	t, ctx := m.t, context.Background()
	h := m.holds[rapid.IntRange(0, len(m.holds)-1).Draw(t, "hold")]
	if rapid.Bool().Draw(t, "release") {
		_, err := m.e.Release(ctx, "acme", h.id)
		require.Equal(t, h.state == "held" || h.state == "released", err == nil, "release of a %s hold: %v", h.state, err)
		if err == nil {
			h.state = "released"
		}
		return
	}
	a, err := m.e.Commit(ctx, "acme", h.id, usage.Int(n))
	wanted := h.state == "held" || h.state == "expired" && !h.charge
	if h.state == "committed" {
		return
	}
	require.Equal(t, wanted, err == nil, "commit of a %s hold: %v", h.state, err)
	if wanted {
		require.Equal(t, h.state == "expired", a.Late)
		h.state = "committed"
		m.uses = append(m.uses, modelUse{h.at, n})
	}
}

func (m *quotaModel) compare() {
	m.expire()
	m.mark()
	quotas, err := m.e.Quotas("acme", "")
	require.NoError(m.t, err)
	for i, width := range []time.Duration{time.Hour, 24 * time.Hour, 24 * time.Hour} {
		used, reserved := m.standing(width)
		got := fmt.Sprint(quotas[i].Quota, " ", quotas[i].Used, "+", quotas[i].Reserved)
		require.Equal(m.t, fmt.Sprint(quotas[i].Quota, " ", used, "+", reserved), got, "at %s", m.clock.Now())
	}
}
