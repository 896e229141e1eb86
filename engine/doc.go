// Package engine is weir: it records usage events exactly once, keeps every counter and
// rollup in step with them, and answers from memory. It is the package an embedder imports.
//
// # Usage
//
//	e, err := engine.Open("usage.weir", nil)
//	if err != nil {
//		return err
//	}
//	defer e.Close()
//	out, err := e.Record(ctx, usage.Event{
//		ID: "req-1", TenantID: "acme", UserID: "alice", FeatureType: "api_calls",
//	})
//	units, ok := e.Current("acme", "api_calls") // this month, in scaled units
//
// To limit, put a tenant on a plan and ask before counting:
//
//	err = e.PutPlan(ctx, usage.Plan{Slug: "free", Quotas: []usage.Quota{{
//		Slug: "monthly", Meter: "api_calls", Period: usage.Period{Kind: usage.PeriodMonth}, Limit: usage.Num(usage.Int(1000)),
//	}}})
//	err = e.PutTenant(ctx, usage.Tenant{ID: "acme", Plan: "free"})
//	a, err := e.Consume(ctx, usage.Request{ID: "req-2", TenantID: "acme", Items: []usage.Item{{FeatureType: "api_calls"}}})
//	if !a.Allowed { ... }
//
// # Guarantees
//
// Record returns nil only when the event is on disk (fsynced) and visible to every read of this
// engine. The same (tenant, source, id) with the same payload counts once, whatever is
// retried; with another payload it is refused as a conflict. A write whose fate is not known
// (the disk failed while it was being synced) returns [usage.ErrUnknownOutcome]: retry with the same id.
//
// All state is a pure fold over the log of blocks: [Engine.Verify] folds the log again and
// compares. After a failure of the disk the engine stops for good ([usage.ErrFailed]) and loses nothing.
//
// Units admitted by [Engine.Consume], [Engine.Reserve] and [Engine.Lease] never pass the cap of a quota, under any concurrency,
// crash or retry: the decision is made where the log is applied, from the log alone. A consume that touches several quotas
// counts in all of them or in none. What is recorded counts whatever quotas say.
//
// # Concurrency
//
// Every method is safe for concurrent use. Writes of many callers are committed together
// (group commit), so throughput grows with the number of callers. [Engine.Current] never locks.
//
// What a write is given (strings, metadata) is the engine's until the write returns. One whose context ended on the way returns
// [usage.ErrUnknownOutcome] before the engine is done: leave its memory to the garbage collector. What a read returns is the caller's.
//
// # Limits
//
// limits.go names every bound. An engine owns its directory: a second Open is refused.
// Two engines on two directories in one process do not share anything.
//
// # What it refuses to do
//
// It never rounds a quantity, never answers from state it doubts, and never imports a network.
//
// The way of one event: record.go (validate, hash) -> committer.go (one block of everything
// waiting) -> solo.go (log, fsync) -> state.go and shard.go (dedup, judge, fold) -> the
// caller. checkpoint.go saves the folded state; recover.go brings it back.
package engine
