package sim

import (
	"context"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/weirhq/weir/engine"
	"github.com/weirhq/weir/usage"
)

// check opens the store as the faults have left it, asks again what has no answer yet, and compares everything with the book.
func (w *world) check() {
	w.clock.derange(0)
	s := w.open(nil)
	require.NotNil(w.t, s)
	ctx := context.Background()
	w.resolve(ctx, s)
	if w.rng.IntN(2) == 0 {
		if err := s.e.Expire(ctx); err != nil {
			w.violation(wrongDigest, "expire: %v", err) // the base is a fold of the log, too
		}
	}
	w.confirm(ctx, s)
	if !w.failed() {
		w.learnResets(ctx, s.e)
		for _, tenant := range tenants {
			w.compare(ctx, s.e, tenant)
		}
		w.crossings(ctx, s.e)
	}
	total.add(func() { total.verified++ })
	if err := s.e.Verify(ctx); err != nil {
		w.violation(wrongDigest, "verify: %v", err)
	}
	w.rest(s.e)
}

// rest closes an engine that is well, and remembers its digest for the next one. It writes something first, that changes nothing: an
// engine whose newest event is older than 35 days takes the clock for wrong, and an epoch may end without a single write.
func (w *world) rest(e *engine.Engine) {
	settings, _ := e.Settings()
	require.NoError(w.t, e.PutSettings(context.Background(), settings, usage.Condition{}))
	w.digest.index, w.digest.sum = e.Digest()
	require.NoError(w.t, e.Close())
}

// sameDigest compares the state that an engine has loaded with the one that the last engine had when it was closed.
func (w *world) sameDigest(e *engine.Engine) {
	index, sum := e.Digest()
	if index != w.digest.index {
		return // something was due, and has happened already
	}
	total.add(func() { total.digests++ })
	if sum != w.digest.sum {
		w.violation(wrongDigest, "at block %d the digest is %x after a restart, and was %x", index, sum, w.digest.sum)
	}
}

// resolve repeats every write whose outcome is unknown: with the same id it may be sent as often as one likes.
func (w *world) resolve(ctx context.Context, s *session) {
	c := &caller{session: s, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 4))}
	for _, e := range w.book.all() {
		if e.unknown {
			e.unknown = false
			c.send(ctx, e)
			require.False(w.t, e.unknown, "%s is unknown on a disk without a fault", e.key())
		}
		if e.ending != nil {
			c.settle(ctx, e)
			require.Nil(w.t, e.ending, "%s cannot be ended", e.key())
		}
		if e.unsure {
			e.unsure = false
			c.voidOf(ctx, e)
			require.False(w.t, e.unsure, "%s cannot be voided", e.key())
		}
	}
}

// confirm sends a part of what was acknowledged once more, all of the newest: each must be a duplicate. told says so if not.
func (w *world) confirm(ctx context.Context, s *session) {
	c := &caller{session: s, rng: rand.New(rand.NewPCG(w.rng.Uint64(), 5))}
	all := w.book.all()
	for i, e := range all {
		if e.counts && (i > len(all)-150 || w.rng.IntN(8) == 0) {
			c.send(ctx, e)
		}
	}
}

// learnResets finds in the audit what each reset took off: its client is not told.
func (w *world) learnResets(ctx context.Context, e *engine.Engine) {
	for after := w.audited; ; after = w.audited {
		entries, err := e.Audit(ctx, after, 1000)
		require.NoError(w.t, err)
		for i := range entries {
			w.audited = entries[i].Number
			if entries[i].Action != "reset" {
				continue
			}
			var what struct {
				ID       string
				Quantity usage.Decimal
			}
			require.NoError(w.t, json.Unmarshal(entries[i].After, &what))
			tenant := strings.Split(entries[i].Target, "/")[1]
			en := w.book.byKey[tenant+"/"+what.ID]
			if en == nil || !en.counts || en.reset != 0 {
				w.violation(doubleCounted, "the audit has a reset %s/%s that was not acknowledged, or twice", tenant, what.ID)
				continue
			}
			en.reset, en.counted = whole(what.Quantity), entries[i].Time
		}
		if len(entries) < 1000 {
			return
		}
	}
}

// compare holds one tenant against the book.
func (w *world) compare(ctx context.Context, e *engine.Engine, tenant string) {
	w.events(ctx, e, tenant)
	var mine []*entry
	var held, free int64
	members := map[string]bool{}
	for _, en := range w.book.all() {
		if en.tenant != tenant || !en.counts {
			continue
		}
		mine = append(mine, en)
		if en.hold() {
			held += w.hold(e, en)
		}
		if en.user != "" && !en.voided {
			members[en.user] = true
		}
		free += en.free
		if en.op == opAdjust {
			free += max(0, en.parts[0].units)
		}
	}
	if w.failed() {
		return // the sums would only repeat what was found
	}
	sums := map[string]int64{}
	for _, feature := range []string{"api_calls", "data_transfer", "llm_tokens", "compute_time", "session_time"} {
		for _, en := range mine {
			sums[feature] += en.units(feature)
		}
		p := wrongRollup
		if feature == "compute_time" { // always the second item of a consume
			p = halfCounted
		}
		w.same(p, sums[feature], w.total(ctx, e, tenant, feature), feature+" of "+tenant)
	}
	w.same(wrongRollup, int64(len(members)), w.total(ctx, e, tenant, "active_users"), "users of "+tenant)
	w.same(wrongRollup, seatsOf(mine), w.total(ctx, e, tenant, "seats"), "seats of "+tenant)
	w.same(wrongRollup, peakOf(mine), w.total(ctx, e, tenant, "peak"), "peak of "+tenant)
	w.quotas(e, tenant, mine, max(0, sums["api_calls"]), held, free)
	w.windows(ctx, e, tenant, mine)
	w.past(ctx, e, tenant, sums["data_transfer"])
}

func (w *world) total(ctx context.Context, e *engine.Engine, tenant, meter string) int64 {
	rows, err := e.Usage(ctx, usage.Query{Meter: meter, TenantID: tenant, From: allTime.Start, To: allTime.End})
	require.NoError(w.t, err)
	return whole(rows.Data[0].Value)
}

func (w *world) same(p promise, want, got int64, what string) {
	if want != got {
		w.violation(p, "%s: %d by the book, %d by the engine", what, want, got)
	}
}

// events compares the list of what counted with the book, and learns from it when each event counted.
func (w *world) events(ctx context.Context, e *engine.Engine, tenant string) {
	listed := map[string]bool{}
	for cursor := ""; ; {
		page, err := e.Events(ctx, usage.EventFilter{TenantID: tenant, Limit: 1000, Cursor: cursor})
		require.NoError(w.t, err)
		for i := range page.Data {
			rec := &page.Data[i]
			en := w.book.byKey[tenant+"/"+rec.ID]
			switch {
			case en == nil || !en.counts:
				w.violation(doubleCounted, "%s/%s is listed as %s, and nobody was told that it counts", tenant, rec.ID, rec.Status)
				continue
			case listed[rec.ID]:
				w.violation(doubleCounted, "%s is listed twice", en.key())
			case en.voided != (rec.Status == usage.StatusVoided):
				w.violation(wrongRollup, "%s is %s, and voided by the book: %v", en.key(), rec.Status, en.voided)
			}
			listed[rec.ID], en.counted = true, rec.Timestamp
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	for _, en := range w.book.all() {
		if en.tenant != tenant || !en.counts || listed[en.id] {
			continue
		}
		rec, err := e.Event(ctx, tenant, "", en.id)
		switch {
		case usage.Code(err) == usage.CodeEventArchived:
			total.add(func() { total.archived++ })
		case err != nil || en.op == opRecord || en.op == opConsume:
			w.violation(lostAcked, "%s was acknowledged, and is not listed (looked up: %v)", en.key(), err)
		case en.counted.IsZero():
			en.counted = rec.Timestamp
		}
	}
}

// hold compares what became of a hold with what was answered, enters what its expiry booked, and returns what it still holds.
func (w *world) hold(e *engine.Engine, en *entry) (held int64) {
	st, err := e.Reservation(en.tenant, en.id)
	if err != nil {
		w.violation(lostAcked, "%s was acknowledged: %v", en.key(), err)
		return 0
	}
	size, booked := whole(st.Quantity), whole(st.Committed)
	if size != en.size && size != en.maybe {
		w.violation(wrongCounter, "%s holds %d, and held %d", en.key(), size, en.size)
	}
	en.size = size
	want, well := int64(0), false
	switch en.end {
	case committed:
		want, well = en.booked, st.State == usage.HoldCommitted && en.op == opReserve || st.State == usage.HoldReleased && en.op == opLease
	case released:
		well = st.State == usage.HoldReleased
	case charged:
		want, well = size, st.State == usage.HoldExpired
	default:
		well = st.State == usage.HoldExpired || st.State == usage.HoldHeld
		if st.State == usage.HoldExpired && en.charge {
			want = size
		}
		if st.State == usage.HoldHeld {
			held = size
		}
	}
	if !well || booked != want {
		w.violation(wrongCounter, "%s is %s with %d booked, and should have %d; its client was told %d", en.key(), st.State, booked, want, en.end)
	}
	en.booked = booked
	return held
}

// quotas compares every quota of a tenant, and of its users.
func (w *world) quotas(e *engine.Engine, tenant string, mine []*entry, calls, held, free int64) {
	all, err := e.Quotas(tenant, "")
	require.NoError(w.t, err)
	q := all[slices.IndexFunc(all, func(q usage.QuotaStatus) bool { return q.Quota == limitSlug })]
	w.same(wrongCounter, calls, whole(q.Used), "used of "+tenant)
	w.same(wrongCounter, held, whole(q.Reserved), "reserved of "+tenant)
	if over := whole(q.Used) + whole(q.Reserved) - w.book.limits[tenant] - free; over > 0 {
		w.broke(overLimit, over, "%s used %s and reserved %s beyond its limit of %d (%d were not asked for)", tenant, q.Used, q.Reserved, w.book.limits[tenant], free)
	}
	w.monthly(e, tenant, all, mine)
	byUser := map[string]int64{}
	for _, en := range mine {
		byUser[en.user] += en.units("compute_time")
	}
	for _, user := range slices.Sorted(maps.Keys(byUser)) {
		if user == "" || byUser[user] == 0 {
			continue
		}
		all, err := e.Quotas(tenant, user)
		require.NoError(w.t, err)
		for i := range all {
			if q := &all[i]; q.Quota == userSlug {
				w.same(wrongCounter, byUser[user], whole(q.Used), "compute_time of "+user+" of "+tenant)
				if over := byUser[user] - userLimit; over > 0 {
					w.broke(overLimit, over, "%s of %s used %d of %d", user, tenant, byUser[user], userLimit)
				}
			}
		}
	}
	w.pace(tenant, mine)
}

// monthly compares the quota of the calendar month, in the tenant's zone, and the counter of the month in UTC: late events count in the month of
// their own time.
func (w *world) monthly(e *engine.Engine, tenant string, all []usage.QuotaStatus, mine []*entry) {
	in := func(start, end time.Time) (sum int64) {
		for _, en := range mine {
			if !en.counted.Before(start) && en.counted.Before(end) {
				sum += en.units("data_transfer")
			}
		}
		return sum
	}
	month := func(at time.Time) (start, end time.Time) {
		y, m, _ := at.Date()
		return time.Date(y, m, 1, 0, 0, 0, 0, at.Location()), time.Date(y, m+1, 1, 0, 0, 0, 0, at.Location())
	}
	q := all[slices.IndexFunc(all, func(q usage.QuotaStatus) bool { return q.Quota == "monthly" })]
	loc, err := time.LoadLocation(zones[slices.Index(tenants, tenant)])
	require.NoError(w.t, err)
	start, end := month(q.PeriodStart.In(loc))
	if !q.PeriodStart.Equal(start) || !q.ResetAt.Equal(end) {
		w.violation(wrongCounter, "the month of %s is from %s to %s, by the calendar from %s to %s", tenant, q.PeriodStart, q.ResetAt, start, end)
	}
	w.same(wrongCounter, in(start, end), whole(q.Used), "data_transfer of "+tenant+" this month")
	now := w.clock.True().UTC()
	if start, end = month(now); now.Sub(start) < 10*time.Minute || end.Sub(now) < 10*time.Minute {
		return // log time may be in the other month
	}
	units, _ := e.Current(tenant, "data_transfer")
	w.same(wrongCounter, in(start, end), units, "data_transfer of "+tenant+" this month in UTC")
}

// pace looks at when session_time was admitted: no hour may have more than the sliding limit, and no span more than the rate lets through.
func (w *world) pace(tenant string, mine []*entry) {
	var in []*entry
	for _, en := range mine {
		if en.op == opConsume && en.units("session_time") > 0 {
			in = append(in, en)
		}
	}
	slices.SortFunc(in, func(a, b *entry) int { return a.counted.Compare(b.counted) })
	for i := range in {
		sum := int64(0)
		for j := i; j >= 0; j-- {
			sum += in[j].units("session_time")
			span := in[i].counted.Sub(in[j].counted)
			if span < time.Hour && sum > slideLimit {
				w.broke(overLimit, sum-slideLimit, "%s used %d of session_time in %s", tenant, sum, span)
				return
			}
			if most := paceMax + int64(span/paceFor) + 1; sum > most {
				w.broke(overLimit, sum-most, "%s used %d of session_time in %s, at a rate that lets %d through", tenant, sum, span, most)
				return
			}
			if span >= time.Hour {
				break
			}
		}
	}
}

// crossings sees that no threshold fires twice.
func (w *world) crossings(ctx context.Context, e *engine.Engine) {
	type once struct {
		tenant, user, quota string
		start               int64
		threshold           int
		generation          uint32
	}
	seen := map[once]bool{}
	for after := uint64(0); ; {
		page, err := e.Outbox(ctx, after, 1000)
		require.NoError(w.t, err)
		for i := range page {
			x := &page[i]
			k := once{x.TenantID, "", x.Quota, x.PeriodStart.UnixNano(), x.Threshold, x.Generation}
			if x.UserID != nil {
				k.user = *x.UserID
			}
			if after++; x.Number != after || seen[k] {
				w.violation(wrongCounter, "crossing %d (after %d) repeats %v", x.Number, after-1, k)
			}
			seen[k] = true
		}
		if len(page) < 1000 {
			return
		}
	}
}
