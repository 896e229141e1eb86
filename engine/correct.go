package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Adjust corrects what a sum or count meter of a tenant counted, by a signed quantity at a time (zero: now). Nothing is edited: it is
// an entry of the log like an event, and stands in the audit. No quota is asked: a negative one gives room back at
// once, a positive one may pass a limit. The same id again is a duplicate.
//
// The quantity is in the meter's unit. It returns when the correction is durable and visible: one fsync, shared. Errors: invalid_value for
// an unknown meter or one that is neither sum nor count, missing_field without a reason, too_many_decimals, overflow, event_too_old,
// event_in_future, conflict, and those of Record.
func (e *Engine) Adjust(ctx context.Context, a usage.Adjustment) (usage.Outcome, error) {
	if err := a.Validate(); err != nil {
		return usage.Outcome{ID: a.ID}, err
	}
	base := wal.Item{Tenant: a.TenantID, User: a.UserID, ID: a.ID, Quantity: a.Quantity}
	if !a.Timestamp.IsZero() {
		if err := outOfTime(a.Timestamp); err != nil {
			return usage.Outcome{ID: a.ID}, err
		}
		base.HasTime, base.TimeNanos, base.Backfill = true, a.Timestamp.UnixNano(), ctx.Value(backfillKey{}) != nil
	}
	return e.correct(ctx, base, &operation{Op: opAdjust, Meter: a.Meter, Reason: a.Reason, Metadata: a.Metadata, Actor: actorOf(ctx)})
}

// ResetQuota gives a tenant back what a quota of it has used in the open period, by one adjustment of as much. Other quotas on the meter
// have room again, too. Errors: not_found for the quota, invalid_value for one that is for each user, sliding or a rate, or whose
// meter is neither sum nor count, and those of Adjust.
func (e *Engine) ResetQuota(ctx context.Context, r usage.Reset) (usage.Outcome, error) {
	if err := r.Validate(); err != nil {
		return usage.Outcome{ID: r.ID}, err
	}
	return e.correct(ctx, wal.Item{Tenant: r.TenantID, User: r.UserID, ID: r.ID},
		&operation{Op: opReset, Quota: r.Quota, Reason: r.Reason, Actor: actorOf(ctx)})
}

func (e *Engine) correct(ctx context.Context, base wal.Item, op *operation) (usage.Outcome, error) {
	op.RequestID, op.Trace = requestOf(ctx)
	res, err := e.submitOperation(ctx, base, op)
	if err != nil {
		return usage.Outcome{ID: base.ID}, err
	}
	out := usage.Outcome{ID: base.ID}
	new(outcomePeriod).fill(&out, res, calendarOf(e.state.dir.tenant(base.Tenant)))
	return out, out.Err
}

// applyCorrection books an adjustment, or the one that a reset comes to.
func (sh *shard) applyCorrection(b *block, it *item, t *tenant, res *Result) error {
	at := b.nanos
	if it.HasTime {
		at = it.TimeNanos
	}
	m, units, refusal := sh.correction(b, it, t, at)
	if refusal != nil {
		sh.tally.rejected++
		*res = Result{verdict: rejected, err: refusal}
		return nil
	}
	if !t.listed.Load() && b.cfg.settings.def.DefaultPlan != nil { // it makes the tenant, as an event does
		if _, err := sh.ensureAccount(t, b.nanos); err != nil {
			return err
		}
	}
	s := t.seriesOf(m)
	if s == nil {
		s = t.addSeries(m)
	}
	if !t.listed.Load() {
		sh.list(t, true)
	}
	s.adjust(sh, units, at, b.seconds)
	if err := sh.adjustGroups(t, s, it, units, at); err != nil {
		return err
	}
	if a := t.account.Load(); a != nil {
		if err := sh.adjustCounters(b, a, it.User, m, units, at); err != nil {
			return err
		}
	}
	sh.remember(b, it, 0)
	sh.noted = append(sh.noted, note{sh.item, AuditEntry{Index: b.index, Time: time.Unix(0, b.nanos).UTC(), Actor: it.more.op.Actor, RequestID: it.more.op.RequestID, Trace: it.more.op.Trace,
		Action: it.more.op.Op, Target: "tenant/" + t.name + "/" + m.def.Slug, Before: []byte("null"),
		After: mustJSON(map[string]any{"id": it.ID, "quantity": usage.FromUnits(units, m.scale), "timestamp": time.Unix(0, at).UTC(), "reason": it.more.op.Reason})}})
	sh.tally.counted++
	*res = Result{verdict: counted, timeNanos: at}
	return nil
}

// correction finds the meter and the units of a correction, or why it cannot be.
func (sh *shard) correction(b *block, it *item, t *tenant, at int64) (*meter, int64, *usage.Error) {
	if refusal := sh.unknownTenant(b, t); refusal != nil {
		return nil, 0, refusal
	}
	op, ages := it.more.op, b.cfg.ages
	if op.Op == opReset {
		return sh.resetOf(b, it, t)
	}
	m := b.cfg.bySlug[op.Meter]
	switch {
	case m == nil:
		return nil, 0, b.cfg.noMeter(usage.CodeInvalidValue, "/meter", op.Meter)
	case m.kind != rollup.KindSum && m.kind != rollup.KindCount:
		return nil, 0, notAdjustable(m)
	case at < b.nanos-ages.MaxAge && !it.Backfill:
		return nil, 0, tooOld(at, b.nanos, ages.MaxAge)
	case at > b.nanos+ages.MaxAhead:
		return nil, 0, inFuture(at, b.nanos, ages.MaxAhead)
	}
	if refusal := b.cfg.kept.refuses(m, at); refusal != nil {
		return nil, 0, refusal
	}
	units, err := it.Quantity.Units(m.scale)
	if err != nil {
		return nil, 0, meterError(m, err)
	}
	c := contribution{meter: m, series: t.seriesOf(m), abs: magnitude(rollup.KindSum, units, 0)}
	if c.overflows(units) {
		return nil, 0, overflowError(m)
	}
	return m, units, nil
}

func notAdjustable(m *meter) *usage.Error {
	return &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/meter",
		Detail: fmt.Sprintf("meter %s is %s; only sum and count meters can be adjusted", m.def.Slug, m.def.Aggregation)}
}

// resetOf is the adjustment that a reset comes to: minus what the quota has used in its open period.
func (sh *shard) resetOf(b *block, it *item, t *tenant) (*meter, int64, *usage.Error) {
	slug := it.more.op.Quota
	a := t.account.Load()
	if a == nil {
		return nil, 0, noQuota(t, slug)
	}
	for i := range a.book.slots {
		s := &a.book.slots[i]
		if s.policy.Quota.Slug != slug {
			continue
		}
		m := b.cfg.meters[s.meter-1]
		if m.kind != rollup.KindSum && m.kind != rollup.KindCount {
			return nil, 0, notAdjustable(m)
		}
		if s.policy.UserScope || s.policy.Kind >= quota.KindSliding {
			return nil, 0, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/quota",
				Detail: fmt.Sprintf("quota %s is for each user, sliding, or a rate; only quotas of a tenant with a period can be reset", slug)}
		}
		l, _, _ := a.ledger.counters[i].level(a, s, b.nanos)
		return m, -l.Used, nil
	}
	return nil, 0, noQuota(t, slug)
}

func noQuota(t *tenant, slug string) *usage.Error {
	return &usage.Error{Code: usage.CodeNotFound, Detail: fmt.Sprintf("tenant %s has no quota %q", shorten(t.name), slug)}
}

// adjust books signed units at a time. The caller holds shard.mu and has checked absolute.
func (s *series) adjust(sh *shard, units, at, logSec int64) {
	abs := magnitude(rollup.KindSum, units, 0)
	pend := s.touch(sh)
	pend.absolute += abs
	pend.touchedAt, s.touched = logSec, logSec
	s.absolute += abs
	if !s.unpublished {
		s.unpublished = true
		sh.changed = append(sh.changed, s)
	}
	sh.totals.add(s.meter.num, floorDiv(at, 1e9), units)
	pend.delta.Adjust(s.meter.kind, floorMinute(at), units)
	if agg := s.monthOf(at, sh.monthStart, sh.monthEnd, sh.nextMonthEnd); agg != nil {
		agg.Adjust(s.meter.kind, units)
	}
}

// adjustGroups books signed units under the values of dimensions that the correction names.
func (sh *shard) adjustGroups(t *tenant, s *series, it *item, units, at int64) error {
	named := &item{Item: wal.Item{User: it.User, UserNum: it.UserNum, Feature: s.meter.def.EventType, Metadata: it.more.op.Metadata}}
	one := match{meters: []*meter{s.meter}}
	one.setDimensions()
	c := contribution{meter: s.meter, series: s, values: one.appendValues(nil, named), place: one.places[0]}
	minute := floorMinute(at)
	if err := sh.place(t, &c, named, minute); err != nil {
		return err
	}
	s.groups().Adjust(s.meter.kind, minute, sh.tuple, units)
	return nil
}

// adjustCounters books signed units in the counters of a meter: of the tenant, and of the user when one is named, as [shard.record] does:
// whether the user has used anything before makes no difference.
func (sh *shard) adjustCounters(b *block, a *account, user string, m *meter, units, at int64) error {
	ledgers := [2]*ledger{a.ledger}
	if a.book.users && user != "" {
		l, err := a.userLedger(sh, sh.number(a.tenant, user), b.nanos)
		if err != nil {
			return err
		}
		ledgers[1] = l
	}
	for _, l := range ledgers {
		if l == nil {
			continue
		}
		for i, c := range l.counters {
			s := &l.book.slots[i]
			if c == nil || c.meter != m.num {
				continue
			}
			sh.touchObject(l)
			c.roll(a, s, b.nanos)
			c.adjust(s, units, at, b.nanos)
			c.mark(s, b.nanos)
			if c.sees(s, at, b.nanos) {
				sh.crossings(b, l, s, c, user)
			}
			sh.publishLater(l)
		}
	}
	return nil
}

// adjust books signed units at a time. Rates know no corrections, and of a sliding window only the newest admissions could be
// meant: it keeps what it has admitted.
func (c *counter) adjust(s *slot, units, at, now int64) {
	switch {
	case s.policy.Kind >= quota.KindSliding:
	case s.policy.Kind == quota.KindFirstUse:
		if c.start != 0 && at > now-s.policy.Length {
			c.agg.Adjust(s.kind, units)
		}
	case at < c.start:
	case c.end != 0 && at >= c.end:
		c.aheadOf(at).Adjust(s.kind, units)
	default:
		c.agg.Adjust(s.kind, units)
	}
}
