package rollup

import "encoding/binary"

// The slot of kind percentile, after its count:
//
//	bins uvarint | bins x (index uvarint, count uvarint)
//
// The first bin has its index, the others the distance from the one before, less 1. Counts are
// two's complement in 64 bits, not 0, and their sum is the count of the slot.

// binBytesMin is the smallest bin: an index and a count of one byte each.
const binBytesMin = 2

func appendBins(dst []byte, bins []Bin) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(bins)))
	next := uint16(0)
	for _, b := range bins {
		dst = binary.AppendUvarint(dst, uint64(b.Index-next))
		dst = binary.AppendUvarint(dst, uint64(b.Count))
		next = b.Index + 1
	}
	return dst
}

// decodeBins reads the bins of count events at src[i:]; next is negative when they are not
// canonical.
func decodeBins(src []byte, i int, count uint64) (e *Extra, next int) {
	n, i := uvarint(src, i)
	if i < 0 || n == 0 || n > uint64(len(src)-i)/binBytesMin {
		return nil, -1
	}
	e = &Extra{Bins: make([]Bin, n)}
	index, sum := uint64(0), uint64(0)
	for b := range e.Bins {
		var gap, events uint64
		if gap, i = uvarint(src, i); i < 0 || gap >= binsMax || index+gap >= binsMax {
			return nil, -1
		}
		if events, i = uvarint(src, i); i < 0 || events == 0 {
			return nil, -1
		}
		index += gap
		e.Bins[b] = Bin{uint16(index), int64(events)}
		index++
		sum += events
	}
	if sum != count {
		return nil, -1
	}
	return e, i
}
