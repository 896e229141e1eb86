package engine

import (
	"strings"

	"github.com/weirhq/weir/internal/strictjson"
	"github.com/weirhq/weir/usage"
)

// filter is a usage.Filter compiled: what is looked up is split, what is compared is typed. Immutable.
//
// A member that is null is absent. An absent property, or one of another type, equals nothing and is in no list, so ne and nin,
// which are eq and in turned round, let it through.
type filter struct {
	all, any []filter // of and, or
	path     property
	op       string
	values   []any // string, bool or usage.Decimal
}

// property is a property path split at its dots.
type property []string

func newProperty(path string) property { return strings.Split(path, ".") }

// compileFilter compiles a valid filter; nil lets everything through.
func compileFilter(f *usage.Filter) *filter {
	if f == nil {
		return nil
	}
	out := &filter{op: f.Op, path: newProperty(f.Property)}
	for i := range f.And {
		out.all = append(out.all, *compileFilter(&f.And[i]))
	}
	for i := range f.Or {
		out.any = append(out.any, *compileFilter(&f.Or[i]))
	}
	list, ok := usage.FilterList(f.Value)
	if !ok {
		list = []any{f.Value}
	}
	for _, v := range list {
		scalar, ok := usage.FilterScalar(v)
		if !ok {
			continue // exists without a value
		}
		if d, isNumber := decimalOf(scalar); isNumber && orders(f.Op) {
			scalar = d
		}
		out.values = append(out.values, scalar)
	}
	return out
}

// orders tells that an operation compares the order of numbers, or of texts that are none.
func orders(op string) bool { return op == "gt" || op == "gte" || op == "lt" || op == "lte" }

// admits tells whether the filter lets an item through.
func (f *filter) admits(it *item) bool {
	switch {
	case f == nil:
		return true
	case len(f.all) > 0:
		for i := range f.all {
			if !f.all[i].admits(it) {
				return false
			}
		}
		return true
	case len(f.any) > 0:
		for i := range f.any {
			if f.any[i].admits(it) {
				return true
			}
		}
		return false
	}
	return f.compare(it)
}

// compare judges one comparison.
func (f *filter) compare(it *item) bool {
	value, there := f.path.of(it)
	switch f.op {
	case "exists":
		return there == (len(f.values) == 0 || f.values[0] == true)
	case "eq", "in":
		return f.holds(value)
	case "ne", "nin":
		return !f.holds(value)
	case "prefix":
		text, ok := value.(string)
		return ok && strings.HasPrefix(text, f.values[0].(string))
	}
	c := 0
	switch want := f.values[0].(type) {
	case usage.Decimal:
		number, ok := decimalOf(value)
		if !ok {
			return false
		}
		c = number.Cmp(want)
	case string: // no number: texts, bytewise
		text, ok := value.(string)
		if !ok {
			return false
		}
		c = strings.Compare(text, want)
	}
	switch f.op {
	case "gt":
		return c > 0
	case "gte":
		return c >= 0
	case "lt":
		return c < 0
	default:
		return c <= 0
	}
}

// holds tells whether value equals one of the filter's.
func (f *filter) holds(value any) bool {
	for _, want := range f.values {
		if d, ok := want.(usage.Decimal); ok {
			if number, ok := decimalOf(value); ok && number.Cmp(d) == 0 {
				return true
			}
			continue
		}
		if want == value { // a text that is not comparable bytewise is of another type
			return true
		}
	}
	return false
}

// decimalOf is a number, or a text that is one: a decimal string is a number wherever a number is asked for.
func decimalOf(v any) (usage.Decimal, bool) {
	switch v := v.(type) {
	case usage.Decimal:
		return v, true
	case string:
		d, err := usage.ParseDecimal(v)
		return d, err == nil
	}
	return usage.Decimal{}, false
}

// of returns the property of an item: a string, a bool, a usage.Decimal, or nil for what compares with nothing; there tells
// whether the item has it.
func (p property) of(it *item) (value any, there bool) {
	if len(p) == 1 {
		text := it.field(p[0])
		return text, text != ""
	}
	raw, ok := strictjson.Lookup(it.Metadata, p[1:])
	if !ok || string(raw) == "null" {
		return nil, false
	}
	switch raw[0] {
	case '"':
		if text, err := strictjson.Unquote(raw); err == nil {
			return text, true
		}
	case 't':
		return true, true
	case 'f':
		return false, true
	case '{', '[':
	default:
		if d, err := usage.ParseDecimal(string(raw)); err == nil {
			return d, true
		}
	}
	return nil, true
}
