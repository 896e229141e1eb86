package rollup

import (
	"encoding/binary"
	"math"
)

// The slot of kind weighted, after its count. In a minute page, as many steps as it counts:
//
//	time | value varint | length of source x 2 + add uvarint | source | length of id uvarint | id
//
// with times as in kind latest: 8 bytes for the first, then uvarint nanoseconds after the one
// before. In coarser pages:
//
//	set (1 B: 0, 1) | [first set, 8 B] | last varint | integral, 16 B
//
// Fixed widths are little-endian two's complement.

func appendSteps(dst []byte, steps []Step) []byte {
	for i := range steps {
		s := &steps[i]
		if i == 0 {
			dst = binary.LittleEndian.AppendUint64(dst, uint64(s.TimeNanos))
		} else {
			dst = binary.AppendUvarint(dst, uint64(s.TimeNanos)-uint64(steps[i-1].TimeNanos))
		}
		dst = binary.AppendVarint(dst, s.Value)
		source := uint64(len(s.Source)) << 1
		if s.Add {
			source |= 1
		}
		dst = append(binary.AppendUvarint(dst, source), s.Source...)
		dst = append(binary.AppendUvarint(dst, uint64(len(s.ID))), s.ID...)
	}
	return dst
}

// decodeSteps reads count steps at src[i:]; next is negative when they are not canonical.
func decodeSteps(src []byte, i int, count uint64) (e *Extra, next int) {
	if count > uint64(len(src)-i)/entryBytesMin {
		return nil, -1
	}
	e = &Extra{Steps: make([]Step, count)}
	for n := range e.Steps {
		s := &e.Steps[n]
		var before *Step
		if n > 0 {
			before = &e.Steps[n-1]
		}
		if i = decodeStep(src, i, s, before); i < 0 || before != nil && s.compare(before) < 0 {
			return nil, -1
		}
	}
	return e, i
}

func decodeStep(src []byte, i int, s, before *Step) int {
	if before == nil {
		if len(src)-i < 8 {
			return -1
		}
		s.TimeNanos = int64(binary.LittleEndian.Uint64(src[i:]))
		i += 8
	} else {
		var delta uint64
		if delta, i = uvarint(src, i); i < 0 || delta > math.MaxInt64-uint64(before.TimeNanos) {
			return -1
		}
		s.TimeNanos = int64(uint64(before.TimeNanos) + delta)
	}
	var source uint64
	if s.Value, i = varint(src, i); i < 0 {
		return -1
	}
	if source, i = uvarint(src, i); i < 0 || source>>1 > uint64(len(src)-i) {
		return -1
	}
	s.Add = source&1 == 1
	end := i + int(source>>1)
	s.Source = string(src[i:end])
	s.ID, i = decodeString(src, end)
	return i
}

func appendArea(dst []byte, a *Area) []byte {
	if a.HasSet {
		dst = binary.LittleEndian.AppendUint64(append(dst, 1), uint64(a.FirstSet))
	} else {
		dst = append(dst, 0)
	}
	dst = binary.AppendVarint(dst, a.Last)
	dst = binary.LittleEndian.AppendUint64(dst, a.Integral.Lo)
	return binary.LittleEndian.AppendUint64(dst, uint64(a.Integral.Hi))
}

// decodeArea reads the area at src[i:]; next is negative when it is not canonical.
func decodeArea(src []byte, i int) (e *Extra, next int) {
	if i >= len(src) || src[i] > 1 {
		return nil, -1
	}
	e = &Extra{Area: Area{HasSet: src[i] == 1}}
	i++
	if e.Area.HasSet {
		if len(src)-i < 8 {
			return nil, -1
		}
		e.Area.FirstSet = int64(binary.LittleEndian.Uint64(src[i:]))
		i += 8
	}
	if e.Area.Last, i = varint(src, i); i < 0 || len(src)-i < 16 {
		return nil, -1
	}
	e.Area.Integral.Lo = binary.LittleEndian.Uint64(src[i:])
	e.Area.Integral.Hi = int64(binary.LittleEndian.Uint64(src[i+8:]))
	return e, i + 16
}
