package rollup

import "math"

// Level is one rung of the ladder of bucket widths. Its numbers are stored in pages and in keys.
type Level uint8

// The levels, finest first. Quarter hours are there because every civil time zone of today is
// shifted from UTC by a multiple of 15 minutes, so local days can be built from them.
const (
	Minute      Level = 0
	QuarterHour Level = 1
	Hour        Level = 2
	Day         Level = 3 // UTC

	levelCount = 4
)

// The minutes that an int64 of unix nanoseconds can express. Spans are clipped to them.
const (
	MinuteMin int64 = math.MinInt64/nanosPerMinute - 1 // the division truncates towards zero
	MinuteMax int64 = math.MaxInt64 / nanosPerMinute

	nanosPerMinute = 60_000_000_000
)

// slotsMax is the greatest number of slots in a page of any level.
const slotsMax = 96

// Level tables: width of a bucket in minutes, buckets in one page. A minute page is an hour, the
// pages of quarter hours and hours are a UTC day, a day page is 32 days (epochDay >> 5).
var (
	levelWidth = [levelCount]int64{1, 15, 60, 1440}
	levelSlots = [levelCount]int64{60, slotsMax, 24, 32}
)

// Minutes returns the width of a bucket of the level in minutes.
func (l Level) Minutes() int64 { return levelWidth[l] }

// Slots returns the number of slots in a page of the level. A page of kind unique has one slot at
// every level: a bitmap must not be rewritten because its neighbour changed.
func (l Level) Slots(k Kind) int {
	if k == KindUnique {
		return 1
	}
	return int(levelSlots[l])
}

// String returns the name of the level.
func (l Level) String() string {
	switch l {
	case Minute:
		return "minute"
	case QuarterHour:
		return "quarter hour"
	case Hour:
		return "hour"
	case Day:
		return "day"
	}
	return "unknown level"
}

// BucketOf returns the number of the bucket of a level that holds a unix minute.
func BucketOf(l Level, minute int64) int64 { return floorDiv(minute, levelWidth[l]) }

// MinuteOf returns the unix minute that contains an instant in unix nanoseconds.
func MinuteOf(timeNanos int64) int64 { return floorDiv(timeNanos, nanosPerMinute) }

// PageOf returns the page of level l, and the slot in it, that hold a unix minute.
// Pages before 1970 have negative numbers.
func PageOf(k Kind, l Level, minute int64) (page int64, slot int) {
	bucket := floorDiv(minute, levelWidth[l])
	if k == KindUnique {
		return bucket, 0
	}
	n := levelSlots[l]
	page = floorDiv(bucket, n)
	return page, int(bucket - page*n)
}

// PageStart returns the unix minute at which slot 0 of a page begins. It is the inverse of
// [PageOf].
func PageStart(k Kind, l Level, page int64) (minute int64) {
	return page * int64(l.Slots(k)) * levelWidth[l]
}

// floorDiv divides rounding towards minus infinity. b is positive.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}
