package engine

import (
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// What one event adds to one meter: evaluated in units of the meter, without touching anything.

// evaluate computes what it adds to c.meter, exactly.
func (c *contribution) evaluate(it *item) *usage.Error {
	m := c.meter
	if m.kind == rollup.KindUnique {
		return c.evaluateMember(it)
	}
	if !m.usesValue {
		c.value = 1
		return nil
	}
	q := it.Quantity
	if m.valuePath != nil {
		var err *usage.Error
		if q, err = propertyDecimal(m, it); err != nil {
			return err
		}
	} else if !q.IsSet() {
		q = usage.Int(1)
	}
	v, err := q.Units(m.scale)
	if err != nil {
		return m.atValue(meterError(m, err))
	}
	if v < 0 && !m.level() {
		return m.atValue(negativeQuantity(q))
	}
	c.value, c.add = v, it.Op == opAdd
	if c.abs = magnitude(m.kind, v, it.Op); c.overflows(v) {
		return m.atValue(overflowError(m))
	}
	return nil
}

// atValue lets a refusal point to what the meter counts.
func (m *meter) atValue(e *usage.Error) *usage.Error {
	if m.valuePath != nil {
		e.Pointer = "/" + strings.Join(m.valuePath, "/")
	}
	return e
}

func overflowError(m *meter) *usage.Error {
	return &usage.Error{Code: usage.CodeOverflow, Pointer: "/quantity",
		Detail: "the total of meter " + m.def.Slug + " would pass 2^62 units of its scale; use a meter with a smaller scale"}
}

// magnitude is what v adds to the absolute sum of its series: values that are never added up
// (min, max, percentiles, a level that is set) add nothing.
func magnitude(k rollup.Kind, v int64, op uint8) uint64 {
	switch k {
	case rollup.KindMin, rollup.KindMax, rollup.KindPercentile:
		return 0
	case rollup.KindLatest, rollup.KindWeighted:
		if op != opAdd {
			return 0
		}
	}
	if v < 0 {
		return -uint64(v)
	}
	return uint64(v)
}

// overflows tells whether counting v could take any sum of the series past an int64: the values ever added
// stay below 2^62 in absolute value, and so does a level that is added to.
func (c *contribution) overflows(v int64) bool {
	const bound = 1 << 62
	sum := c.abs
	if c.series != nil {
		sum += c.series.absolute
	}
	return sum >= bound || c.abs >= bound || v >= bound || v <= -bound
}

// evaluateMember finds the unique value of the item for a unique_count meter.
func (c *contribution) evaluateMember(it *item) *usage.Error {
	switch {
	case c.meter.uniquePath == nil:
		if c.member = it.UserNum; c.member == 0 {
			c.name = it.User
		}
	case len(c.meter.uniquePath) == 1:
		c.name = it.field(c.meter.uniquePath[0])
	default:
		raw, ok := strictjson.Lookup(it.Metadata, c.meter.uniquePath[1:])
		if ok && string(raw) != "null" {
			c.name = memberName(raw)
		}
	}
	return nil
}
