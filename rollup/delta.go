package rollup

import (
	"slices"
	"sort"
)

// Delta holds the minute buckets of one series that were touched since the last checkpoint.
// The zero Delta is empty and ready for use.
//
// There is one Delta per series, up to millions, and most hold nothing or one minute; nearly every
// event falls into the minute of the one before. So an empty Delta is one nil pointer, the first
// minute lives in the block that pointer leads to, and the bucket of last time is at hand. A
// back-fill may touch tens of thousands of minutes in random order; one sorted slice would move
// megabytes per insertion then, so the buckets are kept in sorted chunks of at most chunkMax.
//
// A copy of a Delta is the same delta, not a second one: use [Delta.Take] to move it.
// A Delta is not safe for concurrent use; readers may share it while nobody writes.
type Delta struct{ b *buckets }

type buckets struct {
	cur    *bucket    // the bucket of the newest Fold
	chunks [][]bucket // ascending, none empty
	chunk0 [1][]bucket
	first  [1]bucket
	n      int // buckets in the chunks

	replaced *[]int64 // ascending minutes whose buckets stand for themselves (see Delta.Replace); nil: none
}

type bucket struct {
	minute int64
	agg    Agg
}

// chunkMax buckets of 48 bytes are 3 KiB: an insertion moves half of that on average, about 40 ns.
const chunkMax = 64

// Fold adds an event to the bucket of its minute ([MinuteOf] of its time), and reports whether the bucket is one more. For the
// minute of the last call it is a comparison and [Agg.Fold], without allocation; else O(log n).
func (d *Delta) Fold(k Kind, minute int64, p *Point) (more bool) {
	if b := d.b; b != nil && b.cur.minute == minute {
		b.cur.agg.Fold(k, p)
		return false
	}
	before := d.b.count()
	d.bucket(minute).Fold(k, p)
	return d.b.n > before
}

// Merge adds the buckets of o, which stays as it is. A bucket that o replaces is replaced in d too,
// so o must be the later of the two then.
func (d *Delta) Merge(k Kind, o *Delta) {
	replaces := len(o.replacements()) > 0
	o.Each(func(minute int64, a *Agg) bool {
		if replaces && o.Replaces(minute) {
			d.Replace(minute, a.clone())
		} else {
			d.bucket(minute).Merge(k, a)
		}
		return true
	})
}

// Each calls fn for every touched minute in ascending order until fn returns false. The Agg is that
// of the delta: fn must not change it.
func (d *Delta) Each(fn func(minute int64, a *Agg) bool) {
	if d.b == nil {
		return
	}
	for _, chunk := range d.b.chunks {
		for i := range chunk {
			if !fn(chunk[i].minute, &chunk[i].agg) {
				return
			}
		}
	}
}

// Warm reads the bucket that the next Fold most likely takes, so that the cache misses of many deltas
// overlap. The caller must use the result, or the compiler drops the reads.
func (d *Delta) Warm() int64 {
	if d.b == nil {
		return 0
	}
	return d.b.cur.agg.Count
}

// Empty reports whether nothing was folded since the last Reset.
func (d *Delta) Empty() bool { return d.b == nil }

// Len returns the number of touched minutes.
func (d *Delta) Len() int { return d.b.count() }

func (b *buckets) count() int {
	if b == nil {
		return 0
	}
	return b.n
}

// Reset empties the delta and lets go of its memory: a series that falls quiet costs a pointer.
func (d *Delta) Reset() { d.b = nil }

// Take moves the content out: d is empty afterwards. A checkpoint takes the delta and writes it
// while new events fold into d.
func (d *Delta) Take() Delta {
	taken := *d
	d.b = nil
	return taken
}

// bucket returns the bucket of a minute, made when it is missing, and remembers it as current.
func (d *Delta) bucket(minute int64) *Agg {
	b := d.b
	if b == nil {
		b = &buckets{n: 1}
		b.first[0].minute = minute
		b.chunk0[0] = b.first[:]
		b.chunks = b.chunk0[:]
		b.cur = &b.first[0]
		d.b = b
		return &b.cur.agg
	}
	if b.cur.minute != minute {
		b.cur = b.find(minute)
	}
	return &b.cur.agg
}

// find returns the bucket of a minute and inserts it when it is missing. Insertion moves buckets:
// only the pointer returned is good afterwards.
func (b *buckets) find(minute int64) *bucket {
	c := b.chunkOf(minute)
	chunk := b.chunks[c]
	i := slotOf(chunk, minute)
	if i < len(chunk) && chunk[i].minute == minute {
		return &chunk[i]
	}
	if len(chunk) < chunkMax {
		b.n++
		b.chunks[c] = slices.Insert(chunk, i, bucket{minute: minute})
		return &b.chunks[c][i]
	}
	if i == len(chunk) && c == len(b.chunks)-1 { // time goes on: leave full chunks behind
		b.n++
		b.chunks = append(b.chunks, []bucket{{minute: minute}})
		return &b.chunks[c+1][0]
	}
	right := slices.Clone(chunk[chunkMax/2:])
	clear(chunk[chunkMax/2:])
	b.chunks[c] = chunk[:chunkMax/2]
	b.chunks = slices.Insert(b.chunks, c+1, right)
	return b.find(minute)
}

// chunkOf returns the index of the chunk where a minute is or belongs.
func (b *buckets) chunkOf(minute int64) int {
	n := sort.Search(len(b.chunks), func(i int) bool { return b.chunks[i][0].minute > minute })
	return max(n-1, 0)
}

// slotOf returns the index of the first bucket of a chunk that is not before the minute.
func slotOf(chunk []bucket, minute int64) int {
	return sort.Search(len(chunk), func(i int) bool { return chunk[i].minute >= minute })
}
