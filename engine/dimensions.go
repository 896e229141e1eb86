package engine

import (
	"slices"
	"strings"
	"unsafe"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/rollup"
	"github.com/weirhq/weir/usage"
)

// Dimensions: what of an event its usage is broken down by. The values of a meter's dimensions, and the user behind them, are a
// tuple of dense numbers from the tenant's dictionary, which users and unique values share; the series keeps its usage by
// tuples (package rollup). cardinality.go bounds how many there are.

// dimension is a declared dimension of one or more meters that count the same events.
type dimension struct {
	property string
	path     []string // keys in the metadata; nil: a field of the event
}

// dimValue is the value of one dimension of one event.
type dimValue struct {
	name string // "": the event has none, or num says which
	num  uint32 // 0: not numbered yet, or none
}

// setDimensions precomputes the meter's dimensions. The user is one of every meter, so a declared user_id adds nothing.
func (m *meter) setDimensions() {
	for _, d := range m.def.Dimensions {
		if d != usage.PropertyUserID {
			m.dims = append(m.dims, d)
		}
	}
	m.byUser = m.kind != rollup.KindUnique || m.uniquePath != nil
	m.grouped = m.byUser || len(m.dims) > 0
}

// width is the number of words of the meter's tuples.
func (m *meter) width() int { return len(m.dims) + 1 }

// families returns how the usage of the meter is kept. The distinct users of a bucket are its members: who counts users need not keep
// them by user.
func (m *meter) families() []rollup.Family {
	var out []rollup.Family
	if len(m.dims) > 0 {
		out = append(out, rollup.ByDimensions)
	}
	if m.byUser {
		out = append(out, rollup.ByUser)
	}
	return out
}

// setDimensions gathers the dimensions of all meters of the match, each once, and where those of each meter are.
func (t *match) setDimensions() {
	t.places = make([][]uint8, len(t.meters))
	for i, m := range t.meters {
		for _, property := range m.dims {
			at := slices.IndexFunc(t.dims, func(d dimension) bool { return d.property == property })
			if at < 0 {
				at = len(t.dims)
				path, _ := usage.MetadataPath(property)
				t.dims = append(t.dims, dimension{property, path})
			}
			t.places[i] = append(t.places[i], uint8(at))
		}
	}
}

// appendValues appends the item's value of each dimension of t. They alias the item.
func (t *match) appendValues(dst []dimValue, it *item) []dimValue {
	for i := range t.dims {
		dst = append(dst, t.dims[i].valueOf(it))
	}
	return dst
}

func (d *dimension) valueOf(it *item) dimValue {
	name := ""
	if d.path == nil {
		name = it.field(d.property)
	} else if raw, ok := strictjson.Lookup(it.Metadata, d.path); ok {
		name = scalarName(raw)
	}
	if len(name) > dimensionBytesMax || name == usage.OtherValue {
		return dimValue{num: rollup.TupleOther}
	}
	return dimValue{name: name}
}

// scalarName names a JSON value: a string by itself, another scalar by its text. null, "", an object and an array are no
// values. The name may alias raw.
func scalarName(raw []byte) string {
	if len(raw) == 0 {
		return ""
	}
	switch raw[0] {
	case '{', '[', 'n':
		return ""
	case '"':
		if len(raw) == 2 {
			return ""
		}
		if strings.IndexByte(viewString(raw), '\\') < 0 {
			return viewString(raw[1 : len(raw)-1])
		}
		s, _ := strictjson.Unquote(raw)
		return s
	}
	return viewString(raw)
}

// viewString is the text of bytes that do not change while it is used.
func viewString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// tupleOf fills sh.tuple with what is numbered of the contribution's tuple, and returns how many of its values are new: they are 0 in
// the tuple, and in sh.fresh.
func (sh *shard) tupleOf(t *tenant, c *contribution, it *item) (fresh int) {
	sh.tuple, sh.fresh = sh.tuple[:0], sh.fresh[:0]
	for _, at := range c.place {
		v := &c.values[at]
		fresh += sh.addWord(t, v.num, v.name)
	}
	if !c.meter.byUser {
		sh.tuple = append(sh.tuple, rollup.TupleNull)
		return fresh
	}
	return fresh + sh.addWord(t, it.UserNum, it.User)
}

func (sh *shard) addWord(t *tenant, num uint32, name string) (fresh int) {
	if num == 0 && name != "" {
		if num = t.numbers.get(nameHash(sh.state.secret, name)); num == 0 {
			if t.users >= usersPerTenantMax {
				sh.tally.otherUsers++
				num = otherMember
			} else {
				sh.fresh = append(sh.fresh, freshWord{len(sh.tuple), name})
				fresh = 1
			}
		}
	}
	sh.tuple = append(sh.tuple, num)
	return fresh
}

// freshWord is a value of a tuple that has no number yet.
type freshWord struct {
	word int
	name string
}

// foldGroups counts the contribution, which its series has folded, by its tuple.
func (sh *shard) foldGroups(t *tenant, c *contribution, it *item, p *rollup.Point) error {
	minute := floorMinute(p.TimeNanos)
	if err := sh.place(t, c, it, minute); err != nil {
		return err
	}
	c.series.groups().Fold(c.meter.kind, minute, sh.tuple, p)
	return nil
}

// groups returns the open groups of a series that was touched. The caller holds shard.mu.
func (s *series) groups() *rollup.Groups {
	if s.pending.groups == nil {
		s.pending.groups = rollup.NewGroups(s.meter.width())
	}
	return s.pending.groups
}
