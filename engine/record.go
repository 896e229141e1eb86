package engine

import (
	"context"
	"sync"
	"time"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// Record counts one event that has happened, and returns when it is durable and visible.
//
// The error is the event's own refusal (usage.Code tells which), or that of the engine:
// usage.ErrOverloaded, ErrDiskFull, ErrClock, ErrClosed, ErrFailed mean that nothing was written;
// usage.ErrUnknownOutcome that it may have been: retry with the same id. An event with the id and
// payload of an earlier one is no error: its Outcome says duplicate.
//
// Safe for concurrent use; costs one fsync, shared with everyone who writes at the same time.
func (e *Engine) Record(ctx context.Context, ev usage.Event) (usage.Outcome, error) {
	if ev.ID == "" {
		ev.ID = usage.NewID(time.Unix(0, e.clock.now()))
	}
	var one [1]usage.Outcome
	evs := [1]usage.Event{ev}
	if err := e.recordBatch(ctx, evs[:], one[:]); err != nil {
		return usage.Outcome{ID: ev.ID}, err
	}
	return one[0], one[0].Err
}

// RecordBatch records events, each by itself: one that is refused does not touch the others. The
// outcomes are in the order of evs. The error is one of the whole batch, as for Record; after
// ErrUnknownOutcome some of the events may have been counted, and the same batch may be sent again.
//
// The events' strings and metadata must not change until it returns, and after ErrUnknownOutcome never again: the block that they are on
// their way in is made of them. It allocates the outcomes and little else.
func (e *Engine) RecordBatch(ctx context.Context, evs []usage.Event) ([]usage.Outcome, error) {
	out := make([]usage.Outcome, len(evs))
	if err := e.recordBatch(ctx, evs, out); err != nil {
		return nil, err
	}
	return out, nil
}

type backfillKey struct{}

// WithBackfill lifts the bound of the age of the events that are recorded with ctx: they may have happened at any time, as when
// the history of another system is brought in. That they were allowed to stands in the log with each of them.
func WithBackfill(ctx context.Context) context.Context {
	return context.WithValue(ctx, backfillKey{}, true)
}

// recordBatch cuts a batch into requests, so that a long one neither holds the queue nor the memory.
func (e *Engine) recordBatch(ctx context.Context, evs []usage.Event, out []usage.Outcome) error {
	if err := e.growable(); err != nil {
		return err
	}
	for at := 0; at < len(evs); at += requestItemsMax {
		end := min(at+requestItemsMax, len(evs))
		if err := e.recordRequest(ctx, evs[at:end], out[at:end]); err != nil {
			if at > 0 {
				return partlyWritten(err)
			}
			return err
		}
	}
	return nil
}

// partlyWritten turns a definite no for a part of a batch into what the whole of it is: unknown.
func partlyWritten(cause error) error {
	if usage.Code(cause) == usage.CodeOutcomeUnknown {
		return cause
	}
	return &usage.Error{Code: usage.CodeOutcomeUnknown, Detail: "a part of the batch was written before the rest was refused (" +
		cause.Error() + "); send the same batch again: what was counted answers duplicate"}
}

// requests recycles the memory of requests that ended well.
var requests = sync.Pool{New: func() any { return new(request) }}

// reset empties a request that comes from the pool, with room for n items.
func (r *request) reset(n int) {
	if cap(r.items) < n {
		r.items = make([]item, 0, n)
	}
	if cap(r.results) < n {
		r.results = make([]Result, n)
	}
	r.items, r.results, r.spans, r.err = r.items[:0], r.results[:0], r.spans[:0], nil
}

// recordRequest prepares the events in this goroutine, commits those that are well formed, and
// fills the outcomes.
func (e *Engine) recordRequest(ctx context.Context, evs []usage.Event, out []usage.Outcome) error {
	r := requests.Get().(*request)
	if err := e.prepareAll(ctx, r, evs, out); err != nil {
		return err
	}
	if len(r.items) > 0 {
		if err := e.committer.submit(ctx, r); err != nil {
			return err // r may still be in use
		}
	}
	next := 0
	var known outcomePeriod // of the outcome before: most are in one
	for i := range out {
		if out[i].Status != "" {
			continue // refused before it was sent
		}
		known.fill(&out[i], &r.results[next], e.calendarOfItem(&r.items[next]))
		next++
	}
	clear(r.items)
	requests.Put(r)
	return nil
}

// prepareAll fills r with the well-formed events and out with the refusals of the others.
func (e *Engine) prepareAll(ctx context.Context, r *request, evs []usage.Event, out []usage.Outcome) error {
	r.reset(len(evs))
	p := e.preparers.Get().(*preparer)
	defer e.preparers.Put(p)
	backfill := ctx.Value(backfillKey{}) != nil
	for i := range evs {
		r.items = r.items[:len(r.items)+1]
		it := &r.items[len(r.items)-1]
		var err *usage.Error
		r.spans, err = p.event(&evs[i], it, r.spans)
		it.Backfill = backfill
		out[i] = usage.Outcome{ID: evs[i].ID}
		if err != nil {
			out[i].Status, out[i].Err = usage.StatusRejected, err
			r.items = r.items[:len(r.items)-1]
		}
	}
	p.find(r.items)
	if e.opts.AutoMeters {
		if err := e.autoMeters(ctx, p, r.items); err != nil {
			return err
		}
	}
	r.results = r.results[:len(r.items)]
	return nil
}

// calendarOfItem is the calendar of the tenant of an item that was applied.
func (e *Engine) calendarOfItem(it *item) *calendar {
	if it.TenantNum != 0 {
		return calendarOf(e.state.dir.number(it.TenantNum))
	}
	return calendarOf(e.state.dir.tenant(it.Tenant))
}

// outcomePeriod is the billing period computed last.
type outcomePeriod struct {
	calendar *calendar
	usage.Interval
}

// fill says a result in the words of the API.
func (p *outcomePeriod) fill(o *usage.Outcome, res *Result, c *calendar) {
	switch res.verdict {
	case counted, duplicate:
		o.Status = usage.StatusCounted
		if res.verdict == duplicate {
			o.Status = usage.StatusDuplicate
		}
		if at := time.Unix(0, res.timeNanos); c != p.calendar || at.Before(p.Start) || !at.Before(p.End) {
			p.calendar, p.Interval = c, c.billingInterval(res.timeNanos)
		}
		o.BillingPeriod = p.Interval
	case conflict:
		o.Status, o.Err = usage.StatusConflict, res.err
	case rejected:
		o.Status, o.Err = usage.StatusRejected, res.err
	default:
		panic("BUG: an event has the verdict of a configuration entry")
	}
}

// writable tells whether writes are taken at all.
func (e *Engine) writable() error {
	if e.closed.Load() {
		return usage.ErrClosed
	}
	return e.store.Failed()
}

// autoMeters makes a sum meter for each feature type that no meter counts. Its slug is the feature
// type; one that cannot be a slug is left to judge, which refuses it as unknown. A peek makes nothing.
func (e *Engine) autoMeters(ctx context.Context, p *preparer, items []item) error {
	for i := range items {
		if items[i].Kind != wal.KindEvent && items[i].peeks(e.state.cfg.Load()) {
			continue
		}
		for _, sub := range items[i].parts() {
			if sub.match != nil || !usage.ValidSlug(sub.Feature) || e.state.cfg.Load().matchOf(sub.Feature) != nil {
				continue
			}
			m := usage.Meter{Slug: cloneString(sub.Feature), Aggregation: usage.Sum}
			_, _, err := e.PutMeterIf(ctx, m, usage.Condition{IfNoneMatchAny: true})
			if err != nil && usage.Code(err) != usage.CodePrecondition { // another caller made it first
				return err
			}
		}
	}
	p.find(items)
	return nil
}

// submitConfig commits one configuration entry.
func (e *Engine) submitConfig(ctx context.Context, entry *configEntry) (Result, error) {
	if err := e.writable(); err != nil {
		return Result{}, err
	}
	entry.RequestID, entry.Trace = requestOf(ctx)
	r := &request{
		items:   []item{{Item: wal.Item{Kind: wal.KindConfig, Body: entry.encode()}}},
		spans:   []strictjson.Span{},
		results: make([]Result, 1),
	}
	if wal.EncodedSizeBound(&r.items[0].Item) > wal.ItemEncodedBytesMax {
		return Result{}, &usage.Error{Code: usage.CodeTooLarge, Detail: "the definition is larger than 64 KiB; make it smaller"}
	}
	if err := e.committer.submit(ctx, r); err != nil {
		return Result{}, err
	}
	if r.results[0].err != nil {
		return r.results[0], r.results[0].err
	}
	return r.results[0], nil
}
