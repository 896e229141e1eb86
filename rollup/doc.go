// Package rollup folds events into time buckets, merges buckets, and answers range queries from
// them.
//
// A series is one tenant times one meter. Its events are folded into a [Delta]: the minute
// buckets touched since the last checkpoint. A checkpoint merges the delta into stored pages of
// four levels (minute, quarter hour, hour, day; see [Level] and [Ladder]). A query adds stored
// pages and pending deltas ([Range]).
//
//	var d rollup.Delta
//	d.Fold(k, rollup.MinuteOf(p.TimeNanos), &p)      // for each event
//	err := ladder.Pages(k, &d, func(l rollup.Level, page int64, slots []rollup.Slot) error {
//		if err := scratch.Decode(k, l, stored(l, page)); err != nil {
//			return err
//		}
//		scratch.MergeSlots(slots)
//		return store(l, page, scratch.Append(nil))
//	})
//
// # Guarantees
//
// Everything is one algebra: a bucket is an [Agg]; [Agg.Merge] is associative and commutative, and
// the zero Agg is its zero. So the arrival order of events, the split of events into deltas and the
// number of checkpoints never change an answer, nor a byte of a stored page: equal content has one
// encoding ([Page.Append]), and [Page.Decode] refuses every other one.
//
// One kind is only half of that. The integral over time of a level (weighted) depends on the order of
// events, so a late one changes what lies after it. Its minutes keep every event and merge like all
// others; its coarser buckets are short summaries (see [Area]) that do not merge and are made anew
// from finer ones by [Ladder.Rewrite]. Summaries of stretches that do not overlap compose exactly.
//
// # Corrections
//
// An event or an adjustment of a sum, a count or an average is taken back by its opposite
// ([Delta.Unfold], [Delta.Adjust]), in any order with everything else. What does not add up is
// folded anew from the events of the minute that still count, and replaces the old bucket
// ([Agg.Fold], [Delta.Replace], [Ladder.Rewrite]). Nothing is clamped: below zero is a value.
//
// # Preconditions
//
// Sums are int64 in units of 10^-scale of the meter and are added without a check. The engine
// refuses an event that would take the lifetime sum of absolute values of its series past int64,
// so no bucket, and no sum of buckets of one series, can overflow. Corrections are part of that sum.
// For kinds latest and weighted the sum is that of adds, and it and every set are below 2^62.
//
// # Concurrency
//
// No type here locks. Any number of goroutines may read a Delta or an Agg while nobody writes it.
//
// # Limits
//
// The package does no I/O, reads no clock, uses no floats and knows no time zone: a query's windows
// come as [Span] values in unix minutes. The bytes of pages are drawn in docs/FORMAT.md.
package rollup
