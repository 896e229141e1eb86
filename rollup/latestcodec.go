package rollup

import (
	"encoding/binary"
	"math"
)

// The slot of kind latest, after its count:
//
//	adds*2+hasSet uvarint | [Set] | Adds...         entry: time | value varint | source | id
//
// The first entry has its time in 8 bytes, little-endian two's complement; the others, which are
// not before it, as uvarint nanoseconds after the one before. Strings have their length before them
// as uvarint.

// entryBytesMin is the smallest entry: time, value and two lengths of one byte each.
const entryBytesMin = 4

func appendLatest(dst []byte, l *Latest) []byte {
	head := uint64(len(l.Adds)) << 1
	if l.HasSet {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	var before *Entry
	if l.HasSet {
		dst = appendEntry(dst, &l.Set, nil)
		before = &l.Set
	}
	for i := range l.Adds {
		dst = appendEntry(dst, &l.Adds[i], before)
		before = &l.Adds[i]
	}
	return dst
}

func appendEntry(dst []byte, e, before *Entry) []byte {
	if before == nil {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(e.TimeNanos))
	} else {
		dst = binary.AppendUvarint(dst, uint64(e.TimeNanos)-uint64(before.TimeNanos))
	}
	dst = binary.AppendVarint(dst, e.Value)
	dst = append(binary.AppendUvarint(dst, uint64(len(e.Source))), e.Source...)
	return append(binary.AppendUvarint(dst, uint64(len(e.ID))), e.ID...)
}

// decodeLatest reads the state of count events at src[i:]; next is negative when it is not
// canonical.
func decodeLatest(src []byte, i int, count uint64) (l *Latest, next int) {
	head, i := uvarint(src, i)
	if i < 0 {
		return nil, -1
	}
	adds, hasSet := head>>1, head&1
	if adds+hasSet == 0 || adds+hasSet > count || adds > uint64(len(src)-i)/entryBytesMin {
		return nil, -1
	}
	l = &Latest{HasSet: hasSet == 1}
	var before *Entry
	if l.HasSet {
		if l.Set, i = decodeEntry(src, i, nil); i < 0 {
			return nil, -1
		}
		before = &l.Set
	}
	if adds > 0 {
		l.Adds = make([]Entry, adds)
	}
	for n := range l.Adds {
		e := &l.Adds[n]
		if *e, i = decodeEntry(src, i, before); i < 0 {
			return nil, -1
		}
		switch {
		case before == nil:
		case n == 0 && e.compareKey(before) < 0, n > 0 && e.compare(before) < 0:
			return nil, -1
		}
		before = e
	}
	return l, i
}

func decodeEntry(src []byte, i int, before *Entry) (e Entry, next int) {
	if before == nil {
		if len(src)-i < 8 {
			return e, -1
		}
		e.TimeNanos = int64(binary.LittleEndian.Uint64(src[i:]))
		i += 8
	} else {
		var delta uint64
		if delta, i = uvarint(src, i); i < 0 || delta > math.MaxInt64-uint64(before.TimeNanos) {
			return e, -1
		}
		e.TimeNanos = int64(uint64(before.TimeNanos) + delta)
	}
	if e.Value, i = varint(src, i); i < 0 {
		return e, -1
	}
	if e.Source, i = decodeString(src, i); i < 0 {
		return e, -1
	}
	e.ID, i = decodeString(src, i)
	return e, i
}

func decodeString(src []byte, i int) (string, int) {
	n, i := uvarint(src, i)
	if i < 0 || n > uint64(len(src)-i) {
		return "", -1
	}
	return string(src[i : i+int(n)]), i + int(n)
}
