package rollup

// Kept says from which unix minute on the buckets of each level are still there; older ones have expired. Nil: all are there.
// Minutes begin no earlier than quarter hours, these no earlier than hours, and days are always kept. All beginnings are whole
// UTC days, so that no page and no coarser bucket is cut.
type Kept [levelCount]int64

// KeptFrom makes a Kept of beginnings, in unix minutes, that are cut to whole days; a coarser level that would begin later
// than a finer one begins with it.
func KeptFrom(minute, quarterHour, hour int64) *Kept {
	k := &Kept{Minute: minute, QuarterHour: quarterHour, Hour: hour, Day: MinuteMin}
	for l := Minute; l < Day; l++ {
		k[l] = DayStart(k[l])
		if l > Minute {
			k[l] = min(k[l], k[l-1])
		}
	}
	return k
}

// DayStart returns the first minute of the UTC day of a minute.
func DayStart(minute int64) int64 { return floorDiv(minute, levelWidth[Day]) * levelWidth[Day] }

// From returns the first minute of which buckets of a level are kept.
func (k *Kept) From(l Level) int64 {
	if k == nil {
		return MinuteMin
	}
	return k[l]
}

// Has reports whether a page is kept.
func (k *Kept) Has(kind Kind, l Level, page int64) bool {
	return k == nil || PageStart(kind, l, page) >= k[l]
}

// HasBucket reports whether a bucket that stands alone is kept.
func (k *Kept) HasBucket(l Level, bucket int64) bool { return k == nil || bucket*levelWidth[l] >= k[l] }

// Align moves an edge of a span back to where a bucket that is kept begins. An edge that it leaves alone can be answered.
func (k *Kept) Align(minute int64) int64 {
	if k == nil {
		return minute
	}
	for l := Minute; l < Day && minute < k[l]; l++ {
		minute = floorDiv(minute, levelWidth[l+1]) * levelWidth[l+1]
	}
	return minute
}

// gone reports whether the buckets of a level from a minute on, in one coarser bucket, have expired.
func (k *Kept) gone(l Level, minute int64) bool { return k != nil && minute < k[l] }

// Whole returns the minutes [from, to) that have to be replaced together when one of them is: it alone where minutes are kept,
// else those of the finest bucket that is. [Ladder.Rewrite] refuses less.
func (k *Kept) Whole(minute int64) (from, to int64) {
	l := Minute
	for l < Day && k.gone(l, minute) {
		l++
	}
	from = floorDiv(minute, levelWidth[l]) * levelWidth[l]
	return from, from + levelWidth[l]
}
