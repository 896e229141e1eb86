package wal

// Times are kept in the coarsest unit that all of a block's share, as offsets from log time
// in that unit: clients send milliseconds or seconds, and near the present.
//
//	+----------------------------+--------------------------------------------+
//	| unit: 0 ns, 3 us, 6 ms, 9 s | integer column: time/unit - floor(log/unit) |
//	| 1                          |                                            |
//	+----------------------------+--------------------------------------------+
//
// The offset is taken modulo 2^64, so any two times may meet. No times, no bytes.

// appendTimes appends the column of times, in nanoseconds; it overwrites times.
func appendTimes(dst []byte, times []int64, logTimeNanos int64) []byte {
	if len(times) == 0 {
		return dst
	}
	exponent, unit := 9, int64(1e9)
	for _, t := range times {
		for t%unit != 0 {
			exponent, unit = exponent-3, unit/1000
		}
	}
	base := floorDiv(logTimeNanos, unit)
	for i, t := range times {
		times[i] = t/unit - base
	}
	return appendInts(append(dst, byte(exponent)), times)
}

// floorDiv divides, rounding towards negative infinity.
func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// times is the inverse of appendTimes.
func (r *blockReader) times(times []int64, logTimeNanos int64) {
	if len(times) == 0 || r.err != nil {
		return
	}
	exponent := r.byte("unit of the times")
	if exponent > 9 || exponent%3 != 0 {
		r.fail("unit of the times")
		return
	}
	unit := int64(1)
	for range exponent {
		unit *= 10
	}
	r.ints("times", times)
	base := floorDiv(logTimeNanos, unit)
	for i := range times {
		times[i] = (times[i] + base) * unit
	}
}
