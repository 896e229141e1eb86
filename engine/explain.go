package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Explain traces a number back to what it was made of: the query, its buckets, every item of the log that has to do with it
// (counted, late, voided, sent twice, refused, denied, adjusted), the plan and overrides in force, and how the quotas on the meter
// stand. It folds the tenant's log again to find out, so it takes about a microsecond for each of its items.
//
// Limit and cursor are of the list of items. Errors are those of Usage, and not_found for an unknown tenant.
func (e *Engine) Explain(ctx context.Context, q usage.Query, limit int, cursor string) (usage.Explanation, error) {
	if q.TenantID == "" {
		return usage.Explanation{}, &usage.Error{Code: usage.CodeMissingField, Pointer: "/tenant_id", Detail: "tenant_id is missing; a number is explained for one tenant"}
	}
	t := e.state.dir.tenant(q.TenantID)
	if t == nil {
		return usage.Explanation{}, noTenant(q.TenantID)
	}
	w := &numberWitness{limit: limit}
	if limit == 0 {
		w.limit = eventsPageDefault
	}
	if cursor != "" {
		var ok bool
		if w.after, ok = parsePlace(cursor); !ok {
			return usage.Explanation{}, &usage.Error{Code: usage.CodeInvalidCursor, Pointer: "/cursor", Detail: "the cursor is not one of this list; start without one"}
		}
	}
	q.Window, q.GroupBy, q.Filter, q.Compare, q.Limit, q.Cursor = usage.WindowTotal, nil, nil, "", 0, ""
	total, err := e.Usage(ctx, q)
	if err != nil {
		return usage.Explanation{}, err
	}
	q.From, q.To, q.TimeZone = total.From, total.To, total.TimeZone
	if err := e.checkKept(q.From); err != nil {
		return usage.Explanation{}, err
	}
	q.Window = usage.WindowHour
	if q.To.Sub(q.From) > explainHoursMax {
		q.Window = usage.WindowDay
	}
	buckets, err := e.Usage(ctx, q)
	if err != nil {
		return usage.Explanation{}, err
	}
	w.meter, w.from, w.to = q.Meter, q.From.UnixNano(), q.To.UnixNano()
	f, err := e.replay(ctx, q.TenantID, min(e.state.applied.Load(), e.log.DurableIndex()), w)
	if err != nil {
		return usage.Explanation{}, err
	}
	f.close() // before the rules are looked up: that folds the log, too, and only one may
	if err := e.markVoided(t, w.events.Data); err != nil {
		return usage.Explanation{}, err
	}
	x := usage.Explanation{TenantID: q.TenantID, Meter: q.Meter, AsOf: total.AsOf}
	add := func(s usage.ExplainStep) {
		s.Number = len(x.Steps) + 1
		x.Steps = append(x.Steps, s)
	}
	value := "nothing"
	if len(total.Data) > 0 && total.Data[0].Value.IsSet() {
		value = total.Data[0].Value.String()
	}
	add(usage.ExplainStep{Kind: usage.ExplainKindQuery, Query: &total,
		Title: fmt.Sprintf("%s of %s is %s (%s)", q.Meter, q.TenantID, value, total.Aggregation)})
	if w.events.Data == nil {
		w.events.Data = []usage.ExplainEvent{}
	}
	add(usage.ExplainStep{Kind: usage.ExplainKindBuckets, Buckets: buckets.Data, Title: "It lies in " + many(len(buckets.Data), string(q.Window))})
	n := &w.events.Counts
	add(usage.ExplainStep{Kind: usage.ExplainKindEvents, Events: &w.events, Title: fmt.Sprintf("%s counted, %d of them late; %d voided", many(n.Counted, "event"), n.Late, n.Voided)})
	rules, err := e.rulesAt(ctx, q.TenantID, q.Meter, q.To)
	if err != nil {
		return usage.Explanation{}, err
	}
	add(usage.ExplainStep{Kind: usage.ExplainKindRules, Rules: rules, Title: rulesTitle(rules)})
	return x, nil
}

// checkKept refuses a range that begins before the log that retention has left: some of its events are gone.
func (e *Engine) checkKept(from time.Time) error {
	base := e.state.cfg.Load().kept.archived()
	if base == 0 {
		return nil
	}
	nanos, err := e.blockTime(base + 1)
	if err != nil {
		return err
	}
	if since := time.Unix(0, nanos).UTC(); from.Before(since) {
		return &usage.Error{Code: usage.CodeEventArchived, Pointer: "/from",
			Detail: fmt.Sprintf("events are kept since %s; what was counted before cannot be explained", since.Format(time.RFC3339))}
	}
	return nil
}

// rulesAt is the plan of a tenant and its quotas on a meter, at a moment or now.
func (e *Engine) rulesAt(ctx context.Context, tenant, meter string, at time.Time) (*usage.ExplainRules, error) {
	on, rules := e, &usage.ExplainRules{Overrides: []usage.Override{}, Quotas: []usage.QuotaStatus{}}
	if now := time.Unix(0, e.clock.now()); at.Before(now) {
		index, err := e.pastIndex(0, at.Add(-1))
		switch {
		case err != nil: // events of then have expired: the rules of now are the best known
		case index == 0:
			return rules, nil // before the log began
		default:
			past, err := e.asOf(ctx, tenant, index)
			if err != nil {
				return nil, err
			}
			defer past.release()
			on = past.Engine
		}
	}
	st, err := on.Tenant(tenant)
	if err != nil {
		return rules, nil // it was not there yet
	}
	rules.Plan, rules.PlanVersion = st.Tenant.Plan, st.PlanVersion
	now := time.Unix(0, on.clock.now())
	for _, o := range st.Overrides {
		if o.In(now) {
			rules.Overrides = append(rules.Overrides, o)
		}
	}
	quotas, err := on.standingOf(tenant)
	for _, q := range quotas {
		if q.Meter == meter {
			rules.Quotas = append(rules.Quotas, q)
		}
	}
	return rules, err
}

// standingOf is Quotas without waiting for what is due: a state of the past takes no entries.
func (e *Engine) standingOf(tenantID string) ([]usage.QuotaStatus, error) {
	t := e.state.dir.tenant(tenantID)
	if t == nil {
		return nil, nil
	}
	now := e.clock.now()
	sh := t.shard
	sh.mu.Lock()
	defer sh.mu.Unlock()
	a, err := sh.accountToRead(t, now)
	if err != nil {
		return nil, err
	}
	return sh.standing(a, "", 0, now), nil
}

func rulesTitle(r *usage.ExplainRules) string {
	if r.Plan == "" {
		return "No plan"
	}
	return fmt.Sprintf("Plan %s, version %d, with %s; %s on the meter", r.Plan, r.PlanVersion, many(len(r.Overrides), "override"), many(len(r.Quotas), "quota"))
}

// many is how many there are of something whose plural ends in s.
func many(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// markVoided looks up which of the events were taken back.
func (e *Engine) markVoided(t *tenant, events []usage.ExplainEvent) error {
	r := e.state.readBlocks(t)
	defer r.Close()
	for i := range events {
		if events[i].Status != usage.StatusCounted {
			continue
		}
		marks, err := r.voidsIn(t.num, events[i].Index)
		if err != nil {
			return err
		}
		if m := markAt(marks, events[i].Position); m != nil {
			events[i].Status, events[i].Voided = usage.StatusVoided, m.view()
		}
	}
	return nil
}

// numberWitness gathers what has to do with a number.
type numberWitness struct {
	meter    string
	from, to int64 // unix nanoseconds
	limit    int
	after    place // list what comes after it
	events   usage.ExplainEvents
}

// item implements witness.
func (w *numberWitness) item(b *block, it *item, p place, res *Result, sh *shard) error {
	at := b.nanos
	if it.HasTime {
		at = it.TimeNanos
	}
	n := &w.events.Counts
	if it.Kind == wal.KindOperation {
		switch op := it.more.op; {
		case op.Op == opVoid && res.verdict == counted:
			if x := sh.voided; w.covers(x.at) && x.adds(w.meter) {
				n.Counted, n.Voided = n.Counted-1, n.Voided+1
				if late(x.at, x.logged) {
					n.Late--
				}
			}
			return nil
		case (op.Op == opAdjust && op.Meter == w.meter || op.Op == opReset && sh.resets(it, w.meter)) && res.verdict == counted && w.covers(at):
			n.Adjustments++
			w.list(it, p, at, b.nanos, usage.StatusCounted, it.Quantity, nil)
			return nil
		case (op.Op == opCommit || op.Op == opSettle) && res.verdict == counted:
			return w.booking(b, it, p, sh)
		default:
			return nil
		}
	}
	if !w.covers(at) || !w.concerns(b, it) {
		return nil
	}
	status, value := usage.StatusRejected, usage.Decimal{}
	switch res.verdict {
	case counted:
		added := false
		for i := range sh.contribs {
			if c := &sh.contribs[i]; c.meter.def.Slug == w.meter && !c.excluded {
				added = true
				if c.meter.usesValue {
					value = usage.FromUnits(c.value, c.meter.scale)
				}
			}
		}
		if !added {
			return nil // a filter leaves it out, or there is nothing to count
		}
		status = usage.StatusCounted
		n.Counted++
		if late(at, b.nanos) {
			n.Late++
		}
	case duplicate:
		status = usage.StatusDuplicate
		n.Duplicate++
	case conflict:
		status = usage.StatusConflict
		n.Conflict++
	case denied:
		status = usage.StatusDenied
		n.Denied++
	case checked:
		return nil
	default:
		n.Rejected++
	}
	w.list(it, p, at, b.nanos, status, value, res)
	return nil
}

// explainLate is how much later than it happened an event must come to be called late.
const explainLate = 5 * time.Minute

func late(at, logged int64) bool { return logged-at > int64(explainLate) }

func (w *numberWitness) covers(at int64) bool { return at >= w.from && at < w.to }

// concerns tells whether the meter counts a feature of the item.
func (w *numberWitness) concerns(b *block, it *item) bool {
	return slices.ContainsFunc(it.parts(), func(sub *item) bool {
		m := b.cfg.matchOf(sub.Feature)
		return m != nil && slices.ContainsFunc(m.meters, func(m *meter) bool { return m.def.Slug == w.meter })
	})
}

// adds tells whether an item added to a meter.
func (x *recalled) adds(meter string) bool {
	return slices.ContainsFunc(x.contribs, func(c contribution) bool { return c.meter.def.Slug == meter })
}

// booking is a commit or settle: it counts when its hold was made.
func (w *numberWitness) booking(b *block, it *item, p place, sh *shard) error {
	h, err := sh.findHold(b.tenants[p.position], it.hash)
	if err != nil || h == nil || !w.covers(h.at) {
		return err
	}
	if w.concerns(b, &item{Item: wal.Item{Feature: h.feature}}) {
		w.events.Counts.Bookings++
		w.list(it, p, h.at, b.nanos, usage.StatusCounted, it.Quantity, nil)
	}
	return nil
}

// list adds an item to the page, if it has a place there.
func (w *numberWitness) list(it *item, p place, at, logged int64, status usage.Status, value usage.Decimal, res *Result) {
	if p.number() <= w.after.number() || w.events.NextCursor != nil {
		return
	}
	if len(w.events.Data) == w.limit {
		last := &w.events.Data[w.limit-1]
		w.events.NextCursor = new(place{last.Index, last.Position}.String())
		return
	}
	ev := usage.ExplainEvent{ID: cloneString(it.ID), Source: cloneString(it.Source), UserID: cloneString(it.User), Kind: it.kindName(),
		Index: p.block, Position: p.position, Timestamp: time.Unix(0, at).UTC(), ReceivedAt: time.Unix(0, logged).UTC(), Status: status, Value: value,
		Late: late(at, logged)}
	switch {
	case res == nil:
	case res.err != nil:
		ev.Reason = string(res.err.Code) + ": " + res.err.Detail
	case status == usage.StatusDenied && res.judged != nil:
		ev.Reason = string(res.judged.reason)
	}
	w.events.Data = append(w.events.Data, ev)
}

// resets tells whether a reset is of a quota on a meter.
func (sh *shard) resets(it *item, meter string) bool {
	a := sh.state.dir.number(it.TenantNum)
	if a == nil || a.account.Load() == nil {
		return false
	}
	return slices.ContainsFunc(a.account.Load().book.slots, func(s slot) bool {
		return s.policy.Quota.Slug == it.more.op.Quota && s.policy.Quota.Meter == meter
	})
}

// ExplainDecision traces the answer that a consume, reservation or lease was given: what was asked, how every quota stood before,
// what the call would have cost, and which row of the decision table matched. An id that was judged more than once, because it was
// denied, is explained as of the newest time.
func (e *Engine) ExplainDecision(ctx context.Context, tenantID, id string) (usage.Explanation, error) {
	t := e.state.dir.tenant(tenantID)
	if t == nil {
		return usage.Explanation{}, noTenant(tenantID)
	}
	hash, _ := idHash(e.state.secret, nil, tenantID, "", id)
	if known, found, err := t.shard.locate(hash); err != nil || found && known.Block <= e.state.cfg.Load().kept.archived() {
		return usage.Explanation{}, cmp.Or[error](err, archived(id))
	}
	w := &decisionWitness{id: id}
	to := min(e.state.applied.Load(), e.log.DurableIndex())
	f, err := e.replay(ctx, tenantID, to, w)
	if err != nil {
		return usage.Explanation{}, err
	}
	defer f.close()
	if w.newest == nil {
		return usage.Explanation{}, &usage.Error{Code: usage.CodeNotFound,
			Detail: fmt.Sprintf("tenant %s has no decision under id %s in the log that is kept", shorten(tenantID), shorten(id))}
	}
	w.newest.Attempts = w.attempts
	x := usage.Explanation{TenantID: tenantID, AsOf: usage.AsOf{Index: to, Time: time.Unix(0, f.state.appliedTime.Load()).UTC()}}
	d := w.newest
	x.Steps = []usage.ExplainStep{
		{Number: 1, Kind: usage.ExplainKindRules, Rules: w.rules, Title: rulesTitle(w.rules)},
		{Number: 2, Kind: usage.ExplainKindDecision, Decision: d, Title: fmt.Sprintf("%s %s at %s: %s", d.Kind, d.ID, d.Time.Format(time.RFC3339), d.Decision)},
	}
	return x, nil
}

// decisionWitness waits for the decisions about an id.
type decisionWitness struct {
	id       string
	attempts int
	newest   *usage.ExplainDecision
	rules    *usage.ExplainRules
}

// item implements witness.
func (w *decisionWitness) item(b *block, it *item, p place, res *Result, sh *shard) error {
	if it.ID != w.id || it.Kind == wal.KindEvent || res.judged == nil || res.verdict != counted && res.verdict != denied || !it.named() {
		return nil
	}
	w.attempts++
	j := res.judged
	d := &usage.ExplainDecision{ID: w.id, UserID: cloneString(it.User), Kind: it.kindName(), Index: p.block, Time: time.Unix(0, b.nanos).UTC(),
		Status: usage.StatusCounted, Allowed: j.allowed, Decision: j.decision, Reason: j.reason, Quotas: []usage.ExplainQuota{}}
	if res.verdict == denied {
		d.Status = usage.StatusDenied
	}
	if j.binding >= 0 {
		d.BindingQuota = new(j.quotas[j.binding].policy.Quota.Slug)
	}
	for _, sub := range it.parts() {
		d.Items = append(d.Items, usage.Item{FeatureType: cloneString(sub.Feature), Quantity: sub.Quantity, Op: opName(sub.Op), Metadata: slices.Clone(sub.Metadata)})
	}
	for i := range sh.before {
		q := &sh.before[i]
		row := q.policy.Row(q.level, sh.costs[i], b.nanos)
		d.Quotas = append(d.Quotas, usage.ExplainQuota{Before: q.status(b.nanos), Cost: usage.FromUnits(sh.costs[i], q.policy.Scale), Row: row, Rule: quota.RowText(row)})
	}
	w.newest, w.rules = d, &usage.ExplainRules{Overrides: []usage.Override{}, Quotas: []usage.QuotaStatus{}}
	if a := b.tenants[p.position].account.Load(); a != nil {
		st := a.state()
		w.rules.Plan, w.rules.PlanVersion = st.Tenant.Plan, st.PlanVersion
		for _, o := range st.Overrides {
			if o.In(d.Time) {
				w.rules.Overrides = append(w.rules.Overrides, o)
			}
		}
		w.rules.Quotas = sh.standing(a, it.User, sh.userNumber(a.tenant, it), b.nanos)
	}
	return nil
}
