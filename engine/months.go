package engine

import (
	"sync/atomic"

	"github.com/weirhq/weir/internal/civil"
)

// monthCache knows the bounds of the month that is open now, so that a read of a counter costs a
// comparison and no calendar arithmetic. Anyone may refresh it.
type monthCache struct{ p atomic.Pointer[month] }

// month is unix seconds: [start, end), and the start of the month before.
type month struct{ start, end, before int64 }

// of returns the start of the month of a log time, and of the one before it.
func (c *monthCache) of(nanos int64) (start, before int64) {
	sec := nanos / 1e9
	m := c.p.Load()
	if m == nil || sec < m.start || sec >= m.end {
		m = new(month)
		m.start, m.end = civil.MonthUTC(sec)
		m.before, _ = civil.MonthUTC(m.start - 1)
		c.p.Store(m)
	}
	return m.start, m.before
}
