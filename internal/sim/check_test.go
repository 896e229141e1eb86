package sim

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// check opens the store as the fault has left it, asks again what has no answer yet, and compares everything with the book.
func (w *world) check(epoch int) {
	d := newDisk(w.mem, w.rng, noFault, 0)
	e, err := engine.Open("store", w.options(d))
	require.NoError(w.t, err, "epoch %d: open", epoch)
	w.resolve(e, d)
	w.confirm(e, d)
	for _, tenant := range tenants {
		w.compare(e, tenant)
	}
	require.NoError(w.t, e.Verify(context.Background()), "epoch %d", epoch)
	require.NoError(w.t, e.Close())
	w.mu.Lock()
	defer w.mu.Unlock()
	require.Empty(w.t, w.violations, "epoch %d", epoch)
}

// resolve repeats every write whose outcome is unknown: with the same id it may be sent as often as one likes.
func (w *world) resolve(e *engine.Engine, d *disk) {
	c := &client{w: w, e: e, d: d, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 4))}
	ctx := context.Background()
	for _, en := range w.book.all() {
		if en.unknown && !en.counts {
			en.unknown = false
			c.send(ctx, en)
			require.False(w.t, en.unknown, "%s is unknown on a disk without a fault", en.key())
		}
		if en.closing != 0 {
			c.settle(ctx, en)
			require.Zero(w.t, en.closing, "%s cannot be settled", en.key())
		}
		if en.voiding {
			c.voidOf(ctx, en)
			require.False(w.t, en.voiding, "%s cannot be voided", en.key())
		}
	}
}

// send repeats the write of an entry.
func (c *client) send(ctx context.Context, en *entry) bool {
	switch en.op {
	case opRecord:
		return c.record(ctx, en)
	case opConsume:
		return c.consume(ctx, en)
	case opAdjust:
		return c.adjust(ctx, en)
	default:
		return c.reserve(ctx, en)
	}
}

// confirm sends a part of what was acknowledged once more, all of the newest: each must be a duplicate. told says so if not.
func (w *world) confirm(e *engine.Engine, d *disk) {
	c := &client{w: w, e: e, d: d, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 5))}
	all := w.book.all()
	for i, en := range all {
		if en.counts && (i > len(all)-150 || w.rng.IntN(8) == 0) {
			c.send(context.Background(), en)
		}
	}
}

// compare holds one tenant against the book.
func (w *world) compare(e *engine.Engine, tenant string) {
	ctx := context.Background()
	var calls, transfer, late, added int64
	users := map[string]bool{}
	var held int64
	for _, en := range w.book.all() {
		if en.tenant != tenant || !en.counts {
			continue
		}
		if en.op == opReserve || en.op == opLease {
			held += w.hold(e, en)
		}
		switch {
		case en.feature == "data_transfer":
			transfer += en.total()
		default:
			calls += en.total()
		}
		if en.user != "" && !en.voided {
			users[en.user] = true
		}
		late += en.late
		if en.op == opAdjust {
			added += max(0, en.units)
		}
	}
	total := func(meter string) int64 {
		rows, err := e.Usage(ctx, usage.Query{Meter: meter, TenantID: tenant, From: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC),
			To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.NoError(w.t, err)
		units, err := rows.Data[0].Value.Units(0)
		require.NoError(w.t, err)
		return units
	}
	require.Equal(w.t, calls, total("api_calls"), "api_calls of %s", tenant)
	require.Equal(w.t, transfer, total("data_transfer"), "data_transfer of %s", tenant)
	require.EqualValues(w.t, len(users), total("active_users"), "users of %s", tenant)

	quotas, err := e.Quotas(tenant, "")
	require.NoError(w.t, err)
	q := quotas[slices.IndexFunc(quotas, func(q usage.QuotaStatus) bool { return q.Quota == limitSlug })]
	used, err := q.Used.Units(0)
	require.NoError(w.t, err)
	reserved, err := q.Reserved.Units(0)
	require.NoError(w.t, err)
	require.Equal(w.t, max(0, calls), used, "used of %s", tenant)
	require.Equal(w.t, held, reserved, "reserved of %s", tenant)
	require.LessOrEqual(w.t, used+reserved, w.book.limits[tenant]+late+added, "%s passed its limit", tenant)
}

// hold compares what became of a hold with what was answered, enters what its expiry booked, and returns what it still holds.
func (w *world) hold(e *engine.Engine, en *entry) (held int64) {
	st, err := e.Reservation(en.tenant, en.id)
	require.NoError(w.t, err, "%s was acknowledged", en.key())
	committed, _ := st.Committed.Units(0)
	switch {
	case en.over && en.booked > 0, st.State == usage.HoldCommitted:
		if st.State != usage.HoldExpired || en.op == opReserve {
			require.Equal(w.t, en.booked, committed, "%s: %s", en.key(), st.State)
		}
	case st.State == usage.HoldExpired && en.op == opLease:
		require.Equal(w.t, en.units, committed, "%s expired and is charged", en.key())
	case st.State == usage.HoldHeld:
		require.False(w.t, en.over, "%s was settled and is held", en.key())
		held = en.units
	}
	en.booked = committed
	return held
}
