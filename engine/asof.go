package engine

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// The past of the log. Nothing is kept for it: the state as of any block is the fold of the log up to there, so it is made again.
// Of one tenant that is quick, since tenants are independent: its own blocks and those of the configuration are read (replay.go).

// pastEngine is an engine that stands still at a block of the log and answers questions as the living one did there.
type pastEngine struct {
	*Engine
	fold *refold
}

func (p *pastEngine) release() { p.fold.close() }

// asOf returns the engine as of a block, for a tenant (empty: for all, which folds the whole log).
func (e *Engine) asOf(ctx context.Context, tenant string, index uint64) (*pastEngine, error) {
	var f *refold
	var err error
	if tenant == "" {
		f, err = e.refold(ctx, index, nil)
	} else {
		f, err = e.replay(ctx, tenant, index, nil)
	}
	if err != nil {
		return nil, err
	}
	at := f.state.appliedTime.Load()
	clock := newLogClock(stoppedClock(at))
	clock.start(at, true)
	past := &Engine{opts: e.opts, store: e.store, state: f.state, log: e.log, clock: clock, decisions: newDecisionLog()}
	past.preparers.New = func() any { return &preparer{state: f.state} }
	return &pastEngine{past, f}, nil
}

// stoppedClock is a clock that always shows one moment, unix nanoseconds.
type stoppedClock int64

// Now implements usage.Clock.
func (c stoppedClock) Now() time.Time { return time.Unix(0, int64(c)).UTC() }

// pastIndex resolves a point of the log: the block itself, or the newest block at or before a time.
func (e *Engine) pastIndex(index uint64, at time.Time) (uint64, error) {
	applied := min(e.state.applied.Load(), e.log.DurableIndex()) // what was answered is never lost again
	if index > applied {
		return 0, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/as_of", Detail: fmt.Sprintf("the log ends at %d; %d is still to come", applied, index)}
	}
	base := e.state.cfg.Load().kept.archived()
	if index == 0 {
		first := max(base, 1)
		lo, hi := first, applied+1 // the first block that is later than at is in [lo, hi]
		for lo < hi {
			mid := lo + (hi-lo)/2
			nanos, err := e.blockTime(mid)
			if err != nil && !(errors.Is(err, wal.ErrNoBlock) && mid == base) {
				return 0, err
			}
			if err == nil && nanos > nanosOf(at) {
				hi = mid
			} else {
				lo = mid + 1
			}
		}
		index = lo - 1
	}
	if index < base || base > 0 && index == base && !at.IsZero() {
		return 0, &usage.Error{Code: usage.CodeEventArchived, Pointer: "/as_of",
			Detail: fmt.Sprintf("the log is kept from block %d on; what lies before cannot be counted again", base+1)}
	}
	return index, nil
}

// nanosOf is a time in unix nanoseconds. What they cannot tell is the beginning or the end of all that they can.
func nanosOf(at time.Time) int64 {
	switch {
	case at.Before(time.Unix(0, 0)):
		return 0
	case at.After(time.Unix(0, math.MaxInt64)):
		return math.MaxInt64
	}
	return at.UnixNano()
}

// blockTime is the log time of a block, unix nanoseconds.
func (e *Engine) blockTime(index uint64) (int64, error) {
	block, err := e.store.ReadBlock(index)
	if err != nil {
		return 0, err
	}
	return wal.BlockTime(block)
}

// usageAsOf answers a query as it was answered at a point of the log.
func (e *Engine) usageAsOf(ctx context.Context, q usage.Query) (usage.Rows, error) {
	if q.AsOfIndex != 0 && !q.AsOfTime.IsZero() {
		return usage.Rows{}, &usage.Error{Code: usage.CodeInvalidValue, Pointer: "/as_of", Detail: "give an index or a time, not both"}
	}
	index, err := e.pastIndex(q.AsOfIndex, q.AsOfTime)
	if err != nil {
		return usage.Rows{}, err
	}
	nanos := nanosOf(q.AsOfTime)
	q.AsOfIndex, q.AsOfTime = 0, time.Time{}
	past, err := e.asOf(ctx, q.TenantID, index)
	if err != nil {
		return usage.Rows{}, err
	}
	defer past.release()
	if index == 0 { // before the log, which has no time to tell: it was the time that was asked about
		past.clock.start(nanos, true)
	}
	if m := e.state.cfg.Load().bySlug[q.Meter]; m != nil && past.state.cfg.Load().bySlug[q.Meter] == nil { // it was made later
		if err := checkPage(&q); err != nil {
			return usage.Rows{}, err
		}
		plan, err := past.planOf(m, &q)
		if err != nil {
			return usage.Rows{}, err
		}
		plan.unmade = true
		return past.answerPlan(ctx, plan, q)
	}
	return past.Usage(ctx, q)
}

// Changed compares the answer to a query with the answer as of an earlier block, and returns the rows that differ: late
// events, corrections, whatever came since. Was is absent where there was nothing yet.
func (e *Engine) Changed(ctx context.Context, q usage.Query, since uint64) (usage.Changes, error) {
	if since == 0 {
		return usage.Changes{}, &usage.Error{Code: usage.CodeMissingField, Pointer: "/since", Detail: "since is missing; give the log index to compare with, such as as_of.index of an earlier answer"}
	}
	q.Compare, q.Limit, q.Cursor = "", 0, ""
	q.FillZero = q.Window != "" && q.Window != usage.WindowTotal && len(q.GroupBy) == 0
	now, err := e.Usage(ctx, q)
	if err != nil {
		return usage.Changes{}, err
	}
	q.From, q.To, q.TimeZone, q.AsOfIndex = now.From, now.To, now.TimeZone, since // the defaults of then may be others
	old, err := e.Usage(ctx, q)
	if ue := (*usage.Error)(nil); errors.As(err, &ue) && ue.Pointer == "/as_of" { // which is named since here
		err = &usage.Error{Code: ue.Code, Pointer: "/since", Detail: ue.Detail}
	}
	if err != nil {
		return usage.Changes{}, err
	}
	key := func(r *usage.Row) string { return r.WindowStart.String() + string(mustJSON(r.Group)) }
	was := make(map[string]usage.Row, len(old.Data))
	for _, r := range old.Data {
		was[key(&r)] = r
	}
	changes := []usage.Change{}
	for _, r := range now.Data {
		before := was[key(&r)]
		delete(was, key(&r))
		if before.Value != r.Value {
			changes = append(changes, usage.Change{Row: r, Was: before.Value})
		}
	}
	for _, r := range old.Data { // groups that are gone
		if _, gone := was[key(&r)]; gone && r.Value.IsSet() {
			before := r.Value
			r.Value = usage.Decimal{}
			changes = append(changes, usage.Change{Row: r, Was: before})
		}
	}
	return usage.Changes{Meter: q.Meter, Since: old.AsOf, AsOf: now.AsOf, Data: changes}, nil
}
