package engine

import (
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/weirhq/weir/quota"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
	"github.com/weirhq/weir/wal"
)

// counter is what one quota of a tenant, or of one of its users, has counted. Its identity is the meter and the kind of
// period, not the quota's slug, so that a change of plan keeps what was used.
//
// It belongs to its shard. Readers without the lock see its face (face.go).
type counter struct {
	quota  string // slug of the quota that it stands for now
	since  uint64 // place in the log (place.number) from which on it counts; what is filled from buckets counts all of a period
	meter  uint32 // number of the meter
	period string // identity of the period, such as "month", "sliding:1h" or "rate"

	// The open period, [start, end) in unix nanoseconds: both 0 before the first use, end 0 when it never ends. It moves lazily,
	// when an entry of the log next touches the counter, and never back: a clock set back reopens nothing.
	start, end int64
	agg        rollup.Agg   // of the open period
	ahead      []aheadAgg   // of events stamped at or after end, by minute, ascending; timestamps may be ahead by MaxAhead
	reserved   int64        // units of the reservations and leases that belong to the open period
	overSince  int64        // unix nanoseconds since used + reserved is over the limit; 0: it is not
	limit      int64        // the limit that generation and fired belong to
	generation uint32       // of thresholds: a raised limit starts the next
	fired      uint32       // thresholds that fired in this period and generation, by position
	bucket     quota.Bucket // of a rate quota
	rate       quota.BucketRate
	sliding    quota.Sliding
}

// aheadAgg is what a later period will start with.
type aheadAgg struct {
	minute int64
	agg    rollup.Agg
}

// usedOf is what a quota holds against its limit: totals are signed sums, and never below zero when they are read.
func usedOf(kind rollup.Kind, a *rollup.Agg) int64 { return max(0, counterValue(kind, a)) }

// level is how the counter stands at now (unix nanoseconds), projected when its period has ended since it was last touched:
// agg is what it would start with. start is that of the period.
func (c *counter) level(a *account, s *slot, now int64) (l quota.Level, agg *rollup.Agg, start int64) {
	p := s.policy
	switch p.Kind {
	case quota.KindRate:
		return quota.Level{Bucket: c.bucket}, &c.agg, 0
	case quota.KindSliding:
		l = quota.Level{Used: c.used(s, now), Reserved: c.reserved, OverSince: c.overSince, Window: &c.sliding}
		if c.decayed(s, now) {
			l.OverSince = 0
		}
		if l.Used > 0 {
			l.End = c.sliding.FreeAt(p.Length, 1, now)
		}
		return l, &c.agg, now - p.Length
	}
	if c.open(now) {
		return quota.Level{Used: usedOf(s.kind, &c.agg), Reserved: c.reserved, OverSince: c.overSince, End: c.end}, &c.agg, c.start
	}
	if p.Kind == quota.KindFirstUse {
		return quota.Level{}, &rollup.Agg{}, 0
	}
	start, end, agg := c.following(a, s, now)
	return quota.Level{Used: usedOf(s.kind, agg), End: end}, agg, start
}

// open tells whether now is in the counter's period.
func (c *counter) open(now int64) bool {
	return (c.start != 0 || c.end != 0 || c.period == "lifetime") && (c.end == 0 || now < c.end)
}

// covers tells whether a moment at which something was reserved is in the counter's period. The counter was rolled.
func (c *counter) covers(s *slot, at int64) bool {
	if s.policy.Kind == quota.KindFirstUse && c.start == 0 {
		return false
	}
	return at >= c.start && (c.end == 0 || at < c.end)
}

// sees tells whether what happened at a time is in what the counter holds at now. What is late for a closed period, or early for the
// next one, alerts nobody. The counter was rolled.
func (c *counter) sees(s *slot, at, now int64) bool {
	if s.policy.Kind == quota.KindFirstUse {
		return at > now-s.policy.Length
	}
	return at >= c.start && (c.end == 0 || at < c.end)
}

// following is the period of now, after the counter's own has ended, and what it starts with.
func (c *counter) following(a *account, s *slot, now int64) (start, end int64, agg *rollup.Agg) {
	sec, endSec := a.periodOf(s.policy, floorDiv(now, 1e9))
	start, end, agg = max(sec*1e9, c.end), endSec*1e9, new(rollup.Agg)
	for i := range c.ahead {
		if at := c.ahead[i].minute * 60e9; at >= start && (end == 0 || at < end) {
			agg.Merge(s.kind, &c.ahead[i].agg)
		}
	}
	return start, end, agg
}

// roll moves the counter into the period of now. What is still reserved belongs to the period in which it was. The caller has
// touched the ledger.
func (c *counter) roll(a *account, s *slot, now int64) {
	if c.decayed(s, now) {
		c.overSince = 0
	}
	if s.policy.Kind >= quota.KindSliding || c.open(now) {
		return
	}
	if s.policy.Kind == quota.KindFirstUse {
		c.start, c.end, c.agg = 0, 0, rollup.Agg{}
	} else {
		var agg *rollup.Agg
		c.start, c.end, agg = c.following(a, s, now)
		c.agg = *agg
		c.ahead = slices.DeleteFunc(c.ahead, func(x aheadAgg) bool { return c.end == 0 || x.minute*60e9 < c.end })
	}
	c.reserved, c.overSince, c.fired = 0, 0, 0
}

// add counts a point, of units, at log time now. admitted: a quota was asked before. The counter was rolled to now.
func (c *counter) add(s *slot, p *rollup.Point, units, now int64, admitted bool) {
	switch s.policy.Kind {
	case quota.KindRate:
		if admitted {
			c.bucket = c.bucket.Take(s.policy.Rate, units, now)
		}
		return
	case quota.KindSliding:
		if admitted || p.TimeNanos > now-s.policy.Length {
			c.sliding.Add(s.policy.Length, units, now)
		}
		return
	case quota.KindFirstUse:
		if p.TimeNanos <= now-s.policy.Length {
			return // it counts in no period, so it begins none
		}
		if c.start == 0 {
			c.start, c.end = now, now+s.policy.Length
		}
		c.agg.Fold(s.kind, p)
		return
	}
	switch {
	case p.TimeNanos < c.start: // a closed period
	case c.end != 0 && p.TimeNanos >= c.end:
		c.aheadOf(p.TimeNanos).Fold(s.kind, p)
	default:
		c.agg.Fold(s.kind, p)
	}
}

// aheadOf is the bucket, of a later period, that a time falls in.
func (c *counter) aheadOf(at int64) *rollup.Agg {
	minute := floorMinute(at)
	i, found := slices.BinarySearchFunc(c.ahead, minute, func(x aheadAgg, m int64) int { return int(min(max(x.minute-m, -1), 1)) })
	if !found {
		c.ahead = slices.Insert(c.ahead, i, aheadAgg{minute: minute})
	}
	return &c.ahead[i].agg
}

// handOn gives the counter to a quota. What has fired are thresholds of a quota, and c.fired has their places in the list of the quota
// that it stood for: the list may be another one now, and of another quota nothing was told.
func (c *counter) handOn(from, to *usage.Quota) {
	fired := uint32(0)
	for i, percent := range to.WarningThresholds {
		if k := slices.Index(from.WarningThresholds, percent); k >= 0 && c.quota == to.Slug {
			fired |= c.fired >> k & 1 << i
		}
	}
	c.quota, c.fired = to.Slug, fired
}

// rebind takes the limits of a slot: a raised limit starts a new generation of thresholds, a changed rate keeps the tokens
// that were spent.
func (c *counter) rebind(s *slot, now int64) {
	p := s.policy
	if p.Limit > c.limit {
		c.generation++
		c.fired = 0
	}
	c.limit = p.Limit
	if p.Rate != nil {
		if c.rate != *p.Rate && c.rate.Limit != 0 {
			c.bucket = c.bucket.Rebase(&c.rate, p.Rate, now)
		}
		c.rate = *p.Rate
	}
	c.mark(s, now)
}

// mark keeps overSince in step: since when used + reserved is over the limit.
func (c *counter) mark(s *slot, now int64) {
	switch over := c.used(s, now)+c.reserved > s.policy.Limit; {
	case !over || s.policy.Limit == quota.Unlimited:
		c.overSince = 0
	case c.overSince == 0:
		c.overSince = now
	}
}

// used is what the quota has used at now.
func (c *counter) used(s *slot, now int64) int64 {
	if s.policy.Kind == quota.KindSliding {
		return c.sliding.Used(s.policy.Length, now)
	}
	return usedOf(s.kind, &c.agg)
}

// decayed tells that a window has come back under its limit by itself since the counter was marked: units leave it without a call. The
// limit is that of then, as the slot may have another one by now.
func (c *counter) decayed(s *slot, now int64) bool {
	return s.policy.Kind == quota.KindSliding && c.overSince != 0 && c.used(s, now)+c.reserved <= c.limit
}

// append encodes the counter; page is scratch.
func (c *counter) append(dst []byte, kind rollup.Kind, page *rollup.Page) []byte {
	dst = appendText(dst, c.quota)
	dst = binary.AppendUvarint(dst, uint64(c.meter))
	dst = appendText(dst, c.period)
	dst = binary.AppendUvarint(dst, c.since)
	for _, v := range []int64{c.start, c.end, c.reserved, c.overSince, c.limit, c.bucket.Debt, c.bucket.At, c.rate.Limit, c.rate.Per, c.rate.Burst} {
		dst = binary.AppendVarint(dst, v)
	}
	dst = binary.AppendUvarint(dst, uint64(c.generation))
	dst = binary.AppendUvarint(dst, uint64(c.fired))
	dst = appendText(dst, string(appendAgg(nil, kind, &c.agg, page)))
	dst = binary.AppendUvarint(dst, uint64(len(c.ahead)))
	for i := range c.ahead {
		dst = binary.AppendVarint(dst, c.ahead[i].minute)
		dst = appendText(dst, string(appendAgg(nil, kind, &c.ahead[i].agg, page)))
	}
	return appendText(dst, string(c.sliding.AppendTo(nil)))
}

// decode reads a counter; kindOf tells the kind of a meter.
func (c *counter) decode(r *rowReader, kindOf func(meter uint32) (rollup.Kind, bool), page *rollup.Page) (rollup.Kind, error) {
	c.quota = r.text()
	c.meter = uint32(r.uvarint())
	c.period = r.text()
	c.since = r.uvarint()
	for _, v := range []*int64{&c.start, &c.end, &c.reserved, &c.overSince, &c.limit, &c.bucket.Debt, &c.bucket.At, &c.rate.Limit, &c.rate.Per, &c.rate.Burst} {
		*v = r.varint()
	}
	c.generation, c.fired = uint32(r.uvarint()), uint32(r.uvarint())
	kind, ok := kindOf(c.meter)
	if !ok {
		return 0, fmt.Errorf("%w: counter of unknown meter %d", wal.ErrCorrupt, c.meter)
	}
	if err := decodeAgg(kind, r.bytes(), &c.agg, page); err != nil {
		return 0, err
	}
	for range r.count(2) {
		x := aheadAgg{minute: r.varint()}
		if err := decodeAgg(kind, r.bytes(), &x.agg, page); err != nil {
			return 0, err
		}
		c.ahead = append(c.ahead, x)
	}
	sliding, err := quota.DecodeSliding(r.bytes())
	if err != nil {
		return 0, fmt.Errorf("%w: %w", wal.ErrCorrupt, err)
	}
	c.sliding = *sliding
	return kind, r.err
}
