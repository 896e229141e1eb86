package rollup

import (
	"math/bits"
	"sort"
)

// Bin is how many values of a bucket of kind percentile lie in one range of numbers.
//
// The ranges are those of HdrHistogram (https://hdrhistogram.org, Gil Tene): every number below
// 2^percentileBits has its own; above, each power of two is cut into 2^(percentileBits-1) equal
// parts. So the range of a number is its leading percentileBits binary digits and how many follow:
//
//	v < 128:   index = v                                 e = 0
//	else:      index = e*64 + (v >> e)                   e = binary digits of v beyond 7
//
// which ascends with v and has no gaps. Unlike HdrHistogram the bins are sparse, have no upper
// bound below 2^63 and no mutable configuration: any two buckets merge.
type Bin struct {
	Index uint16 // < binsMax
	Count int64  // not 0; negative only in a delta that takes back what an older part counted
}

const (
	// percentileBits makes the half width of a range at most 2^-7 of its lowest number: with e
	// digits cut off, the range is 2^e wide and begins at 2^(e+6) or above.
	percentileBits = 7

	// PercentileErrorDen bounds the error of a percentile: the value reported is the middle of a
	// range, and differs from the exact nearest-rank value v by at most v/PercentileErrorDen, and
	// not at all below PercentileErrorDen units of 10^-scale.
	PercentileErrorDen = 1 << percentileBits

	// binsMax is one more than the index of the greatest int64: 63 digits, 56 of them cut off.
	binsMax = (63-percentileBits)*binsPerPower + 1<<percentileBits

	binsPerPower = 1 << (percentileBits - 1)
)

// binOf returns the index of the range that holds a value.
func binOf(value int64) uint16 {
	if value < 0 {
		panic("BUG: rollup: a negative value of kind percentile")
	}
	e := max(bits.Len64(uint64(value))-percentileBits, 0)
	return uint16(e*binsPerPower + int(uint64(value)>>e))
}

// bounds returns the first and the last number of the bin's range.
func (b Bin) bounds() (low, high int64) {
	e := max(int(b.Index)/binsPerPower-1, 0)
	low = (int64(b.Index) - int64(e)*binsPerPower) << e
	return low, low + (1<<e - 1)
}

// addBin adds n to the count of the range that holds a value.
func (e *Extra) addBin(value, n int64) {
	index := binOf(value)
	i := sort.Search(len(e.Bins), func(i int) bool { return e.Bins[i].Index >= index })
	if i == len(e.Bins) || e.Bins[i].Index != index {
		e.Bins = append(e.Bins, Bin{})
		copy(e.Bins[i+1:], e.Bins[i:])
		e.Bins[i] = Bin{index, n}
		return
	}
	if e.Bins[i].Count += n; e.Bins[i].Count == 0 {
		e.Bins = append(e.Bins[:i], e.Bins[i+1:]...)
	}
}

// mergeBins adds b to a and returns it. It works from the back, in a's own memory: it allocates
// only when ranges come new.
func mergeBins(a, b []Bin) []Bin {
	fresh, i := 0, 0
	for j := range b {
		for i < len(a) && a[i].Index < b[j].Index {
			i++
		}
		if i == len(a) || a[i].Index != b[j].Index {
			fresh++
		}
	}
	i = len(a) - 1
	a = append(a, b[:fresh]...) // room; every one of them is overwritten
	zeros := 0
	for at, j := len(a)-1, len(b)-1; j >= 0; at-- {
		switch {
		case i >= 0 && a[i].Index > b[j].Index:
			a[at] = a[i]
			i--
		case i >= 0 && a[i].Index == b[j].Index:
			a[at] = Bin{b[j].Index, a[i].Count + b[j].Count}
			if a[at].Count == 0 {
				zeros++
			}
			i, j = i-1, j-1
		default:
			a[at] = b[j]
			j--
		}
	}
	if zeros > 0 {
		a = dropZeros(a)
	}
	return a
}

func dropZeros(bins []Bin) []Bin {
	kept := bins[:0]
	for _, b := range bins {
		if b.Count != 0 {
			kept = append(kept, b)
		}
	}
	return kept
}

// Percentile returns the range [low, high] that holds the nearest-rank percentile num/den of a
// bucket of kind percentile: the value at position ceil(Count*num/den) of all values in ascending
// order, the first one at least. 0 < num <= den; it panics otherwise. Both ends are in units of
// 10^-scale of the meter; below [PercentileErrorDen] they are equal. ok is false without events.
func Percentile(a *Agg, num, den int64) (low, high int64, ok bool) {
	if num <= 0 || num > den {
		panic("BUG: rollup: a rank outside of (0, 1]")
	}
	if a.Count <= 0 || a.Extra == nil {
		return 0, 0, false
	}
	hi, lo := bits.Mul64(uint64(a.Count), uint64(num))
	rank, rest := bits.Div64(hi, lo, uint64(den)) // num <= den: the quotient is at most Count
	if rest > 0 {
		rank++
	}
	left := int64(rank)
	for _, b := range a.Extra.Bins {
		if left -= b.Count; left <= 0 {
			low, high = b.bounds()
			return low, high, true
		}
	}
	return 0, 0, false // only of a part of a bucket, in which more is taken back than counted
}

// Midpoint returns the middle of a range of [Percentile], rounded down: what [ValueOf] reports.
func Midpoint(low, high int64) int64 { return low + (high-low)/2 }
