package usage

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Aggregations lists every [Aggregation].
func Aggregations() []Aggregation {
	return []Aggregation{Sum, Count, Min, Max, Avg, Latest, UniqueCount, WeightedSum, P50, P90, P99}
}

// ScaleOf returns the number of decimals the meter keeps: Scale, or its default when that is nil.
func (m *Meter) ScaleOf() int {
	switch {
	case m.Scale != nil:
		return *m.Scale
	case m.Aggregation == Count || m.Aggregation == UniqueCount:
		return 0
	}
	return ScaleDefault
}

// UnitToken returns what of the unit may stand between quotes in a header of HTTP; of a meter without a unit it is the slug.
func (m *Meter) UnitToken() string {
	if m.Unit == "" {
		return m.Slug
	}
	out := make([]byte, 0, len(m.Unit))
	for i := range len(m.Unit) {
		if ch := m.Unit[i]; ch > ' ' && ch < 0x7f && ch != '"' && ch != '\\' {
			out = append(out, ch)
		}
	}
	return string(out)
}

// WithDefaults returns the meter with every absent field at its default: Name and EventType are
// the slug, Scale is [Meter.ScaleOf], UniqueProperty of a unique_count is user_id. The result
// shares Filters and Dimensions with m.
func (m Meter) WithDefaults() Meter {
	if m.Name == "" {
		m.Name = m.Slug
	}
	if m.EventType == "" {
		m.EventType = m.Slug
	}
	if m.Aggregation == UniqueCount && m.UniqueProperty == "" {
		m.UniqueProperty = PropertyUserID
	}
	scale := m.ScaleOf()
	m.Scale = &scale
	return m
}

// Validate reports everything that is wrong with the meter, in the order of its fields; nil when it
// is well. It knows the whole vocabulary; an engine may support less of it.
func (m *Meter) Validate() []*Error {
	var errs problems
	if !ValidSlug(m.Slug) {
		code := CodeInvalidValue
		if m.Slug == "" {
			code = CodeMissingField
		}
		errs.add(code, "/slug", "slug %s is not 1 to 64 of a-z, 0-9, _ and -; use such as api_calls", quoted(m.Slug))
	}
	errs.label("name", m.Name, NameBytesMax)
	if m.EventType != "" && !ValidIdentifier(m.EventType) {
		errs = append(errs, identifierError("event_type", m.EventType))
	}
	m.validateAggregation(&errs)
	if m.Scale != nil && (*m.Scale < 0 || *m.Scale > ScaleMax) {
		errs.add(CodeInvalidValue, "/scale", "scale %d is out of range; use 0 to %d", *m.Scale, ScaleMax)
	}
	errs.label("unit", m.Unit, UnitBytesMax)
	if m.Filters != nil {
		nodes := 0
		m.Filters.validate(&errs, "/filters", 1, &nodes)
	}
	m.validateDimensions(&errs)
	return errs
}

func (m *Meter) validateAggregation(errs *problems) {
	counts := m.Aggregation == Count || m.Aggregation == UniqueCount
	switch {
	case m.Aggregation == "":
		errs.add(CodeMissingField, "/aggregation", "aggregation is missing; %s", oneOf("", names(Aggregations())))
	case !slices.Contains(Aggregations(), m.Aggregation):
		errs.add(CodeInvalidValue, "/aggregation", "aggregation %s is unknown; %s",
			quoted(string(m.Aggregation)), oneOf(string(m.Aggregation), names(Aggregations())))
	}
	if m.ValueProperty != "" {
		if counts {
			errs.add(CodeInvalidValue, "/value_property",
				"a %s meter looks at no value; leave value_property out", m.Aggregation)
		} else if !ValidProperty(m.ValueProperty) {
			*errs = append(*errs, propertyError("/value_property", m.ValueProperty))
		}
	}
	if m.UniqueProperty != "" {
		if m.Aggregation != UniqueCount {
			errs.add(CodeInvalidValue, "/unique_property",
				"only a unique_count meter has a unique_property; leave it out")
		} else if !ValidProperty(m.UniqueProperty) {
			*errs = append(*errs, propertyError("/unique_property", m.UniqueProperty))
		}
	}
}

func (m *Meter) validateDimensions(errs *problems) {
	if len(m.Dimensions) > DimensionsMax {
		errs.add(CodeInvalidValue, "/dimensions", "there are %d dimensions; use at most %d",
			len(m.Dimensions), DimensionsMax)
		return
	}
	for i, d := range m.Dimensions {
		pointer := "/dimensions/" + strconv.Itoa(i)
		switch {
		case !ValidProperty(d):
			*errs = append(*errs, propertyError(pointer, d))
		case slices.Contains(m.Dimensions[:i], d):
			errs.add(CodeInvalidValue, pointer, "dimension %s is listed twice; leave one out", quoted(d))
		}
	}
}

// MeterEqualButLabels reports whether a and b count the same way: every field but Name and Unit
// is equal once defaults are filled in. Those two may change; another difference needs another
// meter, because usage that was counted cannot be counted again.
func MeterEqualButLabels(a, b Meter) bool {
	a, b = a.WithDefaults(), b.WithDefaults()
	return a.Slug == b.Slug &&
		a.EventType == b.EventType &&
		a.Aggregation == b.Aggregation &&
		a.ValueProperty == b.ValueProperty &&
		a.UniqueProperty == b.UniqueProperty &&
		*a.Scale == *b.Scale &&
		filterEqual(a.Filters, b.Filters) &&
		slices.Equal(a.Dimensions, b.Dimensions)
}

func filterEqual(a, b *Filter) bool {
	if a == nil || b == nil {
		return a == b
	}
	return reflect.DeepEqual(a.canonical(), b.canonical())
}

// problems collects errors.
type problems []*Error

func (p *problems) add(code ErrorCode, pointer, format string, args ...any) {
	*p = append(*p, &Error{Code: code, Pointer: pointer, Detail: fmt.Sprintf(format, args...)})
}

// label checks a word for people: it may be empty, and is one line of UTF-8.
func (p *problems) label(field, s string, bytesMax int) {
	switch {
	case len(s) > bytesMax:
		p.add(CodeInvalidValue, "/"+field, "%s is %d bytes long; use at most %d", field, len(s), bytesMax)
	case !utf8.ValidString(s):
		p.add(CodeInvalidUTF8, "/"+field, "%s %s is not UTF-8", field, quoted(s))
	case !plainUTF8(s):
		p.add(CodeInvalidValue, "/"+field, "%s %s has a control character; use one line of text", field, quoted(s))
	}
}

// names returns the texts of a vocabulary.
func names[T ~string](words []T) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = string(w)
	}
	return out
}

// oneOf lists the choices, and the nearest to word first when there is one.
func oneOf(word string, choices []string) string {
	list := "use one of " + strings.Join(choices, ", ")
	if near, ok := Nearest(word, choices); ok {
		return "did you mean " + quoted(near) + "? Or " + list
	}
	return list
}
